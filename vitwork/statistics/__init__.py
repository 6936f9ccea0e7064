"""Verdicts whose error rates are known. The seed is the unit of replication; numpy and scipy only, loaded on first use.

Error rates, coverage and power by simulation: docs/statistics.md.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
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

_HOMES = {
    "compare": "comparison",
    "detectable": "power",
    "effect_change": "change",
    "equivalent": "structured",
    "holm": "multiplicity",
    "ordering": "structured",
    "rank_agreement": "structured",
    "seeds_needed": "power",
    "trend": "structured",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
