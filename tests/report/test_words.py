"""Numbers and sentences."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from tests.report import synthetic
from vitwork.design.deviation import Change, Deviation, Lack, Missing, declared
from vitwork.facts.changes import Event, Kind
from vitwork.facts.claims import Constant, Hypothesis, Registered, Registration
from vitwork.report import words
from vitwork.statistics.effect import Effect, Obstacle, Test, Verdict

NAN, INFINITY = math.nan, math.inf


@given(st.floats(allow_nan=True, allow_infinity=True) | st.none())
def test_numbers_in_words_never_fail(value):
    """NaN, infinities and None are dashes."""
    text = words.quantity(value)
    assert (text == "–") is (value is None or not math.isfinite(value))
    assert "-" not in text.replace("e-", "")


@pytest.mark.parametrize(
    ("seconds", "said"), [(None, "–"), (0.5, "0.5 s"), (75, "75 s"), (600, "10.0 min"), (9000, "2.5 h")]
)
def test_durations_choose_their_unit(seconds, said):
    """Seconds, minutes, hours."""
    assert words.duration(seconds) == said


@pytest.mark.parametrize(
    ("joules", "said"), [(None, ""), (12.34, "12.3 J"), (999.7, "1 kJ"), (4.5e4, "45 kJ"), (7.2e6, "2 kWh")]
)
def test_energies_choose_their_unit(joules, said):
    """Joules, kilojoules, kilowatt-hours; a claim's cost has both time and energy where both are known."""
    assert words.energy(joules) == said
    assert words.cost(90, joules) == f"90 s, {said}".removesuffix(", ")


@pytest.mark.parametrize(
    ("number", "said"),
    [(999, "999"), (999_499, "999 k"), (999_600, "1 M"), (1_234_567, "1.23 M"), (999_500_000, "1 G")],
)
def test_large_counts_choose_their_unit_as_they_are_rounded(number, said):
    """Never a thousand of a unit."""
    assert words.count(number) == said


@pytest.mark.parametrize(
    ("number", "noun", "said"), [(1, "claim", "1 claim"), (2, "claim", "2 claims"), (2, "hypothesis", "2 hypotheses")]
)
def test_one_of_a_kind_has_no_plural(number, noun, said):
    """Counts agree with their nouns."""
    assert words.plural(number, noun) == said


def found(**changed: Any) -> Effect:
    """Return an undecided effect, or another."""
    plain = Effect(-2.0, -5.0, 1.0, 5, 5, 0.1, Verdict.INCONCLUSIVE, test=Test.WELCH, adjusted_p=0.1)
    return dataclasses.replace(plain, **changed)


REPRODUCED = {"verdict": Verdict.REPRODUCED, "p": 0.001, "adjusted_p": 0.01, "low": -3.0, "high": -1.0}
CONTRADICTED = {**REPRODUCED, "verdict": Verdict.CONTRADICTED, "estimate": 2.0, "low": 1.0, "high": 3.0}


@pytest.mark.parametrize(
    ("effect", "unit", "said"),
    [
        (found(estimate=math.log(0.5), low=math.log(0.25), high=0.0, scale="log-ratio"), "nats", "×0.50 [0.25, 1.0]"),
        (found(estimate=2.0, low=-1.0, high=INFINITY), "%", "+2 [−1, ∞] pp"),
        (found(estimate=2.0, low=-1.0, high=INFINITY, scale="slope"), "%", "+2 [−1, ∞] pp"),
        (found(estimate=2.0, low=-1.0, high=INFINITY), "nats", "+2 [−1, ∞] nats"),
        (found(estimate=0.9, low=0.6, high=INFINITY, scale="probability"), "%", "P 0.9 [0.6, 1]"),
        (found(estimate=NAN, low=-INFINITY, high=INFINITY), "%", "no estimate"),
    ],
)
def test_effects_are_said_on_the_scale_of_the_claim(effect, unit, said):
    """Ratios as factors, differences with sign and unit, where percentages differ by points."""
    assert words.effect(effect, unit) == said


