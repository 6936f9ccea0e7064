"""Trends, orders, shares of layers and claims of no difference."""

import numpy as np
import pytest
from scipy import stats

from vitwork.errors import VitworkError
from vitwork.statistics.effect import Verdict
from vitwork.statistics import equivalent, layer_share, ordering, rank_agreement, share_of_layers, trend
from vitwork.statistics.contrasts import student

RNG = np.random.default_rng(0)
NAN = float("nan")


def arms(*means, n=6, noise=0.3):
    return [mean + noise * RNG.standard_normal(n) for mean in means]


def test_slope_is_the_least_squares_slope():
    """The estimate is scipy's regression slope over all seeds when arms have equal numbers of seeds."""
    levels = [0.0, 1.0, 3.0, 4.0]
    values = arms(5.0, 4.0, 2.5, 1.0)
    expected = stats.linregress(np.repeat(levels, 6), np.concatenate(values)).slope
    assert trend(values, levels=levels).estimate == pytest.approx(expected, rel=1e-10)


def test_trend_of_two_arms_is_their_comparison():
    """With two arms the trend's p-value is the two-sample one."""
    a, b = arms(1.0, 2.0)
    assert trend([a, b]).p == pytest.approx(float(student(a, b).p(0.0)), rel=1e-10)


def test_trend_verdicts():
    """A falling quantity reproduces `less`, contradicts `greater`; flat arms are open or, in a band, contradicted."""
    falling = arms(4.0, 3.0, 2.0, 1.0)
    assert trend(falling, "less").verdict is Verdict.REPRODUCED
    assert trend(falling, "greater").verdict is Verdict.CONTRADICTED
    flat = [np.array([0.1, -0.1, 0.05, 0.0, -0.05])] * 4
    assert trend(flat).verdict is Verdict.INCONCLUSIVE
    assert trend(flat, equivalence=1.0).verdict is Verdict.CONTRADICTED


def test_trend_answers_bad_data_and_refuses_bad_questions():
    """A diverged run, too few seeds and no spread leave a trend open; one arm or equal levels are refused."""
    good = arms(1.0, 2.0, 3.0)
    assert "finite" in trend([*good[:2], [1.0, NAN, 2.0]]).reason
    assert "fewer" in trend([[1.0, 2.0], *good]).reason
    assert trend([[1.0] * 4, [2.0] * 4]).verdict is Verdict.INCONCLUSIVE
    for bad in ({"arms": good[:1]}, {"arms": good, "levels": [1, 1, 1]}, {"arms": good, "levels": [1, 2]}):
        with pytest.raises(VitworkError):
            trend(**bad)


def test_order_needs_every_step():
    """Four clear steps are reproduced; one weak step leaves the order open; one reversed step contradicts it."""
    assert ordering(arms(0.0, 3.0, 6.0, 9.0)).verdict is Verdict.REPRODUCED
    tie = np.array([0.1, -0.1, 0.2, -0.2, 0.05, 0.0])
    assert ordering([tie, tie + 3.0, tie[::-1] + 3.0]).verdict is Verdict.INCONCLUSIVE
    reversed_ = ordering(arms(0.0, 6.0, 3.0, 9.0))
    assert reversed_.verdict is Verdict.CONTRADICTED
    assert "number 2" in reversed_.reason
    assert ordering(arms(9.0, 6.0, 3.0), "greater").verdict is Verdict.REPRODUCED


def test_order_passes_on_what_could_not_be_tested():
    """A step without a test is what the order reports; one arm is refused."""
    assert ordering([[1.0], *arms(2.0, 3.0)]).verdict is Verdict.INCONCLUSIVE
    with pytest.raises(VitworkError):
        ordering(arms(1.0))


def test_rank_agreement_is_kendalls_tau():
    """Each seed's agreement with the order is scipy's Kendall tau."""
    table = RNG.standard_normal((5, 7))
    expected = [stats.kendalltau(np.arange(5), column).statistic for column in table.T]
    assert rank_agreement(table) == pytest.approx(expected)


def test_share_counts_layers_per_seed():
    """One share per seed; a seed with an unknown layer is unknown."""
    table = np.array([[-1.0, -1.0, 1.0, 1.0], [-1.0, -1.0, -1.0, 1.0], [-1.0, NAN, 1.0, 1.0]])
    shares = layer_share(table)
    assert list(shares[:2]) == [0.5, 0.75]
    assert np.isnan(shares[2])
    assert layer_share(table, "greater")[1] == 0.25


def test_layers_are_not_replicates():
    """Twelve unanimous layers of one network decide nothing; eight networks do."""
    one = share_of_layers(-np.ones((1, 12)))
    assert one.verdict is Verdict.INCONCLUSIVE
    table = -np.ones((8, 12))
    table[::2, :2] = 1.0
    many = share_of_layers(table)
    assert many.verdict is Verdict.REPRODUCED
    assert many.scale == "share"
    assert many.reason.startswith("share 0.9")


def test_claims_of_no_difference():
    """Inside the band is reproduced, outside contradicted, in between and with too few seeds open."""
    a = np.array([0.1, -0.1, 0.2, -0.2, 0.05])
    assert equivalent(a, a[::-1] + 0.1, 2.0).verdict is Verdict.REPRODUCED
    assert equivalent(a, a[::-1] + 9.0, 2.0).verdict is Verdict.CONTRADICTED
    assert equivalent(a, a[::-1] + 2.1, 2.0).verdict is Verdict.INCONCLUSIVE
    assert equivalent(a[:1], a, 2.0).verdict is Verdict.INCONCLUSIVE


def test_equivalence_is_the_interval_inside_the_band():
    """The smallest band that is shown is the interval's far edge."""
    a, b = arms(0.0, 0.2)
    edge = max(abs(v) for v in (equivalent(a, b, 1.0).low, equivalent(a, b, 1.0).high))
    assert equivalent(a, b, edge * 1.001).verdict is Verdict.REPRODUCED
    assert equivalent(a, b, edge * 0.999).verdict is Verdict.INCONCLUSIVE
