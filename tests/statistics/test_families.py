"""Whole families of claims by simulation: a fast core, and a wider part marked `slow`."""

import numpy as np
import pytest

from benchmarks import families as fam


def outcome(family, sheets, decide=fam.decided):
    """Decide sessions of several sheets, fifty of each."""
    rng = np.random.default_rng(7)
    return fam.joined([decide(fam.draw(rng, family, 50)) for _ in range(sheets)])


@pytest.mark.parametrize("true", [0.0, 0.5])
@pytest.mark.parametrize("shape", fam.SOUND)
def test_false_discoveries(shape, true):
    """Of 36 claims on normal, heavy-tailed and skewed data at most 5 % of the decisions are wrong, all null included."""
    assert outcome(fam.Family(shape=shape, seeds=9, true=true), 16).upper <= 0.05


def test_false_discoveries_as_seeds_arrive():
    """The same holds when claims get seeds one by one until they are decided."""
    assert outcome(fam.Family(shape="gamma, skew 1", seeds=9, true=0.5), 4, fam.decided_as_seeds_arrive).upper <= 0.05


def test_the_audit_protects_families_of_skewed_claims():
    """Exponential families err in at most 10 % with the audit's guard, and more than twice as often without it."""
    family = fam.Family(shape="exponential, skew 2", seeds=9)
    assert outcome(family, 10).rate <= 0.10
    without = fam.Family(shape="exponential, skew 2", seeds=9, audited=False)
    assert outcome(without, 10).rate > 2 * outcome(family, 10).rate


@pytest.mark.parametrize(("seeds", "effect", "least"), [(5, 3.0, 0.55), (5, 5.0, 0.98), (9, 2.0, 0.85)])
def test_power_of_a_typical_claim(seeds, effect, least):
    """A claim with one primary hypothesis, in a sheet of which half holds, is found as often as promised."""
    assert outcome(fam.Family(65, seeds=seeds, spread=1.0, true=0.5, effect=effect), 8).power_of(1) >= least


@pytest.mark.slow
@pytest.mark.parametrize("claims", [36, 65])
@pytest.mark.parametrize("seeds", [5, 9, 15])
@pytest.mark.parametrize("true", [0.0, 0.5])
@pytest.mark.parametrize("shape", fam.SOUND)
def test_false_discoveries_of_every_family(shape, true, seeds, claims):
    """At 5, 9 and 15 seeds, 36 and 65 claims, at most 5 % of the decisions are wrong, fixed and as seeds arrive."""
    family = fam.Family(claims, shape, seeds, true=true)
    for decide in (fam.decided, fam.decided_as_seeds_arrive):
        assert outcome(family, 24, decide).upper <= 0.05


@pytest.mark.parametrize("shape", ["exponential, skew 2", "log-normal, skew 6.2"])
def test_a_session_protects_what_few_arms_do_not_show(shape):
    """Families as registered, with one to four arms per quantity, err in at most 10 % although a quantity alone shows little."""
    for profile, seeds in (("smoke", 5), ("cifar10-micro", 9)):
        assert outcome(fam.Family(shape=shape, seeds=seeds, **fam.STRUCTURES[profile]), 40).rate <= 0.10


@pytest.mark.slow
@pytest.mark.parametrize("shape", fam.SOUND)
@pytest.mark.parametrize(
    ("profile", "seeds"), [("smoke", 5), ("smoke", 11), ("cifar10-micro", 9), ("cifar10-micro", 18)]
)
def test_false_discoveries_of_registered_families(shape, profile, seeds):
    """With the profiles' own structure at most 5 % of the decisions are wrong."""
    assert outcome(fam.Family(shape=shape, seeds=seeds, **fam.STRUCTURES[profile]), 60).upper <= 0.05


@pytest.mark.slow
@pytest.mark.parametrize("shape", ["exponential, skew 2", "log-normal, skew 1.75", "log-normal, skew 6.2"])
def test_skewed_families(shape):
    """Families on plainly skewed data err in at most 10 % with the audit's guard."""
    for seeds in (5, 9, 15):
        for claims in (36, 65):
            assert outcome(fam.Family(claims, shape, seeds), 60).rate <= 0.10
