"""The protocol of an engine, which does the work of a plan, and the lookup of engines by name."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from importlib.metadata import EntryPoint, entry_points
from typing import TYPE_CHECKING, Protocol

from vitwork.design.deviation import Lack
from vitwork.errors import VitworkError
from vitwork.session.plan import Run, Wanted

if TYPE_CHECKING:
    from vitwork.session.worker import Worker

GROUP = "vitwork.engines"
"""The entry points by which packages add engines."""
OWN = {
    "local": "vitwork.session.worker:local",
    "slurm": "vitwork.engines.slurm:slurm",
    "ray": "vitwork.engines.on_ray:ray",
}
"""The suite's own engines; named here so that they are also found in a source tree that is not installed."""


class TaskError(VitworkError):
    """A task ended without a result: it was killed, or its machine was lost."""


class State(StrEnum):
    """The state of a task; `UNKNOWN` while the engine cannot be reached."""

    PENDING = "pending"
    RUNNING = "running"
    ENDED = "ended"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Task:
    """Runs of one arm that are handed over together, with their measurements.

    Attributes:
        runs: the runs, all of one arm.
        wanted: their measurements.
        hours: estimated from what the store recorded; None if nothing is known.
    """

    runs: tuple[Run, ...]
    wanted: tuple[Wanted, ...] = ()
    hours: float | None = None

    @property
    def name(self) -> str:
        """The arm and the seeds."""
        seeds = ", ".join(str(run.seed) for run in self.runs)
        return f"{self.runs[0].arm.name} seed{'s' * (len(self.runs) > 1)} {seeds}"

    @property
    def keys(self) -> tuple[str, ...]:
        """The keys of its runs."""
        return tuple(run.key for run in self.runs)


@dataclass(frozen=True, slots=True)
class Resources:
    """What each task gets.

    Attributes:
        cpus: processor cores.
        gpus: graphics processors, or a share of one.
        hours: time limit of a task; None for no limit.
        at_once: most tasks that run at a time; None for as many as the machines can take.
    """

    cpus: int = 1
    gpus: float = 0.0
    hours: float | None = None
    at_once: int | None = None

    def __str__(self) -> str:
        parts = [f"{self.cpus} core{'s' * (self.cpus > 1)}"]
        parts += [f"{self.gpus:g} GPU{'s' * (self.gpus > 1)}"] if self.gpus else []
        parts += [f"at most {self.hours:g} h"] if self.hours is not None else []
        parts += [f"{self.at_once} at a time"] if self.at_once is not None else []
        return ", ".join(parts)


class Future(Protocol):
    """A task that was handed over.

    Attributes:
        id: the engine's name for it, the same in this process and in others.
    """

    @property
    def id(self) -> str: ...

    def done(self) -> bool:
        """Return whether `result` would return at once."""
        ...

    def result(self) -> Mapping[str, Lack]:
        """Return what could not be done, by the keys of runs and measurements.

        Raises:
            TaskError: the task was lost.
        """
        ...


class Engine(Protocol):
    """Carries out tasks, on this machine or on others.

    Attributes:
        name: the name by which users choose it.
        remote: whether other processes than the session's carry tasks out, so that their runs have to be booked.
        lasting: whether tasks go on when the session ends.
        together: whether a task holds all missing seeds of its arm, or only one.
        resources: what each task gets.
    """

    name: str
    remote: bool
    lasting: bool
    together: bool
    resources: Resources

    def submit(self, tasks: Sequence[Task]) -> Sequence[tuple[Task, Future]]:
        """Hand over tasks, given longest first, and return those that were taken; the others are offered again."""
        ...

    def cancel(self, ids: Collection[str]) -> None:
        """Cancel tasks."""
        ...

    def describe(self, ids: Collection[str]) -> Mapping[str, State]:
        """Return the states of tasks, also of other sessions' tasks."""
        ...

    def close(self) -> None:
        """Release what the engine holds; tasks go on if the engine is `lasting`."""
        ...


@dataclass(frozen=True, slots=True)
class Choice:
    """An engine as a user names it: ``slurm``, or ``ray://head:10001`` for one at an address.

    Attributes:
        name: name of the engine.
        settings: the engine's own settings, as text.
    """

    name: str = "local"
    settings: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, text: str, settings: Sequence[str] = ()) -> Choice:
        """Return the choice that ``--engine TEXT --engine-set KEY=VALUE`` makes.

        Raises:
            VitworkError: there is no such engine, or a setting is not of the form KEY=VALUE.
        """
        name, sign, _ = text.partition("://")
        if name not in OWN and name not in names():
            raise VitworkError(f"There is no engine {name!r}; there are {', '.join(names())}.")
        if wrong := [setting for setting in settings if not setting.partition("=")[1]]:
            raise VitworkError(f"--engine-set takes KEY=VALUE, not {wrong[0]!r}.")
        pairs = [setting.partition("=")[::2] for setting in settings]
        return cls(name, {**({"address": text} if sign else {}), **dict(pairs)})

    def make(self, worker: Worker) -> Engine:
        """Return the engine, with the store and the images of a process of the session.

        Raises:
            VitworkError: the engine is not installed, or a setting cannot be used.
        """
        make: Callable[[Mapping[str, str], Worker], Engine] = _point(self.name).load()
        return make(self.settings, worker)


def names() -> tuple[str, ...]:
    """Return the names of the engines that are installed."""
    return tuple(sorted({*OWN, *entry_points(group=GROUP).names}))


def _point(name: str) -> EntryPoint:
    if name in OWN:  # needs no search through all installed packages, which would delay every process of a session
        return EntryPoint(name, OWN[name], GROUP)
    *_, found = entry_points(group=GROUP, name=name)  # of several, the one that `names` found last
    return found


def taken(settings: Mapping[str, str], known: Mapping[str, Callable[[str], object]]) -> dict[str, object]:
    """Return an engine's settings, each converted to its type.

    Raises:
        VitworkError: a setting is unknown, or its value cannot be read.
    """
    found: dict[str, object] = {}
    for key, value in settings.items():
        if key not in known:
            raise VitworkError(f"This engine has no setting {key!r}; it has {', '.join(sorted(known))}.")
        try:
            found[key] = known[key](value)
        except ValueError as error:
            raise VitworkError(f"The engine's setting {key} cannot be {value!r}.") from error
    return found
