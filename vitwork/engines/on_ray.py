"""The engine ``ray``: tasks in a Ray cluster, with shares of GPUs and retries, and without a shared file system."""

from __future__ import annotations

import importlib.util
import os
import socket
import tempfile
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from vitwork.design.deviation import Lack
from vitwork.engines.file_exchange import FileExchange, Files, Pusher, arrived, packed
from vitwork.engines.packed_images import Shipment, shipped, unloaded
from vitwork.engines.packed_task import PackedTask, SealedTask
from vitwork.errors import VitworkError, told
from vitwork.session.engine import Resources, State, Task, TaskError, taken
from vitwork.session.worker import Worker
from vitwork.store.objects import ObjectStore
from vitwork.store.store import Store

POLL_SECONDS = 1.0
RETRIES = 3
HEAD = {"node:__internal_head__": 0.001}
"""The resource that only Ray's head node has."""
SETTINGS = {"address": str, "cpus": int, "gpus": float, "retries": int, "working_dir": str, "data": str}


def perform(packed_task: SealedTask, exchange: Any, files: Files, data: Any = None) -> dict[str, Lack]:
    """Carry out a task on a node, in its own folder, and send results to the exchange during the work.

    Args:
        packed_task: the task.
        exchange: the actor that keeps files.
        files: the session's files of the runs; files in the exchange are newer.
        data: the images, if they were sent along.
    """
    import ray

    opened = packed_task.open()
    keys = [*opened.task.keys, *(want.key for want in opened.task.wanted)]
    if data is not None:
        opened = replace(opened, data=unloaded(data))
    with tempfile.TemporaryDirectory(prefix="vitwork-") as folder:
        store = Store(Path(folder))
        arrived(store, files)
        arrived(store, ray.get(exchange.get.remote(keys)))
        with Pusher(store, keys, lambda files: list(ray.get(exchange.put.remote(files)))):
            return opened.perform(store, f"ray {socket.gethostname()}-{os.getpid()}")


@dataclass(slots=True)
class Remote:
    """A task in the cluster.

    Attributes:
        reference: Ray's reference to its result.
        engine: the engine that handed it over.
        task: the task.
    """

    reference: Any
    engine: Ray
    task: Task

    @property
    def id(self) -> str:
        """Ray's id of the task."""
        return str(self.reference.task_id().hex())

    def done(self) -> bool:
        """Return whether the task has ended and all its files have arrived."""
        ended = self.engine.ended(self.reference)
        self.engine.receive(at_once=ended)
        return ended

    def result(self) -> Mapping[str, Lack]:
        """Return what could not be done, by key.

        Raises:
            TaskError: the task failed, or its node was lost and no retries are left.
        """
        import ray

        try:
            return dict(ray.get(self.reference))
        except ray.exceptions.RayTaskError as error:
            raise TaskError(f"The task {self.task.name} failed in the Ray cluster ({told(error.cause)}).") from error
        except ray.exceptions.RayError as error:
            raise TaskError(
                f"The task {self.task.name} was lost in the Ray cluster ({type(error).__name__})."
            ) from error
        finally:
            self.engine.forget(self)


