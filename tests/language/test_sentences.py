from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest

from tests.language.test_comparison_language import HIGH, LOW, ape, sample
from tests.language.test_comparison_language import error as plain_error
from tests.session.test_judge import PROFILE, case, court, error, reading
from vitwork.statistics.effect import Verdict
from vitwork.language.quantity import quantity
from vitwork.language.structured import falling, ordered, rising, same
from vitwork.session.baseline import Baseline
from vitwork.session.forecast import plan_lines
from vitwork.session.judge import Court, Measure
from vitwork.session.results import judged, payload
from vitwork.statistics import compare_to_baseline, meta, sequential, trend

SCHEMA = Path(__file__).parents[2] / "vitwork" / "report" / "results.schema.json"
MIDDLE = (2.0, 2.1, 1.9, 2.05, 1.95)


@quantity(reading, name="APE", scale="log-ratio")
def sharpness(record: dict[str, Any]) -> float:
    return math.exp(float(record["error"]))


def three() -> list[Any]:
    return [sample(plain_error, arm, values) for arm, values in (("a", LOW), ("b", MIDDLE), ("c", HIGH))]


def test_trend_reads_like_a_sentence_and_is_a_test() -> None:
    """A rise over levels is reproduced as rising and contradicted as falling; its effect is the slope."""
    up, down = rising(*three(), levels=(1, 2, 3)), falling(*three(), levels=(1, 2, 3))
    assert up.statement == "error rises over a, b, c (at 1, 2, 3)"
    assert up.test(0.05).verdict is Verdict.REPRODUCED
    assert down.test(0.05).verdict is Verdict.CONTRADICTED
    assert up.test(0.05).estimate == pytest.approx(1.0)
    assert up.test(0.05).scale == "slope"
    assert (up.a.arm, up.declared) == ("a", {"levels": [1, 2, 3]})


def test_trend_of_ratios_is_a_factor_per_level() -> None:
    """A quantity compared by ratio has the slope of its logarithms, doubling at each level here."""
    doubling = [sample(ape, str(k), tuple(2.0**k * value for value in LOW)) for k in range(4)]
    effect = rising(*doubling).test(0.05)
    assert math.exp(effect.estimate) == pytest.approx(2.0)
    assert (effect.scale, effect.verdict) == ("log-ratio", Verdict.REPRODUCED)


def test_order_is_one_hypothesis() -> None:
    """Every step has to hold; one reversed step contradicts; the sentence is a chain."""
    a, b, c = three()
    assert ordered(a, b, c).statement == "error(a) < error(b) < error(c)"
    assert ordered(a, b, c).test(0.05).verdict is Verdict.REPRODUCED
    assert ordered(a, c, b).test(0.05).verdict is Verdict.CONTRADICTED


def test_sameness_has_to_be_shown() -> None:
    """Inside the band is reproduced, outside contradicted, and two noisy arms are open, with the seeds it would take."""
    a, _, c = three()
    near = sample(plain_error, "d", LOW[::-1])
    assert same(a, near, within=1.0).test(0.05).verdict is Verdict.REPRODUCED
    assert same(a, c, within=1.0).test(0.05).verdict is Verdict.CONTRADICTED
    unclear = same(a, near, within=0.1).test(0.05)
    assert unclear.verdict is Verdict.INCONCLUSIVE
    assert unclear.seeds_needed is not None
    assert same(a, near, within=1.0).statement == "error(a) = error(d) within 1"
    ratio = same(sample(ape, "a", LOW), sample(ape, "d", LOW[::-1]), within=1.5)
    assert ratio.statement == "APE(a) = APE(d) within a factor of 1.5"
    assert ratio.test(0.05).verdict is Verdict.REPRODUCED


