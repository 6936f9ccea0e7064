"""One comparison: numbers against scipy and by hand, verdicts, and input that is not as it should be."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from vitwork.errors import VitworkError
from vitwork.statistics import audit_skewness, compare, equivalent, measured_noise
from vitwork.statistics.agreement import rank_correlation
from vitwork.statistics.contrasts import SKEWED, linear, student
from vitwork.statistics.effect import Obstacle, Test, Verdict
from vitwork.statistics.ranks import binomial_p
from vitwork.statistics.structured import trend

NAN, INF = math.nan, math.inf
A = np.array([0.9, 1.4, 0.3, 1.1, 0.8])
B = np.array([4.2, 5.1, 3.6, 4.9, 4.0])
VALUES = st.lists(st.floats(allow_nan=True, allow_infinity=True), min_size=0, max_size=8)


def imbalance(a, b):
    """How unequally two arms carry the standard error of their difference, written out a second time."""
    parts = a.var(ddof=1) / a.size, b.var(ddof=1) / b.size
    return abs(parts[0] - parts[1]) / sum(parts)


def fuller(a, b):
    """The fuller guard's factor for deciding that a is below b, written out a second time."""
    skewness = stats.moment(a, 3) / a.size**2 - stats.moment(b, 3) / b.size**2
    lean = skewness / np.sqrt(sum(6 * np.var(x) ** 3 / x.size**5 for x in (a, b)))
    return 1 + imbalance(a, b) * (SKEWED.blind + SKEWED.leaning * min(1.0, max(0.0, lean)))


def test_welch_statistic_with_conservative_degrees_of_freedom():
    """The p-value is Welch's statistic from scipy against Student's t with min(n) - 1 df, times 1 + imbalance."""
    t = stats.ttest_ind(A, B, equal_var=False).statistic
    plain = 2 * stats.t.sf(abs(t), 4)
    assert compare(A, B).p == pytest.approx((1 + imbalance(A, B)) * plain, rel=1e-10)
    assert compare(A, B, skewed=True).p == pytest.approx(fuller(A, B) * plain, rel=1e-10)


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_guard_asks_more_where_the_unseen_tail_lies(sign):
    """One sample with a long tail pays its lean for values beyond the tail's side, and only the blind part elsewhere."""
    values = sign * np.array([0.0, 0.2, 0.3, 0.5, 0.9, 2.0])
    lean = abs(stats.skew(values)) * np.sqrt(6 / 6)
    for value, expected in ((sign * 9.0, SKEWED.blind + SKEWED.leaning * min(1.0, lean)), (-sign * 9.0, SKEWED.blind)):
        plain = stats.ttest_1samp(values, value).pvalue
        effect = compare(values, value, "two-sided", skewed=True)
        assert effect.p == pytest.approx((1 + expected) * plain, rel=1e-10)
        assert effect.plain_p == pytest.approx(plain, rel=1e-12)


def test_the_penalty_is_what_p_was_multiplied_by():
    """The effect holds the guard's factors on either side, from which the plain p-value follows."""
    t = stats.ttest_ind(A, B, equal_var=False).statistic
    below, above = compare(A, B, skewed=True).penalty
    assert above == pytest.approx(fuller(A, B))  # 0 lies above the estimate
    assert compare(A, B, skewed=True).p / above == pytest.approx(2 * stats.t.sf(abs(t), 4), rel=1e-10)
    assert below != above
    assert compare(A, B, scale="probability").penalty == (1.0, 1.0)


def test_both_one_sided_p_values_stand_beside_the_two_sided_one():
    """The paper's side and the other are scipy's one-sided tests with the guard; the two-sided p is twice the smaller."""
    t = stats.ttest_ind(A, B, equal_var=False).statistic
    for alternative, paper, other in (("less", t, -t), ("greater", -t, t)):
        effect = compare(A, B, alternative)
        expected = [min(1.0, (1 + imbalance(A, B)) * stats.t.cdf(side, 4)) for side in (paper, other)]
        assert [effect.p_for, effect.p_against] == pytest.approx(expected, rel=1e-10)
        assert effect.p == pytest.approx(2 * min(effect.p_for, effect.p_against))
    assert compare(A, B, "two-sided").p_for == compare(A, B).p
    assert math.isnan(compare(A[:2], B[:2]).p_for)


