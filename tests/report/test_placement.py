"""A report that still stands is left alone; anything that it would show otherwise has it made again."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec.structs import replace

from tests.report import synthetic
from vitwork.report import placement
from vitwork.report.build import build
from vitwork.report.crate import FILES, METADATA


@pytest.fixture(scope="module")
def results():
    made = synthetic.results(seeds=3, claims=3, grid=5)
    return replace(made, provenance=replace(made.provenance, pages=placement.pages_hash()))


def later(results, **changes):
    """Return the results of a session an hour later."""
    then = results.provenance
    return replace(
        results,
        provenance=replace(then, started=then.started + 3600, finished=then.finished + 3601, seconds=1.0, **changes),
    )


def test_a_session_that_found_nothing_new_keeps_the_report(tmp_path, results):
    """It differs in its own times alone, and the report tells what the first session took."""
    page = build(results, tmp_path)
    assert placement.standing_page(later(results), tmp_path) == page


@pytest.mark.parametrize(
    "changes",
    [
        {"pages": "other code"},
        {"command": "pytest claims -k one"},
        {"commit": "another"},
        {"code": {"vitwork.training": "changed"}},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_a_change_of_what_the_page_says_makes_it_anew(tmp_path, results, changes):
    """Code, command and commit are on the page."""
    build(results, tmp_path)
    assert placement.standing_page(later(results, **changes), tmp_path) is None


def test_other_findings_make_it_anew(tmp_path, results):
    """One claim fewer, for example."""
    build(results, tmp_path)
    assert placement.standing_page(replace(later(results), claims=results.claims[1:]), tmp_path) is None


@pytest.mark.parametrize("name", [*FILES, METADATA])
def test_a_missing_file_makes_it_anew(tmp_path, results, name):
    """Somebody deleted it."""
    build(results, tmp_path)
    (tmp_path / name).unlink()
    assert placement.standing_page(later(results), tmp_path) is None


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"provenance": 3}', b"\xff\xfe"])
def test_a_file_that_is_not_ours_makes_it_anew(tmp_path, results, content):
    """Whatever lies there."""
    build(results, tmp_path)
    (tmp_path / "results.json").write_bytes(content)
    assert placement.standing_page(later(results), tmp_path) is None


def test_the_hash_covers_templates(tmp_path, monkeypatch):
    """A page is made of code and of templates."""
    before = placement.pages_hash()
    folder = tmp_path / "templates"
    folder.mkdir()
    for file in placement.TEMPLATES.iterdir():
        (folder / file.name).write_bytes(file.read_bytes())
    monkeypatch.setattr(placement, "TEMPLATES", Path(folder))
    assert placement.pages_hash() == before
    (folder / "style.css").write_text("body { color: red }")
    assert placement.pages_hash() != before
