"""Measurements: analyses of one trained run, as frozen dataclasses of their parameters."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, fields, replace
from typing import Any, ClassVar, Self

from vitwork.design.arm import Arm
from vitwork.design.deviation import Lack, Missing
from vitwork.store.keys import digest
from vitwork.store.sources import source_hash

Record = dict[str, Any]
"""The values that a measurement returns and the store keeps: numbers, texts, lists and mappings of them, as in JSON."""


@dataclass(frozen=True, slots=True)
class Counts:
    """The numbers of images that can be measured.

    Attributes:
        train: training images.
        augmented: training images with known augmentation.
        test: test images.
    """

    train: int
    augmented: int
    test: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement(ABC):
    """An analysis of one trained run; a subclass has its parameters as fields, each with a default.

    Attributes:
        name: the name under which records are stored.
        figure: key of the figure that shows its records (`vitwork.report.figures`); empty for none.
    """

    name: ClassVar[str]
    figure: ClassVar[str] = ""

    @abstractmethod
    def measure(self, run: Any) -> Record:
        """Analyse a `vitwork.measurements.trained_run.TrainedRun` in evaluation mode, and return numbers to store."""

    def lack(self, arm: Arm) -> Lack | None:
        """Return what `arm` lacks for this measurement; None if nothing."""
        when = getattr(self, "when", None)
        return snapshot_lack(arm, when) if when is not None else None

    def passes(self, there: Counts) -> int:
        """Return the number of images passed through the network, with repeated passes, given the images in `there`.

        Sessions estimate times from it; no measured value depends on it.
        """
        return min(getattr(self, "images", None) or there.test, there.test)

    def key(self, run_key: str) -> str:
        """Return the key of the record, which changes with the run, the parameters and the analysis' source."""
        return digest([run_key, self.name, self.parameters, source_hash(type(self).__module__)])

    @property
    def parameters(self) -> dict[str, Any]:
        """The parameters by name."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    def having(self, given: dict[str, Any]) -> tuple[Self, dict[str, Any]]:
        """Return this measurement with the given parameters that belong to it, and the remaining parameters."""
        own = {field.name for field in fields(self)}
        rest = {name: value for name, value in given.items() if name not in own}
        return replace(self, **{name: value for name, value in given.items() if name in own}), rest


def snapshot_lack(arm: Arm, when: str | int) -> Lack | None:
    """Return a lack if an arm's recipe keeps no snapshot at that moment; None if it does."""
    return None if when in arm.recipe.snapshots else Lack(Missing.SNAPSHOT, arm.name, str(when))