def test_scipys_own_p_stands_beside_ours():
    """The textbook's p is scipy's Welch, one-sample or paired p at the margin, on the scale; none where order decides."""
    assert compare(A, B, margin=-1.0).plain_p == stats.ttest_ind(A, B - 1.0, equal_var=False).pvalue
    assert compare(A, 3.0).plain_p == stats.ttest_1samp(A, 3.0).pvalue
    assert compare(A, B, paired=True).plain_p == stats.ttest_rel(A, B).pvalue
    logarithms = compare(np.exp(A), np.exp(B), scale="log-ratio").plain_p
    assert logarithms == pytest.approx(stats.ttest_ind(A, B, equal_var=False).pvalue)
    for effect in (compare(A, B, scale="probability"), compare([*A[:4], NAN], B), compare([1.0] * 5, [2.0] * 5)):
        assert math.isnan(effect.plain_p)


def test_equal_spreads_carry_no_penalty():
    """With equal standard errors the p-value is the plain t test's with min(n) - 1 df."""
    t = stats.ttest_ind(A, A + 2.0).statistic
    assert compare(A, A + 2.0).p == pytest.approx(2 * stats.t.sf(abs(t), 4), rel=1e-9)


def test_one_sample_is_scipys_with_full_penalty():
    """Against a constant p is twice scipy's one-sample p, since one side carries the whole error."""
    expected = 2.0 * stats.ttest_1samp(A, 3.0).pvalue
    assert compare(A, 3.0).p == pytest.approx(expected, rel=1e-10)
    assert compare(A, 3.0).n_b == 0


def test_pairs_are_one_sample_of_differences():
    """Pairing is the one-sample test of the differences."""
    effect = compare(A, B, paired=True)
    assert effect.p == pytest.approx(compare(A - B, 0.0).p, rel=1e-10)
    assert effect.p >= stats.ttest_rel(A, B).pvalue
    assert effect.estimate == pytest.approx((A - B).mean())


@pytest.mark.parametrize("scale", ["difference", "log-ratio", "probability"])
def test_interval_inverts_the_test(scale):
    """A margin just inside the interval is not rejected and one just outside is, on every scale."""
    a, b = np.exp(A), np.exp(B - 2.0)
    a, b = np.concatenate([a, a * 1.1]), np.concatenate([b, b * 1.1])
    effect = compare(a, b, scale=scale)
    for edge, outwards in ((effect.low, -1.0), (effect.high, 1.0)):
        if scale == "probability" and edge in (0.0, 1.0):
            continue
        inside, outside = edge - outwards * 1e-6, edge + outwards * 1e-6
        assert compare(a, b, "two-sided", inside, scale=scale).p > 0.05
        assert compare(a, b, "two-sided", outside, scale=scale).p < 0.05 + 1e-9


def test_log_ratio_is_the_difference_of_logarithms():
    """The log-ratio scale is the difference scale after taking logarithms."""
    a, b = np.exp(A), np.exp(B)
    assert compare(a, b, scale="log-ratio").estimate == pytest.approx(compare(A, B).estimate, rel=1e-9)
    assert compare(a, b, scale="log-ratio").p == pytest.approx(float(student(A, B).p(0.0)), rel=1e-9)


def test_probability_agrees_with_the_binomial_test_for_a_constant():
    """Against a constant the order path is scipy's exact binomial (sign) test."""
    values = np.array([1, 2, 3, 4, 5, 6, 7, -1, 8, 9.0])
    expected = stats.binomtest(9, 10).pvalue
    assert compare(values, 0.0, "greater", scale="probability").p == pytest.approx(expected, rel=1e-10)
    interval = stats.binomtest(9, 10).proportion_ci(0.95, "exact")
    effect = compare(values, 0.0, "greater", scale="probability")
    assert (effect.low, effect.high) == pytest.approx((interval.low, interval.high), rel=1e-9)


def test_order_path_is_more_cautious_than_the_exact_rank_test():
    """The binomial bound never gives a smaller p than the exact Mann-Whitney test."""
    rng = np.random.default_rng(4)
    for _ in range(50):
        a, b = rng.standard_normal(8), rng.standard_normal(8) + 1.0
        assert compare(a, b, scale="probability").p >= stats.mannwhitneyu(a, b, method="exact").pvalue - 1e-12


