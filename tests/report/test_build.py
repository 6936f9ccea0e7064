"""The report as files: what is written, and that nothing that fails on the way costs what was there."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
import time
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from msgspec.structs import replace

from tests.report import synthetic
from vitwork.errors import VitworkError
from vitwork.report.build import build
from vitwork.report.document import dump, read

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def small():
    return synthetic.results(seeds=3, claims=3, grid=5)


def test_build_writes_every_file_and_returns_the_page(tmp_path, small):
    """A report is a page, the results, four tables, a summary, a badge and archive metadata."""
    path = build(small, tmp_path / "new" / "folder")
    names = {file.name for file in path.parent.iterdir()}
    assert path.name == "report.html"
    tables = {"claims.parquet", "runs.parquet", "measurements.parquet", "hypotheses.parquet"}
    assert names == tables | {"report.html", "results.json", "summary.md", "badge.svg", "ro-crate-metadata.json"}
    assert (path.parent / "results.json").read_bytes() == dump(small)
    ET.fromstring((path.parent / "badge.svg").read_text())  # noqa: S314 - ours
    crate = json.loads((path.parent / "ro-crate-metadata.json").read_text())
    assert {part["@id"] for part in crate["@graph"][1]["hasPart"]} == names - {"ro-crate-metadata.json"}


def test_a_folder_of_results_gives_the_same_page_again(tmp_path, small):
    """What was stored once can be made again, byte for byte."""
    first = build(small, tmp_path / "a").read_text()
    again = build(read(tmp_path / "a"), tmp_path / "b").read_text()
    assert first == again


def test_a_folder_that_cannot_be_written_is_said_in_one_sentence(tmp_path, small):
    """A file stands where the folder should be."""
    (tmp_path / "report").write_text("")
    with pytest.raises(VitworkError, match="Cannot write") as caught:
        build(small, tmp_path / "report")
    assert "\n" not in str(caught.value)


def test_a_full_disk_leaves_every_file_whole(tmp_path, small, monkeypatch):
    """Whichever file it meets: the results are replaced first and the page last, and no file is half of anything."""
    build(small, tmp_path)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    other = synthetic.provenance_of(small, commit="", finished=1_770_000_000.0)
    new = build(other, tmp_path / "other").parent
    written: list[str] = []
    replaced = os.replace

    def fill(source: Path, target: Path) -> None:
        if len(written) == room:
            raise OSError(errno.ENOSPC, "No space left on device")
        written.append(target.name)
        replaced(source, target)

    monkeypatch.setattr(os, "replace", fill)
    for room in range(len(before)):
        written.clear()
        with pytest.raises(VitworkError, match="No space left"):
            build(other, tmp_path)
        assert written[:1] == ["results.json"][:room]
        assert "report.html" not in written
        for name, content in before.items():
            expected = (new / name).read_bytes() if name in written else content
            assert (tmp_path / name).read_bytes() == expected
        assert {path.name for path in tmp_path.iterdir()} == {*before, "other"}  # nothing unfinished lies about
        for name, content in before.items():
            (tmp_path / name).write_bytes(content)


def test_what_cannot_be_drawn_leaves_the_earlier_report_alone(tmp_path, small):
    """Everything is made in memory before the first file is written."""
    build(small, tmp_path)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    broken = replace(small, measurements=(replace(small.measurements[0], values={"acc": object()}),))
    with pytest.raises(TypeError):
        build(broken, tmp_path)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_lone_surrogates_cost_nothing(tmp_path, small):
    """They come from paths that are no text, and are replaced in every file."""
    page = build(synthetic.provenance_of(small, command="pytest --data \udcff"), tmp_path)
    assert "pytest --data \ufffd" in page.read_text(encoding="utf-8")
    assert read(tmp_path).provenance.command == "pytest --data \ufffd"


def test_a_full_sheet_builds_in_five_seconds_of_one_core(tmp_path):
    """The time that a fresh interpreter spends on a full report, imports and tables included."""
    program = (
        "import sys, time\nfrom pathlib import Path\nfrom vitwork.report.build import build\n"
        "from vitwork.report.document import read\n"
        "build(read(Path(sys.argv[1])), Path(sys.argv[2]))\nprint(time.process_time())\n"
        "assert not {'pandas', 'matplotlib', 'torch'}.intersection(sys.modules)"
    )
    source = tmp_path / "results.json"
    source.write_bytes(dump(synthetic.results()))
    started = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-c", program, source, tmp_path], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert float(done.stdout) <= 5.0, f"{done.stdout} s of processor, {time.monotonic() - started} s in all"
