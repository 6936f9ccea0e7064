"""The engine ``slurm``: tasks as job arrays through submitit, on a store that all nodes share."""

from __future__ import annotations

import importlib.util
import os
import signal
import subprocess
import time
from collections.abc import Collection, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vitwork.design.deviation import Lack
from vitwork.device import place
from vitwork.engines.packed_task import PackedTask, SealedTask
from vitwork.errors import VitworkError
from vitwork.session.engine import Resources, State, Task, TaskError
from vitwork.session.progress import process_runs
from vitwork.session.worker import Worker

if TYPE_CHECKING:
    import submitit

LOCAL = "local-"
"""Prefix of the ids of processes on this machine."""
MOST_IN_ARRAY = 1000
"""Most jobs in one array: Slurm's default limit."""
MOST_TIMEOUTS = 1000
"""How often a job is continued after it reached its time limit."""
ASK_SECONDS = 2.0
"""Least seconds between two queries of Slurm."""
GRACE_SECONDS = 10.0
"""Seconds that a result may take to appear in the shared file system after its job left the queue."""
DEFAULTS = {"timeout_min": "240", "cpus_per_task": "1", "name": "vitwork"}
SHARED = {
    "timeout_min",
    "cpus_per_task",
    "gpus_per_node",
    "mem_gb",
    "name",
    "nodes",
    "tasks_per_node",
    "stderr_to_stdout",
}
"""Settings that submitit has for every kind of cluster; all others are Slurm's."""


class Job:
    """What a job runs; submitit calls `checkpoint` before a time limit or a preemption ends it, and starts it again."""

    def __call__(self, packed: SealedTask) -> dict[str, Lack]:
        """Carry out a task in the shared store, without a lock: bookings and the queue ensure that it is done once."""
        task = packed.open()
        job = os.environ.get("SLURM_ARRAY_JOB_ID"), os.environ.get("SLURM_ARRAY_TASK_ID")
        number = "_".join(part for part in job if part) or os.environ.get("SLURM_JOB_ID") or str(os.getpid())
        return task.perform(task.opened(), f"slurm {number}")

    def checkpoint(self, packed: SealedTask) -> Any:
        """Return the same task, which will continue from the last checkpoint of the training.

        submitit calls this in a signal handler, in the middle of a training, and exits from there.
        """
        from submitit.helpers import DelayedSubmission

        from vitwork.device.settings import LEAVING

        LEAVING.set()
        return DelayedSubmission(self, packed)


@dataclass(slots=True)
class Submitted:
    """A submitted job.

    Attributes:
        job: submitit's object.
        engine: the engine that submitted it.
        left: when the job was first found to have left the queue without a result; None before that.
    """

    job: submitit.Job[dict[str, Lack]]
    engine: Slurm
    left: float | None = None

    @property
    def id(self) -> str:
        """The job's number with its place in the array; for a process on this machine, `LOCAL` and its number."""
        return f"{LOCAL * (self.engine.cluster == 'local')}{self.job.job_id}"

    def done(self) -> bool:
        """Return whether the job has a result, or left the queue more than `GRACE_SECONDS` ago."""
        if self.engine.cluster == "local":
            return bool(self.job.done())
        if self.job.paths.result_pickle.exists():
            return True
        if self.engine.describe([self.id])[self.id] is not State.ENDED:
            self.left = None
            return False
        self.left = self.left or time.monotonic()
        return time.monotonic() - self.left > GRACE_SECONDS

    def result(self) -> Mapping[str, Lack]:
        """Return what could not be done, by key.

        Raises:
            TaskError: the job was killed, or failed before it could begin.
        """
        log = self.job.paths.stderr
        if not self.job.paths.result_pickle.exists():
            raise TaskError(f"The job {self.id} ended without a result; its log is {log}.")
        try:
            return dict(self.job.result())
        except Exception as error:
            last = str(error).strip().rpartition("\n")[2]
            raise TaskError(f"The job {self.id} failed ({last}); its log is {log}.") from error