@pytest.mark.parametrize("state", [falling, rising, ordered])
def test_sentences_without_sense_are_refused(state: Callable[..., Any]) -> None:
    """One sample, different quantities and margins have no order; levels must fit; a band must have a width."""
    a, b, _ = three()
    for bad, kind in (((a,), ValueError), ((a, sample(ape, "b", LOW)), TypeError), ((a, b + 1.0), TypeError)):
        with pytest.raises(kind):
            state(*bad)
    for levels in ((1,), (1, 1)):
        with pytest.raises(ValueError, match="level"):
            falling(a, b, levels=levels)
    for first, within in ((a, 0.0), (sample(ape, "a", LOW), 1.0)):
        with pytest.raises(ValueError, match="nothing lies within"):
            same(first, 3.0, within=within)


def test_after_every_seed_the_same_sentences_hold() -> None:
    """With seeds on demand each sentence is decided by its e-process, which asks for more seeds than the fixed test."""
    noise = 0.1 * np.random.default_rng(0).standard_normal((3, 20))
    long = [sample(plain_error, arm, tuple(place + noise[place])) for place, arm in enumerate("abc")]
    near = sample(plain_error, "d", long[0].values[::-1])
    for sentence in (rising(*long), ordered(*long), same(long[0], near, within=1.0)):
        effect = sentence.test(0.05, sequential=True)
        assert effect.verdict is Verdict.REPRODUCED
        assert "any stopping time" in effect.method
        assert effect.p > sentence.test(0.05).p
    short = rising(*(sample(plain_error, s.arm, s.values[:4]) for s in long))
    assert short.test(0.05, sequential=True).verdict is Verdict.INCONCLUSIVE


def test_trend_of_two_arms_after_every_seed_is_their_comparison() -> None:
    """With two arms the e-process of the slope is that of the pairs."""
    assert trend([LOW, HIGH[::-1]], anytime=True).p == pytest.approx(sequential(LOW, HIGH[::-1]).p)


def test_a_lost_run_leaves_a_trend_open() -> None:
    """A diverged run is an outcome: the trend says that its slope is unknown, in both designs."""
    a, b, _ = three()
    lost = sample(plain_error, "c", (*HIGH[:4], math.nan))
    for anytime in (False, True):
        effect = rising(a, b, lost).test(0.05, sequential=anytime)
        assert effect.verdict is Verdict.INCONCLUSIVE
        assert "no finite value" in effect.reason


def heads(measure: Measure) -> None:
    values = measure(error)
    assert rising(values("vit"), values("resnet"), values("alternet"), levels=(0, 1, 1.005))


def order(measure: Measure) -> None:
    values = measure(sharpness)
    assert ordered(values("vit"), values("resnet"), values("alternet"))


def alike(measure: Measure) -> None:
    values = measure(error)
    assert same(values("resnet"), values("alternet"), within=1.0)


def heard(tmp_path: Path) -> Court:
    found = court(tmp_path, case("trend", heads), case("order", order), case("same", alike))
    found.weigh({}, {})
    return found


def document(found: Court) -> dict[str, Any]:
    return judged([payload(one, passed=True) for one in found.cases.values()], {})


def test_court_decides_them_like_comparisons(tmp_path: Path) -> None:
    """They are planned, weighed with Holm over the session, and delivered."""
    found = heard(tmp_path)
    assert {name: one.verdict for name, one in found.cases.items()} == {
        "trend": Verdict.REPRODUCED, "order": Verdict.INCONCLUSIVE, "same": Verdict.REPRODUCED,
    }  # fmt: skip
    assert all(one.effects[0].adjusted_p >= one.effects[0].p for one in found.cases.values())
    assert found.cases["order"].effects[0].seeds_needed is None or found.cases["order"].effects[0].seeds_needed > 5
    heads(found.measure(found.cases["trend"]))
    assert len(found.cases["trend"].wanted) == 15


def test_contradicted_trend_explains_itself(tmp_path: Path) -> None:
    """A false sentence shows what it said and every arm's mean and spread."""

    def wrong(measure: Measure) -> None:
        values = measure(error)
        assert falling(values("vit"), values("resnet"))

    found = court(tmp_path, case("claim", wrong))
    found.weigh({}, {})
    with pytest.raises(AssertionError, match=r"error falls over vit, resnet: <error.vit. = 1 ± 0.079"):
        wrong(found.measure(found.cases["claim"]))


