"""Computes how many seeds a verdict needs, and the smallest effect that a number of seeds can show."""

from __future__ import annotations

import math

from vitwork.statistics.contrasts import PLAIN

FEWEST_SEEDS = 3
"""Fewer seeds per arm never decide: the error rates in docs/statistics.md hold from three seeds on."""
POWER = 0.8
MOST_SEEDS = 1000


def detectable(
    n: int, alpha: float = 0.05, *, power: float = POWER, penalty: float | None = None, arms: float = 2
) -> float:
    """Return the smallest effect, in standard deviations of one arm, that ``n`` seeds per arm show with ``power``.

    Uses the central-t approximation (critical value plus power quantile) with ``n - 1`` degrees of freedom, as
    decisions do. For Holm's procedure over m hypotheses, the first decision is made at ``alpha / m``.

    Args:
        n: seeds per arm.
        alpha: two-sided error rate of the decision.
        power: wanted probability of a decision.
        penalty: factor on p (`vitwork.statistics.contrasts.guard`). By default that of a typical imbalance of two arms,
            halfway between none and full; with only one arm that of full imbalance.
        arms: 2 for a comparison of two arms, 1 for one against a constant or for pairs; in general the variance of the
            effect's estimate in units of the variance of one arm's mean.
    """
    from scipy.special import stdtrit

    if n < FEWEST_SEEDS:
        return math.inf
    if penalty is None:
        penalty = PLAIN.typical(alone=arms == 1)
    quantiles = stdtrit(n - 1.0, power) - stdtrit(n - 1.0, alpha / (2.0 * penalty))
    return float(quantiles * math.sqrt(arms / n))


def seeds_needed(
    effect: float, alpha: float = 0.05, *, power: float = POWER, penalty: float | None = None, arms: float = 2
) -> int | None:
    """Return the fewest seeds per arm that show a standardised ``effect`` with ``power``; None beyond 1000."""
    if not math.isfinite(effect) or detectable(MOST_SEEDS, alpha, power=power, penalty=penalty, arms=arms) > abs(
        effect
    ):
        return None
    low, high = FEWEST_SEEDS, MOST_SEEDS  # detectable(high) <= effect; it falls with n
    while low < high:
        middle = (low + high) // 2
        if detectable(middle, alpha, power=power, penalty=penalty, arms=arms) <= abs(effect):
            high = middle
        else:
            low = middle + 1
    return high
