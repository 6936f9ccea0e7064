"""The build-up rule: which block is tried when, and how often it errs."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vitwork.buildup.networks import named
from vitwork.buildup.rule import BlockJudgement, Rates, Ruling, judged, mean_interval, most_tried, search
from vitwork.errors import VitworkError

PAPER = (3, 4, 6, 4)
KEPT_BY_THE_PAPER = {(0, 0, 0, 1), (0, 0, 0, 2), (0, 0, 1, 2), (0, 1, 1, 2)}


def test_the_papers_answers_give_the_papers_path():
    """With what Fig. 12a kept and rejected, the blocks are tried in the order that the paper records."""

    def ask(_before, tried):
        return BlockJudgement(Ruling.KEPT if tried in KEPT_BY_THE_PAPER else Ruling.DROPPED)

    steps = list(search(PAPER, ask))
    tried = [named(step.tried, PAPER) for step in steps]
    assert tried == [
        "c4#4", "c4#4 c4#2", "c4#4 c4#2 c3#6", "c4#4 c4#2 c3#6 c3#4", "c4#4 c4#2 c3#6 c2#4", "c4#4 c4#2 c3#6 c2#4 c2#2",
        "c4#4 c4#2 c3#6 c2#4 c1#3",
    ]  # fmt: skip
    assert steps[-1].after == (0, 1, 1, 2)


@given(st.lists(st.integers(1, 9), min_size=1, max_size=5), st.data())
def test_every_search_ends_and_tries_no_more_blocks_than_share_alpha(depths, data):
    """Whatever the answers, stages are visited from the last on, a block is tried once, and a stage's first block stays."""
    steps = list(
        search(
            depths, lambda _before, _tried: BlockJudgement(data.draw(st.sampled_from([Ruling.KEPT, Ruling.DROPPED])))
        )
    )
    assert len(steps) <= most_tried(depths)
    assert len({step.tried for step in steps}) == len(steps)
    assert all(2 * count <= depth for count, depth in zip(steps[-1].after if steps else (), depths, strict=False))
    changed = [[a != b for a, b in zip(step.before, step.tried, strict=True)].index(True) for step in steps]
    assert changed == sorted(changed, reverse=True)


def test_a_block_left_unfinished_ends_the_search():
    """Where the time is up, no later block is asked about: the next call begins there."""
    steps = list(search(PAPER, lambda *_: BlockJudgement(Ruling.UNFINISHED)))
    assert len(steps) == 1


@given(st.integers(3, 9), st.integers(0, 2**32 - 1))
def test_the_ruling_does_not_depend_on_how_many_seeds_come_at_once(first, seed):
    """Judged when more seeds are there, a block gets the ruling that the first deciding number of seeds gave it."""
    rng = np.random.default_rng(seed)
    tried, before = rng.normal(1.5, 1, 12), rng.normal(0, 1, 12)
    early = judged(tried[:first], before[:first], Rates(), 3)
    if early.ruling is not None:
        assert judged(tried, before, Rates(), 3) == early


def searched(rng, gains, rates, depths=(2, 2, 2), spread=1.0):
    """Return the steps of a search among networks whose accuracies are drawn; a block adds a gain by its stage."""
    drawn = {}

    def accuracies(msas):
        if msas not in drawn:
            drawn[msas] = rng.normal(50 + np.dot(msas, gains), spread, rates.seeds)
        return drawn[msas]

    return list(
        search(depths, lambda before, tried: judged(accuracies(tried), accuracies(before), rates, most_tried(depths)))
    )


def kept_wrongly(searches, gains=(0.0, 0.0, 0.0), **details):
    """Return the share of searches that keep a block which does not help."""
    rng = np.random.default_rng(0)
    wrong = 0
    for _ in range(searches):
        steps = searched(rng, gains, Rates(seeds=8), **details)
        wrong += any(
            step.found.ruling is Ruling.KEPT and np.dot(np.subtract(step.tried, step.before), gains) <= 0
            for step in steps
        )
    return wrong / searches


