"""A real Slurm on loopback: arrays, preemption, time limits, failures, and two sessions on one store."""

from __future__ import annotations

import os
import signal
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from tests.engines.small import RESNET, VIT, assert_same, lengthy, local, plan
from vitwork.engines import commands
from vitwork.session.bookings import booked
from vitwork.session.engine import Choice
from vitwork.session.plan import Plan
from vitwork.session.worker import Worker
from vitwork.store.store import Store

pytestmark = pytest.mark.slow


def session(folder: Path, said: list[str] | None = None, **settings: str) -> Worker:
    """Return a session's worker that hands its tasks to Slurm."""
    say = None if said is None else said.append
    return Worker(Store(folder), device="cpu", engine=Choice("slurm", settings), say=say)


def started(worker: Worker, planned: Plan) -> threading.Thread:
    """Work a plan off beside the test."""
    thread = threading.Thread(target=worker.drain, args=(planned,), daemon=True)
    thread.start()
    return thread


def until(condition: Any, seconds: float = 400) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it does not come to pass"
        time.sleep(0.2)


def checkpoint(worker: Worker, planned: Plan) -> Path:
    (key,) = planned.runs
    return worker.store.run_folder(key) / "checkpoint.pt"


def test_an_array_does_what_the_session_does(slurm: Any, tmp_path: Path) -> None:
    """Runs of an array's jobs have the records and weights of a local session, to the last bit; no job takes a lock."""
    planned = plan()
    worker = session(tmp_path / "slurm", array_parallelism="2")
    worker.drain(planned)
    assert worker.troubles.known == {}
    assert_same(worker.store, local(tmp_path / "local", planned), planned)
    assert list((worker.store.root / "jobs").glob("*_3_result.pkl")) or list((worker.store.root / "jobs").glob("*_3_*"))
    assert not list((worker.store.root / "leases").glob("*"))
    assert booked(worker.store.root) == []


def test_a_preempted_job_goes_on_to_the_same_bits(slurm: Any, tmp_path: Path) -> None:
    """A job that is put back into the queue in the middle of its training goes on from its checkpoint."""
    planned = plan(lengthy(RESNET, 200, 400), seeds=1)
    worker = session(tmp_path / "slurm")
    thread = started(worker, planned)
    until(checkpoint(worker, planned).exists)
    (booking,) = booked(worker.store.root)
    slurm.ask("scontrol", "requeue", booking.job)
    until(lambda: not slurm.job_processes())
    assert checkpoint(worker, planned).exists()
    thread.join(600)
    assert worker.troubles.known == {}
    assert_same(worker.store, local(tmp_path / "local", planned), planned)
    assert [path.name for path in (worker.store.root / "jobs").glob("*_submitted.pkl")] == [
        f"{booking.job}_submitted.pkl"
    ]


def test_a_killed_job_is_handed_over_again(slurm: Any, tmp_path: Path) -> None:
    """A job that was killed is told with its log, and another does its run to the same bits."""
    planned, said = plan(lengthy(VIT, 3), seeds=1), list[str]()
    worker = session(tmp_path / "slurm", said)
    thread = started(worker, planned)
    until(slurm.job_processes)
    for process in slurm.job_processes():
        os.kill(process, signal.SIGKILL)
    thread.join(600)
    assert worker.troubles.known == {}
    assert "ended without a result; its log is" in said[0]
    assert_same(worker.store, local(tmp_path / "local", planned), planned)


def test_a_job_is_submitted_and_left_and_shown(slurm: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`vitwork train` submits and ends, `vitwork status` names the job, a second `train` leaves it, `--cancel` ends it."""
    store = ["--store", str(tmp_path)]
    arguments = ["--arms", "vit", "--seeds", "1", "--engine", "slurm", "--device", "cpu", *store]
    assert commands.train(arguments) == 0
    job = capsys.readouterr().out.splitlines()[-1].partition(":")[0]
    commands.status(store)
    assert f"slurm {job} (" in capsys.readouterr().out
    commands.train(arguments)
    assert f"1 of the runs is with slurm {job} of" in capsys.readouterr().out
    commands.status([*store, "--cancel"])
    until(lambda: job not in slurm.ask("squeue", "--noheader", "--format=%i"))
    capsys.readouterr()
    commands.status(store)
    assert "slurm" not in capsys.readouterr().out
