"""Error rates by simulation: samples of known shape, and every decision path run on them under its own null hypothesis.

A fast version runs in tests/statistics, the full one in benchmarks/calibration.py; both call the code that decides.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from vitwork.statistics.contrasts import PLAIN, SKEWED, Penalty, linear, smallest_p, student
from vitwork.statistics.evalues import safe_contrast, safe_linear
from vitwork.statistics.power import FEWEST_SEEDS
from vitwork.statistics.ranks import binomial_p

Array = NDArray[np.float64]
Generator = np.random.Generator
Size = tuple[int, ...]

SHAPES: Mapping[str, Callable[[Generator, Size], Array]] = MappingProxyType(
    {
        "normal": lambda rng, size: rng.standard_normal(size),
        "uniform": lambda rng, size: math.sqrt(12.0) * (rng.random(size) - 0.5),
        "t, 3 df": lambda rng, size: rng.standard_t(3, size) / math.sqrt(3.0),
        "Laplace": lambda rng, size: rng.laplace(0.0, math.sqrt(0.5), size),
        "5 % outliers": lambda rng, size: rng.standard_normal(size) * np.where(rng.random(size) < 0.05, 10.0, 1.0),
        "gamma, skew 1": lambda rng, size: rng.gamma(4.0, 0.5, size) - 2.0,
        "exponential, skew 2": lambda rng, size: rng.standard_exponential(size) - 1.0,
        "log-normal, skew 1.75": lambda rng, size: _log_normal(rng, size, 0.5),
        "log-normal, skew 6.2": lambda rng, size: _log_normal(rng, size, 1.0),
    }
)
"""Shapes with mean 0 and (nearly) unit variance."""

POSITIVE: Mapping[str, Callable[[Generator, Size], Array]] = MappingProxyType(
    {
        "log-normal": lambda rng, size: rng.standard_normal(size),
        "gamma, skew 1": lambda rng, size: np.log(rng.gamma(4.0, 1.0, size)) - 1.256117668431800,
        "exponential": lambda rng, size: np.log(rng.standard_exponential(size)) + np.euler_gamma,
        "uniform from 0": lambda rng, size: 1.0 - rng.standard_exponential(size),
        "Pareto, infinite variance": lambda rng, size: rng.standard_exponential(size) - 1.0,
    }
)
"""Logarithms, of mean 0, of positive quantities of known shape."""

PLAINLY_SKEWED = (
    "exponential, skew 2", "log-normal, skew 1.75", "log-normal, skew 6.2", "uniform from 0", "Pareto, infinite variance",
)  # fmt: skip
"""Shapes, of values or of logarithms, that an audit of a session's seeds is to find."""


def _log_normal(rng: Generator, size: Size, sigma: float) -> Array:
    return _standardised(sigma, rng.standard_normal(size))


def _standardised(sigma: float, normal: Array) -> Array:
    """Return log-normal values of mean 0 and unit variance."""
    mean = math.exp(sigma**2 / 2.0)
    return np.asarray((np.exp(sigma * normal) - mean) / (mean * math.sqrt(math.expm1(sigma**2))))


@dataclass(frozen=True)
class Condition:
    """What the data are like when nothing is to be found.

    Attributes:
        shape: a key of `SHAPES`, or of `POSITIVE` for paths on logarithms.
        spread: standard deviation of the second arm relative to the first (of each arm to the one before in a trend).
        n_a, n_b: seeds per arm.
    """

    shape: str
    spread: float = 1.0
    n_a: int = 5
    n_b: int = 5

    def draw(self, rng: Generator, runs: int) -> tuple[Array, Array]:
        """Return two arms (runs, seeds) of equal mean."""
        shape = SHAPES[self.shape]
        return shape(rng, (runs, self.n_a)), self.spread * shape(rng, (runs, self.n_b))

    def draw_logarithms(self, rng: Generator, runs: int) -> tuple[Array, Array]:
        """Return the logarithms of two arms of equal geometric mean, the second's being ``spread`` times as wide."""
        shape = POSITIVE[self.shape]
        return shape(rng, (runs, self.n_a)), self.spread * shape(rng, (runs, self.n_b))

    @property
    def penalty(self) -> Penalty:
        """What the decision asks of a quantity of this shape: the guard where it is plainly skewed (1.7 and more)."""
        return SKEWED if self.shape in PLAINLY_SKEWED else PLAIN

    def swapped(self) -> Condition:
        """Return the condition with the numbers of seeds exchanged."""
        return replace(self, n_a=self.n_b, n_b=self.n_a)


