"""Whole families of claims by simulation: many claims, correlated through the arms that they share, decided at once.

A fast version runs in tests/statistics, the full one in benchmarks/calibration.py; both call the code that decides.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import special, stats

from vitwork.statistics.audit import plainly, plainly_together, pooled_skewness
from vitwork.statistics.claims import claim_p
from vitwork.statistics.contrasts import PLAIN, SKEWED, Penalty, student
from vitwork.statistics.evalues import safe_contrast
from vitwork.statistics.multiplicity import bh_adjust

Array = NDArray[np.float64]
Flags = NDArray[np.bool_]
Generator = np.random.Generator
FEWEST = 3

GRID = np.linspace(-8.0, 8.0, 40_001)
GAMMA = (stats.gamma.isf(special.ndtr(-GRID), 4.0) - 4.0) / 2.0
HEAVY = -np.sign(GRID) * stats.t.ppf(special.ndtr(-np.abs(GRID)), 3.0) / math.sqrt(3.0)
"""Quantiles of other laws at those of the normal one, the nearer tail's so that they keep their digits."""


def _gamma(normal: Array) -> Array:
    """Gamma values of skewness 1, standardised."""
    return np.asarray(np.interp(normal, GRID, GAMMA))


def _heavy(normal: Array) -> Array:
    """Student's t with 3 degrees of freedom, standardised."""
    return np.asarray(np.interp(normal, GRID, HEAVY))


def _log_normal(sigma: float) -> Callable[[Array], Array]:
    mean = math.exp(sigma**2 / 2.0)
    return lambda normal: np.asarray((np.exp(sigma * normal) - mean) / (mean * math.sqrt(math.expm1(sigma**2))))


SHAPES: dict[str, Callable[[Array], Array]] = {
    "normal": lambda normal: normal,
    "t, 3 df": _heavy,
    "gamma, skew 1": _gamma,
    "exponential, skew 2": lambda normal: np.asarray(-special.log_ndtr(-normal) - 1.0),
    "log-normal, skew 1.75": _log_normal(0.5),
    "log-normal, skew 6.2": _log_normal(1.0),
}
LOGARITHMS = {"logarithm of exponential values, skew −1.14": lambda normal: np.log(-special.log_ndtr(-normal))}
"""Shapes of positive quantities on the scale that they declare; the logarithm of log-normal values is normal."""
SOUND = ("normal", "t, 3 df", "gamma, skew 1")
"""Shapes for which the false discovery rate is promised."""

PRIMARIES = (1,) * 22 + (2,) * 10 + (3, 3, 4, 6)
"""Primary hypotheses of 36 claims: of the one to six that the sheet states, about half are controls."""


@dataclass(frozen=True)
class Family:
    """A family of claims about networks.

    Attributes:
        claims: how many.
        shape: of the values over seeds, a key of `SHAPES`.
        seeds: per arm.
        spread: largest ratio of standard deviations; every arm's is drawn log-uniformly up to it.
        true: share of the claims that hold.
        effect: of the hypotheses that hold, in standard deviations over seeds (root mean square of the two arms).
        quantities, arms: each quantity is measured on every one of its arms; hypotheses share them.
        alone: share of the hypotheses that compare one arm with a constant.
        audited: whether plainly skewed quantities take the guard.
        skewed: share of the quantities that have the shape; others are normal.
        primaries: hypotheses per claim, repeated as needed.
    """

    claims: int = 36
    shape: str = "normal"
    seeds: int = 5
    spread: float = 10.0
    true: float = 0.0
    effect: float = 5.0
    quantities: int = 18
    arms: int = 8
    alone: float = 0.35
    audited: bool = True
    skewed: float = 1.0
    primaries: Sequence[int] = field(default=PRIMARIES)

    @property
    def counts(self) -> list[int]:
        """Primaries of every claim."""
        return [self.primaries[place % len(self.primaries)] for place in range(self.claims)]


STRUCTURES: dict[str, dict[str, Any]] = {
    "smoke": {"claims": 26, "quantities": 28, "arms": 2, "alone": 0.59, "primaries": (1,) * 20 + (2,) * 5 + (4,)},
    "cifar10-micro": {
        "claims": 65,
        "quantities": 36,
        "arms": 4,
        "primaries": (1,) * 36 + (2,) * 20 + (3, *(4,) * 7, 6),
    },
}
"""Families as registered: few arms have a quantity, and of `smoke`'s primary hypotheses three in five are of one arm."""