@pytest.mark.parametrize(
    ("values", "scale", "said"),
    [((-0.4, -5.08, 3.01), "difference", "−0.40 [−5.08, +3.01]"),
     ((12.0, -15.0, 55.4), "difference", "+12.0 [−15.0, +55.4]"),
     ((2.0, -1.0, 4.0), "difference", "+2 [−1, +4]"),
     ((0.2, -55.0, 120.0), "slope", "0 [−55, +120]"),
     ((-0.0001, -5.0, 5.25), "difference", "0.00 [−5.00, +5.25]"),
     ((math.log(0.0241), math.log(0.0003), math.log(12.25)), "log-ratio", "×0.0241 [0.000300, 12.3]"),
     ((math.log(1.0), math.log(0.95), math.log(1.2)), "log-ratio", "×1.0 [0.95, 1.2]"),
     ((math.log(1234.0), math.log(90.5), math.log(2e6)), "log-ratio", "×1230 [90.5, 2.00e+06]"),
     ((0.0, 0.0, 0.0), "difference", "0 [0, 0]"),
     ((1.2e7, 1e7, 2e7), "difference", "+1.2e+07 [+1e+07, +2e+07]")],
)  # fmt: skip
def test_an_estimate_and_its_interval_have_one_precision(values, scale, said):
    """Differences have the same decimals, factors the same significant digits; zeros that all end with are dropped."""
    assert words.effect(found(**dict(zip(("estimate", "low", "high"), values, strict=True)), scale=scale)) == said


@pytest.mark.parametrize("missing", Missing)
def test_whatever_a_claim_lacks_is_counted_in_words(missing):
    """No kind of lack is without words, in the terminal's last lines and on the page."""
    some = synthetic.results(seeds=2, claims=2)
    claims = [replace(claim, verdict=Verdict.NOT_MEASURED, lack=Lack(missing, "vit", "x")) for claim in some.claims]
    line, *parts = words.unmeasured(claims)
    assert parts == (["The network of vit has no x."] if missing is Missing.PART else [])
    assert line.startswith("Not measured: 2 claims, of which 2 need ")
    assert words.lack(claims[0].lack)


def test_registration_names_few_claims_and_counts_the_rest():
    """A first screen of names would hide the answer; every claim says of itself what changed, and no name of a field is shown."""
    some = synthetic.results(seeds=2, claims=8)
    changed = Registered(state=Registration.CHANGED, changed=("contradicted_by", "code"), commit="", committed=None)
    said = words.registration(replace(some, claims=tuple(replace(claim, registered=changed) for claim in some.claims)))
    assert said.startswith(
        "0 of 8 claims registered before their data; changed after data were seen (what would contradict it, code): "
    )
    assert said.endswith(", 3 more")


SAME = {"alternative": "two-sided", "band": math.log(1.25), "scale": "log-ratio", "by_band": True}


