"""The index of several reports."""

from __future__ import annotations

import pytest

from tests.report import synthetic
from tests.report.reading import Elements
from vitwork.errors import VitworkError
from vitwork.report.build import build
from vitwork.report.site import index

FILES = ("json", "parquet", "md")


@pytest.fixture(scope="module")
def before():
    return synthetic.results(seeds=3, claims=8, grid=5)


def test_the_index_makes_the_tables_that_a_copy_of_a_report_lacks(tmp_path, before):
    """Every file that a published page links to lies next to it; tables that are there stay as they are."""
    page = build(before, tmp_path / "smoke")
    links = {a["href"] for a in Elements(page.read_text()).of("a") if a["href"].rpartition(".")[2] in FILES}
    (tmp_path / "smoke" / "runs.parquet").unlink()
    index(tmp_path)
    assert len(links) == 6
    assert all((tmp_path / "smoke" / link).is_file() for link in links)
    (tmp_path / "smoke" / "runs.parquet").write_bytes(b"kept")
    index(tmp_path)
    assert (tmp_path / "smoke" / "runs.parquet").read_bytes() == b"kept"


def test_the_index_leads_to_every_claim_of_every_report(tmp_path, before):
    """Reports next to each other, one of them with a name that needs quoting, with the first effect of each claim."""
    build(before, tmp_path / "smoke")
    build(synthetic.changed(before), tmp_path / "a #b?")
    found = Elements(index(tmp_path).read_text())
    links = {attributes["href"] for attributes in found.of("a")}
    assert "./smoke/report.html#claim-landscape-vit-flatter" in links
    assert "./a%20%23b%3F/report.html#claim-brand-new" in links
    assert "./smoke/report.html#claim-brand-new" not in links
    text = "".join(found.text)
    assert text.count("not in this report") == 2
    assert "×0.368 [0.223, 0.607], n\u00a0=\u00a03\u00a0+\u00a03" in text


def test_hostile_names_stay_text(tmp_path):
    """The index escapes as the report does."""
    build(synthetic.results(claims=6, seeds=2, hostile=True, grid=5), tmp_path / "one")
    found = Elements(index(tmp_path).read_text())
    assert not found.of("img")
    assert len(found.of("script")) == 1


def test_an_empty_folder_has_no_index(tmp_path):
    """One sentence says what was expected."""
    with pytest.raises(VitworkError, match="no report"):
        index(tmp_path)
