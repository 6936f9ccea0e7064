"""What is lost when an engine's parts fail? Faults injected into a real Slurm of one node and a real Ray cluster, counted.

    python benchmarks/engine_faults.py [--times 1] [--only WORD] [--save docs/engines.md]      # as root, for Slurm's daemons

*Lost work* counts runs that had ended before the fault and were trained again, and runs that two jobs were submitted for.
*Wrong results* counts records and weights that differ in any bit from those of a session on this machine, and ends without a
sentence. ``--save`` puts the table in the place of the one that FILE holds.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest import mock

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "benchmarks")]

from faults import Tally, put, table  # noqa: E402 - found there
from lone_slurm import LoneSlurm, absent  # noqa: E402

from tests.engines.small import RESNET, VIT, facts, lengthy, plan  # noqa: E402
from vitwork.engines import file_exchange, on_ray  # noqa: E402
from vitwork.session.bookings import booked  # noqa: E402
from vitwork.session.engine import Choice  # noqa: E402
from vitwork.session.plan import Plan  # noqa: E402
from vitwork.session.worker import Worker  # noqa: E402
from vitwork.store.store import Store  # noqa: E402

WAIT_SECONDS = 1500.0
OBJECTS = 80 * 2**20  # bytes of a Ray node's object store
EPOCHS = "VITWORK_FAULT_EPOCHS"
PLANS: dict[str, Callable[[], Plan]] = {
    "short": lambda: plan(lengthy(VIT, 3), seeds=2),
    "long": lambda: plan(lengthy(RESNET, int(os.environ.get(EPOCHS, "200")), 400), seeds=1),
}


@dataclass
class Bench:
    """Where faults are injected.

    Attributes:
        root: folder for stores.
        slurm: the Slurm of this machine.
        truths: stores of sessions without faults, by plan.
    """

    root: Path
    slurm: LoneSlurm
    truths: dict[str, Store] = field(default_factory=dict)

    def store(self) -> Store:
        """Return a new store."""
        return Store(Path(tempfile.mkdtemp(dir=self.root)))

    def truth(self, name: str) -> Store:
        """Return the store of a session without faults."""
        if name not in self.truths:
            worker = Worker(self.store(), device="cpu")
            worker.drain(PLANS[name]())
            self.truths[name] = worker.store
        return self.truths[name]

    def check(self, name: str, store: Store, tally: Tally) -> None:
        """Compare a store with the truth, bit by bit."""
        from vitwork.training.checkpoint import load_snapshot

        truth, planned = self.truth(name), PLANS[name]()
        for key in (*planned.runs, *planned.wanted):
            if not store.has(key):
                tally.wrong.append(f"no record {key}")
            elif facts(store, key) != facts(truth, key):
                tally.wrong.append(f"another record {key}")
        for key, run in planned.runs.items():
            for when in run.arm.recipe.snapshots if store.has(key) else ():
                mine, theirs = (load_snapshot(each.run_folder(key), when) for each in (store, truth))
                if any((mine[part] != value).any() for part, value in theirs.items()):
                    tally.wrong.append(f"other weights {key} {when}")

    def session(self, name: str, store: Store, engine: str = "slurm", prefix: Sequence[str] = (), **extra: str) -> Any:
        """Start a session in a process of its own."""
        words = [sys.executable, __file__, "--session", engine, str(store.root), name]
        quiet = subprocess.DEVNULL
        log = (store.root / f"session-{time.time_ns()}.log").open("w")
        environment = os.environ | {"PYTHONPATH": str(ROOT)} | extra  # for the jobs, which start where the session does
        return subprocess.Popen([*prefix, *words], cwd=store.root, env=environment, stdin=quiet, stdout=log, stderr=log)

    def first(self, name: str, store: Store, what: str = "checkpoint.pt") -> None:
        """Wait until a run's folder holds a file."""
        folders = [store.run_folder(key) for key in PLANS[name]().runs]
        until(lambda: any((folder / what).exists() for folder in folders))


def until(condition: Callable[[], object]) -> None:
    """Wait for a condition."""
    end = time.monotonic() + WAIT_SECONDS
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError("it does not come to pass")
        time.sleep(0.2)


def ended(process: Any, tally: Tally) -> None:
    """Wait for a session, which is to end well."""
    if process.wait(WAIT_SECONDS) != 0:
        tally.wrong.append(f"a session ended with {process.returncode}")


def submissions(store: Store) -> int:
    """Return how many jobs were submitted."""
    return len(list((store.root / "jobs").glob("*_submitted.pkl")))


def killed_task(bench: Bench, tally: Tally) -> None:
    store = bench.store()
    session = bench.session("short", store)
    until(bench.slurm.job_processes)
    for process in bench.slurm.job_processes():
        with suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)
    ended(session, tally)
    bench.check("short", store, tally)