@dataclass(frozen=True)
class Experiment:
    """Simulated sessions of one family.

    Attributes:
        left, right: samples (runs, hypotheses, seeds), left shifted by its effect; ``right`` is 0 for a constant.
        alone: hypotheses that compare with a constant.
        sign: 1 where the paper says "greater".
        skewed: by the audit of the quantity of every hypothesis, after every number of seeds from the third on.
        holds: claims that hold.
        counts: primaries of every claim.
    """

    left: Array
    right: Array
    alone: Flags
    sign: Array
    skewed: Flags
    holds: Flags
    counts: Sequence[int]


def draw(rng: Generator, family: Family, runs: int) -> Experiment:
    """Draw sessions; which claim compares what is drawn anew for every call, and is the same in its sessions."""
    size = (runs, family.quantities, family.arms, family.seeds)
    network = rng.standard_normal((runs, 1, family.arms, family.seeds))  # what one network's quantities share
    shapes = SHAPES | LOGARITHMS
    values = math.sqrt(0.5) * (network + rng.standard_normal(size))
    shaped = round(family.skewed * family.quantities)
    values[:, :shaped] = shapes[family.shape](values[:, :shaped])
    spreads = family.spread ** rng.random((family.quantities, family.arms))
    values *= spreads[None, :, :, None]
    total = sum(family.counts)
    quantity = rng.integers(family.quantities, size=total)
    first = rng.integers(family.arms, size=total)
    second = (first + rng.integers(1, family.arms, size=total)) % family.arms
    alone, sign = rng.random(total) < family.alone, rng.choice((-1.0, 1.0), total)
    holds = np.zeros(family.claims, dtype=bool)
    holds[rng.permutation(family.claims)[: round(family.true * family.claims)]] = True
    own, other = spreads[quantity, first], spreads[quantity, second]
    unit = np.where(alone, own, np.sqrt((own**2 + other**2) / 2.0))
    shift = sign * unit * _effects(rng, family, holds)
    return Experiment(
        values[:, quantity, first] + shift[:, None], np.where(alone[:, None], 0.0, values[:, quantity, second]), alone,
        sign, _audit(values)[:, quantity] & family.audited, holds, family.counts,
    )  # fmt: skip


def _effects(rng: Generator, family: Family, holds: Flags) -> Array:
    """Return every hypothesis' effect: of claims that do not hold none is there, or all but one (the hardest case)."""
    parts = []
    for count, true in zip(family.counts, holds, strict=True):
        effects = np.full(count, family.effect if true else 0.0)
        if not true and family.true > 0.0 and rng.random() < 0.5:
            effects[1:] = family.effect
        parts.append(effects)
    return np.concatenate(parts)


def _audit(values: Array) -> Flags:
    """Return which quantities are plainly skewed (runs, quantities, looks)."""
    looks = range(FEWEST, values.shape[-1] + 1)
    flags = []
    for n in looks:
        _, z = pooled_skewness([values[:, :, arm, :n] for arm in range(values.shape[2])])
        flags.append(plainly(z) | plainly_together(z)[:, None])
    return np.stack(flags, axis=-1)


def fixed(experiment: Experiment) -> tuple[Array, Array]:
    """Return the one-sided p-values of the paper's side and the other (runs, hypotheses)."""
    found = np.empty((2, *experiment.left.shape[:2]))
    for penalty, chosen in ((PLAIN, ~experiment.skewed[..., -1]), (SKEWED, experiment.skewed[..., -1])):
        below, above = _sided(experiment, penalty)
        found = np.where(chosen, _paper(experiment, below, above), found)
    return found[0], found[1]


def _sided(experiment: Experiment, penalty: Penalty) -> tuple[Array, Array]:
    pairs = student(experiment.left, experiment.right, penalty).sided(0.0)
    ones = student(experiment.left, None, penalty).sided(0.0)
    below, above = (np.where(experiment.alone, one, pair) for one, pair in zip(ones, pairs, strict=True))
    return below, above


def _paper(experiment: Experiment, below: Array, above: Array) -> Array:
    """Return the p-values (2, …) of the paper's side and of the other."""
    greater = experiment.sign > 0.0
    greater = greater if below.ndim == 2 else greater[:, None]
    return np.stack([np.where(greater, above, below), np.where(greater, below, above)])


