"""References and comparisons: data that reads like a sentence and is judged on numbers that come later."""

from __future__ import annotations

import math
import re
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tests.language.examples import HIGH, LOW, ape, error, judged, reference
from vitwork.language.sentence import Inequality, Reference, Sheet, control, paired
from vitwork.language.structured import correlated, falling, ordered, same
from vitwork.statistics.effect import Test, Verdict


def test_an_asserted_comparison_is_noted() -> None:
    """A test's body holds no number: asserting a comparison notes it, with both sides and its direction."""
    sheet = Sheet()
    assert reference(error, "a", sheet) < reference(error, "b", sheet)
    (noted,) = sheet.asserted
    assert isinstance(noted, Inequality)
    assert noted.statement == "error(a) < error(b)"
    assert judged(noted, LOW, HIGH).verdict is Verdict.REPRODUCED
    assert judged(noted, LOW, HIGH).estimate == pytest.approx(-2.0)
    assert judged(noted, HIGH, LOW).verdict is Verdict.CONTRADICTED


def test_only_what_is_asserted_is_noted() -> None:
    """A comparison that no assert asks for is no hypothesis and does not vanish, and a chain is one for each step."""
    sheet = Sheet()
    a, b, c = (reference(error, arm, sheet) for arm in "abc")
    forgotten = a < b
    assert not sheet.asserted
    assert a < b < c
    assert sheet.silent == [forgotten]
    assert [sentence.statement for sentence in sheet.asserted] == ["error(a) < error(b)", "error(b) < error(c)"]


def test_a_reference_has_no_truth_value() -> None:
    """A test that depends on a quantity instead of stating something about it is a mistake of its author."""
    with pytest.raises(TypeError, match=r"error\(a\) has no truth value"):
        assert reference(error, "a")


def test_direction_decides_between_reproduced_and_contradicted() -> None:
    """The same clear difference contradicts the opposite claim."""
    comparison = reference(error, "a") > reference(error, "b")
    assert judged(comparison, LOW, HIGH).verdict is Verdict.CONTRADICTED


def test_margin_is_part_of_the_sentence() -> None:
    """A margin written in the comparison moves the border between the sides."""
    a, b = reference(error, "a"), reference(error, "b")
    near = a < b - 1.5
    assert near.statement == "error(a) < error(b) − 1.5"
    assert judged(near, LOW, HIGH).verdict is Verdict.REPRODUCED
    assert judged(a < b - 2.5, LOW, HIGH).verdict is Verdict.CONTRADICTED
    assert judged(a + 1.5 < b, LOW, HIGH).verdict is Verdict.REPRODUCED


def test_factor_is_the_margin_of_ratios() -> None:
    """Ratios are compared on the logarithm, with a factor as margin."""
    a, b = reference(ape, "a"), reference(ape, "b")
    assert (a < 0.5 * b).statement == "APE(a) < 0.5 · APE(b)"
    assert judged(a < 0.5 * b, LOW, HIGH).verdict is Verdict.REPRODUCED
    assert judged(a < 0.2 * b, LOW, HIGH).verdict is Verdict.CONTRADICTED
    assert judged(a < 0.5 * b, LOW, HIGH).estimate == pytest.approx(math.log(1 / 3), abs=0.02)


def test_the_quantitys_scale_reaches_the_test() -> None:
    """A quantity may be compared by the order of its runs."""
    by_order = replace(error, scale="probability")
    effect = judged(reference(by_order, "a") < reference(by_order, "b"), LOW + LOW, HIGH + HIGH)
    assert (effect.verdict, effect.scale) == (Verdict.REPRODUCED, "probability")


def test_margins_that_make_no_sense_are_refused() -> None:
    """Adding to a quantity compared by ratio is a mistake of the claim's author."""
    with pytest.raises(TypeError, match="APE is compared by log-ratio"):
        _ = reference(ape, "a") + 1.0
    with pytest.raises(TypeError, match="error is compared by difference"):
        _ = 0.5 * reference(error, "a")