@pytest.mark.parametrize(
    ("effect", "said"),
    [
        (found(**REPRODUCED), "clear of 0 on the claim’s side"),
        (found(**REPRODUCED, margin=-0.5), "clear of −0.5 on the claim’s side"),
        (found(**CONTRADICTED, scale="log-ratio"), "clear of ×1 on the other side"),
        (found(**{**REPRODUCED, "alternative": "two-sided", "band": 3.0}), "inside the band 0 ± 3"),
        (found(**REPRODUCED, adjusted_low=-4.0, adjusted_high=-0.5), "clear of 0 on the claim’s side"),
        (found(**{**REPRODUCED, **SAME}), "inside the band ×0.8 to ×1.25"),
        (found(**{**CONTRADICTED, **SAME, "by_band": False}), "outside the band ×0.8 to ×1.25"),
        (found(**SAME), "not clear of the band ×0.8 to ×1.25; many more networks would hardly settle it"),
        (found(seeds_needed=8, scale="log-ratio", margin=math.log(0.5)),
         "not clear of ×0.5; about 8 networks per arm would probably settle it"),
        (found(p=0.01, adjusted_p=0.2, seeds_needed=8),
         "alone it would lie on the other side, but not with all comparisons counted; about 8 networks per arm would probably settle it"),
        (found(p=0.01, adjusted_low=-9.0, adjusted_high=2.0, seeds_needed=8),
         "alone it would lie on the other side, but not with all claims counted; about 8 networks per arm would probably settle it"),
        (found(p=0.01, adjusted_low=-9.0, adjusted_high=2.0), "alone it would lie on the other side, but not with all claims counted"),
        (found(high=INFINITY, lost=(2, 0), test=Test.ORDER),
         "the order of the runs does not clear 0 (2 and 0 runs without a finite value, judged by order)"),
        (found(low=-INFINITY, high=INFINITY, n_b=0, p=1.0, test=Test.PERMUTATION),
         "not clear of 0 (no network differs, so that they show no spread to judge by)"),
        (found(low=-INFINITY, high=INFINITY, p=1.0, margin=5.0, test=Test.PERMUTATION),
         "not clear of 5 (no network differs, so that they show no spread to judge by)"),
        (found(**REPRODUCED, steps=2, weakest=1), "the weakest of 2 steps is number 1: clear of 0 on the claim’s side"),
        (found(p=NAN, obstacle=Obstacle.NO_RUNS), "an arm has no runs"),
    ],
)  # fmt: skip
def test_a_verdict_is_explained_by_its_facts(effect, said):
    """Margins and bands are named as effects are shown: those of a ratio as factors, never as logarithms."""
    assert words.why(comparison(effect)) == said


def test_every_obstacle_has_its_words():
    """Data to which no test applies are explained, whatever kept it away."""
    said = [words.reason(comparison(found(obstacle=obstacle, p=NAN))) for obstacle in Obstacle]
    assert len(set(said)) == len(Obstacle)


@pytest.mark.parametrize(
    ("effect", "said"),
    [
        (found(**REPRODUCED), "−2 [−3, −1] pp, 5 and 5 networks, p = 0.001, p after Holm = 0.01: clear of 0 on the claim’s side"),
        (found(**REPRODUCED, adjusted_low=-4.0, adjusted_high=-0.5),
         "−2.0 [−4.0, −0.5] pp, 5 and 5 networks, p = 0.001, q of the claim = 0.01: clear of 0 on the claim’s side"),
        (found(n_b=0, seeds_needed=9), "−2 [−5, +1] pp, 5 networks, p = 0.1: not clear of 0; about 9 networks per arm would probably settle it"),
    ],
)  # fmt: skip
def test_a_reason_is_one_line_with_the_numbers(effect, said):
    """What pytest shows of a test that failed or was not decided."""
    assert words.reason(replace(comparison(effect), unit="%")) == said


@pytest.mark.parametrize(
    ("effect", "said"),
    [
        (found(), "Welch t"),
        (found(penalty=(2.0, 3.5)), "Welch t, p × 3.5 as a guard against skewness"),
        (found(penalty=(2.0, 3.5), estimate=2.0), "Welch t, p × 2 as a guard against skewness"),
        (
            found(penalty=(2.0, 3.5), **SAME),
            "Welch t at both edges of the band, p × 2 or 3.5 as a guard against skewness",
        ),
        (found(test=Test.ONE_SAMPLE, steps=3), "one-sample t in each of 3 steps"),
        (found(test=Test.NONE), ""),
    ],
)
def test_a_method_names_the_test_and_what_was_done_to_p(effect, said):
    """With the factors that guard against skewness."""
    assert words.method(effect) == said


def comparison(effect: Effect) -> Hypothesis:
    plain = synthetic.results(seeds=1, claims=1, grid=3).hypotheses[0]
    return replace(plain, statement="APE(vit) < APE(resnet)", parameters={"when": "warmup"}, unit="", effect=effect)


def claim(verdict: Verdict = Verdict.INCONCLUSIVE, lack: Lack | None = None) -> Any:
    return replace(synthetic.results(seeds=1, claims=1, grid=3).claims[0], verdict=verdict, lack=lack)