@pytest.mark.parametrize(
    ("alternative", "verdict"),
    [("less", Verdict.REPRODUCED), ("greater", Verdict.CONTRADICTED), ("two-sided", Verdict.REPRODUCED)],
)
def test_verdict_follows_the_side(alternative, verdict):
    """A decided difference reproduces the paper's side and contradicts the other."""
    assert compare(A, B, alternative).verdict is verdict


def test_margin_moves_the_line():
    """An effect of -3.4 is reproduced beyond -1, undecided at -3.4 and contradicted at -6."""
    verdicts = [compare(A, B, "less", margin).verdict for margin in (-1.0, -3.4, -6.0)]
    assert verdicts == [Verdict.REPRODUCED, Verdict.INCONCLUSIVE, Verdict.CONTRADICTED]


def test_inconclusive_says_how_many_seeds():
    """An undecided effect names seeds, and that many seeds decide it in most repetitions."""
    rng = np.random.default_rng(7)
    effect = compare(np.array([0.1, 1.0, -0.9, 0.4, -0.6]), np.array([1.2, 2.4, 0.3, 1.6, 0.5]))
    assert effect.verdict is Verdict.INCONCLUSIVE
    assert 6 <= effect.seeds_needed <= 40
    n = effect.seeds_needed
    wins = [
        compare(0.75 * rng.standard_normal(n), 0.75 * rng.standard_normal(n) + 1.2).verdict is Verdict.REPRODUCED
        for _ in range(200)
    ]
    assert np.mean(wins) > 0.7


def test_seeds_reckon_with_the_penalty_of_the_data():
    """Data that lean towards the margin need more seeds than their mirror image, also where p is 1."""
    values = np.array([0.0, 0.1, 0.1, 0.2, 0.3, 2.0])
    for margin in (0.6, 0.8):
        centre = values.mean()
        towards, away = (compare(values, centre + side * margin, skewed=True) for side in (1.0, -1.0))
        assert towards.penalty == away.penalty
        assert towards.seeds_needed > away.seeds_needed
        assert towards.p == 1.0


def test_a_single_seed_has_an_estimate_on_the_scale():
    """Where no test applies, the estimate of a log-ratio is one of logarithms all the same."""
    assert compare([8.0], [2.0], scale="log-ratio").estimate == pytest.approx(math.log(4.0))


@pytest.mark.parametrize(
    ("a", "b"), [([], [1.0, 2.0]), ([1.0], [2.0, 3.0, 4.0]), ([1.0, 2.0], [8.0, 9.0]), ([1.0, 1.0], 5.0)]
)
def test_too_few_seeds_never_decide(a, b):
    """Fewer than three seeds in an arm are inconclusive, and the effect says why."""
    effect = compare(a, b)
    assert effect.verdict is Verdict.INCONCLUSIVE
    assert effect.obstacle is (Obstacle.FEW_SEEDS if len(a) else Obstacle.NO_RUNS)


def test_no_spread_is_decided_by_permutation():
    """Five equal values against five equal values have p = 2/252; three against three have 0.1."""
    assert compare([1.0] * 5, [2.0] * 5).p == pytest.approx(2 / 252)
    assert compare([1.0] * 5, [2.0] * 5).verdict is Verdict.REPRODUCED
    assert compare([1.0] * 3, [2.0] * 3).verdict is Verdict.INCONCLUSIVE
    assert compare([1.0] * 6, [2.0] * 6, paired=True).p == pytest.approx(1 / 32)
    assert compare([2.0] * 5, [2.0] * 5).verdict is Verdict.INCONCLUSIVE


def test_no_spread_says_nothing_of_a_constant_or_a_margin():
    """A seed in twenty that shows 100 has a mean of 5, and nine seeds that all show 0 do not speak against that."""
    zeros = [0.0] * 9
    for effect in (
        compare(zeros, 5.0),
        compare(zeros, 5.0, "greater"),
        compare(zeros, zeros, "greater", margin=5),
        compare(zeros, zeros, "greater", margin=5, paired=True),
        equivalent(zeros, zeros, 5.0),
    ):
        assert (effect.verdict, effect.obstacle) == (Verdict.INCONCLUSIVE, Obstacle.NO_SPREAD)
        assert (effect.p, effect.low, effect.high) == (1.0, -INF, INF)


