"""Does a claim hold over data sets, sizes and recipes? A random-effects summary of effects."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vitwork.errors import VitworkError
from vitwork.statistics.effect import Effect
from vitwork.statistics.contrasts import Sided, StudentContrast
from vitwork.statistics.decision import FEWEST_SEEDS, Question, decide, undecided

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Summary:
    """A random-effects summary.

    Attributes:
        effect: the mean effect over settings with its interval and the verdict; ``n_a`` is the number of settings, since a setting is the unit
            here.
        tau: standard deviation of true effects between settings (Paule-Mandel).
        i_squared: share of the observed variation that is heterogeneity, in [0, 1].
        q: Cochran's Q.
        q_p: p-value of Q under homogeneity.
        prediction: interval for the effect in one more setting.
        weights: relative weight of each setting, summing to 1.
    """

    effect: Effect
    tau: float
    i_squared: float
    q: float
    q_p: float
    prediction: tuple[float, float]
    weights: tuple[float, ...]


@dataclass(frozen=True)
class CautiousContrast(Sided):
    """A weighted summary that decides only what the plain t-test on the settings' effects decides as well.

    Weights rest on standard errors that a few seeds estimate badly; a setting that looks precise by chance then
    dominates, and Hartung and Knapp's interval alone errs in up to 11 % of cases (docs/statistics.md). The plain test
    needs no weights.
    """

    weighted: StudentContrast
    plain: StudentContrast
    method: str = "random effects, Paule-Mandel, Hartung-Knapp, confirmed by the unweighted t-test"

    @property
    def estimate(self) -> float:
        """The weighted mean."""
        return float(self.weighted.estimate)

    def p(self, value: float) -> float:
        """Return the larger of the two p-values."""
        return float(max(self.weighted.p(value), self.plain.p(value)))

    def interval(self, alpha: float) -> tuple[float, float]:
        """Return the smallest interval that holds both."""
        edges = (self.weighted.interval(alpha), self.plain.interval(alpha))
        return float(min(edge[0] for edge in edges)), float(max(edge[1] for edge in edges))


def paule_mandel(estimates: Array, errors: Array) -> float:
    """Return the between-setting variance at which the weighted squares equal their degrees of freedom."""

    def excess(tau2: float) -> float:
        return _weighted_squares(estimates, 1.0 / (errors**2 + tau2)) - (estimates.size - 1.0)

    if excess(0.0) <= 0.0:
        return 0.0
    low, high = 0.0, float(np.ptp(estimates) ** 2 + (errors**2).max())
    while excess(high) > 0.0:
        high *= 2.0
    for _ in range(60):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if excess(middle) > 0.0 else (low, middle)
    return 0.5 * (low + high)


def _weighted_squares(estimates: Array, weights: Array) -> float:
    centre = (weights * estimates).sum() / weights.sum()
    return float((weights * (estimates - centre) ** 2).sum())


def summarise(estimates: ArrayLike, errors: ArrayLike, question: Question | None = None) -> Summary:
    """Summarise effects of independent settings under random effects.

    The interval joins Hartung and Knapp's, never shorter than the classical one (Röver, Knapp & Friede, BMC Med. Res.
    Methodol. 15:99, 2015), with that of the plain mean (`CautiousContrast`). Fewer than three settings never decide.

    Args:
        estimates: one effect per setting, all on the same scale.
        errors: their standard errors, positive.
        question: alternative, margin, alpha and scale; a difference below 0 by default.

    Raises:
        VitworkError: when the effects are fewer than two or an error is not positive and finite.
    """
    from scipy.special import chdtrc, stdtrit

    question = question or Question()
    y, se = np.asarray(estimates, dtype=np.float64), np.asarray(errors, dtype=np.float64)
    if y.size < 2 or y.shape != se.shape or not (np.isfinite(y).all() and np.isfinite(se).all() and (se > 0.0).all()):
        raise VitworkError("a summary over settings needs two or more finite effects with positive standard errors")
    df = y.size - 1.0
    tau2 = paule_mandel(y, se)
    weights = 1.0 / (se**2 + tau2)
    inflation = max(1.0, _weighted_squares(y, weights) / df)
    centre = float((weights * y).sum() / weights.sum())
    error = math.sqrt(inflation / weights.sum())
    weighted = StudentContrast(centre, error, df, "Hartung-Knapp")
    plain = StudentContrast(float(y.mean()), float(y.std(ddof=1)) / math.sqrt(y.size), df, "one-sample t")
    effect = decide(CautiousContrast(weighted, plain), question, y.size, 0)
    if y.size < FEWEST_SEEDS:
        effect = undecided(question, y.size, 0, f"fewer than {FEWEST_SEEDS} settings never decide", centre)
    q = _weighted_squares(y, 1.0 / se**2)
    # One degree of freedom less than for the mean, as the heterogeneity is estimated as well (Higgins et al. 2009).
    reach = -float(stdtrit(df - 1.0, question.alpha / 2.0)) * math.sqrt(tau2 + error**2) if df > 1.0 else math.inf
    return Summary(
        effect, math.sqrt(tau2), max(0.0, 1.0 - df / q) if q > 0.0 else 0.0, q, float(chdtrc(df, q)),
        (centre - reach, centre + reach), tuple(float(w) for w in weights / weights.sum()),
    )  # fmt: skip


def standard_error(effect: Effect) -> float:
    """Return the standard error that an effect's interval implies with ``min(n) - 1`` degrees of freedom.

    The intervals of `vitwork.statistics.compare` allow for skewness, so this errs on the wide side.
    """
    from scipy.special import stdtrit

    df = min(effect.n_a, effect.n_b or effect.n_a) - 1.0
    half = (effect.high - effect.low) / 2.0
    if df < 1.0 or not math.isfinite(half):
        return math.nan
    return half / float(stdtrit(df, 1.0 - effect.alpha / 2.0))


def meta(effects: Sequence[Effect]) -> Summary | None:
    """Summarise one hypothesis over several profiles, data sets or sizes.

    Args:
        effects: effects of the same hypothesis, on one scale with one margin. Those without a finite interval carry
            no weight and are left out of the mean; the caller shows them in the forest plot all the same.

    Returns:
        The summary, or None when fewer than two effects have a finite interval.

    Raises:
        VitworkError: when the effects do not ask the same question.
    """
    if len({(effect.scale, effect.margin, effect.alternative) for effect in effects}) > 1:
        raise VitworkError("effects of different scale, margin or direction cannot be summarised together")
    usable = [(effect.estimate, standard_error(effect)) for effect in effects]
    usable = [(estimate, error) for estimate, error in usable if math.isfinite(estimate) and error > 0.0]
    if len(usable) < 2:
        return None
    first = effects[0]
    question = Question(first.alternative, first.margin, first.alpha, first.scale)
    return summarise([e for e, _ in usable], [s for _, s in usable], question)
