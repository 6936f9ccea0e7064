"""The commands around reports."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from tests.report import synthetic
from vitwork.design.deviation import Change, Deviation, Lack, Missing
from vitwork.errors import VitworkError
from vitwork.report import commands
from vitwork.report.build import build
from vitwork.report.document import dump, read
from vitwork.statistics.effect import Verdict


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


def test_a_report_of_a_part_goes_beside_a_whole_one(tmp_path, monkeypatch, capsys):
    """Made anew into the folder of a whole report, the current one too, it leaves that as it is; over a part it is replaced."""
    whole = synthetic.results(seeds=2, claims=2, grid=5)
    changes = replace(whole.profile, deviations=(*whole.profile.deviations, Deviation(Change.CHOSEN)))
    part = synthetic.of_claims(replace(whole, profile=changes), whole.claims[0])
    build(whole, tmp_path / "whole")
    (tmp_path / "part.json").write_bytes(dump(part))
    for folder in ("whole", "."):
        monkeypatch.chdir(tmp_path / "whole" if folder == "." else tmp_path)
        assert commands.report([str(tmp_path / "part.json"), folder]) == 0
        assert capsys.readouterr().out.strip() == str(tmp_path / "whole-part" / "report.html")
        assert len(read(tmp_path / "whole").claims) == 2
        assert len(read(tmp_path / "whole-part").claims) == 1
    assert commands.report([str(tmp_path / "whole-part")]) == 0


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


def test_a_comparison_hides_nothing_from_a_terminal(tmp_path, capsys):
    """Names of a foreign report hold no codes that move the cursor or turn the direction of text."""
    before = synthetic.results(seeds=2, claims=2, grid=5)
    build(before, tmp_path / "before")
    build(synthetic.profile_of(before, name="x\x1b[2J\u202e"), tmp_path / "now")
    commands.compare([str(tmp_path / "before"), str(tmp_path / "now")])
    said = capsys.readouterr().out
    assert "x\ufffd" in said
    assert not {"\x1b", "\u202e"} & set(said)


def test_a_comparison_with_a_part_says_what_it_does_not_tell(tmp_path, capsys):
    """Claims that the part leaves out, or holds as not reached, are named, and nothing passes for unchanged."""
    whole = synthetic.results(seeds=2, claims=4, grid=5)
    lack = Lack(Missing.REACH)
    unreached = replace(whole.claims[1], verdict=Verdict.NOT_MEASURED, lack=lack, hypotheses=())
    part = synthetic.profile_of(
        synthetic.of_claims(whole, unreached, *whole.claims[2:]),
        deviations=(*whole.profile.deviations, Deviation(Change.CHOSEN)),
    )
    build(whole, tmp_path / "whole")
    build(part, tmp_path / "part")
    assert commands.compare([str(tmp_path / "whole"), str(tmp_path / "part"), "--html", str(tmp_path / "page")]) == 0
    said = capsys.readouterr().out.replace("\\", "")
    names = ", ".join(claim.id for claim in whole.claims[:2])
    assert f"The results now are of a part of the tests: nothing is said of 2 claims measured before ({names})." in said
    assert "Nothing changed in what both tell of." in said
    assert f"measured before ({names})" in (tmp_path / "page" / "compare.html").read_text()


def test_a_folder_of_reports_becomes_a_site(tmp_path, capsys):
    """The command says where the index is."""
    build(synthetic.results(seeds=2, claims=2, grid=5), tmp_path / "smoke")
    assert commands.site([str(tmp_path)]) == 0
    assert capsys.readouterr().out.strip() == str(tmp_path / "index.html")
