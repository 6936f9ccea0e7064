"""Comparison pages, annotations, the index of several reports, and the commands around them."""

from __future__ import annotations

import copy

import pytest
from tests.report.test_report import EARLIER, Elements

from tests.report import synthetic
from vitwork.errors import VitworkError
from vitwork.report import commands
from vitwork.report.annotations import workflow_commands
from vitwork.report.build import build
from vitwork.report.compare import compare, markdown
from vitwork.report.figures.effect import pair
from vitwork.report.site import index
from vitwork.statistics.change import Event

FILES = ("json", "parquet", "md")


@pytest.fixture(scope="module")
def before():
    return synthetic.results(seeds=3, claims=8)


@pytest.fixture(scope="module")
def now(before):
    """The first claim flipped, the last one gone, a new one added."""
    changed = copy.deepcopy(before)
    changed["claims"][0]["verdict"] = "contradicted"
    del changed["claims"][-1]
    new = copy.deepcopy(changed["claims"][1]) | {
        "id": "brand-new",
        "sentence": "Something else is true.",
        "hypotheses": [],
    }
    changed["claims"].append(new)
    return changed


def test_a_comparison_names_flips_new_and_vanished_claims(tmp_path, before, now):
    """In the page, in Markdown, and as annotations on the file of the claim."""
    page = compare(before, now, tmp_path)
    text = "".join(Elements(page.read_text()).text)
    summary = (tmp_path / "compare.md").read_text()
    for kind, claim in (
        ("flipped", "landscape-vit-flatter"),
        ("vanished", "bias-lowers-error-and-nll"),
        ("new", "brand-new"),
    ):
        assert kind in text
        assert claim in text
        assert f"| {kind} | {claim} |" in summary
    lines = (tmp_path / "annotations.txt").read_text().splitlines()
    assert "::error file=claims/test_synthetic.py,title=landscape-vit-flatter%3A flipped::" in lines[0]
    assert sum(line.startswith("::error") for line in lines) == 2


def test_equal_results_have_changed_nothing(tmp_path, before):
    """The same file twice."""
    page = compare(before, copy.deepcopy(before), tmp_path)
    assert "Nothing broke" in page.read_text()
    assert "Nothing changed." in (tmp_path / "compare.md").read_text()
    assert (tmp_path / "annotations.txt").read_text() == ""


def event_of(text, event):
    """Return the line of Markdown about an event."""
    return next(line for line in text.splitlines() if event in line)


def test_other_profiles_and_durations_are_said_in_every_output(tmp_path, capsys, before):
    """Page, Markdown, terminal: that profiles differ, and durations as the report words them, never ``1.97e+03 s``."""
    old, new = copy.deepcopy(before), copy.deepcopy(before)
    old["profile"]["name"], new["claims"][1]["cost_seconds"] = "other", 1974.0
    old["claims"][1]["cost_seconds"] = 60.0
    page = "".join(Elements(compare(old, new, tmp_path).read_text()).text)
    build(old, tmp_path / "old")
    build(new, tmp_path / "new")
    assert commands.compare([str(tmp_path / "old"), str(tmp_path / "new")]) == 0
    for text in (page, (tmp_path / "compare.md").read_text(), capsys.readouterr().out):
        assert "These are different profiles, other before and synthetic now" in text
        assert "min, 60 s before" in text
        assert "e+03" not in text.replace("\\", "")
    assert "different profiles" not in markdown([], before, before)


def test_changes_of_ratios_are_told_as_factors(tmp_path, before):
    """A verdict's reason, of a comparison or of its claim, and the change of an effect: no logarithm is shown."""
    old, new = copy.deepcopy(before), copy.deepcopy(before)
    hypothesis = next(h for h in new["hypotheses"] if h["effect"]["scale"] == "log-ratio")
    claim = next(claim for claim in new["claims"] if claim["id"] == hypothesis["claim"])
    for entry in (claim, hypothesis["effect"]):
        entry |= {"verdict": "contradicted", "reason": "log-ratio 2 [1, 3], p = 0.01: clear of 0 on the other side"}
    hypothesis["effect"] |= {"estimate": 2.0, "low": 1.0, "high": 3.0}
    hypothesis["a"]["values"] = [value * 1000 for value in hypothesis["a"]["values"]]
    compare(old, new, tmp_path)
    for text in ((tmp_path / "compare.md").read_text().replace("\\", ""), (tmp_path / "annotations.txt").read_text()):
        assert "log-ratio" not in text
        assert "×7.39 [2.72, 20.1]; clear of ×1 on the other side" in text
        assert "now against before: ×1" in event_of(text, "left its interval")
        assert "×7.39 [2.72, 20.1]; the whole interval lies on the other side of the margin" in text


