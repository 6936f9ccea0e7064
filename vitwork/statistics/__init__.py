"""Verdicts whose error rates are known. The seed is the unit of replication; numpy and scipy only.

Error rates, coverage and power by simulation: docs/statistics.md.
"""

from vitwork.statistics.change import Event, compare_to_baseline
from vitwork.statistics.comparison import compare, sequential
from vitwork.statistics.meta import Summary, meta, summarise
from vitwork.statistics.multiplicity import holm
from vitwork.statistics.power import detectable, seeds_needed
from vitwork.statistics.structured import equivalent, layer_share, ordering, rank_agreement, share_of_layers, trend

__all__ = [
    "Event",
    "Summary",
    "compare",
    "compare_to_baseline",
    "detectable",
    "equivalent",
    "holm",
    "layer_share",
    "meta",
    "ordering",
    "rank_agreement",
    "seeds_needed",
    "sequential",
    "share_of_layers",
    "summarise",
    "trend",
]
