"""Holm's procedure over a session."""

import math

import numpy as np
import pytest
from statsmodels.stats.multitest import multipletests

from vitwork.errors import VitworkError
from vitwork.statistics import compare, equivalent, holm
from vitwork.statistics.effect import Obstacle, Verdict
from vitwork.statistics.multiplicity import bh_adjust, holm_adjust

RNG = np.random.default_rng(0)


def test_adjusted_values_are_statsmodels():
    """Adjusted p-values equal statsmodels' for random families, ties included."""
    for size in (1, 2, 7, 60):
        p = np.round(RNG.random(size) ** 3, 3)
        assert holm_adjust(list(p)) == pytest.approx(list(multipletests(p, method="holm")[1]))


def test_what_was_not_tested_does_not_count():
    """NaN stays NaN and does not make the others pay."""
    adjusted = holm_adjust([0.01, math.nan, 0.02])
    assert adjusted[0] == pytest.approx(0.02)
    assert math.isnan(adjusted[1])


def test_a_single_decision_can_fall_in_a_family():
    """An effect decided alone becomes inconclusive among sixty, with the seeds that the family asks for."""
    a, b = np.array([0.0, 1.0, -1.0, 0.5, -0.5]), np.array([4.0, 5.0, 3.0, 4.5, 3.5])
    alone = compare(a, b)
    assert alone.verdict is Verdict.REPRODUCED
    among = holm([alone, *(compare(a, a[::-1] + 0.1) for _ in range(59))])[0]
    assert among.verdict is Verdict.INCONCLUSIVE
    assert among.adjusted_p == pytest.approx(60 * alone.p)
    assert among.seeds_needed > 5


def test_strong_effects_survive_a_family():
    """A difference of forty standard deviations is decided among sixty, both ways, and keeps its order."""
    a = np.array([0.0, 1.0, -1.0, 0.5, -0.5])
    effects = [compare(a, a + 40.0), compare(a + 40.0, a), *(compare(a, a[::-1] + 0.1) for _ in range(58))]
    judged = holm(effects)
    assert [effect.verdict for effect in judged[:2]] == [Verdict.REPRODUCED, Verdict.CONTRADICTED]
    assert {effect.verdict for effect in judged[2:]} == {Verdict.INCONCLUSIVE}


def test_too_few_seeds_stay_undecided_in_a_family():
    """Two seeds per arm do not decide however small their p-value, nor at a wider error rate."""
    for alpha in (0.05, 0.5):
        judged = holm([compare([1.0, 1.001], [500.0, 500.001])], alpha)[0]
        assert (judged.verdict, judged.obstacle) == (Verdict.INCONCLUSIVE, Obstacle.FEW_SEEDS)


def test_a_wider_error_rate_decides_more():
    """What an effect's own alpha leaves open is decided where the family's alpha is wider, on the side it lies on."""
    a, b = np.array([0.0, 1.0, -1.0, 0.5, -0.5]), np.array([4.0, 5.0, 3.0, 4.5, 3.5])
    decided = [
        holm([effect], 0.2)[0].verdict
        for effect in (
            compare(a, b, alpha=1e-3),
            compare(b, a, alpha=1e-3),
            equivalent(a, b, 8.0, 1e-3),
            equivalent(a, b, 0.5, 1e-3),
        )
    ]
    assert decided == [Verdict.REPRODUCED, Verdict.CONTRADICTED] * 2


def test_untested_effects_pass_through():
    """An effect that no test applied to is returned as it is."""
    effect = compare([], [1.0])
    assert holm([effect]) == [effect]


def test_equivalence_survives_or_falls_like_a_difference():
    """A verdict from the equivalence band is corrected like any other, and says how many seeds it would take."""
    a = np.array([0.0, 1.0, -1.0, 0.5, -0.5])
    assert holm([equivalent(a, a, 30.0)] * 5)[0].verdict is Verdict.REPRODUCED
    barely = equivalent(a, a, 1.7)
    assert barely.verdict is Verdict.REPRODUCED
    assert holm([barely] * 40)[0].verdict is Verdict.INCONCLUSIVE
    assert 6 <= holm([barely] * 40)[0].seeds_needed <= 20


def test_q_values_are_statsmodels():
    """Over a family of which all is measured, q equals statsmodels' for random p-values, ties and leading axes included."""
    for size in (1, 2, 7, 60):
        p = np.round(RNG.random((3, size)) ** 3, 3)
        expected = [multipletests(row, method="fdr_bh")[1] for row in p]
        assert bh_adjust(p, size) == pytest.approx(np.array(expected))


def test_what_was_not_measured_counts_as_one():
    """A part of the family has the q-values that it has among ones, and measuring the rest never loses a verdict."""
    p = list(RNG.random(9) ** 4)
    q = bh_adjust(p, 30)
    assert q == pytest.approx(bh_adjust([*p, *[1.0] * 21], 30)[:9])
    assert bh_adjust([0.01, math.nan], 2) == pytest.approx([0.02, 1.0])
    for _ in range(50):
        rest = RNG.random(21)
        assert (bh_adjust([*p, *rest], 30)[:9] <= q + 1e-12).all()
    with pytest.raises(VitworkError):
        bh_adjust(p, 8)
