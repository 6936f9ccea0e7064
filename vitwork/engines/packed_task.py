"""Packs a task for another process, which carries it out only with the same code and the same images."""

from __future__ import annotations

import importlib.metadata
import pickle
import socket
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from vitwork.data import fingerprint
from vitwork.design.dataset import DataSpec
from vitwork.design.deviation import Lack, Missing
from vitwork.device import place
from vitwork.errors import VitworkError
from vitwork.session.engine import Resources, Task
from vitwork.session.plan import code
from vitwork.session.progress import Reporter
from vitwork.session.tasks import Tasks
from vitwork.session.troubles import Troubles
from vitwork.session.worker import Worker
from vitwork.store.objects import ObjectStore
from vitwork.store.seals import sealed, unsealed
from vitwork.store.sources import source_hash
from vitwork.store.store import Store

PACKAGES = ("torch", "timm", "numpy")
"""Packages whose versions must be equal, except for the part that names a build."""


@dataclass(frozen=True, slots=True)
class PackedTask:
    """A task with all that another process needs for it.

    Attributes:
        task: the task.
        store: folder of the session's store; for a store at `url`, the local working folder.
        url: address of an object store; empty for none.
        data, device, events: as in `vitwork.session.worker.Worker`.
        resources: what the task gets.
        planned: how many runs the session plans.
        code: digests of the code that decides the outcome, by module, and versions of packages.
        images: fingerprint of the images.
    """

    task: Task
    store: Path
    url: str
    data: Path | None
    device: str
    events: Path | None
    resources: Resources
    planned: int
    code: Mapping[str, str]
    images: str

    @classmethod
    def of(cls, task: Task, worker: Worker, resources: Resources) -> PackedTask:
        """Return a session's task with all that another process needs for it."""
        return cls(
            task, worker.store.root.absolute(), getattr(worker.store, "url", ""), _absolute(worker.data), worker.device,
            _absolute(worker.events), resources, worker.planned, code_of(task),
            _images(task.runs[0].arm.data, worker.data),
        )  # fmt: skip

    def pack(self) -> SealedTask:
        """Return the task as sealed bytes; they must be trusted like code, because unpacking runs what they name."""
        return SealedTask(tuple(sys.path), sealed(pickle.dumps(self)))

    def check(self) -> None:
        """Refuse to work if code or images differ from the session's.

        Raises:
            VitworkError: something differs.
        """
        own = code_of(self.task)
        other = [module for module, told in self.code.items() if own.get(module) != told]
        if other:
            raise VitworkError(
                f"{socket.gethostname()} has other code in {other[0]} than the session: install the same version there."
            )
        if fingerprint(self.task.runs[0].arm.data, self.data) != self.images:
            raise VitworkError(f"{socket.gethostname()} has other images than the session: give it the same.")

    def opened(self) -> Store:
        """Return the session's store, as this process reaches it."""
        return ObjectStore(self.url, self.store) if self.url else Store(self.store)

    def perform(self, store: Store, name: str) -> dict[str, Lack]:
        """Carry out the task, and return what could not be done, by key.

        Args:
            store: receives the results.
            name: name of this process in status files.
        """
        troubles = Troubles()
        try:
            self.check()
        except VitworkError as error:
            lack = Lack(Missing.FAULT, self.task.runs[0].arm.name, str(error))
            return dict.fromkeys(self.task.keys, lack)
        from vitwork.training.numerics import keep_memory

        keep_memory()
        place.share_threads(max(1, place.cores() // self.resources.cpus))
        sharing = max(1, round(1 / self.resources.gpus)) if self.resources.gpus else 1
        tasks = Tasks(store, troubles, self.data, place.pick(self.device), sharing, self.events)
        reporter = Reporter(store, name, self.planned)
        arm = self.task.runs[0].arm.name
        try:
            tasks.perform(self.task.runs, self.task.wanted, lambda what: reporter.report(arm, what, 0))
        finally:
            reporter.end()
        return troubles.known


@dataclass(frozen=True, slots=True)
class SealedTask:
    """A packed task as it is sent.

    Attributes:
        path: the session's module search path; a worker adds those folders that it has on its disk.
        content: the task, pickled and sealed.
    """

    path: tuple[str, ...]
    content: bytes

    def open(self) -> PackedTask:
        """Return the packed task.

        Raises:
            CorruptFileError: the task was altered on its way.
            VitworkError: the task names a module or an object that this process does not have.
        """
        content = unsealed(self.content, "A task")
        sys.path += [entry for entry in self.path if entry not in sys.path and Path(entry or ".").exists()]
        try:
            found = pickle.loads(content)  # noqa: S301 - made by the session itself, whose code runs here
        except (ImportError, AttributeError) as error:
            raise VitworkError(
                f"{socket.gethostname()} has other code than the session ({error}): install the same version there."
            ) from error
        assert isinstance(found, PackedTask)
        return found


def code_of(task: Task) -> dict[str, str]:
    """Return what a task's outcome depends on: digests of code by module, and versions of packages."""
    modules = {*code(task.runs[0].arm), *(type(want.measurement).__module__ for want in task.wanted)}
    return {module: source_hash(module) for module in sorted(modules)} | _versions()


@cache
def _versions() -> dict[str, str]:
    return {package: importlib.metadata.version(package).partition("+")[0] for package in PACKAGES}


@cache
def _images(spec: DataSpec, data: Path | None) -> str:
    """Return the fingerprint of images; cached, because it takes long for a large folder."""
    return fingerprint(spec, data)


def _absolute(path: Path | None) -> Path | None:
    """Return an absolute path; a text that is not a local path, such as ``hf://``, stays as it is."""
    return path.absolute() if path is not None and path.exists() else path