@dataclass(frozen=True)
class Rate:
    """Share of simulated experiments that ended in a wrong decision."""

    wrong: int
    runs: int

    @property
    def value(self) -> float:
        """The share."""
        return self.wrong / self.runs

    @property
    def upper(self) -> float:
        """Upper 99 % confidence bound (Clopper-Pearson)."""
        from scipy.special import betaincinv

        return 1.0 if self.wrong == self.runs else float(betaincinv(self.wrong + 1.0, self.runs - self.wrong, 0.99))


def table(title: str, header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table in Markdown."""
    lines = [f"### {title}", "", "| " + " | ".join(header) + " |", "|" + " --- |" * len(header)]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows])


def rate(p: Array, alpha: float) -> Rate:
    """Return how often p-values that belong to true hypotheses are at most alpha."""
    return Rate(int((p <= alpha).sum()), p.size)


Path = Callable[[Generator, Condition, int], Array]
"""A decision path: returns one p-value per simulated experiment in which the hypothesis is true."""


def two_arms(rng: Generator, condition: Condition, runs: int) -> Array:
    """Difference of means of two arms."""
    return np.asarray(student(*condition.draw(rng, runs), condition.penalty).p(0.0))


def logarithms(rng: Generator, condition: Condition, runs: int) -> Array:
    """Ratio of geometric means of two arms of positive values."""
    return np.asarray(student(*condition.draw_logarithms(rng, runs), condition.penalty).p(0.0))


def one_sample(rng: Generator, condition: Condition, runs: int) -> Array:
    """Mean of one arm against a constant."""
    return np.asarray(student(condition.draw(rng, runs)[0], None, condition.penalty).p(0.0))


def paired(rng: Generator, condition: Condition, runs: int) -> Array:
    """Mean of paired differences: a common part per seed that both arms share, and an own part each."""
    a, b = condition.draw(rng, runs)
    common = SHAPES[condition.shape](rng, (runs, condition.n_a))
    return np.asarray(student((common + a) - (common + b), None, condition.penalty).p(0.0))


def order(rng: Generator, condition: Condition, runs: int) -> Array:
    """Probability of superiority of arms with equal median."""
    a, b = condition.draw(rng, runs)
    a, b = a - _median(condition.shape), b - condition.spread * _median(condition.shape)
    share = (a[:, :, None] > b[:, None, :]).mean(axis=(1, 2))
    n = min(condition.n_a, condition.n_b)
    values, place = np.unique(share, return_inverse=True)
    return np.array([binomial_p(value * n, n, 0.5) for value in values])[place]


def _median(shape: str) -> float:
    """Return the median of a shape (its mean is 0)."""
    if shape.startswith("exponential"):
        return math.log(2.0) - 1.0
    if shape.startswith("log-normal"):
        return float(_standardised(0.5 if "1.75" in shape else 1.0, np.zeros(())))
    return 3.672060748850 / 2.0 - 2.0 if shape.startswith("gamma") else 0.0


SLOPE = [-0.3, -0.1, 0.1, 0.3]


def _four_arms(rng: Generator, condition: Condition, runs: int) -> list[Array]:
    """Return four arms of equal mean, the spread growing by the condition's factor in total."""
    shape, growth = SHAPES[condition.shape], condition.spread ** (1.0 / 3.0)
    return [growth**level * shape(rng, (runs, condition.n_a)) for level in range(4)]


def slope(rng: Generator, condition: Condition, runs: int) -> Array:
    """Trend over four arms without trend."""
    return np.asarray(linear(_four_arms(rng, condition, runs), SLOPE, condition.penalty).p(0.0))


def equivalence(rng: Generator, condition: Condition, runs: int) -> Array:
    """Equivalence claimed although the effect lies on the band's edge (band of three standard deviations).

    The lower edge is the harder one: the wide second arm of a right-skewed shape hides its mean from above.
    """
    a, b = condition.draw(rng, runs)
    band = 3.0 * max(1.0, condition.spread)
    contrast = student(a - band, b, condition.penalty)
    inside = np.abs(contrast.estimate) < band
    return np.where(inside, np.maximum(contrast.p(-band), contrast.p(band)), 1.0)


def change(rng: Generator, condition: Condition, runs: int) -> Array:
    """Difference of two effects, as against a baseline, the second arm's spread being the condition's factor."""
    (a, b), (c, d) = condition.draw(rng, runs), condition.draw(rng, runs)
    return np.asarray(linear([a, b, c, d], [1.0, -1.0, -1.0, 1.0], condition.penalty).p(0.0))


def stopping_two_arms(rng: Generator, condition: Condition, runs: int) -> Array:
    """Two arms looked at after every seed from the third on: the smallest p-value over all looks."""
    return np.asarray(safe_contrast(*condition.draw(rng, runs), condition.penalty).p_path(0.0).min(axis=-1))


def stopping_one_sample(rng: Generator, condition: Condition, runs: int) -> Array:
    """One arm against a constant, looked at after every seed."""
    return np.asarray(safe_contrast(condition.draw(rng, runs)[0], None, condition.penalty).p_path(0.0).min(axis=-1))


def stopping_logarithms(rng: Generator, condition: Condition, runs: int) -> Array:
    """Ratio of geometric means, looked at after every seed."""
    contrast = safe_contrast(*condition.draw_logarithms(rng, runs), condition.penalty)
    return np.asarray(contrast.p_path(0.0).min(axis=-1))


def stopping_slope(rng: Generator, condition: Condition, runs: int) -> Array:
    """Trend over four arms without trend, looked at after every seed."""
    return np.asarray(safe_linear(_four_arms(rng, condition, runs), SLOPE, condition.penalty).p_path(0.0).min(axis=-1))


def steps(rng: Generator, condition: Condition, runs: int) -> Array:
    """Order of four arms that are alike: contradicted by any step, or every step found."""
    pairs = list(pairwise(_four_arms(rng, condition, runs)))
    return _joint(
        [np.asarray(student(a, b, condition.penalty).p(0.0)) for a, b in pairs],
        [(a - b).mean(axis=-1) > 0.0 for a, b in pairs],
    )


def stopping_order(rng: Generator, condition: Condition, runs: int) -> Array:
    """Order of four arms that are alike, looked at after every seed.

    That one step is absent and the others clear is `stopping_two_arms`.
    """
    pairs = list(pairwise(_four_arms(rng, condition, runs)))
    against = [np.cumsum(a - b, axis=-1)[:, FEWEST_SEEDS - 1 :] > 0.0 for a, b in pairs]
    return np.asarray(
        _joint([safe_contrast(a, b, condition.penalty).p_path(0.0) for a, b in pairs], against).min(axis=-1)
    )


def _joint(p: Sequence[Array], against: Sequence[NDArray[np.bool_]]) -> Array:
    """Return the p-values of an order from those of its steps and from which of them go against it."""
    found = np.max([np.where(side, 1.0, step) for step, side in zip(p, against, strict=True)], axis=0)
    wrong = np.min([np.where(side, len(p) * step, 1.0) for step, side in zip(p, against, strict=True)], axis=0)
    return np.asarray(np.minimum(found, wrong))


def stopping_equivalence(rng: Generator, condition: Condition, runs: int) -> Array:
    """Equivalence claimed although the effect lies on the band's lower edge, looked at after every seed."""
    a, b = condition.draw(rng, runs)
    band = 3.0 * max(1.0, condition.spread)
    contrast = safe_contrast(a - band, b, condition.penalty)
    mean = (np.cumsum(contrast.pairs, axis=-1) / np.arange(1, condition.n_a + 1))[:, FEWEST_SEEDS - 1 :]
    p = np.maximum(contrast.p_path(-band), contrast.p_path(band))
    return np.asarray(np.where(np.abs(mean) < band, p, 1.0).min(axis=-1))


def stopping_compare(rng: Generator, condition: Condition, runs: int) -> Array:
    """The fixed-design test misused: looked at after every seed. Not a path of the suite; shows why."""
    a, b = condition.draw(rng, runs)
    looks = range(3, condition.n_a + 1)
    return np.asarray(np.min([student(a[:, :n], b[:, :n], condition.penalty).p(0.0) for n in looks], axis=0))


def no_spread(rng: Generator, condition: Condition, runs: int) -> Array:
    """Two-valued data (a fair coin per seed) where only samples without any spread reach the exact path."""
    a, b = (rng.random((runs, n)) < 0.5 for n in (condition.n_a, condition.n_b))
    constant = (np.ptp(a, axis=1) == 0) & (np.ptp(b, axis=1) == 0) & (a[:, 0] != b[:, 0])
    return np.where(constant, smallest_p(condition.n_a, condition.n_b), 1.0)