def test_a_search_among_equal_networks_keeps_a_block_as_rarely_as_declared():
    """Of 40 searches in which nothing helps, no more keep a block than 5 % allow, by three standard errors of the count."""
    assert kept_wrongly(40) <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / 40)


@pytest.mark.slow
@pytest.mark.parametrize("gains", [(0.0, 0.0, 0.0), (0.0, 0.0, 3.0), (-1.0, 0.0, 3.0), (0.0, -0.5, 6.0)])
def test_the_declared_rate_of_wrong_keeps_holds(gains):
    """Also after a block that does help was kept by the same networks, in a thousand searches each."""
    assert kept_wrongly(1000, gains) <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / 1000)


def test_a_gain_as_large_as_asked_for_is_seldom_dropped():
    """A block that gains just `least` is dropped by the evidence in no more searches than `beta` allows, in 60 of one block."""
    rng, rates = np.random.default_rng(1), Rates(beta=0.2, least=1.0, seeds=8)
    dropped = sum(searched(rng, (1.0,), rates, (2,))[0].found.ruling is Ruling.DROPPED for _ in range(60))
    assert dropped / 60 <= 0.2 + 3 * math.sqrt(0.2 * 0.8 / 60)


def test_a_later_block_is_as_seldom_dropped():
    """That its networks are compared with some that were selected makes a block's gain look smaller, by less than `beta` allows."""
    rng, rates = np.random.default_rng(3), Rates(beta=0.2, least=1.0, seeds=8)
    searches = [searched(rng, (1.0, 2.0), rates, (2, 2)) for _ in range(100)]
    later = [steps[1].found.ruling for steps in searches if steps[0].found.ruling is Ruling.KEPT]
    assert len(later) > 25
    assert later.count(Ruling.DROPPED) / len(later) <= 0.2 + 3 * math.sqrt(0.2 * 0.8 / len(later))


def test_a_large_gain_is_kept_and_a_large_loss_is_dropped():
    """The rule can answer either way: a gain of six standard deviations is kept in nearly all searches, a loss never."""
    rng, rates = np.random.default_rng(2), Rates()
    first = [searched(rng, (0.0, 0.0, 6.0), rates)[0].found for _ in range(10)]
    assert sum(found.ruling is Ruling.KEPT for found in first) >= 9
    assert min(found.seeds for found in first) < rates.seeds
    lost = [searched(rng, (0.0, 0.0, -6.0), rates)[0].found.ruling for _ in range(10)]
    assert set(lost) == {Ruling.DROPPED}


def test_networks_that_diverge_speak_against_a_block():
    """A block with which every training diverges is never kept, however well the others do."""
    found = judged([math.nan] * 12, [50.0 + 0.1 * seed for seed in range(12)], Rates(), 3)
    assert found.ruling in {Ruling.DROPPED, Ruling.UNDECIDED}


@pytest.mark.parametrize(
    ("change", "sentence"),
    [({"alpha": 0.0}, "alpha must lie between 0 and 1"), ({"beta": 1.0}, "beta must lie between 0 and 1"),
     ({"least": 0.0}, "least must lie above 0"), ({"seeds": 2}, "seeds is 3 or more, not 2")],
)  # fmt: skip
def test_rates_that_cannot_be_are_refused(change, sentence):
    """Error rates are checked when they are declared."""
    with pytest.raises(VitworkError, match=sentence):
        Rates(**change)


def test_the_interval_of_a_mean_is_students():
    """Mean and interval over seeds are those of Student's t; a diverged network is left out, a single one bounds nothing."""
    from scipy import stats

    values = [50.0, 52.0, 51.0, 54.0]
    mean, low, high = mean_interval([*values, math.nan])
    expected = stats.t.interval(0.95, 3, np.mean(values), stats.sem(values))
    assert (mean, low, high) == pytest.approx((np.mean(values), *expected))
    assert mean_interval([50.0]) == (50.0, -math.inf, math.inf)
    assert math.isnan(mean_interval([])[0])
