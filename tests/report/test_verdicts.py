"""Verdicts in words: what qualifies them, how they were corrected, and what they cost."""

from __future__ import annotations

import dataclasses
import math
import xml.etree.ElementTree as ET
from typing import Any

import pytest
from msgspec.structs import replace

from tests.report import synthetic
from vitwork.facts.document import QuantityResult
from vitwork.report import words
from vitwork.report.badge import badge
from vitwork.report.words.verdicts import BELOW, core_seconds
from vitwork.statistics.effect import Effect, Verdict

R, C, U, N = Verdict.REPRODUCED, Verdict.CONTRADICTED, Verdict.INCONCLUSIVE, Verdict.NOT_MEASURED
TRAIN, LOSS, POWER = "with BatchNorm in train mode", "at matched training loss", "with equal noise power"


@pytest.fixture(scope="module")
def some():
    return synthetic.results(seeds=2, claims=7, grid=3)


def qualified(some: Any, verdict: Verdict, controls: dict[str, list[Verdict]], unmeasured: tuple[str, ...] = ()) -> str:
    plain = some.hypotheses[0]
    hypotheses = [plain] + [
        replace(plain, control=condition, effect=dataclasses.replace(plain.effect, verdict=found))
        for condition, verdicts in controls.items()
        for found in verdicts
    ]
    claim = replace(some.claims[0], verdict=verdict, unmeasured=unmeasured)
    return words.verdict(claim, hypotheses, "smoke")


@pytest.mark.parametrize(
    ("verdict", "controls", "said"),
    [
        (R, {}, "reproduced at smoke"),
        (R, {TRAIN: [R]}, "reproduced at smoke"),
        (R, {TRAIN: [C]}, f"reproduced at smoke, but not {TRAIN}"),
        (R, {TRAIN: [R, C], POWER: [C]}, f"reproduced at smoke, but not {TRAIN} or {POWER}"),
        (R, {LOSS: [U], TRAIN: [C]}, f"reproduced at smoke, but not {TRAIN}; undecided {LOSS}"),
        (C, {TRAIN: [C], LOSS: [R]}, f"contradicted at smoke, but reproduced {LOSS}"),
        (U, {TRAIN: [U], LOSS: [R], POWER: [C]}, f"inconclusive at smoke; reproduced {LOSS}; contradicted {POWER}"),
        (N, {TRAIN: [C]}, "not measured at smoke"),
    ],
)
def test_a_verdict_is_said_with_its_scale_and_what_its_controls_do_not_share(some, verdict, controls, said):
    """Controls that agree are silent, one that contradicts comes first, several tests of one condition count together."""
    assert qualified(some, verdict, controls) == said


def test_a_control_of_several_tests_says_which_of_them_have_its_verdict(some):
    """By the parameters that differ between them; where all of them have it, or none differs, the condition says enough."""
    plain = some.hypotheses[0]

    def said(verdicts: dict[str, Verdict]) -> str:
        controls = [
            replace(
                plain,
                control=TRAIN,
                parameters={"when": when, "arm": "vit"},
                effect=dataclasses.replace(plain.effect, verdict=found),
            )
            for when, found in verdicts.items()
        ]
        return words.verdict(replace(some.claims[0], verdict=R), [plain, *controls], "smoke")

    assert said({"warmup": R, "end": C}) == f"reproduced at smoke, but not {TRAIN} (at the end)"
    assert (
        said({"init": U, "warmup": R, "end": U})
        == f"reproduced at smoke; undecided {TRAIN} (before training, at the end)"
    )
    assert said({"warmup": C, "end": C}) == f"reproduced at smoke, but not {TRAIN}"


def test_a_control_that_was_not_measured_is_named(some):
    """Beside those that were; it takes nothing from the verdict."""
    assert qualified(some, R, {TRAIN: [C]}, (LOSS,)) == f"reproduced at smoke, but not {TRAIN}; not measured {LOSS}"


