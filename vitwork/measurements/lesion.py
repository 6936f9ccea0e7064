"""Loss of accuracy when one block of a trained network is removed (paper, Fig. 10b)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from vitwork.design.measurement import Measurement, Record
from vitwork.language.quantity import columns, mean, quantity
from vitwork.measurements.errors import together

if TYPE_CHECKING:
    from vitwork.measurements.trained_run import TrainedRun


@dataclass(frozen=True, slots=True, kw_only=True)
class Lesion(Measurement):
    """The change of test accuracy and NLL when each block's residual branch is dropped, one at a time.

    Attributes:
        when: the snapshot to measure at.
        images: number of test images; None for all.
    """

    name: ClassVar[str] = "lesion"
    figure: ClassVar[str] = "lesion"

    when: str = "end"
    images: int | None = None

    def measure(self, run: TrainedRun) -> Record:
        """Return one change of accuracy and of NLL per block."""
        from vitwork.analysis.lesion import study

        found = study(run.blocks(self.when), run.test_batches(limit=self.images))
        changes = ("accuracy_change", "accuracy_error", "nll_change", "nll_error")
        return columns(found, "units", "kinds", "stages", "stage_end", "accuracy", *changes, "cost")


def _mean_loss(record: Record, chosen: list[bool]) -> float:
    """Return the mean loss of accuracy over the chosen units, in percentage points."""
    losses = [-100.0 * change for change, taken in zip(record["accuracy_change"], chosen, strict=True) if taken]
    return mean(losses, "block of that kind and place")


def _error(record: Record, chosen: list[bool]) -> float:
    """Return an upper bound on the standard error of `_mean_loss` over images."""
    return 100.0 * together(error for error, taken in zip(record["accuracy_error"], chosen, strict=True) if taken)


def _stage_starts(record: Record) -> list[bool]:
    stages = record["stages"]
    return [place == 0 or stages[place - 1] != stage for place, stage in enumerate(stages)]


def _stage_ends(record: Record, first_stage: int = 1) -> list[bool]:
    return [end and stage >= first_stage for end, stage in zip(record["stage_end"], record["stages"], strict=True)]


def _in_stage(record: Record, stage: str) -> list[bool]:
    wanted = (min if stage == "first" else max)(record["stages"])
    return [found == wanted for found in record["stages"]]


def _of_kind(record: Record, kind: str, place: str) -> list[bool]:
    by_stage: dict[int, list[int]] = {}
    for unit, (found, stage) in enumerate(zip(record["kinds"], record["stages"], strict=True)):
        if found == kind:
            by_stage.setdefault(stage, []).append(unit)
    chosen = {units[0 if place == "first" else -1] for units in by_stage.values()}
    return [unit in chosen for unit in range(len(record["kinds"]))]


@quantity(
    Lesion,
    name="loss by removing a stage's last block",
    unit="pp",
    error=lambda record, first_stage=1: _error(record, _stage_ends(record, first_stage)),
)
def loss_at_stage_end(record: Record, first_stage: int = 1) -> float:
    """Return the mean accuracy lost by removing the last block of a stage, from `first_stage` on."""
    return _mean_loss(record, _stage_ends(record, first_stage))


@quantity(
    Lesion,
    name="loss by removing a stage's first block",
    unit="pp",
    error=lambda record: _error(record, _stage_starts(record)),
)
def loss_at_stage_start(record: Record) -> float:
    """Return the mean accuracy lost by removing the first block of a stage."""
    return _mean_loss(record, _stage_starts(record))


def _boundaries(record: Record) -> list[int]:
    """Return the indices of the first blocks of all stages but the first."""
    return [place for place, first in enumerate(_stage_starts(record)) if first and place]


def _jump_error(record: Record) -> float:
    errors = record["accuracy_error"]
    return 100.0 * together(errors[place - 1] + errors[place] for place in _boundaries(record))


@quantity(Lesion, name="further loss at a stage's start than at the end before it", unit="pp", error=_jump_error)
def jump_between_stages(record: Record) -> float:
    """Return the accuracy lost without a stage's first block minus that without the last before it, on average."""
    change = record["accuracy_change"]
    return 100.0 * mean((change[place - 1] - change[place] for place in _boundaries(record)), "second stage")


@quantity(
    Lesion,
    name="loss by removing a block",
    unit="pp",
    error=lambda record, stage: _error(record, _in_stage(record, stage)),
)
def loss_in_stage(record: Record, stage: str) -> float:
    """Return the mean accuracy lost by removing a block of the ``first`` or the ``last`` stage."""
    return _mean_loss(record, _in_stage(record, stage))


@quantity(
    Lesion,
    name="loss by removing one sub-layer of a stage",
    unit="pp",
    error=lambda record, kind, place: _error(record, _of_kind(record, kind, place)),
)
def loss_of(record: Record, kind: str, place: str) -> float:
    """Return the mean accuracy lost by removing the ``first`` or the ``last`` block of a kind in a stage."""
    return _mean_loss(record, _of_kind(record, kind, place))