def looks(experiment: Experiment) -> tuple[Array, Array]:
    """Return the one-sided anytime p-values after every seed from the third on (runs, hypotheses, looks)."""
    found: Array | float = 1.0
    for penalty, chosen in ((PLAIN, ~experiment.skewed), (SKEWED, experiment.skewed)):
        pairs = safe_contrast(experiment.left, experiment.right, penalty).sided_path(0.0)
        ones = safe_contrast(experiment.left, None, penalty).sided_path(0.0)
        below, above = (np.where(experiment.alone[:, None], one, pair) for one, pair in zip(ones, pairs, strict=True))
        found = np.where(chosen, _paper(experiment, below, above), found)
    return found[0], found[1]  # type: ignore[index]


def per_claim(experiment: Experiment, p_for: Array, p_against: Array) -> tuple[Array, Flags]:
    """Return every claim's p and whether "reproduced" is its nearer verdict (runs, claims)."""
    edges = np.cumsum([0, *experiment.counts])
    found = [claim_p(p_for[:, a:b], p_against[:, a:b]) for a, b in pairwise(edges)]
    return np.stack([p for _, _, p in found], axis=1), np.stack([r <= c for r, c, _ in found], axis=1)


@dataclass(frozen=True)
class Outcome:
    """Decisions of every session (runs, claims): reproduced and contradicted.

    Attributes:
        reproduced, contradicted: the verdicts.
        holds: claims that hold.
        counts: primaries of every claim.
    """

    reproduced: Flags
    contradicted: Flags
    holds: Flags
    counts: Array

    @property
    def false_share(self) -> Array:
        """Share of wrong decisions among a session's decisions, 0 without any."""
        wrong = np.where(self.holds, self.contradicted, self.reproduced | self.contradicted).sum(axis=1)
        return np.asarray(wrong / np.maximum(1, (self.reproduced | self.contradicted).sum(axis=1)))

    @property
    def rate(self) -> float:
        """False discovery rate."""
        return float(self.false_share.mean())

    @property
    def upper(self) -> float:
        """Upper 99 % bound of the false discovery rate (empirical Bernstein; exact where shares are 0 or 1)."""
        share, runs = self.false_share, self.false_share.size
        if np.isin(share, (0.0, 1.0)).all():
            wrong = share.sum()
            return 1.0 if wrong == runs else float(special.betaincinv(wrong + 1.0, runs - wrong, 0.99))
        return float(share.mean() + stats.norm.ppf(0.99) * share.std(ddof=1) / math.sqrt(runs))

    @property
    def power(self) -> float:
        """Share of the claims that hold that are reproduced."""
        return float(self.reproduced[self.holds].mean())

    def power_of(self, primaries: int) -> float:
        """Return the same of the claims with so many primaries."""
        return float(self.reproduced[self.holds & (self.counts == primaries)].mean())


def joined(parts: Sequence[Outcome]) -> Outcome:
    """Return the sessions of several sheets as one outcome."""
    return Outcome(*(np.concatenate([getattr(part, name) for part in parts]) for name in OUTCOMES))


OUTCOMES = ("reproduced", "contradicted", "holds", "counts")


def _outcome(experiment: Experiment, found: Flags, paper: Flags) -> Outcome:
    holds, counts = (np.broadcast_to(each, found.shape) for each in (experiment.holds, experiment.counts))
    return Outcome(found & paper, found & ~paper, holds, counts)


def decided(experiment: Experiment, alpha: float = 0.05) -> Outcome:
    """Decide sessions with a fixed number of seeds."""
    p, paper = per_claim(experiment, *fixed(experiment))
    found = bh_adjust(p, p.shape[1]) <= alpha
    return _outcome(experiment, found, paper)


def decided_as_seeds_arrive(experiment: Experiment, alpha: float = 0.05) -> Outcome:
    """Decide sessions that add a seed to the open claims until their seeds are spent; decided claims stay at theirs."""
    p_for, p_against = looks(experiment)
    runs, claims = p_for.shape[0], len(experiment.counts)
    p, paper = np.ones((runs, claims)), np.zeros((runs, claims), dtype=bool)
    open_ = np.ones((runs, claims), dtype=bool)
    for look in range(p_for.shape[2]):
        new, side = per_claim(experiment, p_for[..., look], p_against[..., look])
        p, paper = np.where(open_, new, p), np.where(open_, side, paper)
        found = bh_adjust(p, claims) <= alpha
        open_ &= ~found
    return _outcome(experiment, found, paper)
