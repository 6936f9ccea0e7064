"""Verdicts whose error rates are known. The seed is the unit of replication; numpy and scipy only.

Error rates, coverage and power by simulation: docs/statistics.md.
"""

from vitwork.statistics.audit import audit_skewness
from vitwork.statistics.change import effect_change
from vitwork.statistics.claims import decide_claims
from vitwork.statistics.comparison import compare
from vitwork.statistics.multiplicity import holm
from vitwork.statistics.noise import measured_noise
from vitwork.statistics.power import detectable, seeds_needed
from vitwork.statistics.rank_correlation import rank_agreement, rank_correlation
from vitwork.statistics.rates import Rate
from vitwork.statistics.structured import equivalent, not_worse, ordering, trend

__all__ = [
    "Rate",
    "audit_skewness",
    "compare",
    "decide_claims",
    "detectable",
    "effect_change",
    "equivalent",
    "holm",
    "measured_noise",
    "not_worse",
    "ordering",
    "rank_agreement",
    "rank_correlation",
    "seeds_needed",
    "trend",
]