@pytest.mark.parametrize(
    ("effect", "stated", "unit", "said"),
    [
        (Effect(-0.2, -1.0, 0.6, 5, 5, 0.5, U), 1.5, "%", "the effect here is weaker than the paper’s +1.5 points"),
        (Effect(-0.2, -1.0, 0.6, 5, 5, 0.5, U), -1.5, "nats", "the effect here is weaker than the paper’s −1.5 nats"),
        (Effect(-0.2, -1.0, 0.6, 5, 5, 0.5, U), -1.5, "log variance", "the effect here is weaker than the paper’s −1.5 log variance"),
        (Effect(-0.2, -1.0, 0.6, 5, 5, 0.5, U), 0.5, "%", ""),
        (Effect(-0.2, -1.0, 0.6, 5, 5, 0.5, U), None, "%", ""),
        (Effect(-0.9, -1.9, 0.1, 5, 5, 0.5, U), -0.05, "%", ""),
        (Effect(-0.9, -1.9, 0.1, 5, 5, 0.5, U), 0.5, "%", "the effect here is weaker than the paper’s +0.5 points"),
        (Effect(-3.0, -4.0, -2.0, 5, 5, 0.5, U), -1.5, "%", "the effect here is stronger than the paper’s −1.5 points"),
        (Effect(-0.2, -1.0, 0.6, 5, 5, 0.5, U, scale="log-ratio"), 0.12, "",
         "the effect here is weaker than the paper’s ×0.12"),
        (Effect(-0.2, -1.0, 0.6, 5, 5, 0.5, U, scale="log-ratio"), 0.5, "", ""),
        (Effect(math.nan, -math.inf, math.inf, 5, 5, math.nan, U), 1.5, "%", ""),
        (Effect(-0.2, -1.0, 0.6, 5, 5, 0.5, U, adjusted_low=-2.0, adjusted_high=2.0), 1.5, "%",
         "the effect here is weaker than the paper’s +1.5 points"),
    ],
)  # fmt: skip
def test_an_undecided_effect_excludes_the_papers_number(some, effect, stated, unit, said):
    """By its own 95 % interval, on the scale of the claim; where the paper gives no number nothing is said."""
    claim = replace(some.claims[0], verdict=U, paper=dataclasses.replace(some.claims[0].paper, effect=stated))
    hypothesis = replace(some.hypotheses[0], unit=unit, effect=effect)
    assert words.qualifiers(claim, [hypothesis]) == ((said,) if said else ())
    assert words.qualifiers(replace(claim, verdict=R), [hypothesis]) == ()


def test_the_comparison_that_excludes_a_number_is_named_where_there_are_several(some):
    """The paper's number is that of the first, and readers must not take it for another's."""
    claim = replace(some.claims[0], verdict=U, paper=dataclasses.replace(some.claims[0].paper, effect=1.5))
    effect = Effect(-0.2, -1.0, 0.6, 5, 5, 0.5, U)
    first, second = (
        replace(some.hypotheses[0], statement=said, effect=effect, unit="%") for said in ("a < b", "c < d")
    )
    assert words.qualifiers(claim, [first, second]) == (
        "the effect here for a < b is weaker than the paper’s +1.5 points",
    )


def test_controls_do_not_count_among_what_decides(some):
    """A claim's reason is that of its primaries; with controls alone nothing was decided."""
    plain = some.hypotheses[0]
    control = replace(plain, control=TRAIN, effect=dataclasses.replace(plain.effect, verdict=C))
    alone, both = (words.claim_reason(some.claims[0], found) for found in ([plain], [control, plain]))
    assert alone == both
    undecided = replace(some.claims[0], verdict=N)
    assert words.claim_reason(undecided, [control]) == "Only controls were measured, which never decide."


def test_the_correction_names_family_rate_and_level(some):
    """The level of the intervals is what the decided share of the family leaves; earlier results were corrected by Holm."""
    assert words.correction(some).endswith("over the 7 claims that the profile can measure (Benjamini and Hochberg). "
                                           "Intervals are those that decide, at 97.14 %.")  # fmt: skip
    assert "by Holm’s procedure for the 12 comparisons" in words.correction(synthetic.earlier(some))
    assert words.correction(replace(synthetic.earlier(some), hypotheses=())) == ""