@dataclass(slots=True)
class Slurm:
    """Hands tasks to Slurm or, to try it out, to processes on this machine.

    Attributes:
        worker: the session's process.
        cluster: ``slurm`` or ``local``.
        parameters: submitit's parameters.
        resources: what each task gets.
    """

    worker: Worker
    cluster: str
    parameters: Mapping[str, Any]
    resources: Resources
    name: str = "slurm"
    remote: bool = True
    lasting: bool = True
    running: list[Submitted] = field(default_factory=list)
    known: dict[str, State] = field(default_factory=dict)
    asked: float = 0.0

    @property
    def together(self) -> bool:
        """Whether all seeds of an arm make one task, which is so if they are trained together."""
        return self.resources.gpus > 0

    @property
    def folder(self) -> Path:
        """The folder in which submitit keeps submitted tasks, results and logs."""
        return self.worker.store.root.absolute() / "jobs"

    def submit(self, tasks: Sequence[Task]) -> list[tuple[Task, Submitted]]:
        """Submit tasks as arrays.

        Raises:
            VitworkError: Slurm refuses the jobs.
        """
        if self.cluster == "local":
            self.running = [job for job in self.running if not job.done()]
            tasks = tasks[: max(0, (self.resources.at_once or place.cores()) - len(self.running))]
        if not tasks:
            return []
        packed = [PackedTask.of(task, self.worker, self.resources).pack() for task in tasks]
        parts = range(0, len(packed), MOST_IN_ARRAY)
        at_once = self.resources.at_once and max(1, self.resources.at_once // len(parts))
        handed: list[tuple[Task, Submitted]] = []
        for start in parts:
            some = packed[start : start + MOST_IN_ARRAY]
            try:
                executor = self._executor(at_once)
                with ExitStack() as stack:
                    if len(some) > 1:
                        stack.enter_context(executor.batch())
                    jobs = [executor.submit(Job(), each) for each in some]
            except Exception as error:  # submitit raises different types
                raise VitworkError(f"Slurm takes no jobs: {' '.join(str(error).split())}.") from error
            handed += zip(tasks[start : start + MOST_IN_ARRAY], (Submitted(job, self) for job in jobs), strict=True)
        self.asked = 0.0
        self.running += [job for _, job in handed]
        return handed

    def _executor(self, at_once: int | None) -> Any:
        import submitit

        options = {"slurm_max_num_timeout": MOST_TIMEOUTS} if self.cluster == "slurm" else {"local_max_num_timeout": 3}
        executor = submitit.AutoExecutor(self.folder, cluster=self.cluster, **options)
        extra = {"slurm_array_parallelism": at_once} if at_once and self.cluster == "slurm" else {}
        executor.update_parameters(**self.parameters, **extra)
        return executor

    def cancel(self, ids: Collection[str]) -> None:
        """Cancel jobs, also those of other sessions."""
        for id in ids:
            if id.startswith(LOCAL):
                with suppress(OSError):
                    os.kill(int(id.removeprefix(LOCAL)), signal.SIGINT)
        jobs = [id for id in ids if not id.startswith(LOCAL)]
        for start in range(0, len(jobs), 100):
            subprocess.run(["scancel", *jobs[start : start + 100]], check=False, capture_output=True, timeout=60)

    def describe(self, ids: Collection[str]) -> dict[str, State]:
        """Return the states of jobs, querying Slurm at most every few seconds; jobs not in the queue have ended."""
        here = {id: int(id.removeprefix(LOCAL)) for id in ids if id.startswith(LOCAL)}
        told = {id: State.RUNNING if process_runs(pid) else State.ENDED for id, pid in here.items()}
        if len(told) == len(ids):
            return told
        if time.monotonic() - self.asked > ASK_SECONDS or not self.asked:
            self.known, self.asked = queue(), time.monotonic()
        ended = State.UNKNOWN if ERROR in self.known else State.ENDED
        return {id: told.get(id) or self.known.get(id, ended) for id in ids}

    def close(self) -> None:
        """Do nothing: jobs go on without the session."""


ERROR = ""
"""Key in the states that marks a failed query of the queue."""


def queue() -> dict[str, State]:
    """Return the jobs in Slurm's queue, those of arrays one by one."""
    try:
        told = subprocess.run(
            ["squeue", "--noheader", "--array", "--format=%i %T"],
            check=True,
            capture_output=True,
            text=True,
            timeout=60,
        ).stdout
    except (OSError, subprocess.SubprocessError):
        return {ERROR: State.UNKNOWN}
    waits = {"PENDING", "CONFIGURING", "REQUEUED", "REQUEUE_HOLD", "REQUEUE_FED", "SPECIAL_EXIT"}
    pairs = (line.split() for line in told.splitlines() if line.strip())
    return {id: State.PENDING if state in waits else State.RUNNING for id, state in pairs}


def slurm(settings: Mapping[str, str], worker: Worker) -> Slurm:
    """Return the engine with submitit's parameters; with ``cluster=local`` it runs tasks in processes on this machine.

    Raises:
        VitworkError: submitit is not installed, or a setting cannot be used.
    """
    if importlib.util.find_spec("submitit") is None:
        raise VitworkError('The engine slurm needs submitit: pip install "vitwork[slurm]".')
    given = {**DEFAULTS, **settings}
    cluster = given.pop("cluster", "slurm")
    if cluster not in {"slurm", "local"}:
        raise VitworkError(f"The engine's setting cluster is slurm or local, not {cluster!r}.")
    values = {key: int(value) if value.isdecimal() else value for key, value in given.items()}
    numbers = {
        key: values[key]
        for key in ("cpus_per_task", "gpus_per_node", "timeout_min", "array_parallelism")
        if key in values
    }
    if wrong := [key for key, value in numbers.items() if not isinstance(value, int)]:
        raise VitworkError(f"The engine's setting {wrong[0]} takes a whole number, not {numbers[wrong[0]]!r}.")
    at_once = values.pop("array_parallelism", None)
    resources = Resources(
        int(numbers["cpus_per_task"]), float(numbers.get("gpus_per_node", 0)), int(numbers["timeout_min"]) / 60,
        None if at_once is None else int(at_once),
    )  # fmt: skip
    parameters = {key if key in SHARED else f"slurm_{key}": value for key, value in values.items()}
    return Slurm(worker, cluster, parameters, resources)
