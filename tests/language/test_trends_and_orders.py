"""Sentences of more than one comparison (`vitwork.language.structured`)."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tests.language.examples import HIGH, LOW, MIDDLE, ape, error, judged, reference
from vitwork.language.sentence import Reference, control
from vitwork.language.structured import correlated, falling, interacting, ordered, rising, same
from vitwork.statistics import compare, trend
from vitwork.statistics.effect import Obstacle, Test, Verdict


def three() -> list[Reference]:
    return [reference(error, arm) for arm in "abc"]


def test_trend_reads_like_a_sentence_and_is_a_test() -> None:
    """A rise over levels is reproduced as rising and contradicted as falling; its effect is the slope."""
    up, down = rising(*three(), levels=(1, 2, 4)), falling(*three(), levels=(1, 2, 3))
    assert up.statement == "error rises over a, b, c (at 1, 2, 4)"
    assert judged(down, LOW, MIDDLE, HIGH).verdict is Verdict.CONTRADICTED
    effect = judged(rising(*three(), levels=(1, 2, 3)), LOW, MIDDLE, HIGH)
    assert (effect.verdict, effect.scale) == (Verdict.REPRODUCED, "slope")
    assert effect.estimate == pytest.approx(1.0)
    assert (up.first.arm, up.levels) == ("a", (1, 2, 4))


def test_trend_of_ratios_is_a_factor_per_level() -> None:
    """A quantity compared by ratio has the slope of its logarithms, doubling at each level here."""
    doubling = [tuple(2.0**k * value for value in LOW) for k in range(4)]
    effect = judged(rising(*(reference(ape, str(k)) for k in range(4))), *doubling)
    assert math.exp(effect.estimate) == pytest.approx(2.0)
    assert (effect.scale, effect.verdict) == ("log-ratio", Verdict.REPRODUCED)


def test_order_is_one_hypothesis() -> None:
    """Every step has to hold; one reversed step contradicts; the sentence is a chain."""
    chain = ordered(*three())
    assert chain.statement == "error(a) < error(b) < error(c)"
    assert judged(chain, LOW, MIDDLE, HIGH).verdict is Verdict.REPRODUCED
    reversed_step = judged(chain, LOW, HIGH, MIDDLE)
    assert reversed_step.verdict is Verdict.CONTRADICTED
    assert (reversed_step.steps, reversed_step.weakest) == (2, 2)


def test_sameness_has_to_be_shown() -> None:
    """Inside the band is reproduced, outside contradicted, and two noisy arms are open, with the seeds it would take."""
    a, _, c = three()
    near = same(a, c, within=1.0)
    assert judged(near, LOW, LOW[::-1]).verdict is Verdict.REPRODUCED
    assert judged(near, LOW, HIGH).verdict is Verdict.CONTRADICTED
    unclear = judged(same(a, c, within=0.1), LOW, LOW[::-1])
    assert unclear.verdict is Verdict.INCONCLUSIVE
    assert unclear.seeds_needed is not None
    assert near.statement == "error(a) = error(c) within 1"
    ratio = same(reference(ape, "a"), reference(ape, "d"), within=1.5)
    assert ratio.statement == "APE(a) = APE(d) within a factor of 1.5"
    assert judged(ratio, LOW, LOW[::-1]).verdict is Verdict.REPRODUCED


@pytest.mark.parametrize("state", [falling, rising, ordered])
def test_sentences_without_sense_are_refused(state: Callable[..., Any]) -> None:
    """One arm, different quantities and margins have no order; levels must fit; a band must have a width."""
    a, b, _ = three()
    for bad, kind in (((a,), ValueError), ((a, reference(ape, "b")), TypeError), ((a, b + 1.0), TypeError)):
        with pytest.raises(kind):
            state(*bad)
    for levels in ((1,), (1, 1)):
        with pytest.raises(ValueError, match="level"):
            falling(a, b, levels=levels)
    for odd in ("1", math.inf, None):
        with pytest.raises(TypeError):
            falling(a, b, levels=(0, odd))
    for first, within in ((a, 0.0), (reference(ape, "a"), 1.0)):
        with pytest.raises(ValueError, match="nothing lies within"):
            same(first, 3.0, within=within)


def test_after_every_seed_the_same_sentences_hold() -> None:
    """With seeds on demand each sentence is decided by its e-process, which asks for more seeds than the fixed test."""
    noise = 0.1 * np.random.default_rng(0).standard_normal((3, 20))
    long = [tuple(place + noise[place]) for place in range(3)]
    a, b, c = three()
    for sentence, values in (
        (rising(a, b, c), long),
        (ordered(a, b, c), long),
        (same(a, c, within=1.0), [long[0], long[0][::-1]]),
    ):
        effect = judged(sentence, *values, sequential=True)
        assert effect.verdict is Verdict.REPRODUCED
        assert effect.test is Test.SAFE_T
        assert effect.p > judged(sentence, *values).p
    assert judged(rising(a, b, c), *(v[:3] for v in long), sequential=True).verdict is Verdict.INCONCLUSIVE


def test_trend_of_two_arms_after_every_seed_is_their_comparison() -> None:
    """With two arms the e-process of the slope is that of the pairs."""
    assert trend([LOW, HIGH[::-1]], anytime=True).p == pytest.approx(compare(LOW, HIGH[::-1], anytime=True).p)


def test_a_lost_run_leaves_a_trend_open() -> None:
    """A diverged run is an outcome: the slope is unknown, in both designs."""
    lost = (*HIGH[:4], math.nan)
    for anytime in (False, True):
        effect = judged(rising(*three()), LOW, MIDDLE, lost, sequential=anytime)
        assert (effect.verdict, effect.obstacle) == (Verdict.INCONCLUSIVE, Obstacle.UNKNOWN_VALUE)


def test_a_rank_correlation_needs_no_step_of_its_own() -> None:
    """Arms of one rank are not compared, a small step back within the ranks does not matter, and empty ranks fall out."""
    a, b, c, d = (reference(error, arm) for arm in "abcd")
    sentence = correlated([a], [b, c], [], [d])
    assert sentence.statement == "error ranks a < b, c < d"
    assert (sentence.form, sentence.levels) == ("correlation", (0.0, 1.0, 1.0, 2.0))
    effect = judged(sentence, LOW, HIGH, MIDDLE, HIGH)
    assert (effect.verdict, effect.test) == (Verdict.REPRODUCED, Test.RANKS)
    assert judged(sentence, HIGH, MIDDLE, MIDDLE, LOW).verdict is Verdict.CONTRADICTED
    assert control(sentence, "over all").control == "over all"
    assert sentence.smallest(5, 0.05) > 0
    with pytest.raises(ValueError, match="two ranks"):
        correlated([a, b], [])


def test_an_interaction_is_a_difference_of_differences() -> None:
    """One gap is larger than another: the effect is by how much."""
    a, b, c, d = (reference(error, arm) for arm in "abcd")
    sentence = interacting((a, b), (c, d))
    assert sentence.statement == "error(a) − error(b) > error(c) − error(d)"
    effect = judged(sentence, HIGH, LOW, MIDDLE, LOW)
    assert effect.estimate == pytest.approx((np.mean(HIGH) - np.mean(LOW)) - (np.mean(MIDDLE) - np.mean(LOW)))
    assert effect.verdict is Verdict.REPRODUCED
    assert judged(sentence, MIDDLE, LOW, HIGH, LOW).verdict is Verdict.CONTRADICTED
