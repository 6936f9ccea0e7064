"""Two results side by side: the page, Markdown and annotations."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from tests.report import synthetic
from tests.report.reading import Elements
from vitwork.errors import VitworkError
from vitwork.report import compare
from vitwork.report.compare import markdown
from vitwork.statistics.effect import Verdict


@pytest.fixture(scope="module")
def before():
    return synthetic.results(seeds=3, claims=8, grid=5)


@pytest.fixture(scope="module")
def now(before):
    return synthetic.changed(before)


def test_a_comparison_names_flips_new_and_vanished_claims(tmp_path, before, now):
    """In the page, in Markdown, and as annotations on the file of the claim."""
    page = synthetic.compared(before, now, tmp_path)
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
    """The same results twice."""
    page = synthetic.compared(before, before, tmp_path)
    assert "Nothing broke" in page.read_text()
    assert "Nothing changed." in (tmp_path / "compare.md").read_text()
    assert (tmp_path / "annotations.txt").read_text() == ""


def test_other_profiles_and_durations_are_said_in_every_output(tmp_path, before):
    """Page and Markdown: that profiles differ, and durations as the report words them, never ``1.97e+03 s``."""
    old = synthetic.claim_of(synthetic.profile_of(before, name="other"), 1, cost_seconds=60.0)
    new = synthetic.claim_of(before, 1, cost_seconds=1974.0)
    page = "".join(Elements(synthetic.compared(old, new, tmp_path).read_text()).text)
    for text in (page, (tmp_path / "compare.md").read_text()):
        assert "These are different profiles, other before and synthetic now" in text
        assert "32.9 min, 60 s before" in text.replace("\\", "")
    assert "different profiles" not in markdown([], before, before)


def test_changes_of_ratios_are_said_as_factors(tmp_path, before):
    """A verdict's reason, of a comparison or of its claim, and the change of an effect: no logarithm is shown."""
    place = next(place for place, h in enumerate(before.hypotheses) if h.effect.scale == "log-ratio")
    hypothesis = before.hypotheses[place]
    first, last = hypothesis.sides
    larger = replace(first, values=tuple(value * 1000 for value in first.values))
    effect = {"estimate": 2.0, "adjusted_low": 1.0, "adjusted_high": 3.0, "verdict": Verdict.CONTRADICTED}
    new = synthetic.hypothesis_of(before, place, effect, sides=(larger, last))
    at = next(at for at, claim in enumerate(before.claims) if claim.id == hypothesis.claim)
    synthetic.compared(before, synthetic.claim_of(new, at, verdict=Verdict.CONTRADICTED), tmp_path)
    for text in ((tmp_path / "compare.md").read_text().replace("\\", ""), (tmp_path / "annotations.txt").read_text()):
        assert "log-ratio" not in text
        assert "×7.39 [2.72, 20.1]; clear of ×1 on the other side" in text
        assert "now against before: ×1" in next(line for line in text.splitlines() if "left its interval" in line)
        assert "×7.39 [2.72, 20.1]; the whole interval lies on the other side of the margin" in text


def test_claims_of_ours_and_controls_are_told_apart(tmp_path, before):
    """Counts are the paper's, ours stand below them; and each side says how it was corrected."""
    ours = synthetic.claim_of(before, 0, ours=True)
    page = "".join(Elements(synthetic.compared(synthetic.earlier(before), ours, tmp_path).read_text()).text)
    summary = (tmp_path / "compare.md").read_text().replace("\\", "")
    for text in (page, summary):
        assert "Claims of ours, which the paper does not make: none before, 1 reproduced now." in text
    assert "| ✓ reproduced | 4 | 3 |" in summary
    assert f"control: {synthetic.BATCHNORM}:" in page
    assert "Before: Verdicts and p are corrected by Holm’s procedure" in page
    assert "Now: Verdicts have a false discovery rate of 5 % over the 8 claims" in page


def test_a_folder_that_cannot_be_written_is_said_in_one_sentence(tmp_path, before):
    """A file stands where the folder should be."""
    (tmp_path / "changes").write_text("")
    with pytest.raises(VitworkError, match="Cannot write"):
        synthetic.compared(before, before, tmp_path / "changes")


def test_a_renamed_claim_keeps_its_rows(tmp_path, before):
    """Effects of comparisons whose claim has another name stand beside those before; what is gone has a row of its own."""
    first = before.claims[0]
    named = {id: f"renamed{id.removeprefix(first.id)}" for id in first.hypotheses}
    claim = replace(first, id="renamed", hypotheses=tuple(named.values()))
    hypotheses = [
        replace(one, id=named[one.id], claim="renamed") if one.id in named else one for one in before.hypotheses
    ]
    now = replace(before, claims=(claim, *before.claims[1:]), hypotheses=tuple(hypotheses))
    assert (
        f"renamed | renamed | {first.id} is now called"
        in synthetic.compared(before, now, tmp_path).with_name("compare.md").read_text()
    )
    rows = compare._rows(before, now)
    assert [row["id"] for row in rows] == [one.id for one in hypotheses]
    assert not any(row["changed"] or "–" in row["shown"] for row in rows)
    fewer = synthetic.of_claims(before, *before.claims[1:])
    gone = [row["id"] for row in compare._rows(before, fewer) if row["shown"][1] == "–"]
    assert gone == list(first.hypotheses)


def test_hostile_names_stay_text(tmp_path):
    """The comparison escapes as the report does."""
    hostile = synthetic.results(claims=6, seeds=3, hostile=True, grid=5)
    page = synthetic.compared(hostile, synthetic.claim_of(hostile, verdict=Verdict.CONTRADICTED), tmp_path)
    found = Elements(page.read_text())
    assert not found.of("img")
    assert len(found.of("script")) == 1
    assert not any(name.startswith("on") for _, attributes in found.tags for name in attributes)
