"""Verdicts whose error rates are known. The seed is the unit of replication; numpy and scipy only.

Error rates, coverage and power by simulation: docs/statistics.md.
"""

from vitwork.statistics.comparison import compare
from vitwork.statistics.multiplicity import holm
from vitwork.statistics.power import detectable, seeds_needed

__all__ = ["compare", "detectable", "holm", "seeds_needed"]