def test_rare_values_do_not_break_the_level():
    """Arms of one mean plus the margin, where a rare value makes the mean, are told apart in at most 5 % of experiments."""
    rng = np.random.default_rng(3)
    for n in (5, 9, 20):
        decided = [
            compare(100.0 * (rng.random(n) < 0.05), np.zeros(n), "two-sided", margin=5).verdict for _ in range(400)
        ]
        assert np.mean([verdict is not Verdict.INCONCLUSIVE for verdict in decided]) <= 0.05


@pytest.mark.parametrize("seeds", [3, 5])
def test_orders_and_permutations_say_how_many_seeds(seeds):
    """Where nothing but order decides, the number of seeds named is one that decides, and the one before it is not."""
    for sample, other in (([1.0] * seeds, [2.0] * seeds), ([*range(seeds - 1), INF], [*range(10, 10 + seeds)])):
        effect = compare(sample, other, "two-sided", alpha=0.001)
        assert effect.verdict is Verdict.INCONCLUSIVE
        assert effect.seeds_needed is None or effect.seeds_needed > seeds
    needed = compare([1.0] * seeds, [2.0] * seeds, alpha=0.001).seeds_needed
    assert compare([1.0] * needed, [2.0] * needed, alpha=0.001).verdict is Verdict.REPRODUCED
    assert compare([1.0] * (needed - 2), [2.0] * (needed - 2), alpha=0.001).verdict is Verdict.INCONCLUSIVE


def test_rounding_is_not_spread():
    """Values that differ by rounding only are decided by permutation, not by a t of a million."""
    effect = compare([0.1 + 0.2, 0.3, 0.3, 0.3, 0.3], [0.4] * 5)
    assert effect.p == pytest.approx(2 / 252)


def test_diverged_runs_are_counted_against_every_verdict():
    """With one of ten runs lost the arms are still decided by order; with one of five they are not."""
    ten = compare([*np.arange(9.0), NAN], np.arange(10.0) + 20.0)
    assert ten.verdict is Verdict.REPRODUCED
    assert ten.p == pytest.approx(binomial_p(1, 10, 0.5))
    assert ten.n_a == 10
    assert (ten.lost, ten.test) == ((1, 0), Test.ORDER)
    five = compare([*A[:4], NAN], B)
    assert five.verdict is Verdict.INCONCLUSIVE


def test_a_diverged_run_never_helps():
    """Replacing any run by NaN never makes the p-value smaller than the same order without the loss."""
    a, b = np.arange(10.0), np.arange(10.0) + 20.0
    for place in range(10):
        lost = a.copy()
        lost[place] = NAN
        assert compare(lost, b).p > compare(a, b, scale="probability").p


def test_all_runs_diverged_is_inconclusive():
    """An arm without any number is answered, with the reason, whichever arm it is and whatever it is compared with."""
    for sides in (([NAN] * 10, np.arange(10.0)), (np.arange(10.0), [None] * 10), ([NAN] * 10, 0.0)):
        effect = compare(*sides)
        assert (effect.verdict, effect.obstacle) == (Verdict.INCONCLUSIVE, Obstacle.UNKNOWN_VALUE)
        assert math.isnan(effect.estimate)
        assert 10 in effect.lost


def test_infinite_losses_are_ordered():
    """An infinite loss is worse than any number and keeps its place."""
    effect = compare(np.arange(10.0), [*np.arange(9.0) + 20.0, INF])
    assert effect.p == pytest.approx(binomial_p(0, 10, 0.5))
    assert effect.verdict is Verdict.REPRODUCED


def test_zeros_and_negatives_on_a_log_scale():
    """A zero on the log scale is judged by order; a negative value has no logarithm."""
    assert compare([0.0] * 10, np.arange(10.0) + 1.0, scale="log-ratio").verdict is Verdict.REPRODUCED
    assert compare([-1.0, 1.0, 2.0], B, scale="log-ratio").obstacle is Obstacle.NEGATIVE_VALUES


def test_none_is_a_run_without_value():
    """A null from a results file is a diverged run."""
    assert compare([1.0, None, 3.0], B) == compare([1.0, NAN, 3.0], B)
    assert compare([1.0, None, 3.0], B).lost == (1, 0)


@pytest.mark.parametrize(
    "options", [{"scale": "sum"}, {"alternative": "below"}, {"alpha": 0.0}, {"scale": "slope"}, {"paired": True}]
)
def test_senseless_questions_are_refused(options):
    """A question that makes no sense raises an error for the user."""
    with pytest.raises(VitworkError):
        compare(A, B[:4], **options)


