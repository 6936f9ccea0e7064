"""Are networks that were trained apart of one kind? An exact test over all of their values at once, by relabelling networks.

Where it does not matter by whom a network was trained, every way to share the networks out among the groups is as likely as
the one that was found, whatever the distribution of the values and however they depend on each other within a network. Per
value, the groups' means are compared on the scale of the spread over all networks. An arm is judged by the mean of these
over its values, which sees many small differences, and by the largest, which sees a single large one, each at half of the
error rate. Over several arms the smallest p is corrected exactly, since arms are independent.
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
"""Ways to share networks out that are looked at; of more, so many are drawn."""
TIE = 1e-9


@dataclass(frozen=True, slots=True)
class GroupedNetworks:
    """The networks of one arm.

    Attributes:
        values: a row per network and a column per value, each on its scale; NaN for what a network does not have.
        groups: by whom each was trained, as numbers.
    """

    values: Array
    groups: NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class GroupDifference:
    """How far the groups of an arm's networks differ.

    Attributes:
        networks: in each group.
        values: how many were compared: those that every network has and that have any spread.
        p: probability of such groups where they do not matter.
        adjusted_p: of such groups in any of the arms.
        least: the smallest p that so few networks can have.
        farthest: the column that differs most; None where no value was compared.
    """

    networks: tuple[int, ...]
    values: int
    p: float
    adjusted_p: float
    least: float
    farthest: int | None


@dataclass(frozen=True, slots=True)
class _Distances:
    """How far groups lie apart under every way to share networks out, the one that was found first.

    Attributes:
        mean, largest: over the values that are compared.
        found: of each of these values, as it was found.
        kept: their columns.
    """

    mean: Array
    largest: Array
    found: Array
    kept: NDArray[np.intp]


def group_differences(arms: Mapping[str, GroupedNetworks]) -> dict[str, GroupDifference]:
    """Return for every arm whether it matters by whom its networks were trained.

    Calling an arm different where its ``adjusted_p`` is at most alpha is wrong for any arm with a probability of at most
    alpha; with so few networks that ``least`` exceeds it, never.
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
    has = np.isfinite(networks.values).any(axis=1)  # one that diverged has no values
    values, groups = networks.values[has], networks.groups[has]
    varied = [bool(np.isfinite(column).all()) and has_spread(column) for column in values.T]
    kept = np.flatnonzero(varied) if len(values) > 1 else np.array([], dtype=np.intp)
    apart = _between(values[:, kept], _ways(groups)) if kept.size else np.zeros((1, 1))
    return _Distances(apart.mean(axis=1), apart.max(axis=1), apart[0], kept)


def _halved(*p: float) -> float:
    """Return the p of several tests that share one error rate equally."""
    return min(1.0, len(p) * min(p))


def _tail(arms: Sequence[Array], own: Array) -> float:
    """Return the probability that the statistic of any arm is as large as the one that was found, which stands first."""
    below = [float((values < own[0] * (1.0 - TIE)).mean()) for values in arms]
    return 1.0 - math.prod(below)


def _ways(groups: NDArray[np.intp]) -> NDArray[np.intp]:
    """Return the ways to share networks out among groups of the same sizes, a row each, the one that was found first."""
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
    """Yield all ways to give groups of some sizes places among those that are free."""
    if not counts:
        yield []
        return
    for chosen in itertools.combinations(free, counts[0]):
        for others in _places([place for place in free if place not in chosen], counts[1:]):
            yield [chosen, *others]


def _between(values: Array, ways: NDArray[np.intp]) -> Array:
    """Return how far groups lie apart: squares of their means' distances from the common mean over the variance."""
    scaled = (values - values.mean(axis=0)) / values.std(axis=0, ddof=1)
    squares = np.zeros((len(ways), scaled.shape[1]))
    for group in np.unique(ways):
        member = (ways == group).astype(np.float64)
        squares += (member @ scaled) ** 2 / member.sum(axis=1, keepdims=True)
    return squares


def predicted(values: Sequence[float], scale: EffectScale = "difference") -> tuple[float, float] | None:
    """Return the interval in which one more network's value lies in 95 of 100 cases; None where values have no spread.

    Args:
        values: of the networks known so far.
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