@pytest.mark.parametrize("odd", ["5", None, [5], True, math.nan, math.inf, -math.inf])
def test_only_finite_numbers_are_compared_with(odd: Any) -> None:
    """A number in quotes, NaN and infinities are mistakes of the claim's author, wherever a sentence has a number."""
    a, b = reference(error, "a"), reference(ape, "b")
    for state in (lambda: a < odd, lambda: b > odd, lambda: odd * b, lambda: same(a, odd, within=1.0)):
        with pytest.raises(TypeError, match=rf"\((a|b)\).* is a finite number, not {re.escape(repr(odd))}"):
            state()
    with pytest.raises(TypeError):
        same(a, 1.0, within=odd)
    if odd not in (True, None):
        with pytest.raises(TypeError):
            a - odd


def test_other_numbers_are_plain_ones() -> None:
    """What a library calls a number is written as results have it, and a factor is above 0."""
    compared = reference(error, "a") < np.float32(2.5)
    assert [type(side) for side in compared.sides] == [Reference, float]
    assert compared.statement == "error(a) < 2.5"
    for factor in (0, -1.0):
        with pytest.raises(ValueError, match=r"a factor of APE\(a\) is above 0"):
            factor * reference(ape, "a")


def test_equality_states_nothing() -> None:
    """Python would compare the names of things, and the claim would hold or fail before anything is measured."""
    a, b = reference(error, "a"), reference(error, "b")
    for state in (lambda: a == b, lambda: a != b, lambda: a == 5.0):
        with pytest.raises(TypeError, match="states nothing: say same"):
            state()


@pytest.mark.parametrize("condition", ["", 5, None])
def test_a_control_has_a_condition_in_words(condition: Any) -> None:
    """Without one the sentence would decide."""
    with pytest.raises(TypeError, match="condition of a control is in words"):
        control(reference(error, "a") < 2.0, condition)


def test_a_control_takes_the_place_of_its_sentence() -> None:
    """A sentence that became a control is asserted as one, and not forgotten itself."""
    sheet = Sheet()
    assert control(reference(error, "a", sheet) < 2.0, "on other images")
    assert not sheet.silent
    assert [sentence.control for sentence in sheet.asserted] == ["on other images"]


def test_constants_and_paired_sides() -> None:
    """A reference compares with a constant, and with another quantity of the same networks seed by seed."""
    below = judged(reference(error, "a") < 2.0, LOW, 2.0)
    assert (below.n_b, below.verdict) == (0, Verdict.REPRODUCED)
    assert paired(reference(error, "a"), reference(error, "a"))
    assert not paired(reference(error, "a"), reference(error, "b"))
    same_networks = reference(error, "a") < reference(error, "a")
    assert judged(same_networks, LOW, HIGH[::-1]).test is Test.ONE_SAMPLE


def test_sides_that_only_parameters_tell_apart_name_them() -> None:
    """One quantity of one arm at two snapshots is stated with the snapshots; other statements stay short."""
    early, late = (reference(ape, "vit", when=when) for when in ("warmup", "end"))
    assert (early > late).statement == "APE(vit, warmup) > APE(vit, end)"
    assert (early > reference(ape, "resnet")).statement == "APE(vit) > APE(resnet)"
    assert ordered(early, late).statement == "APE(vit, warmup) < APE(vit, end)"
    assert correlated([early], [late]).statement == "APE ranks vit (warmup) < vit (end)"
    assert falling(early, late).statement == "APE falls over vit (warmup), vit (end)"
    assert same(early, late, within=1.5).statement == "APE(vit, warmup) = APE(vit, end) within a factor of 1.5"


def test_more_seeds_show_smaller_effects() -> None:
    """What a sentence could see is known before anything is trained."""
    sentence = reference(error, "a") < reference(error, "b")
    assert sentence.smallest(20, 0.01) < sentence.smallest(5, 0.01) < sentence.smallest(5, 0.001)
