"""Distance, entropy, frequency gain and rank of a run's attention weights (beyond the paper)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from vitwork.design.measurement import Measurement, Record
from vitwork.language.quantity import columns, log, quantity, ratio
from vitwork.measurements.errors import together

if TYPE_CHECKING:
    from vitwork.measurements.trained_run import TrainedRun


@dataclass(frozen=True, slots=True, kw_only=True)
class Attention(Measurement):
    """Distance, entropy, frequency gain and effective rank of every block's attention over test images.

    Attributes:
        when: the snapshot to measure at.
        images: number of test images.
        rank_images: number of these images that the effective rank is averaged over.
    """

    name: ClassVar[str] = "attention"
    figure: ClassVar[str] = "attention"

    when: str = "end"
    images: int = 250
    rank_images: int = 16

    def measure(self, run: TrainedRun) -> Record:
        """Return one number of each kind per block, and the distance of every head."""
        from vitwork.analysis.attention import describe

        found = describe(run.blocks(self.when), run.test_batches(limit=self.images), rank_images=self.rank_images)
        over_heads = ("distance", "entropy", "elsewhere", "effective_rank")
        return {
            **columns(found, "blocks", "stages", "sides", "frequencies", "uniform_distance", "left_out", "cost"),
            **columns(found, "gain", "gain_error", "transfer", "emitted"),
            **{name: [heads.mean().item() for heads in getattr(found, name)] for name in over_heads},
            "distance_by_head": columns(found, "distance")["distance"],
            **columns(found, *(f"{name}_error" for name in over_heads if name != "elsewhere")),
        }


def _ends(record: Record, column: str) -> list[tuple[float, float]]:
    """Return each block's values at the lowest non-zero frequency and at π (or just below)."""
    ends = []
    for frequencies, values in zip(record["frequencies"], record[column], strict=True):
        highest = max(place for place, frequency in enumerate(frequencies) if frequency <= 1.0)
        if highest > 1:  # a grid with two places per side has a single frequency
            ends.append((values[1], values[highest]))
    return ends


def _gain_error(record: Record) -> float:
    """Return an upper bound on the standard error over images of the mean logarithm."""
    pairs = zip(_ends(record, "gain"), _ends(record, "gain_error"), strict=True)
    return together(sum(map(ratio, errors, gains)) for gains, errors in pairs)


@quantity(Attention, name="high- over low-frequency gain of attention", unit="log ratio", error=_gain_error)
def gain_slope(record: Record) -> float:
    """Return the mean over blocks of log(gain at π, or just below, over gain at the lowest non-zero frequency)."""
    slopes = [log(ratio(high, low)) for low, high in _ends(record, "gain")]
    return sum(slopes) / len(slopes) if slopes else math.nan