@settings(max_examples=200, deadline=None)
@given(
    VALUES,
    VALUES,
    st.sampled_from(["difference", "log-ratio", "probability"]),
    st.sampled_from(["less", "greater", "two-sided"]),
)
def test_any_input_is_answered(a, b, scale, alternative):
    """Whatever the numbers, the answer is an effect with a p-value in [0, 1], or why it has none."""
    effect = compare(a, b, alternative, scale=scale)
    assert (effect.test is Test.NONE) == math.isnan(effect.p)
    assert effect.obstacle if math.isnan(effect.p) else 0.0 <= effect.p <= 1.0
    assert effect.verdict in (Verdict.REPRODUCED, Verdict.CONTRADICTED, Verdict.INCONCLUSIVE)


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.floats(-100, 100, width=32), min_size=3, max_size=8),
    st.lists(st.floats(-100, 100, width=32), min_size=3, max_size=8),
)
def test_exchanging_arms_exchanges_sides(a, b):
    """compare(a, b, less) and compare(b, a, greater) are the same statement."""
    one, other = compare(a, b, "less"), compare(b, a, "greater")
    assert one.verdict is other.verdict
    assert one.p == pytest.approx(other.p, rel=1e-6, abs=1e-12)


def test_linear_contrast_of_two_is_student():
    """Weights 1 and -1 give the two-sample contrast, and a zero weight leaves an arm out."""
    assert linear([A, B, A], [1.0, -1.0, 0.0]).p(0.0) == pytest.approx(student(A, B).p(0.0))


def test_import_is_light():
    """Importing the statistics loads neither scipy nor pandas nor pytest."""
    import subprocess
    import sys

    code = "import sys, vitwork.statistics; print(sorted({'scipy', 'pandas', 'pytest'} & set(sys.modules)))"
    assert (
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "[]"
    )


HUGE = [1e308, 0.9e308, 1.1e308, 1.7e308, 1e200, 0.8e308, 0.7e308]


@pytest.mark.parametrize("options", [{}, {"paired": True}, {"anytime": True}, {"scale": "probability"}])
@pytest.mark.parametrize("other", [[1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0], [-value for value in HUGE], HUGE])
def test_numbers_whose_squares_no_float_holds_are_judged_by_order(options, other):
    """No warning of NumPy's, and no verdict on the wrong side; numbers that are all too large are not told apart."""
    verdict = compare(HUGE, other, "greater", **options).verdict
    if other is HUGE:
        assert verdict is Verdict.INCONCLUSIVE
    else:
        assert verdict is Verdict.REPRODUCED
    samples = [HUGE, other]
    assert trend(samples).verdict is rank_correlation([HUGE, HUGE]).verdict is Verdict.INCONCLUSIVE
    assert math.isnan(audit_skewness(samples[:1]).estimate)
    assert measured_noise([HUGE], [HUGE]).testable


@pytest.mark.parametrize("size", [1e40, 1e-40])
def test_large_and_small_numbers_are_judged_as_others(size):
    """The unit of a quantity is nobody's finding."""
    found, wanted = compare([size * a for a in A], [size * b for b in B]), compare(A, B)
    assert (found.verdict, found.p, found.test) == (wanted.verdict, pytest.approx(wanted.p), wanted.test)


@pytest.mark.parametrize("factor", [1e-160, 1e-200, 1e-310])
@pytest.mark.parametrize("settings", [{}, {"paired": True}, {"anytime": True}])
def test_numbers_whose_squares_are_zero_decide_nothing(factor, settings):
    """An error of zero for want of precision is no certainty."""
    a, b = [1.62 * factor, 1.81 * factor, 1.46 * factor], [1.41 * factor, 0.8 * factor, 1.11 * factor]
    assert compare(a, b, "greater", **settings).verdict == "inconclusive"
    assert compare(a, 1.2 * factor, "greater").verdict == "inconclusive"


@pytest.mark.parametrize("factor", [1.0, 1e60, 1e300, 1e-300])
def test_order_has_no_size(factor):
    """Whether runs exceed others is known of any numbers."""
    lower, upper = [factor * value for value in range(1, 7)], [factor * value for value in range(11, 17)]
    found = compare(lower, upper, "less", scale="probability")
    assert (found.estimate, found.verdict, found.lost) == (0.0, "reproduced", (0, 0))