@pytest.mark.parametrize(
    ("effect", "said"),
    [
        (found(**REPRODUCED), "the whole interval lies on the claim’s side of the margin."),
        (found(**CONTRADICTED), "the whole interval lies on the other side of the margin."),
        (found(high=INFINITY), "the interval reaches both sides of the margin."),
        (found(low=-3.0, high=-1.0), "its interval lies on the claim’s side, but not when all comparisons of the session are counted."),
        (found(**{**REPRODUCED, "alternative": "two-sided", "band": 3.0}), "inside the band 0 ± 3."),
        (found(p=NAN, low=-INFINITY, high=INFINITY, obstacle=Obstacle.FEW_SEEDS), "so few networks never decide."),
        (found(low=-INFINITY, high=INFINITY, test=Test.PERMUTATION), "not clear of 0 (no network differs)."),
    ],
)  # fmt: skip
def test_a_claim_is_explained_by_where_its_interval_lies(effect, said):
    """In plain words, and by the facts of the decision where the interval does not say it."""
    text = words.claim_reason(claim(effect.verdict), [comparison(effect)])
    assert text.startswith("APE(vit) < APE(resnet) (after warm-up): ")
    assert text.endswith(said)


def test_several_comparisons_are_counted():
    """How many speak for and against a claim comes first, then the first that bears its verdict."""
    mixed = [comparison(found(**REPRODUCED)), comparison(found())]
    text = words.claim_reason(claim(), mixed)
    assert text.startswith("Of 2 comparisons (all are needed), 1 supports the claim and 1 is undecided. APE")
    assert words.claim_reason(claim(Verdict.REPRODUCED), mixed[:1] * 2).startswith(
        "Both comparisons support the claim."
    )


@pytest.mark.parametrize(
    ("needed", "said"),
    [((8, 15), "About 15 networks per arm would probably settle all of them."),
     ((8,), "About 8 networks per arm would probably settle it."),
     ((8, None), "both sides of the margin.")],
)  # fmt: skip
def test_the_networks_that_settle_a_claim_settle_every_comparison(needed, said):
    """The largest number of all undecided comparisons; none where one is unknown."""
    text = words.claim_reason(claim(), [comparison(found(seeds_needed=seeds)) for seeds in needed])
    assert text.endswith(said)
    assert text.count("networks per arm") == (None not in needed)


def test_what_is_decided_needs_no_more_networks():
    """A comparison that supports the paper does not count among those to be settled."""
    both = [comparison(found(**REPRODUCED)), comparison(found(seeds_needed=9))]
    assert "About 9" in words.claim_reason(claim(), both)


def test_a_claim_without_comparisons_says_what_it_lacks_or_that_it_holds():
    """A part that was not measured is named with what was."""
    lack = Lack(Missing.ARM, "swin")
    needs = "eeds the arm swin, which the profile does not have"
    assert words.claim_reason(claim(Verdict.NOT_MEASURED, lack), []) == f"N{needs}."
    assert "it holds there" in words.claim_reason(claim(Verdict.REPRODUCED), [])
    assert words.claim_reason(claim(lack=lack), [comparison(found())]).endswith(
        f"Another test was not measured: n{needs}."
    )


@pytest.mark.parametrize(
    ("lack", "said"),
    [
        (Lack(Missing.SNAPSHOT, "vit", "100"), "needs vit at epoch 100, of which its recipe keeps no snapshot"),
        (Lack(Missing.SNAPSHOT, "vit", "during training"), "needs vit during training, of which its recipe keeps no snapshot"),
        (Lack(Missing.PART, "resnet", "an MSA"), "needs an MSA, of which the network of resnet has none"),
        (Lack(Missing.UNFIT, "mine", "No block gives a feature map."), "cannot be measured on mine: No block gives a feature map."),
        (Lack(Missing.LEARNING, "vit", "17 % of 10 classes"), "the arm vit has not learned at this profile (17 % of 10 classes)"),
        (Lack(Missing.SAME, "vit", "swin"), "compares vit with swin, and their networks are the same"),
        (Lack(Missing.NOISE, what="NEP"), "the measurement’s own error of NEP exceeds half of its spread over networks"),
        (Lack(Missing.RECORD, "vit", "spectrum"), "the record of spectrum of vit is missing"),
        (Lack(Missing.REACH), "not all of its tests ran to their end in this session"),
        (Lack(Missing.EMPTY, what="test_a.py::test_b"), "the list of parameters of test_a.py::test_b is empty"),
        (Lack(Missing.FAULT, what="MemoryError"), "MemoryError"),
    ],
)  # fmt: skip
def test_what_is_lacking_is_said(lack, said):
    """Every kind of lack in one clause."""
    assert words.lack(lack) == said


