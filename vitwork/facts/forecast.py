"""What is known about a session before anything trains, as facts without wording."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, StrEnum, auto

from vitwork.design.deviation import Lack
from vitwork.design.profile import Profile


class NoWork(StrEnum):
    """Why a session has nothing to train or to measure."""

    ASKED = "asked"  # it only plans, or judges a report's measurements
    DONE = "done"  # the last session left nothing undone, and nothing that it read has changed


class Basis(Enum):
    """Where a duration comes from."""

    STORE = auto()  # measured: runs of this arm in the store
    REPORT = auto()  # measured on the machine that the profile's published report names
    FAMILY = auto()  # a network of each family, measured with random weights on the machine that a file names
    STEP = auto()  # a training step on this machine, scaled by each network's operations; without the measurements


@dataclass(frozen=True, slots=True)
class ArmWork:
    """Runs of one arm.

    Attributes:
        arm: its name.
        runs, missing: numbers of planned runs, and of those that the store lacks.
        seconds: estimated seconds of a run; None if nothing is known.
    """

    arm: str
    runs: int
    missing: int
    seconds: float | None


@dataclass(frozen=True, slots=True)
class Work:
    """The training and measuring that a session needs.

    Attributes:
        arms: the work of each arm.
        seconds: seconds of the missing runs whose length is known.
        at_once: number of runs that are made side by side.
        unknown: number of missing runs of unknown length.
        bases: sources of the lengths, with the machine on which they were measured; empty if it is this one.
    """

    arms: tuple[ArmWork, ...]
    seconds: float
    at_once: int
    unknown: int
    bases: Mapping[Basis, str]

    @property
    def missing(self) -> int:
        """The runs that the store lacks."""
        return sum(arm.missing for arm in self.arms)


@dataclass(frozen=True, slots=True)
class Power:
    """The effects that the hypotheses of a session can detect.

    Attributes:
        hypotheses: number of hypotheses, by claim.
        smallest: by claim, the smallest effect that would be decided, in standard deviations over seeds; infinite if
            none would be.
        first: the difference of two arms needed for the first decision, in the same unit.
        most: largest number of seeds or networks of an arm.
        family: number of claims over which the error rate is controlled.
        beside: for published networks, the claims whose numbers are shown beside the paper's.
        curves: for published networks, the measurements of which the paper has curves.
    """

    hypotheses: Mapping[str, int]
    smallest: Mapping[str, float]
    first: float
    most: int
    family: int
    beside: Sequence[str] = ()
    curves: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Forecast:
    """The cost of a session and the effects that it can detect.

    Attributes:
        profile: the session's profile.
        work: the training and measuring that it needs.
        minutes: for published networks, minutes of each claim per network; None if a part is unknown.
        power: the effects that its hypotheses can detect.
        lacks: what the claims that cannot be measured lack, by claim.
    """

    profile: Profile
    work: Work
    minutes: Mapping[str, float | None]
    power: Power
    lacks: Mapping[str, Sequence[Lack]]


@dataclass(frozen=True, slots=True)
class ArmTasks:
    """The tasks of one arm.

    Attributes:
        arm: its name.
        tasks, seeds, measurements: numbers of tasks, of seeds in each, and of measurements in all of them.
        hours: estimated hours of a task; None if nothing is known.
    """

    arm: str
    tasks: int
    seeds: int
    measurements: int
    hours: float | None


@dataclass(frozen=True, slots=True)
class Handed:
    """The tasks that an engine gets.

    Attributes:
        engine: its name.
        resources: resources of each task.
        arms: the tasks by arm, longest first.
        hours: hours of all tasks together; None if those of any are unknown.
    """

    engine: str
    resources: str
    arms: Sequence[ArmTasks]
    hours: float | None