def test_a_price_counts_decided_claims_of_the_paper_alone(some):
    """Over the seconds of all runs and measurements."""
    run, entry = replace(some.runs[0], seconds=90.0), replace(some.measurements[0], seconds=30.0)
    results = synthetic.claim_of(replace(some, runs=(run,), measurements=(entry,)), 0, ours=True)
    assert words.price(results).startswith(
        "1.5 claims decided per worker-minute: 3 of 6 claims of the paper in 2.0 worker-"
    )
    assert words.price(replace(results, runs=(), measurements=())) == ""


@pytest.mark.parametrize(("finished", "seconds"), [(120.0, 60.0), (90.0, 120.0)], ids=["here", "in an earlier session"])
def test_workers_that_share_cores_cost_no_more_than_these(some, finished, seconds):
    """Records of more workers than cores add up to more time than there was; those of earlier sessions are not bounded by this one."""
    run, entry = replace(some.runs[0], seconds=90.0, finished=finished), replace(some.measurements[0], seconds=30.0)
    results = replace(some, runs=(run,), measurements=(entry,))
    results = synthetic.provenance_of(results, hardware={"cores": 2}, started=100.0, seconds=30.0)
    assert core_seconds(results) == seconds
    assert "in 2.0 worker-minutes" in words.price(results)  # the same whichever session reads the store


def test_several_controls_that_were_not_measured_are_counted(some):
    """A profile that cannot have them would fill the page with their names, which stand in the claim when it is opened."""
    assert qualified(some, R, {}, (LOSS, TRAIN)) == f"reproduced at smoke; not measured {LOSS} and {TRAIN}"
    assert qualified(some, R, {}, (LOSS, TRAIN, POWER)) == "reproduced at smoke; 3 controls not measured here"


@pytest.mark.parametrize(
    ("changed", "below"),
    [({}, True), ({"drawn": True}, False), ({"error": 0.1}, False), ({"error": None}, False), ({"name": "other"}, False),
     ({"scale": "log-ratio"}, False)],
)  # fmt: skip
def test_an_effect_within_twice_the_error_of_shared_images_says_so(some, changed, below):
    """That error is no part of the spread over networks; it is where every network has images of its own."""
    found = {
        "name": "error",
        "unit": "%",
        "scale": "difference",
        "error": 1.1,
        "spread": 1.0,
        "drawn": False,
        "testable": True,
    }
    quantity = QuantityResult(**{**found, "skewness": None, "z": None, "skewed": False, **changed})
    effect = Effect(7.0, 6.0, 8.0, 5, 5, 0.001, R, margin=5.0)
    hypothesis = replace(some.hypotheses[0], quantity="error", unit="%", effect=effect)
    assert words.qualifiers(replace(some.claims[0], verdict=R), [hypothesis], [quantity]) == ((BELOW,) if below else ())
    said = "The effect is 2 pp from its margin, and twice the error of the test images is 2.2 pp."
    assert words.image_error(replace(some.claims[0], verdict=R), [hypothesis], [quantity]) == (said if below else "")
    assert words.qualifiers(replace(some.claims[0], verdict=U), [hypothesis], [quantity]) == ()


def test_how_fast_models_trained_is_told_without_a_verdict(some):
    """By medians over networks of each arm, fastest model first; of one model, or without speeds, nothing is said."""
    speeds = {
        ("preresnet", "resnet"): (900.0, 1000.0, 5000.0), ("vit_ti", "vit"): (400.0, None, 400.0), ("vit_ti", "vit-cls"): (450.0,),
    }  # fmt: skip
    runs = tuple(
        replace(some.runs[0], model=model, arm=arm, images_per_second=speed)
        for (model, arm), found in speeds.items()
        for speed in found
    )
    said = words.throughput(replace(some, runs=runs))
    assert said.startswith("Images per second (throughput-comparable; ")
    assert "similar speed): preresnet 1000, vit_ti 400 to 450 in 2 arms (medians" in said
    assert words.throughput(replace(some, runs=runs[3:])) == ""
    assert words.throughput(replace(some, runs=())) == ""


def test_the_badge_has_the_scale_and_the_papers_claims(some):
    """Claims of ours stand in its title alone."""
    made = badge(synthetic.claim_of(some, 0, ours=True))
    ET.fromstring(made)  # noqa: S314 - ours
    assert ">claims at synthetic<" in made
    assert ">✓ 2<" in made
    assert "of ours: 1 reproduced" in made
