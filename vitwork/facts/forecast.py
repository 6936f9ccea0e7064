"""What is known of a session before anything trains: facts, not sentences."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, StrEnum, auto

from vitwork.design.deviation import Lack
from vitwork.design.profile import Profile


class NoWork(StrEnum):
    """Why a session has nothing to train or to measure."""

    ASKED = "asked"  # it only plans, or reads what others measured
    DONE = "done"  # the last session left nothing undone, and nothing that it was seen to read has changed


class Basis(Enum):
    """Where a duration comes from."""

    STORE = auto()  # runs of this arm that lie in the store, measured
    REPORT = auto()  # a published report of the profile, measured on the machine that it names
    FAMILY = auto()  # a published network of each family, measured at random weights on the machine that a file names
    STEP = auto()  # a training step on this machine and the work of each network; measuring it afterwards is left out


@dataclass(frozen=True, slots=True)
class ArmWork:
    """Runs of one arm.

    Attributes:
        arm: its name.
        runs, missing: that are planned, and of them those that the store lacks.
        seconds: that a run takes, about; None where nothing is known.
    """

    arm: str
    runs: int
    missing: int
    seconds: float | None


@dataclass(frozen=True, slots=True)
class Work:
    """All that is to be trained and measured.

    Attributes:
        arms: one by one.
        seconds: that the missing runs take, as far as their lengths are known.
        at_once: runs that are made side by side.
        unknown: missing runs of unknown length.
        bases: where the lengths come from, with the machine that they were measured on; empty where it is this one.
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
    """What the hypotheses of a session can see.

    Attributes:
        hypotheses: their number, by claim.
        smallest: by claim, the effect that would be decided in standard deviations over seeds; infinite where nothing would be.
        first: by which two arms must differ for the first decision, in the same unit.
        most: seeds or networks of an arm, at most.
        family: claims over which the error rate is kept.
        beside: of networks that stand alone, the claims whose numbers are set beside the paper's.
        curves: of them, the measurements of which the paper has curves.
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
    """What a session will cost and what it can see.

    Attributes:
        profile: of the session.
        work: what is to be done.
        minutes: of published networks, what each claim takes on one of them; None where a part of it is unknown.
        power: what its hypotheses can see.
        lacks: what claims lack that cannot be measured, by claim.
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
        tasks, seeds, measurements: how many tasks, seeds in each, and measurements in all of them.
        hours: that a task takes; None where nothing is known.
    """

    arm: str
    tasks: int
    seeds: int
    measurements: int
    hours: float | None


@dataclass(frozen=True, slots=True)
class Handed:
    """What an engine is handed.

    Attributes:
        engine: its name.
        resources: of each task.
        arms: whose tasks these are, those of the longest first.
        hours: of all tasks; None where that of any is unknown.
    """

    engine: str
    resources: str
    arms: Sequence[ArmTasks]
    hours: float | None
