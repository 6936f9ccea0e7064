"""The commands around reports."""

from __future__ import annotations

import pytest

from tests.report import synthetic
from vitwork.errors import VitworkError
from vitwork.report import commands
from vitwork.report.build import build
from vitwork.report.document import dump


def test_a_report_is_made_next_to_its_results_or_elsewhere(tmp_path, capsys):
    """Of a file or of the folder that holds it; what is no results file is refused."""
    (tmp_path / "results.json").write_bytes(dump(synthetic.results(seeds=2, claims=2, grid=5)))
    assert commands.report([str(tmp_path / "results.json")]) == 0
    assert commands.report([str(tmp_path), str(tmp_path / "other")]) == 0
    places = [tmp_path / "report.html", tmp_path / "other" / "report.html"]
    assert capsys.readouterr().out.split() == [str(place) for place in places]
    assert all(place.is_file() for place in places)
    with pytest.raises(VitworkError, match="cannot be read"):
        commands.report([str(tmp_path / "nothing.json")])


def test_a_comparison_exits_with_1_when_something_no_longer_holds(tmp_path, capsys):
    """And with 0 when not; changes are printed, and written where a folder is named."""
    before = synthetic.results(seeds=3, claims=8, grid=5)
    build(before, tmp_path / "before")
    build(synthetic.changed(before), tmp_path / "now")
    assert commands.compare([str(tmp_path / "before"), str(tmp_path / "now"), "--html", str(tmp_path / "changes")]) == 1
    assert "flipped" in capsys.readouterr().out
    assert (tmp_path / "changes" / "compare.html").is_file()
    assert commands.compare([str(tmp_path / "before"), str(tmp_path / "before" / "results.json")]) == 0
    assert "Nothing changed." in capsys.readouterr().out


def test_a_folder_of_reports_becomes_a_site(tmp_path, capsys):
    """The command says where the index is."""
    build(synthetic.results(seeds=2, claims=2, grid=5), tmp_path / "smoke")
    assert commands.site([str(tmp_path)]) == 0
    assert capsys.readouterr().out.strip() == str(tmp_path / "index.html")