@dataclass(slots=True)
class Ray:
    """Hands tasks to a Ray cluster, which the session joins when there is something to do.

    Attributes:
        worker: the session's process.
        resources: what each task gets.
        settings: those of address, retries, working_dir and data that were given.
    """

    worker: Worker
    resources: Resources
    settings: Mapping[str, Any]
    name: str = "ray"
    remote: bool = True
    lasting: bool = False
    exchange: Any = None
    shipment: Shipment | None = None
    futures: dict[str, Remote] = field(default_factory=dict)
    received: float = 0.0

    @property
    def together(self) -> bool:
        """Whether all seeds of an arm make one task: if a task has a whole GPU. Tasks with a part of one share it."""
        return self.resources.gpus >= 1

    def submit(self, tasks: Sequence[Task]) -> list[tuple[Task, Remote]]:
        """Hand over tasks together with the store's files of their runs.

        Raises:
            VitworkError: the cluster cannot be reached.
        """
        import ray

        with self._told():
            self._join()
            call = ray.remote(perform).options(
                num_cpus=self.resources.cpus, num_gpus=self.resources.gpus,
                max_retries=self.settings.get("retries", RETRIES), name="vitwork",
            )  # fmt: skip
            handed = []
            for task in tasks:
                keys = [*task.keys, *(want.key for want in task.wanted)]
                packed_task = PackedTask.of(task, self.worker, self.resources).pack()
                reference = call.remote(packed_task, self.exchange, packed(self.worker.store, keys), self._data())
                handed.append((task, Remote(reference, self, task)))
        self.futures |= {future.id: future for _, future in handed}
        return handed

    def _join(self) -> None:
        """Join the cluster, or start one on this machine, and open the exchange in it."""
        import ray

        if not ray.is_initialized():
            given = {"working_dir": self.settings["working_dir"]} if "working_dir" in self.settings else {}
            ray.init(address=self.settings.get("address"), runtime_env=given, log_to_driver=False)
        if self.exchange is None:
            self.exchange = ray.remote(FileExchange).options(num_cpus=0, resources=HEAD).remote()

    def _data(self) -> Any:
        """Return the images if they must be sent along, through Ray's object store, once for each node."""
        if self.settings.get("data") != "send" or self.worker.data is None:
            return None
        if self.shipment is None:
            import ray

            self.shipment = shipped(self.worker.data, ray.put)
        return self.shipment

    @contextmanager
    def _told(self) -> Iterator[None]:
        import ray

        try:
            yield
        except (ray.exceptions.RayError, ConnectionError, RuntimeError, ValueError) as error:
            raise VitworkError(f"The Ray cluster cannot be used ({told(error)}).") from error

    def ended(self, reference: Any) -> bool:
        """Return whether a task has ended."""
        import ray

        with self._told():
            return bool(ray.wait([reference], timeout=0, fetch_local=False)[0])

    def receive(self, *, at_once: bool = False) -> None:
        """Write files from the exchange into the store; files that were damaged on the way are requested again."""
        import ray

        if self.exchange is None or (not at_once and time.monotonic() - self.received < POLL_SECONDS):
            return
        store, tries = self.worker.store, 0
        with self._told():
            while (files := ray.get(self.exchange.take.remote())) and tries < len(files) + 5:
                seals = arrived(store, files)
                ray.get(self.exchange.confirm.remote(seals))
                if isinstance(store, ObjectStore):
                    for name in seals:
                        if name.startswith("records/"):
                            store.publish(Path(name).stem)
                tries += not seals
        self.received = time.monotonic()

    def forget(self, future: Remote) -> None:
        """Let the exchange remove a task's files."""
        self.futures.pop(future.id, None)
        keys = [*future.task.keys, *(want.key for want in future.task.wanted)]
        with self._told():
            self.exchange.forget.remote(keys)

    def cancel(self, ids: Collection[str]) -> None:
        """Cancel tasks of this session; other sessions' tasks end with their sessions."""
        import ray

        for id in ids:
            if id in self.futures:
                ray.cancel(self.futures[id].reference, force=True)

    def describe(self, ids: Collection[str]) -> dict[str, State]:
        """Return the states of this session's tasks; other tasks' states are known only to their sessions."""
        return {
            id: (State.ENDED if self.ended(self.futures[id].reference) else State.RUNNING)
            if id in self.futures
            else State.UNKNOWN
            for id in ids
        }

    def close(self) -> None:
        """Close the exchange."""
        if self.exchange is not None:
            import ray

            ray.kill(self.exchange)
            self.exchange = None


def ray(settings: Mapping[str, str], worker: Worker) -> Ray:
    """Return the engine; its address may be given as ``--engine ray://HOST:PORT``.

    Raises:
        VitworkError: Ray is not installed, or a setting cannot be used.
    """
    if importlib.util.find_spec("ray") is None:
        raise VitworkError('The engine ray needs Ray: pip install "vitwork[ray]".')
    given: dict[str, Any] = taken(settings, SETTINGS)
    if given.get("data", "path") not in {"path", "send"}:
        raise VitworkError(f"The engine's setting data is path or send, not {given['data']!r}.")
    resources = Resources(given.pop("cpus", 1), given.pop("gpus", 0.0))
    return Ray(worker, resources, given)