@pytest.mark.parametrize(
    ("deviation", "said"),
    [
        (declared("five epochs")[0], "five epochs"),
        (Deviation(Change.SETTING, field="lr", value="1e-3"), "lr = 1e-3 for all arms, set by hand in place of the profile’s own"),
        (Deviation(Change.SETTING, arm="vit", field="options.dim", value="32"),
         "options.dim = 32 for vit, set by hand in place of the profile’s own"),
        (Deviation(Change.MODEL, arm="vit", value="timm:x"), "the arm vit is timm:x, not the profile’s own model"),
        (Deviation(Change.SEEDS, value="3"), "3 networks per arm, not the profile’s own number"),
        (Deviation(Change.SEEDS, value="1"), "1 network per arm, not the profile’s own number"),
        (Deviation(Change.CHOSEN), "only chosen tests were run"),
        (Deviation(Change.ENDED), "the session ended before every test was reached"),
    ],
)  # fmt: skip
def test_deviations_are_said(deviation, said):
    """Those of a profile in its own words, those of a session in ours."""
    assert words.deviation(deviation) == said


def test_the_seeds_that_were_run_stand_in_the_summary():
    """A range where arms differ; without runs those that the profile plans."""
    results = synthetic.profile_of(
        synthetic.results(seeds=3, claims=1, grid=3), summary="drawn images, six epochs", seeds=5
    )
    size = "0.17 to 0.18 million parameters"
    assert words.summary(results) == f"drawn images, six epochs, {size}, 3 seeds"
    assert words.summary(replace(results, runs=results.runs[1:])) == f"drawn images, six epochs, {size}, 2 to 3 seeds"
    assert words.summary(replace(results, runs=())) == "drawn images, six epochs, 5 seeds"


def test_the_sizes_that_were_measured_stand_in_place_of_the_profile_s() -> None:
    """A profile's own range is of all its arms; where networks were run, theirs alone is shown."""
    summary = "drawn images, 4,000 training images, 0.05 to 0.5 million parameters, six epochs"
    results = synthetic.profile_of(synthetic.results(seeds=3, claims=1, grid=3), summary=summary)
    assert words.summary(results) == (
        "drawn images, 4,000 training images, six epochs, 0.17 to 0.18 million parameters, 3 seeds"
    )
    assert words.summary(replace(results, runs=())).startswith(summary)


def test_a_baseline_that_was_compared_is_named() -> None:
    """That nothing changed is said, too, with the file; changes are counted by whether they fail a test."""
    assert words.against_baseline("old.json", 0, 0) == "Nothing changed against old.json"
    assert words.against_baseline("old.json", 1, 2) == (
        "Against old.json: 1 change for the worse, 2 changes that fail no test"
    )


def test_parameters_that_stand_in_the_statement_are_not_repeated() -> None:
    """An arm or a quantity that the formula names says nothing more; a moment of training and what is not in it stay."""
    some = synthetic.results(seeds=2, claims=1, grid=3).hypotheses[0]
    given = {"arm": "vit", "bad": "training NLL", "when": "end", "other": "pit", "size": 2}
    asked = replace(some, statement="training NLL(vit) < 2", parameters=given)
    assert words.compared(asked) == "training NLL(vit) < 2 (at the end, other pit, size 2)"
    trend = replace(asked, statement="error rises over a, b (at -0, 1.4)", parameters={}, levels=(0.0, 1.4))
    assert words.compared(trend) == "error rises over a, b"


