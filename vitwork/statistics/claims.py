"""Decides claims from their hypotheses, with one false discovery rate over all claims registered for a profile.

A claim has primary hypotheses, which are the paper's reading and decide, and controls, which qualify. "Reproduced" is an
intersection-union test: the largest one-sided p of the primaries, uncorrected. "Contradicted" takes the smallest p on
the other side, times the number of primaries. The claim's p is twice the smaller of the two, which covers either error,
and Benjamini and Hochberg's procedure decides over the family. If seeds arrive one by one, p-values are reciprocals of
e-values, and the same procedure is e-BH.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vitwork.statistics.decision import edged
from vitwork.statistics.effect import Effect, Verdict
from vitwork.statistics.multiplicity import bh_adjust, holm_adjust

Array = NDArray[np.float64]
Hypothesis = Callable[[float], Effect]
"""A hypothesis that can be judged at any two-sided error rate."""


@dataclass(frozen=True, slots=True)
class MeasuredClaim:
    """The measured hypotheses of a claim.

    Attributes:
        primaries: the paper's reading; they decide.
        controls: they qualify and never decide.
    """

    primaries: Sequence[Hypothesis]
    controls: Sequence[Hypothesis] = ()


@dataclass(frozen=True, slots=True)
class Decision:
    """The verdict of a claim.

    Attributes:
        verdict: reproduced, contradicted or inconclusive.
        p: twice the smaller of the one-sided p-values of either verdict, at most 1.
        q: p corrected by Benjamini and Hochberg over the family; the claim is decided if it is at most alpha.
        holm_p: p corrected by Holm over the family, for the column "also by Holm".
        level: the two-sided error rate that the family leaves to a claim, and at which intervals are adjusted.
        primaries, controls: effects, in order. Their own verdicts are at ``level``: a claim is reproduced if every
            primary is, and contradicted if any is. Controls are judged at the same level, uncorrected.
    """

    verdict: Verdict
    p: float
    q: float
    holm_p: float
    level: float
    primaries: tuple[Effect, ...]
    controls: tuple[Effect, ...]


def claim_p(p_for: ArrayLike, p_against: ArrayLike) -> tuple[Array, Array, Array]:
    """Return the p-values of "reproduced", of "contradicted" and of the claim, from those of its primaries.

    Args:
        p_for, p_against: one-sided p-values, primaries on the last axis; NaN (data that never decide) counts as 1.
    """
    paper, other = (np.nan_to_num(np.asarray(p, dtype=np.float64), nan=1.0) for p in (p_for, p_against))
    reproduced = paper.max(axis=-1)
    contradicted = np.minimum(1.0, paper.shape[-1] * other.min(axis=-1))
    return reproduced, contradicted, np.minimum(1.0, 2.0 * np.minimum(reproduced, contradicted))


def family_level(q: ArrayLike, size: int, alpha: float) -> Array:
    """Return the error rate that the procedure applied to every claim: alpha times the share of decided claims.

    A claim is decided exactly if its p is at most this level. With no claim decided it is the level for a first
    decision.
    """
    decided = (np.asarray(q) <= alpha).sum(axis=-1)
    return np.asarray(alpha * np.maximum(decided, 1) / size)


def decide_claims(cases: Mapping[str, MeasuredClaim], size: int, alpha: float = 0.05) -> dict[str, Decision]:
    """Decide the measured claims of a registered family at a false discovery rate of ``alpha``.

    Args:
        cases: measured claims by id, every one with at least one primary.
        size: number of claims in the registered family. Claims that were not measured count as p = 1, so that the
            correction never removes a verdict of a part of the family when the rest is measured.
        alpha: false discovery rate.

    Raises:
        VitworkError: more claims were measured than are registered.
    """
    if not cases:
        return {}
    plain = {name: [ask(alpha) for ask in case.primaries] for name, case in cases.items()}
    readings = [claim_p([e.p_for for e in found], [e.p_against for e in found]) for found in plain.values()]
    p = [float(reading[2]) for reading in readings]
    q, corrected = bh_adjust(p, size), holm_adjust([*p, *[1.0] * (size - len(p))])
    level = float(family_level(q, size, alpha))
    decisions = {}
    for place, (name, case) in enumerate(cases.items()):
        reproduced, contradicted, both = (float(value) for value in readings[place])
        verdict = Verdict.INCONCLUSIVE
        if q[place] <= alpha:
            verdict = Verdict.REPRODUCED if reproduced <= contradicted else Verdict.CONTRADICTED
        count, adjusted = len(case.primaries), float(q[place])
        decisions[name] = Decision(
            verdict, both, adjusted, corrected[place], level,
            tuple(
                replace(_at(ask, effect, level, count), adjusted_p=adjusted)
                for ask, effect in zip(case.primaries, plain[name], strict=True)
            ),
            tuple(_at(ask, ask(alpha), level) for ask in case.controls),
        )  # fmt: skip
    return decisions


def _at(ask: Hypothesis, effect: Effect, level: float, count: int = 1) -> Effect:
    """Return an effect with verdict and interval at a level; the side against the paper is corrected for the primaries.

    Each edge of the interval is at the level at which it would decide, so the interval excludes the margin exactly if
    the effect is decided.
    """
    if math.isnan(effect.p_for):
        return replace(effect, verdict=Verdict.INCONCLUSIVE)
    if effect.alternative == "two-sided" and not effect.by_band:
        level /= 2.0  # both sides are on the paper's side
    paper, other = ask(level), ask(level / count)
    verdict = Verdict.INCONCLUSIVE
    if paper.verdict is Verdict.REPRODUCED:
        verdict = Verdict.REPRODUCED
    elif other.verdict is Verdict.CONTRADICTED:
        verdict = Verdict.CONTRADICTED
    low, high = edged(paper, other)
    needed = paper.seeds_needed if verdict is Verdict.INCONCLUSIVE else None
    return replace(effect, verdict=verdict, adjusted_low=low, adjusted_high=high, seeds_needed=needed)