def test_results_carry_every_side(tmp_path: Path) -> None:
    """Sides between the first and the last, levels and bands are in the results, which keep their schema."""
    trending, ordering, band = document(heard(tmp_path))["hypotheses"]
    assert [side["arm"] for side in (trending["a"], *trending["between"], trending["b"])] == [
        "vit",
        "resnet",
        "alternet",
    ]
    assert trending["levels"] == [0, 1, 1.005]
    assert "levels" not in ordering
    assert band["within"] == 1.0
    assert "between" not in band
    definitions = json.loads(SCHEMA.read_text())
    for hypothesis in (trending, ordering, band):
        jsonschema.validate(hypothesis, {**definitions["$defs"]["hypothesis"], "$defs": definitions["$defs"]})


def test_baseline_compares_slopes_and_weakest_steps(tmp_path: Path) -> None:
    """Against itself nothing changed; a trend that turned left its interval."""
    now = document(heard(tmp_path))
    assert compare_to_baseline(now, now) == []
    turned = json.loads(json.dumps(now))
    sides = turned["hypotheses"][0]
    sides["a"]["values"], sides["b"]["values"] = sides["b"]["values"], sides["a"]["values"]
    sides["between"][0]["values"] = sides["a"]["values"]
    sides["effect"]["estimate"] *= -1.0
    before, after = (
        trend([side["values"] for side in (h["a"], *h["between"], h["b"])], levels=h["levels"]).estimate
        for h in (now["hypotheses"][0], sides)
    )
    moved = [event for event in compare_to_baseline(now, turned) if event.kind == "left its interval"]
    assert [event.claim for event in moved] == ["trend"]
    assert moved[0].change is not None
    assert moved[0].change.estimate == pytest.approx(after - before)
    assert not [event for event in Baseline(tmp_path, now).events(heard(tmp_path)) if event.breaking]


def test_whole_claims_that_changed_are_told(tmp_path: Path) -> None:
    """A renamed claim is no vanished one, and a slower or newly undecided one is told without breaking anything."""
    before = document(heard(tmp_path))
    now = json.loads(json.dumps(before))
    before["claims"][0] |= {"sentence": "A sentence of its own.", "cost_seconds": 1.0}
    now["claims"][0] |= {"id": "renamed", "sentence": "A sentence of its own.", "cost_seconds": 9.0}
    now["claims"][2] |= {"verdict": "inconclusive"}
    for hypothesis in now["hypotheses"]:
        hypothesis["claim"] = hypothesis["claim"].replace("trend", "renamed")
    events = Baseline(tmp_path, before).notices(now)
    assert {(event.kind, event.claim) for event in events} == {
        ("renamed", "renamed"), ("slower", "renamed"), ("newly inconclusive", "same"),
    }  # fmt: skip
    assert not any(event.breaking for event in events)


def test_settings_of_one_trend_are_summarised(tmp_path: Path) -> None:
    """Slopes of several settings have a random-effects summary."""
    effects = [rising(*three()).test(0.05) for _ in range(3)]
    jittered = [replace(effect, estimate=effect.estimate + 0.1 * place) for place, effect in enumerate(effects)]
    summary = meta(jittered)
    assert summary is not None
    assert summary.effect.estimate == pytest.approx(1.1, abs=0.05)


def test_plan_tells_the_smallest_effect_of_each_claim(tmp_path: Path) -> None:
    """Before anything is trained, `--plan` says per claim what it could see; more seeds see less."""

    def smallest(seeds: int) -> dict[str, float]:
        planned = Court(replace(PROFILE, seeds=seeds), court(tmp_path).store, court(tmp_path).plan)
        planned.hear([case("trend", heads), case("order", order), case("same", alike)])
        return {line.split()[0]: float(line.split()[1]) for line in plan_lines(planned) if line.startswith("  ")}

    five, ten = smallest(5), smallest(10)
    assert set(five) == {"trend", "order", "same"}
    assert all(ten[claim] < five[claim] for claim in five)
