"""Similarity (CKA) of the representations of a run's blocks, within and across stages (paper, Fig. 10a and D.3)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from vitwork.design.measurement import Measurement, Record
from vitwork.language.quantity import columns, quantity

if TYPE_CHECKING:
    from vitwork.measurements.trained_run import TrainedRun

ENDINGS = {"all": "", "at equal distance": "_at_equal_distance"}
"""Endings of names in a record, by the pairs of blocks that are compared."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Similarity(Measurement):
    """CKA between all blocks, and how much more alike blocks of one stage are than blocks of two.

    Attributes:
        when: the snapshot to measure at.
        images: number of test images, in mini-batches of 250.
        pseudo_stages: number of equal parts into which a network of a single stage is divided for the score.
    """

    name: ClassVar[str] = "similarity"
    figure: ClassVar[str] = "similarity"

    when: str = "end"
    images: int = 1000
    pseudo_stages: int = 4

    def measure(self, run: TrainedRun) -> Record:
        """Return the matrix, its blocks' stages and the score."""
        from vitwork.analysis import similarity as analysis

        found = analysis.matrix(run.blocks(self.when), run.test_batches(limit=self.images))
        stages = found.stages
        if len(set(stages) - {0}) < 2:
            stages = analysis.pseudo_stages(len(stages), self.pseudo_stages, stem=stages.count(0))
        return {
            **columns(found, "blocks", "cka", "cost"),
            "stages": list(stages),
            "within_minus_across": found.within_minus_across(stages),
            "within_minus_across_at_equal_distance": found.within_minus_across(stages, same_distance=True),
            "standard_error": found.standard_error(stages),
            "standard_error_at_equal_distance": found.standard_error(stages, same_distance=True),
        }


def _error(record: Record, pairs: str = "all") -> float:
    """Return the standard error over images; NaN for records without it."""
    return float(record.get("standard_error" + ENDINGS[pairs], math.nan))


@quantity(Similarity, name="CKA within minus across stages", error=_error)
def block_structure(record: Record, pairs: str = "all") -> float:
    """Return the score of stage-aligned blocks, over ``all`` pairs or only over pairs ``at equal distance``."""
    return float(record["within_minus_across" + ENDINGS[pairs]])