def killed_node(bench: Bench, tally: Tally) -> None:
    store = bench.store()
    session = bench.session("long", store)
    bench.first("long", store)
    bench.slurm.stop("slurmd", signal.SIGKILL)
    bench.slurm.kill_jobs()
    until(lambda: "down" in bench.slurm.ask("sinfo", "--noheader", "--format=%T"))
    bench.slurm.start("slurmd")
    ended(session, tally)
    bench.check("long", store, tally)


def killed_session(bench: Bench, tally: Tally) -> None:
    store = bench.store()
    session = bench.session("short", store)
    until(lambda: len([booking for booking in booked(store.root) if booking.job]) == 2)
    session.kill()
    session.wait()
    ended(bench.session("short", store), tally)
    tally.lost += submissions(store) - 2
    bench.check("short", store, tally)


def killed_slurmctld(bench: Bench, tally: Tally) -> None:
    store = bench.store()
    session = bench.session("short", store)
    until(bench.slurm.job_processes)
    bench.slurm.stop("slurmctld", signal.SIGKILL)
    time.sleep(10)
    bench.slurm.start("slurmctld")
    ended(session, tally)
    tally.lost += submissions(store) - 2
    bench.check("short", store, tally)


def preempted(bench: Bench, tally: Tally) -> None:
    store = bench.store()
    session = bench.session("long", store)
    bench.first("long", store)
    bench.slurm.ask("scontrol", "requeue", booked(store.root)[0].job)
    ended(session, tally)
    tally.lost += submissions(store) - 1
    bench.check("long", store, tally)


def out_of_time(bench: Bench, tally: Tally) -> None:
    store = bench.store()
    ended(bench.session("long", store, "slurm timeout_min=2 signal_delay_s=15"), tally)
    bench.check("long", store, tally)


def full_disk(bench: Bench, tally: Tally) -> None:
    folder = Path(tempfile.mkdtemp(dir=bench.root))
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=120k", "tmpfs", str(folder)], check=True)
    try:
        store = Store(folder)
        bench.session("short", store).wait(WAIT_SECONDS)
        said = " ".join(path.read_text(encoding="utf-8") for path in folder.glob("session-*.log"))
        planned = PLANS["short"]()
        if all(store.has(key) for key in planned.wanted):
            tally.wrong.append("the disk was not full")
        subprocess.run(["mount", "-o", "remount,size=64m", str(folder)], check=True)
        if "Traceback" in said:
            tally.wrong.append("an end without a sentence")
        until(lambda: not bench.slurm.job_processes())
        ended(bench.session("short", store), tally)
        bench.check("short", store, tally)
    finally:
        until(lambda: not bench.slurm.job_processes())
        subprocess.run(["umount", "-l", str(folder)], check=False)


def other_code(bench: Bench, tally: Tally) -> None:
    store, copy = bench.store(), Path(tempfile.mkdtemp(dir=bench.root))
    shutil.copytree(ROOT / "vitwork", copy / "vitwork", ignore=shutil.ignore_patterns("__pycache__"))
    changed = copy / "vitwork" / "training" / "step.py"
    changed.write_text(f"{changed.read_text(encoding='utf-8')}\n\nCHANGED = True\n", encoding="utf-8")
    session = bench.session("short", store, PYTHONPATH_OF_JOBS=str(copy))
    session.wait(WAIT_SECONDS)
    said = " ".join(path.read_text(encoding="utf-8") for path in store.root.glob("session-*.log"))
    if "has other code in" not in said:
        tally.wrong.append(f"another code was not refused: {said[-300:]}")
    if any(store.has(key) for key in PLANS["short"]().runs):
        tally.wrong.append("another code's result was taken")
    ended(bench.session("short", store), tally)
    bench.check("short", store, tally)


def clock_off(bench: Bench, tally: Tally) -> None:
    store = bench.store()
    session = bench.session("short", store)
    until(lambda: booked(store.root))
    late = bench.session("short", store, prefix=["faketime", "-f", "+600s"])
    ended(session, tally)
    ended(late, tally)
    tally.lost += submissions(store) - 2
    bench.check("short", store, tally)


def two_sessions(bench: Bench, tally: Tally) -> None:
    store = bench.store()
    sessions = [bench.session("short", store) for _ in range(2)]
    for session in sessions:
        ended(session, tally)
    tally.lost += submissions(store) - 2
    bench.check("short", store, tally)


@contextmanager
def cluster() -> Iterator[Any]:
    """Start a Ray cluster of a head and one node, and end it."""
    import ray
    from ray.cluster_utils import Cluster

    head = {"num_cpus": 0, "object_store_memory": OBJECTS, "include_dashboard": False}
    made = Cluster(initialize_head=True, head_node_args=head)
    made.add_node(num_cpus=1, object_store_memory=OBJECTS)
    try:
        yield made
    finally:
        ray.shutdown()
        made.shutdown()