@pytest.mark.parametrize(
    ("estimate", "alternative", "said"),
    [(0.4, "greater", "less than the 5 points claimed"), (16.0, "less", "more than the 5 points allowed"),
     (7.0, "greater", "more than the 5 points claimed"), (1.0, "less", "less than the 5 points allowed")],
)  # fmt: skip
def test_the_margin_of_a_decided_effect_is_said(estimate: float, alternative: Any, said: str) -> None:
    """An interval that holds zero looks like a mistake beside a verdict, unless the margin is stated."""
    some = synthetic.results(seeds=2, claims=1, grid=3).hypotheses[0]
    found = Effect(estimate, -1.0, 20.0, 5, 5, 0.001, Verdict.CONTRADICTED, margin=5.0, alternative=alternative)
    assert words.margin(replace(some, unit="%", effect=found)) == said
    undecided = dataclasses.replace(found, verdict=Verdict.INCONCLUSIVE)
    assert words.margin(replace(some, unit="%", effect=undecided)) == ""
    assert words.margin(replace(some, unit="%", effect=dataclasses.replace(found, margin=0.0))) == ""


def test_a_change_of_the_wording_alone_is_no_change_of_the_comparison() -> None:
    """It is said so, in the list and beside the claim; every other change stays as it is."""
    some = synthetic.results(seeds=2, claims=1, grid=3)
    for changed, said in ((("sentence",), "wording changed, same comparison"),
                          (("sentence", "contradicted_by"), "changed after data were seen (wording, what would contradict it)")):  # fmt: skip
        registered = Registered(state=Registration.CHANGED, changed=changed)
        claim = replace(some.claims[0], registered=registered)
        assert words.registered(claim) == said
        assert words.registration(replace(some, claims=(claim,))).endswith(f"; {said}: {claim.id}")


@pytest.mark.parametrize(
    ("kind", "before", "after", "said"),
    [
        (Kind.RENAMED, "old", "new", "old is now called new"),
        (Kind.VANISHED, "", "", "the claim is no longer tested"),
        (Kind.NEW, "", "", "the claim has no baseline"),
        (Kind.SLOWER, 60.0, 1974.0, "32.9 min, 60 s before"),
    ],
)
def test_changes_of_claims_are_said(kind, before, after, said):
    """Without verdicts."""
    results = synthetic.results(seeds=1, claims=1, grid=3)
    assert words.event(Event(kind, "c", "", before, after), results) == said


def test_changes_of_verdicts_say_why():
    """A comparison by its own effect, a claim by its reason or its lack, in the words of the report."""
    results = synthetic.results(seeds=3, claims=7, grid=3)
    first, lacking = results.claims[0], results.claims[6]
    text = words.event(Event(Kind.DECIDED, first.id, first.hypotheses[0], "inconclusive", "reproduced"), results)
    assert text == "inconclusive before, reproduced now: ×0.368 [0.223, 0.607]; clear of ×1 on the claim’s side"
    text = words.event(Event(Kind.FLIPPED, first.id, "", "contradicted", "reproduced"), results)
    assert text.startswith("contradicted before, reproduced now: Both comparisons support the claim.")
    text = words.event(Event(Kind.SKIPPED, lacking.id, "", "reproduced", "not measured"), results)
    assert text == "reproduced before, not measured now: needs the arm swin, which the profile does not have"
    assert words.event(Event(Kind.FLIPPED, "gone", "", "a", "b"), results) == "a before, b now"


def test_the_change_of_an_effect_is_said_on_its_scale():
    """Of a ratio as a factor, with the p of all changes."""
    results = synthetic.results(seeds=3, claims=1, grid=3)
    change = found(**REPRODUCED, scale="log-ratio")
    event = Event(Kind.MOVED, results.claims[0].id, results.hypotheses[0].id, "", "", change)
    assert words.event(event, results) == (
        "now against before: ×0.135 [0.0498, 0.368]; p = 0.01, corrected for all comparisons of the two results"
    )


def test_a_change_of_a_qualified_verdict_says_its_qualifiers():
    """With the scale, before the comparisons."""
    results = synthetic.results(seeds=3, claims=3, grid=3)
    third = results.claims[2]
    text = words.event(Event(Kind.DECIDED, third.id, "", "inconclusive", "reproduced"), results)
    assert f"reproduced now: Reproduced at synthetic, but not {synthetic.BATCHNORM}; not measured at matched" in text


