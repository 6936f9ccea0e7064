"""Claims: primaries decide, controls qualify, and intervals say what the verdicts say."""

from functools import partial

import numpy as np
import pytest

from vitwork.errors import VitworkError
from vitwork.statistics import compare, decide_claims, equivalent, ordering
from vitwork.statistics.claims import MeasuredClaim, claim_p
from vitwork.statistics.effect import Obstacle, Verdict

SIDE = {(True, False): Verdict.REPRODUCED, (False, True): Verdict.CONTRADICTED}


def hypothesis(effect, rng, *, n=5, alternative="less", anytime=False):
    """A hypothesis of an effect in standard deviations, on the paper's side where it is negative."""
    sign = 1.0 if alternative == "less" else -1.0
    a, b = sign * effect + rng.standard_normal(n), rng.standard_normal(n)
    return lambda alpha: compare(a, b, alternative, 0.0, alpha, anytime=anytime)


def test_p_of_a_claim():
    """Reproduced by the largest p of its primaries, contradicted by the smallest other times their number."""
    reproduced, contradicted, p = claim_p([0.01, 0.02, 0.001], [0.9, 0.99, 0.98])
    assert (reproduced, contradicted, p) == (0.02, 1.0, 0.04)
    reproduced, contradicted, p = claim_p([0.9, 0.02, np.nan], [0.004, 0.98, np.nan])
    assert (reproduced, contradicted, p) == pytest.approx((1.0, 0.012, 0.024))


def test_a_single_claim_is_its_hypothesis():
    """In a family of one claim with one primary, verdict, p and interval are those of the comparison."""
    ask = hypothesis(-4.0, np.random.default_rng(0))
    plain, found = ask(0.05), decide_claims({"one": MeasuredClaim([ask])}, 1)["one"]
    assert (found.verdict, found.q, found.level) == (plain.verdict, pytest.approx(plain.p), 0.05)
    effect = found.primaries[0]
    assert (effect.adjusted_low, effect.adjusted_high) == (plain.low, plain.high)
    assert effect.adjusted_p == found.q


def test_controls_never_change_a_verdict():
    """Contradicted, undecided or absent controls leave p, q and verdict as they are, and have verdicts of their own."""
    rng = np.random.default_rng(1)
    primary, against, open_ = hypothesis(-9.0, rng), hypothesis(9.0, rng), hypothesis(0.0, rng)
    alone, among = (
        decide_claims({"c": MeasuredClaim([primary], controls)}, 36)["c"] for controls in ((), (against, open_))
    )
    assert (alone.verdict, alone.p, alone.q) == (among.verdict, among.p, among.q)
    assert alone.verdict is Verdict.REPRODUCED
    assert [effect.verdict for effect in among.controls] == [Verdict.CONTRADICTED, Verdict.INCONCLUSIVE]


def test_one_undecided_primary_leaves_a_claim_open_and_one_against_contradicts_it():
    """Every primary is needed to reproduce, any one to contradict; one that never decides counts as p = 1."""
    rng = np.random.default_rng(2)
    true, null, wrong = (hypothesis(effect, rng) for effect in (-30.0, 0.0, 30.0))
    few = lambda alpha: compare([1.0, 2.0], [5.0, 6.0], "less", 0.0, alpha)  # noqa: E731
    cases = {"true": [true, true], "open": [true, null], "wrong": [true, wrong], "few": [true, few]}
    found = decide_claims({name: MeasuredClaim(primaries) for name, primaries in cases.items()}, 4)
    assert [found[name].verdict.value for name in cases] == [
        "reproduced", "inconclusive", "contradicted", "inconclusive",
    ]  # fmt: skip
    assert found["few"].primaries[1].obstacle is Obstacle.FEW_SEEDS
    assert found["open"].primaries[1].seeds_needed is None or found["open"].primaries[1].seeds_needed > 5


def sheet(rng, *, anytime):
    """A family of claims of every kind: one to four primaries, effects on either side, orders and bands."""
    cases = {}
    for place in range(24):
        count = int(rng.integers(1, 5))
        effect = float(rng.choice((0.0, -1.5, -3.0, -8.0, 3.0, 8.0)))
        alternative = "less" if place % 2 else "greater"
        primaries = [hypothesis(effect, rng, n=7, alternative=alternative, anytime=anytime) for _ in range(count)]
        if place % 4 == 0:
            a, b = effect + rng.standard_normal(7), rng.standard_normal(7)
            primaries.append(partial(_band, a, b, anytime=anytime))
        if place % 5 == 0:
            arms = [-effect * level + rng.standard_normal(7) for level in range(3)]
            primaries.append(partial(_order, arms, anytime=anytime))
        cases[str(place)] = MeasuredClaim(primaries)
    return cases


def _band(a, b, alpha, *, anytime):
    return equivalent(a, b, 4.0, alpha, anytime=anytime)


def _order(arms, alpha, *, anytime):
    return ordering(arms, "less", alpha, anytime=anytime)


def seen(effect):
    """What an interval shows by itself: clear of the margin, or of the band, on the paper's side or the other."""
    low, high = effect.adjusted_low - effect.margin, effect.adjusted_high - effect.margin
    if effect.by_band:
        inside = -effect.band < low and high < effect.band
        return SIDE.get((inside, low > effect.band or high < -effect.band), Verdict.INCONCLUSIVE)
    paper, other = (high < 0.0, low > 0.0) if effect.alternative == "less" else (low > 0.0, high < 0.0)
    return SIDE.get((paper, other), Verdict.INCONCLUSIVE)


@pytest.mark.parametrize("anytime", [False, True])
def test_intervals_never_disagree_with_verdicts(anytime):
    """Over random sheets a claim is reproduced exactly where all its intervals show it, contradicted where any does."""
    rng, verdicts = np.random.default_rng(3), set()
    for _ in range(2):
        for found in decide_claims(sheet(rng, anytime=anytime), 30).values():
            shown = [seen(effect) for effect in found.primaries]
            assert shown == [effect.verdict for effect in found.primaries]
            expected = Verdict.REPRODUCED if set(shown) == {Verdict.REPRODUCED} else Verdict.INCONCLUSIVE
            assert found.verdict is (Verdict.CONTRADICTED if Verdict.CONTRADICTED in shown else expected)
            assert (found.q <= 0.05) == (found.p <= found.level) == (found.verdict is not Verdict.INCONCLUSIVE)
            assert found.holm_p >= found.q
            verdicts.add((found.verdict, len(shown) > 1))
    assert len(verdicts) >= 5


def test_a_part_of_the_sheet_never_decides_more():
    """What a part of a family decides, measured alone, the whole family decides, too, and the same way."""
    rng, decided = np.random.default_rng(4), 0
    for _ in range(2):
        cases = sheet(rng, anytime=False)
        whole = decide_claims(cases, 30)
        for name, found in decide_claims(dict(list(cases.items())[:6]), 30).items():
            if found.verdict is not Verdict.INCONCLUSIVE:
                decided += 1
                assert whole[name].verdict is found.verdict
    assert decided > 4


def test_families_are_as_large_as_registered():
    """More claims than registered are refused; none measured give none."""
    assert decide_claims({}, 5) == {}
    ask = hypothesis(0.0, np.random.default_rng(0))
    with pytest.raises(VitworkError):
        decide_claims({"a": MeasuredClaim([ask]), "b": MeasuredClaim([ask])}, 1)
