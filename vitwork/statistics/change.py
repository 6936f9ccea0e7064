"""Tests whether an effect changed between two sessions."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vitwork.statistics.comparison import Values, on_scale, vector
from vitwork.statistics.contrasts import StudentContrast, has_spread, linear
from vitwork.statistics.decision import Question, decide
from vitwork.statistics.effect import Effect, Test
from vitwork.statistics.power import FEWEST_SEEDS

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class SampledEffect:
    """One hypothesis as a session found it.

    Attributes:
        effect: the outcome.
        samples: values per seed, not yet on the effect's scale, whose weighted sum of means is the effect. Empty if the
            effect is not such a sum, so that only intervals can be compared.
        weights: one per sample.
        paired: whether the two samples are the same networks measured in two ways, seed by seed.
        constant: the number that a single sample is compared with.
    """

    effect: Effect
    samples: Sequence[Values] = ()
    weights: Sequence[float] = ()
    paired: bool = False
    constant: float | None = None


def effect_change(old: SampledEffect, new: SampledEffect, alpha: float = 0.05) -> Effect | None:
    """Return the difference of one hypothesis' effects, new minus old; None if it cannot be tested.

    The seeds of both sessions decide if possible (a linear contrast of up to four samples, or more for a trend),
    otherwise the two intervals. Equal values give no change, so an unchanged store compares equal.

    Args:
        old: the hypothesis as an earlier session found it.
        new: the same hypothesis now.
        alpha: error rate of the two-sided test.
    """
    scale = new.effect.scale
    if old.effect.scale != scale:
        return None
    contrast = _of_samples(old, new) or _of_intervals(old.effect, new.effect)
    if contrast is None:
        return None
    n = int(contrast.df) + 1
    return decide(contrast, Question("two-sided", 0.0, alpha, scale), n, n)


def _of_samples(old: SampledEffect, new: SampledEffect) -> StudentContrast | None:
    """Return the contrast of the seeds; None if there are too few, some are not finite, or all are equal."""
    scale = new.effect.scale
    if scale == "probability" or old.constant != new.constant or not (old.samples and new.samples):
        return None
    parts = _weighted(new) + [(values, -weight) for values, weight in _weighted(old)]
    samples = [values for values, _ in parts]
    finite = all(np.isfinite(values).all() for values in samples)
    if not finite or min(values.size for values in samples) < FEWEST_SEEDS or not has_spread(*samples):
        return None
    return linear(samples, [weight for _, weight in parts])


def _weighted(finding: SampledEffect) -> list[tuple[Array, float]]:
    """Return the independent samples on the effect's scale with their weights; pairs are one sample of differences."""
    samples = [on_scale(vector(values), finding.effect.scale) for values in finding.samples]
    if finding.paired:
        return [(samples[0] - samples[1], 1.0)]
    return list(zip(samples, finding.weights, strict=True))


def _of_intervals(old: Effect, new: Effect) -> StudentContrast | None:
    """Return the contrast from two intervals; None if one of them is not finite, or from too few seeds."""
    from scipy.special import stdtrit

    errors, sizes = [], []
    for effect in (old, new):
        size, width = min(effect.n_a, effect.n_b or effect.n_a), effect.high - effect.low
        if size < FEWEST_SEEDS or not 0.0 < width < math.inf or not math.isfinite(effect.estimate):
            return None
        sizes.append(size)
        errors.append(width / 2.0 / float(stdtrit(size - 1.0, 1.0 - effect.alpha / 2.0)))
    return StudentContrast(new.estimate - old.estimate, math.hypot(*errors), min(sizes) - 1.0, Test.INTERVALS)
