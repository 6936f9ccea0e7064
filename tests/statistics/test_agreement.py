"""Rank correlations with seeds as replicates."""

import numpy as np
import pytest
from scipy import stats

from vitwork.errors import VitworkError
from vitwork.statistics import rank_agreement, rank_correlation
from vitwork.statistics.agreement import exchangeable_variance, rank_contrast
from vitwork.statistics.effect import Obstacle, Test, Verdict

RNG = np.random.default_rng(0)


def test_rank_agreement_is_kendalls_tau():
    """Each seed's agreement with the order is scipy's Kendall tau, and with ties of rank its share of ordered pairs."""
    table = RNG.standard_normal((5, 7))
    expected = [stats.kendalltau(np.arange(5), column).statistic for column in table.T]
    assert rank_agreement(table) == pytest.approx(expected)
    assert rank_agreement([[1.0], [9.0], [10.0]], (0, 0, 1)) == pytest.approx([1.0])
    assert rank_agreement([[1.0], [9.0], [5.0]], (0, 0, 1)) == pytest.approx([0.0])


def test_variance_of_arms_without_order():
    """The least variance is that of random orders, ties of rank included."""
    for levels in ((0, 1), (0, 1, 2, 3), (0, 0, 1, 1, 2, 3)):
        table = RNG.standard_normal((len(levels), 40_000))
        assert rank_agreement(table, levels).var() == pytest.approx(exchangeable_variance(levels), rel=0.03)


def test_seeds_that_agree_in_every_rank_decide():
    """Five seeds that all show the claimed order of six arms decide, although they show no spread."""
    arms = [level + 0.01 * RNG.standard_normal(5) for level in range(6)]
    found = rank_correlation(arms)
    assert (found.estimate, found.verdict, found.test) == (pytest.approx(1.0), Verdict.REPRODUCED, Test.RANKS)
    assert rank_correlation(arms[::-1]).verdict is Verdict.CONTRADICTED
    assert rank_correlation(arms[:2]).verdict is Verdict.INCONCLUSIVE
    assert rank_correlation([np.repeat(arm, 2) for arm in arms], anytime=True).verdict is Verdict.REPRODUCED


def test_arms_without_rank_correlation_are_rarely_decided():
    """Random orders, and arms that differ although their mean tau is zero, err in at most 5 %."""
    for n in (3, 5, 9):
        for means in (np.zeros(4), np.array([0.0, 5.0, 5.0, 0.0])):
            tau = rank_agreement(means[:, None, None] + RNG.standard_normal((4, 20_000, n)))
            assert (rank_contrast(tau, exchangeable_variance(range(4))).p(0.0) <= 0.05).mean() < 0.05


def test_what_cannot_be_ranked():
    """Too few seeds and diverged runs leave it open; one rank for all, or none for some, is refused."""
    assert rank_correlation([[1.0, 2.0]] * 3).obstacle is Obstacle.FEW_SEEDS
    assert rank_correlation([[1.0, 2.0, None]] * 3).obstacle is Obstacle.UNKNOWN_VALUE
    for levels in ((1, 1, 1), (0, 1)):
        with pytest.raises(VitworkError):
            rank_correlation(np.ones((3, 4)), levels=levels)