def test_the_reason_of_a_claim_quotes_the_comparison_that_its_row_quotes():
    """The strongest against it, or the weakest for it, whichever stands first in its test."""
    first, second = (
        replace(comparison(found(**CONTRADICTED, p_against=p)), statement=statement)
        for p, statement in ((0.01, "a < b"), (0.001, "c < d"))
    )
    assert "C < d (after warm-up): " in words.claim_reason(claim(Verdict.CONTRADICTED), [first, second])


def test_a_comparison_with_a_number_is_stated_as_one_with_that_margin():
    """As between two arms: the effect from zero, and the number as what it has to clear; once, however often it is asked for."""
    sides = (comparison(found()).sides[0], Constant(value=5.0))
    asked = found(estimate=6.5, low=3.0, high=10.0, alternative="greater", verdict=Verdict.REPRODUCED)
    stated = words.from_zero(replace(comparison(asked), sides=sides, unit="%"))
    assert words.found_of(stated) == "+11.5 [+8.0, +15.0] pp, more than the 5 points claimed"
    assert words.from_zero(stated) == stated
    assert words.from_zero(comparison(asked)) == comparison(asked)


def test_networks_that_are_measured_twice_count_once():
    """A comparison of two quantities of one arm has as many networks as that arm."""
    both = comparison(found())
    one = replace(both, sides=(both.sides[0], both.sides[0]))
    count = len(both.sides[0].values)
    assert (words.networks(both), words.networks(one)) == ((count, count), (count,))
    assert f"n = {count}; " in f"{words.decision(one)}; "


def test_a_command_shows_files_without_their_folders():
    """They are of no machine of the reader's; names of tests and options stay."""
    said = words.command("pytest claims/test_a.py::test_b --from=/home/me/store/results.json --store x")
    assert said == "pytest test_a.py::test_b --from=results.json --store x"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("undecided with BatchNorm", "Undecided with BatchNorm"),
        ("pre-activation blocks", "Pre-activation blocks"),
        ("vit-local-3 has a window", "vit-local-3 has a window"),
        ("error(vit) < 0", "error(vit) < 0"),
        ("epochs = 3 for all arms", "epochs = 3 for all arms"),
        ("±2 points", "±2 points"),
        ("", ""),
    ],
)
def test_what_stands_alone_begins_with_a_capital(text, said):
    """Names and formulas are written as they are."""
    assert words.sentence(text) == said


def test_other_profiles_are_said():
    """Results of one profile need no sentence."""
    results = synthetic.results(seeds=1, claims=1, grid=3)
    other = synthetic.profile_of(results, name="other")
    assert words.limits(results, results) == ""
    assert words.limits(other, results).startswith("These are different profiles, other before and synthetic now")
    changed = synthetic.profile_of(results, seeds=40, pixels=224)
    assert words.limits(changed, results).startswith("The profile synthetic was another one before (pixels, seeds), so")
    part = synthetic.profile_of(results, deviations=(*results.profile.deviations, Deviation(Change.CHOSEN)))
    assert words.other_profile(part, results) == ""


def test_a_probability_shows_on_which_side_of_the_level_it_lies():
    """Two digits, and more where these would say 0.05 of a value above it."""
    shown = [words.probability(value) for value in (0.05028, 0.05, 0.0496, 0.000123, 0.5, None, math.nan)]
    assert shown == ["0.0503", "0.05", "0.05", "0.00012", "0.5", "–", "–"]


def test_contradicted_claims_of_ours_are_counted_apart():
    """A session's last line does not take claims of ours for the paper's."""
    assert words.ending(5, 1, 0, 0) == "5 claims, 1 of them ours, are contradicted at this scale"
    assert words.ending(1, 0, 0, 0) == "1 claim is contradicted at this scale"
    assert words.ending(1, 1, 0, 0) == "1 claim of ours is contradicted at this scale"
    assert words.ending(0, 0, 2, 0) == "2 tests failed for another reason"
