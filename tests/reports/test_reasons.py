"""Verdicts and numbers in plain words."""

from __future__ import annotations

import pytest

from reports import words
from reports.reasons import reason


@pytest.mark.parametrize(
    ("effect", "said"),
    [
        ({"verdict": "reproduced", "low": -3.0, "high": -1.0}, "the whole interval lies on the paper’s side"),
        ({"verdict": "contradicted", "low": 1.0, "high": 3.0}, "the whole interval lies on the other side"),
        ({"verdict": "inconclusive", "low": -3.0, "high": None}, "reaches both sides"),
        ({"verdict": "inconclusive", "low": -3.0, "high": -1.0}, "but not when all comparisons"),
        ({"verdict": "contradicted", "low": -0.1, "high": 0.1}, "within the band of no difference"),
        ({"verdict": "inconclusive", "low": None, "high": None, "p": None}, "within the band of no difference"),
    ],
)
def test_a_verdict_is_explained_by_where_its_interval_lies(effect, said):
    """In plain words; the test's own words where the interval does not say it, without the numbers before the colon."""
    given = {"estimate": -2.0, "p": 0.1, "alternative": "less", "margin": 0.0, "scale": "difference"}
    given |= {"reason": "difference −2: within the band of no difference", **effect}
    hypothesis = {"statement": "APE(vit) < APE(resnet)", "parameters": {"when": "warmup"}, "unit": "", "effect": given}
    claim = {"verdict": given["verdict"], "rule": "all", "reason": "anything"}
    text = reason(claim, [hypothesis])
    assert text.startswith("APE(vit) < APE(resnet) (after warm-up): −2 [")
    assert said in text
    settled = {**hypothesis, "effect": {**given, "verdict": "reproduced", "seeds_needed": None}}
    both = reason({**claim, "rule": "any", "verdict": "reproduced"}, [hypothesis, settled])
    if given["verdict"] == "inconclusive":
        assert both.startswith("Of 2 comparisons (one suffices), 1 supports the paper and 1 is undecided. APE")


def test_what_was_not_measured_says_why():
    """The reason of the session, as a sentence of its own."""
    assert reason({"verdict": "not measured", "reason": "needs a GPU", "rule": "all"}, []) == "Needs a GPU"
    assert "it holds" in reason({"verdict": "reproduced", "reason": "the test says so", "rule": "all"}, [])


@pytest.mark.parametrize(("joules", "said"), [(None, ""), (12.34, "12.3 J"), (4.5e4, "45 kJ"), (7.2e6, "2 kWh")])
def test_energies_choose_their_unit(joules, said):
    """Joules, kilojoules, kilowatt-hours; a claim's cost has both time and energy where both are known."""
    assert words.energy(joules) == said
    assert words.cost(90, joules) == f"90 s, {said}".removesuffix(", ")