def ray_node_killed(bench: Bench, tally: Tally) -> None:
    store = bench.store()
    with cluster() as nodes:
        worker = Worker(store, device="cpu", engine=Choice("ray", {"address": nodes.address}))
        thread = threading.Thread(target=worker.drain, args=(PLANS["long"](),), daemon=True)
        thread.start()
        bench.first("long", store)
        nodes.remove_node(next(iter(nodes.worker_nodes)), allow_graceful=False)
        nodes.add_node(num_cpus=1, object_store_memory=OBJECTS)
        thread.join(WAIT_SECONDS)
    tally.wrong += [lack.what for lack in worker.troubles.faults]
    bench.check("long", store, tally)


class Careless(file_exchange.FileExchange):
    """A exchange on whose ways every second file loses a bit."""

    number = 0

    def _damaged(self, files: file_exchange.Files) -> file_exchange.Files:
        found = {}
        for name, content in files.items():
            self.number += 1
            found[name] = bytes([content[0] ^ 1]) + content[1:] if self.number % 2 else content
        return found

    def put(self, files: file_exchange.Files) -> list[str]:
        return super().put(self._damaged(files))

    def take(self) -> file_exchange.Files:
        return self._damaged(super().take())


def damaged_on_the_way(bench: Bench, tally: Tally) -> None:
    store = bench.store()
    with mock.patch.object(on_ray, "FileExchange", Careless), cluster() as nodes:
        worker = Worker(store, device="cpu", engine=Choice("ray", {"address": nodes.address}))
        worker.drain(PLANS["short"]())
    tally.wrong += [lack.what for lack in worker.troubles.faults]
    bench.check("short", store, tally)


FAULTS: tuple[tuple[str, str, Callable[[Bench, Tally], None]], ...] = (
    ("a task is killed", "SIGKILL to the processes of Slurm's jobs", killed_task),
    ("a node is killed", "SIGKILL to slurmd and its jobs in the middle of a training", killed_node),
    ("a node is killed (Ray)", "a node of two leaves the cluster in the middle of a training", ray_node_killed),
    ("the session is killed", "SIGKILL to it once its jobs are submitted; another follows", killed_session),
    ("Slurm's controller is killed", "SIGKILL to slurmctld, started again after ten seconds", killed_slurmctld),
    ("a task is preempted", "`scontrol requeue` in the middle of a training", preempted),
    ("a task reaches its time limit", "two minutes for a training that takes longer", out_of_time),
    ("a disk is full", "a tmpfs of 120 kB as the store; another session after it has grown", full_disk),
    ("records are damaged on their way (Ray)", "a bit of every second file, to the exchange and from it", damaged_on_the_way),
    ("a node has other code", "jobs import a copy in which one training module differs", other_code),
    ("a clock is ten minutes off", "a second session on the same store under `faketime`", clock_off),
    ("two sessions at once", "started together on one store", two_sessions),
)  # fmt: skip


def one_session(engine: str, root: str, name: str) -> int:
    """Work a plan off, and tell what failed: what `--session` runs."""
    kind, *settings = engine.split()
    if copy := os.environ.get("PYTHONPATH_OF_JOBS"):
        os.environ["PYTHONPATH"] = copy  # which the jobs get; this process has its modules
    worker = Worker(Store(Path(root)), device="cpu", engine=Choice.of(kind, settings), say=print)
    worker.drain(PLANS[name]())
    print(*(lack.what for lack in worker.troubles.faults), sep="\n")
    return int(bool(worker.troubles.faults))


def main(arguments: Sequence[str] | None = None) -> int:
    """Inject faults and print the table; the exit status is 1 where a result was wrong or work was lost."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--times", type=int, default=1, help="how often each fault is tried")
    parser.add_argument(
        "--epochs", default="200", help="of the training in whose middle faults are injected: over 40 seconds"
    )
    parser.add_argument("--only", default="", help="a pattern of the faults that are tried")
    parser.add_argument("--save", type=Path, help="a page whose table is replaced")
    parser.add_argument("--session", nargs=3, help=argparse.SUPPRESS)
    given = parser.parse_args(arguments)
    os.environ.setdefault(EPOCHS, given.epochs)
    if given.session:
        return one_session(*given.session)
    if why := absent():
        parser.error(why)
    import torch  # sessions start without

    torch.set_num_threads(1)
    faults = [fault for fault in FAULTS if re.search(given.only, fault[0])]
    tallies = [Tally() for _ in faults]
    with tempfile.TemporaryDirectory(prefix="faults-") as root, LoneSlurm(Path(root) / "slurm") as slurm:
        bench = Bench(Path(root), slurm)
        for (name, _, inject), tally in zip(faults, tallies, strict=True):
            for _ in range(given.times):
                tally.tried += 1
                try:
                    inject(bench, tally)
                except Exception as error:  # noqa: BLE001 - what is looked for
                    tally.wrong.append(f"{type(error).__name__}: {error}")
            print(f"{name}: {tally.lost} lost, {tally.wrong or 'nothing'} wrong", flush=True)
    lines = table(tallies, faults)
    print("\n".join(lines))
    if given.save:
        put(given.save, lines)
    return int(any(tally.wrong or tally.lost for tally in tallies))


if __name__ == "__main__":
    raise SystemExit(main())
