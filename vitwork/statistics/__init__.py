"""Decisions with known error rates. The seed is the unit of replication; only numpy and scipy, loaded on first use.

Error rates, coverage and power by simulation: docs/statistics.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from vitwork.lazy import attributes, names

if TYPE_CHECKING:
    from vitwork.statistics.agreement import rank_agreement, rank_correlation
    from vitwork.statistics.audit import audit_skewness, plainly_together
    from vitwork.statistics.change import effect_change
    from vitwork.statistics.claims import decide_claims
    from vitwork.statistics.comparison import compare
    from vitwork.statistics.effect import Effect
    from vitwork.statistics.multiplicity import holm
    from vitwork.statistics.noise import measured_noise
    from vitwork.statistics.power import detectable, seeds_needed
    from vitwork.statistics.rates import Rate
    from vitwork.statistics.structured import equivalent, ordering, trend

__all__ = [
    "Effect",
    "Rate",
    "audit_skewness",
    "compare",
    "decide_claims",
    "detectable",
    "effect_change",
    "equivalent",
    "holm",
    "measured_noise",
    "ordering",
    "plainly_together",
    "rank_agreement",
    "rank_correlation",
    "seeds_needed",
    "trend",
]

_HOMES = {
    "Effect": "effect",
    "Rate": "rates",
    "audit_skewness": "audit",
    "compare": "comparison",
    "decide_claims": "claims",
    "detectable": "power",
    "effect_change": "change",
    "equivalent": "structured",
    "holm": "multiplicity",
    "measured_noise": "noise",
    "ordering": "structured",
    "plainly_together": "audit",
    "rank_agreement": "agreement",
    "rank_correlation": "agreement",
    "seeds_needed": "power",
    "trend": "structured",
}

__getattr__ = attributes(__name__, _HOMES)
__dir__ = names(__name__)
