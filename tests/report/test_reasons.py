"""Verdicts and numbers in plain words."""

from __future__ import annotations

import math

import pytest

from vitwork.report import words
from vitwork.report.reasons import reason
from vitwork.report.terminal import table


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
    assert text.startswith("APE(vit) < APE(resnet) (after warm-up): −2")
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


@pytest.mark.parametrize(
    ("scale", "margin", "reason", "said"),
    [
        ("log-ratio", 0.0, "log-ratio -3.7 [-4, -3], 5 and 5 seeds, p = 0.01: clear of 0 on the other side",
         "clear of ×1 on the other side"),
        ("log-ratio", -0.6931, "log-ratio -0.2 [-1.8, 1.4], p = 1: not clear of -0.693; about 8 seeds per arm (note)",
         "not clear of ×0.5; about 8 seeds per arm (note)"),
        ("ratio", 1.0, "ratio 0.2 [0.1, 0.4], p = 0.01: inside the declared band around 1",
         "inside the declared band around ×1"),
        ("log-ratio", 0.0, "weakest of 2 steps is number 1, not decided: log-ratio -3 [-4, -2], p = 0.1: the runs' order does not clear 0",
         "weakest of 2 steps is number 1, not decided: the runs' order does not clear ×1"),
        ("log-ratio", 0.0, "log-ratio 0.1 [0, 0.2], p = 0.01: inside the band 0 ± 0.223", "inside the band ×0.8 to ×1.25"),
        ("difference", -0.5, "difference -3 [-4, -2], p = 0.01: clear of -0.5 on the paper's side",
         "clear of −0.5 on the paper's side"),
        ("log-ratio", 0.0, "clear of ... whatever", "clear of ... whatever"),
    ],
)  # fmt: skip
def test_reasons_name_margins_as_effects_are_shown(scale, margin, reason, said):
    """The margin of a ratio is a factor, never the logarithm that the decision was made with; numbers are not repeated."""
    assert words.because({"scale": scale, "margin": margin, "reason": reason}) == said


def undecided(needed, verdict="inconclusive"):
    effect = {"estimate": -2.0, "low": -5.0, "high": 1.0, "p": 0.1, "alternative": "less", "margin": 0.0,
              "scale": "difference", "verdict": verdict, "seeds_needed": needed}  # fmt: skip
    return {"statement": "a < b", "parameters": {}, "unit": "", "effect": effect}


@pytest.mark.parametrize(
    ("rule", "needed", "said"),
    [("all", (8, 15), "About 15 networks per arm would probably settle all of them."),
     ("any", (8, 15), "About 8 networks per arm would probably settle it."),
     ("any", (8, None), "About 8 networks per arm would probably settle it."),
     ("all", (8,), "About 8 networks per arm would probably settle it."),
     ("all", (8, None), "")],
)  # fmt: skip
def test_the_networks_that_settle_a_claim_settle_every_comparison_it_needs(rule, needed, said):
    """The largest number where all comparisons are needed, the smallest where one suffices, none where one is unknown."""
    text = reason({"verdict": "inconclusive", "rule": rule, "reason": ""}, [undecided(seeds) for seeds in needed])
    assert text.endswith(said or "both sides of the margin.")
    assert text.count("networks per arm") == bool(said)


def test_what_is_decided_needs_no_more_networks():
    """A comparison that supports the paper does not count among those to be settled."""
    both = [undecided(None, "reproduced"), undecided(9)]
    assert "About 9" in reason({"verdict": "inconclusive", "rule": "all", "reason": ""}, both)


@pytest.mark.parametrize("before", ["", "not measured: ", "2 of 2 hypotheses not measured; not measured: "])
def test_not_measured_is_said_once(before):
    """The verdict stands beside the reason, in the page and in the terminal's table."""
    claim = {"verdict": "not measured", "reason": f"{before}needs the arm swin", "rule": "all"}
    assert reason(claim, []) == "Needs the arm swin"
    shown = {**claim, "id": "c", "hypotheses": [], "cost_seconds": 310.0}
    results = {"claims": [shown], "hypotheses": [], "runs": [], "profile": {"name": "smoke"}}
    *_, row, _, totals = table(results)
    assert row.split() == ["c", "not", "measured", "0.0", "min", "needs", "the", "arm", "swin"]
    assert totals.startswith("1 claim at profile smoke")


@pytest.mark.parametrize(
    ("values", "scale", "said"),
    [((-0.4, -5.08, 3.01), "difference", "−0.40 [−5.08, +3.01]"),
     ((12.0, -15.0, 55.4), "difference", "+12.0 [−15.0, +55.4]"),
     ((2.0, -1.0, 4.0), "difference", "+2 [−1, +4]"),
     ((0.2, -55.0, 120.0), "slope", "0 [−55, +120]"),
     ((-0.0001, -5.0, 5.25), "difference", "0.00 [−5.00, +5.25]"),
     ((math.log(0.0241), math.log(0.0003), math.log(12.25)), "log-ratio", "×0.0241 [0.000300, 12.3]"),
     ((1.0, 0.95, 1.2), "ratio", "×1.0 [0.95, 1.2]"),
     ((1234.0, 90.5, 2e6), "ratio", "×1230 [90.5, 2.00e+06]"),
     ((0.0, 0.0, 0.0), "difference", "0 [0, 0]"),
     ((1.2e7, 1e7, 2e7), "difference", "+1.2e+07 [+1e+07, +2e+07]")],
)  # fmt: skip
def test_an_estimate_and_its_interval_have_one_precision(values, scale, said):
    """Differences have the same decimals, factors the same significant digits; zeros that all end with are dropped."""
    assert words.effect(dict(zip(("estimate", "low", "high"), values, strict=True)) | {"scale": scale}) == said


@pytest.mark.parametrize(
    ("number", "noun", "said"), [(1, "claim", "1 claim"), (2, "claim", "2 claims"), (2, "hypothesis", "2 hypotheses")]
)
def test_one_of_a_kind_has_no_plural(number, noun, said):
    """Counts agree with their nouns."""
    assert words.plural(number, noun) == said
