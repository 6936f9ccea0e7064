"""Verdicts whose error rates are known. The seed is the unit of replication; numpy and scipy only.

Error rates, coverage and power by simulation: docs/statistics.md.
"""

from vitwork.statistics.change import effect_change
from vitwork.statistics.comparison import compare
from vitwork.statistics.multiplicity import holm
from vitwork.statistics.power import detectable, seeds_needed
from vitwork.statistics.structured import equivalent, ordering, rank_agreement, trend

__all__ = [
    "compare",
    "detectable",
    "effect_change",
    "equivalent",
    "holm",
    "ordering",
    "rank_agreement",
    "seeds_needed",
    "trend",
]
