"""Tests whether separately trained groups of networks differ: an exact test over all values, by relabelling networks.

If it does not matter who trained a network, every way to divide the networks into groups is as likely as the observed
one. This holds for any distribution of the values and any dependence between them within a network. For each value, the
groups' means are compared in units of the spread over all networks. An arm is judged by the mean of these differences
over its values, which detects many small ones, and by the largest, which detects a single large one, each at half of
the error rate. Over several arms the smallest p is corrected exactly, because arms are independent.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vitwork.statistics.comparison import on_scale, vector
from vitwork.statistics.contrasts import has_spread
from vitwork.statistics.effect import EffectScale

Array = NDArray[np.float64]
MOST = 20_000
"""Most ways to divide the networks that are tried; if there are more, this many are drawn at random."""
TIE = 1e-9


@dataclass(frozen=True, slots=True)
class GroupedNetworks:
    """The networks of one arm.

    Attributes:
        values: a row per network and a column per value, each on its scale; NaN for a value that a network lacks.
        groups: number of each network's group, which stands for who trained it.
    """

    values: Array
    groups: NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class GroupDifference:
    """How far the groups of an arm's networks differ.

    Attributes:
        networks: numbers of networks in the groups.
        values: number of compared values: those that every network has and that have any spread.
        p: probability of a difference at least this large if the groups do not matter.
        adjusted_p: probability of a difference at least this large in any of the arms.
        least: the smallest p that is possible with this number of networks.
        farthest: the column that differs most; None if no value was compared.
    """

    networks: tuple[int, ...]
    values: int
    p: float
    adjusted_p: float
    least: float
    farthest: int | None


@dataclass(frozen=True, slots=True)
class _Distances:
    """The distances between groups for every way to divide the networks; the observed way comes first.

    Attributes:
        mean, largest: mean and maximum over the compared values.
        found: the observed distance for each of these values.
        kept: the columns of these values.
    """

    mean: Array
    largest: Array
    found: Array
    kept: NDArray[np.intp]


def group_differences(arms: Mapping[str, GroupedNetworks]) -> dict[str, GroupDifference]:
    """Return for every arm whether it matters who trained its networks.

    If arms with an ``adjusted_p`` of at most alpha are called different, any of these calls is wrong with a probability
    of at most alpha. With so few networks that ``least`` exceeds alpha no arm is called different.
    """
    made = {name: _distances(networks) for name, networks in arms.items()}
    means, largest = [found.mean for found in made.values()], [found.largest for found in made.values()]
    return {
        name: GroupDifference(
            networks=tuple(np.unique(arms[name].groups, return_counts=True)[1].tolist()),
            values=found.kept.size,
            p=_halved(_tail([found.mean], found.mean), _tail([found.largest], found.largest)),
            adjusted_p=_halved(_tail(means, found.mean), _tail(largest, found.largest)),
            least=min(1.0, 2.0 / found.mean.size),
            farthest=int(found.kept[found.found.argmax()]) if found.kept.size else None,
        )
        for name, found in made.items()
    }


def _distances(networks: GroupedNetworks) -> _Distances:
    has = np.isfinite(networks.values).any(axis=1)  # a network that diverged has no values
    values, groups = networks.values[has], networks.groups[has]
    varied = [bool(np.isfinite(column).all()) and has_spread(column) for column in values.T]
    kept = np.flatnonzero(varied) if len(values) > 1 else np.array([], dtype=np.intp)
    apart = _between(values[:, kept], _ways(groups)) if kept.size else np.zeros((1, 1))
    return _Distances(apart.mean(axis=1), apart.max(axis=1), apart[0], kept)


def _halved(*p: float) -> float:
    """Return the p of several tests that share one error rate equally."""
    return min(1.0, len(p) * min(p))


def _tail(arms: Sequence[Array], own: Array) -> float:
    """Return the probability that the statistic of any arm is as large as the observed one, which comes first."""
    below = [float((values < own[0] * (1.0 - TIE)).mean()) for values in arms]
    return 1.0 - math.prod(below)


def _ways(groups: NDArray[np.intp]) -> NDArray[np.intp]:
    """Return the ways to divide networks into groups of the same sizes, a row each; the observed way comes first."""
    names, counts = np.unique(groups, return_counts=True)
    total = math.factorial(len(groups)) // math.prod(map(math.factorial, counts.tolist()))
    if total <= MOST:
        rows = np.full((total, len(groups)), names[0])
        for row, places in zip(rows, _places(range(len(groups)), counts[1:].tolist()), strict=True):
            for name, chosen in zip(names[1:], places, strict=True):
                row[list(chosen)] = name
        own = (rows == groups).all(axis=1)
        return np.concatenate([rows[own], rows[~own]])
    dice = np.random.default_rng(0)
    return np.stack([groups, *(dice.permutation(groups) for _ in range(min(total, MOST) - 1))])


def _places(free: Collection[int], counts: Sequence[int]) -> Iterator[list[tuple[int, ...]]]:
    """Yield all ways to give groups of the given sizes places among the free ones."""
    if not counts:
        yield []
        return
    for chosen in itertools.combinations(free, counts[0]):
        for others in _places([place for place in free if place not in chosen], counts[1:]):
            yield [chosen, *others]


def _between(values: Array, ways: NDArray[np.intp]) -> Array:
    """Return the distances between groups: squared distances of their means from the common mean, over the variance."""
    scaled = (values - values.mean(axis=0)) / values.std(axis=0, ddof=1)
    squares = np.zeros((len(ways), scaled.shape[1]))
    for group in np.unique(ways):
        member = (ways == group).astype(np.float64)
        squares += (member @ scaled) ** 2 / member.sum(axis=1, keepdims=True)
    return squares


def predicted(values: Sequence[float], scale: EffectScale = "difference") -> tuple[float, float] | None:
    """Return the 95 % prediction interval for the value of one more network; None if values have no spread.

    Args:
        values: values of the networks known so far.
        scale: logarithms are taken for a ``log-ratio``.
    """
    from scipy.special import stdtrit

    known = on_scale(vector(values), scale)
    known = known[np.isfinite(known)]
    if known.size < 2 or not has_spread(known):
        return None
    half = float(stdtrit(known.size - 1, 0.975)) * float(known.std(ddof=1)) * math.sqrt(1.0 + 1.0 / known.size)
    edges = float(known.mean()) - half, float(known.mean()) + half
    if scale != "log-ratio":
        return edges
    with np.errstate(over="ignore"):
        return float(np.exp(edges[0])), float(np.exp(edges[1]))
