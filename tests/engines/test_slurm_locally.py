"""Submitit's jobs as processes of this machine: what they do, when they are interrupted, and how failures are told."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.engines.small import assert_same, local, plan
from vitwork.session.engine import Choice
from vitwork.session.worker import Worker
from vitwork.store.store import Store

pytest.importorskip("submitit", reason="needs submitit")

HERE = Choice("slurm", {"cluster": "local", "array_parallelism": "2"})


@pytest.mark.slow
def test_jobs_do_what_the_session_does(tmp_path: Path) -> None:
    """Runs of jobs have the records and weights of a local session, to the last bit, and no lock was taken by them."""
    planned = plan()
    worker = Worker(Store(tmp_path / "jobs"), device="cpu", engine=HERE)
    worker.drain(planned)
    assert worker.troubles.known == {}
    assert_same(worker.store, local(tmp_path / "local", planned), planned)
    assert not list((worker.store.root / "leases").glob("*"))
    assert not list((worker.store.root / "claims").glob("*"))
