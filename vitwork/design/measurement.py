"""What a measurement is: an analysis of one trained run, as a frozen dataclass of its parameters."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, fields, replace
from typing import Any, ClassVar, Self

from vitwork.design.arm import Arm
from vitwork.design.deviation import Lack, Missing
from vitwork.store.keys import digest
from vitwork.store.sources import source_hash

Record = dict[str, Any]
"""What a measurement returns and the store keeps: numbers, texts, lists and mappings of them, as JSON has them."""


@dataclass(frozen=True, slots=True)
class Counts:
    """How many images there are to measure.

    Attributes:
        train: training images.
        augmented: those of them of which it is known how they were augmented.
        test: test images.
    """

    train: int
    augmented: int
    test: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement(ABC):
    """An analysis of one trained run; a subclass has its parameters as fields, each with a default.

    Attributes:
        name: what records are filed under.
        figure: key of the figure that shows its records (`vitwork.report.figures`); empty for none.
    """

    name: ClassVar[str]
    figure: ClassVar[str] = ""

    @abstractmethod
    def measure(self, run: Any) -> Record:
        """Analyse a `vitwork.measurements.trained_run.TrainedRun`, in evaluation mode, and return numbers to be stored."""

    def lack(self, arm: Arm) -> Lack | None:
        """Say what `arm` would need to be measured so; None where it lacks nothing."""
        when = getattr(self, "when", None)
        return snapshot_lack(arm, when) if when is not None else None

    def passes(self, there: Counts) -> int:
        """Return how many images are passed through the network, each as often as it is, of those that there are.

        Sessions foresee by it what takes how long: nothing depends on it that is measured.
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
        """Return this measurement with those of the given parameters that are its own, and the others."""
        own = {field.name for field in fields(self)}
        rest = {name: value for name, value in given.items() if name not in own}
        return replace(self, **{name: value for name, value in given.items() if name in own}), rest


def snapshot_lack(arm: Arm, when: str | int) -> Lack | None:
    """Say that a recipe keeps no snapshot at that moment; None where it does."""
    return None if when in arm.recipe.snapshots else Lack(Missing.SNAPSHOT, arm.name, str(when))
