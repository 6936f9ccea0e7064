"""What does the work of a plan: the protocol of an engine, and how one is found by its name."""

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
"""Named here, since they are there in a source tree that nobody has installed, too."""


class TaskError(VitworkError):
    """A task ended without telling what it did: it was killed, or its machine was lost."""


class State(StrEnum):
    """Where a task is; `UNKNOWN` while the engine cannot be asked."""

    PENDING = "pending"
    RUNNING = "running"
    ENDED = "ended"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Task:
    """One arm with the seeds that are trained together, and their measurements.

    Attributes:
        runs: of one arm.
        wanted: their measurements.
        hours: what it will take, from what the store recorded; None where nothing is known.
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
        hours: after which a task is ended; None for no limit.
        at_once: most tasks that run at a time; None for as many as there is room for.
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
        id: by which its engine knows it, in this process and in others.
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
    """Does tasks somewhere.

    Attributes:
        name: by which users choose it.
        remote: whether tasks are done by other processes than those of the session, for which their runs are booked.
        lasting: whether tasks go on when the session ends.
        together: whether a task holds all missing seeds of its arm, or one.
        resources: what each task gets.
    """

    name: str
    remote: bool
    lasting: bool
    together: bool
    resources: Resources

    def submit(self, tasks: Sequence[Task]) -> Sequence[tuple[Task, Future]]:
        """Hand tasks over, longest first, and return those that were taken; the others are offered again."""
        ...

    def cancel(self, ids: Collection[str]) -> None:
        """End tasks."""
        ...

    def describe(self, ids: Collection[str]) -> Mapping[str, State]:
        """Return where tasks are, those of other sessions too."""
        ...

    def close(self) -> None:
        """Let go of what the engine holds; what was handed over goes on where it lasts."""
        ...


@dataclass(frozen=True, slots=True)
class Choice:
    """An engine as a user names it: ``slurm``, or ``ray://head:10001`` for one at an address.

    Attributes:
        name: of the engine.
        settings: what its makers take, as text.
    """

    name: str = "local"
    settings: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, text: str, settings: Sequence[str] = ()) -> Choice:
        """Return what ``--engine TEXT --engine-set KEY=VALUE`` choose.

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
        """Return the engine, for the results and on the images of a process of the session.

        Raises:
            VitworkError: it is not installed, or a setting cannot be used.
        """
        make: Callable[[Mapping[str, str], Worker], Engine] = _point(self.name).load()
        return make(self.settings, worker)


def names() -> tuple[str, ...]:
    """Return the names of the engines that are installed."""
    return tuple(sorted({*OWN, *entry_points(group=GROUP).names}))


def _point(name: str) -> EntryPoint:
    if name in OWN:  # found without a look at every installed package, which takes every process of a session a while
        return EntryPoint(name, OWN[name], GROUP)
    *_, found = entry_points(group=GROUP, name=name)  # of several, the one that `names` found last
    return found


def taken(settings: Mapping[str, str], known: Mapping[str, Callable[[str], object]]) -> dict[str, object]:
    """Return an engine's settings with their types.

    Raises:
        VitworkError: one is not known, or its value cannot be read.
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