def test_what_is_no_longer_measured_says_what_it_needs_once(tmp_path, before):
    """Without the verdict that the sentence has named already."""
    new = copy.deepcopy(before)
    new["claims"][0] |= {"verdict": "not measured", "hypotheses": [], "reason": "not measured: needs a GPU"}
    compare(before, new, tmp_path)
    assert "reproduced before, not measured now: needs a GPU |" in (tmp_path / "compare.md").read_text()


def test_the_index_makes_the_tables_that_a_copy_of_a_report_lacks(tmp_path, before):
    """Every file that a published page links to lies beside it; tables that are there stay as they are."""
    page = build(before, tmp_path / "smoke")
    links = {a["href"] for a in Elements(page.read_text()).of("a") if a["href"].rpartition(".")[2] in FILES}
    (tmp_path / "smoke" / "runs.parquet").unlink()
    index(tmp_path)
    assert len(links) == 5
    assert all((tmp_path / "smoke" / link).is_file() for link in links)
    (tmp_path / "smoke" / "runs.parquet").write_bytes(b"kept")
    index(tmp_path)
    assert (tmp_path / "smoke" / "runs.parquet").read_bytes() == b"kept"


def test_annotations_cannot_be_broken_out_of():
    """Line breaks, commas and colons of others start no command of their own."""
    event = Event("flipped", "x,file=/etc/passwd::\n::error::y", "", "a\n::error::b%")
    (line,) = workflow_commands([event], {"claims": []})
    assert "\n" not in line
    assert line == "::error title=x%2Cfile=/etc/passwd%3A%3A%0A%3A%3Aerror%3A%3Ay%3A flipped::a%0A::error::b%25"


def test_two_intervals_share_an_axis():
    """The later interval, shifted to the right, is drawn to the right."""
    old = {"estimate": 0.0, "low": -1.0, "high": 1.0, "verdict": "inconclusive"}
    new = {"estimate": 3.0, "low": 2.0, "high": None, "verdict": "reproduced"}
    drawn = pair(old, new)
    at = [float(part.split('"')[0]) for part in drawn.split('cx="')[1:]]
    assert at[0] < at[1]
    assert pair({}, {"estimate": None}) == ""
    assert pair({}, new).count("<circle") == 1


def test_the_index_leads_to_every_claim_of_every_report(tmp_path, before, now):
    """Reports beside each other, one of them with a name that needs quoting."""
    build(before, tmp_path / "smoke")
    build(now, tmp_path / "a #b?")
    found = Elements(index(tmp_path).read_text())
    links = {attributes["href"] for attributes in found.of("a")}
    assert "./smoke/report.html#claim-landscape-vit-flatter" in links
    assert "./a%20%23b%3F/report.html#claim-brand-new" in links
    assert "./smoke/report.html#claim-brand-new" not in links
    assert "".join(found.text).count("not in this report") == 2


def test_hostile_names_stay_text_in_comparison_and_index(tmp_path):
    """The other pages escape as the report does."""
    hostile = synthetic.results(claims=6, seeds=3, hostile=True)
    changed = copy.deepcopy(hostile)
    changed["claims"][0]["verdict"] = "contradicted"
    build(hostile, tmp_path / "one")
    for page in (compare(hostile, changed, tmp_path / "both"), index(tmp_path)):
        found = Elements(page.read_text())
        assert not found.of("img")
        assert len(found.of("script")) == 1
        assert not any(name.startswith("on") for _, attributes in found.tags for name in attributes)


def test_an_empty_folder_has_no_index(tmp_path):
    """One sentence says what was expected."""
    with pytest.raises(VitworkError, match="no report"):
        index(tmp_path)


def test_the_commands_build_compare_and_index(tmp_path, capsys, before, now):
    """`compare` exits with 1 when something no longer holds and with 0 when not."""
    assert commands.report([str(EARLIER), str(tmp_path / "old")]) == 0
    build(before, tmp_path / "before")
    build(now, tmp_path / "now")
    assert commands.compare([str(tmp_path / "before"), str(tmp_path / "now"), "--html", str(tmp_path / "changes")]) == 1
    assert commands.compare([str(tmp_path / "before"), str(tmp_path / "before" / "results.json")]) == 0
    assert commands.site([str(tmp_path)]) == 0
    assert (tmp_path / "changes" / "compare.html").is_file()
    assert "flipped" in capsys.readouterr().out
