from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from vitwork.execution import progress
from vitwork.execution.progress import STALE_SECONDS, Reporter, Ticker, statuses, summary
from vitwork.store import Store


def test_status_is_readable_from_outside(tmp_path: Path) -> None:
    """What a worker reports can be read by anyone, and disappears when it ends."""
    reporter = Reporter(Store(tmp_path), "gw0", total=8)
    reporter.stage("vit seed 1", lambda: 2)("epoch 3/9")
    (found,) = statuses(tmp_path)
    assert (found.worker, found.run, found.stage, found.done, found.total) == ("gw0", "vit seed 1", "epoch 3/9", 2, 8)
    assert "[2/8 runs" in summary([found])
    assert "gw0 vit seed 1: epoch 3/9" in summary([found])
    reporter.end()
    assert statuses(tmp_path) == []
    assert summary([]) == ""


def test_dead_workers_are_left_out(tmp_path: Path) -> None:
    """A status that has not changed for long is that of a killed worker; half a file is no status."""
    Reporter(Store(tmp_path), "gw0", total=8).report("vit seed 1", "training", 0)
    (path,) = (tmp_path / "progress").glob("*.json")
    old = json.loads(path.read_text())
    path.write_text(json.dumps({**old, "updated": time.time() - STALE_SECONDS - 1}))
    (tmp_path / "progress" / "gw1-1.json").write_text("{")
    assert statuses(tmp_path) == []


def test_controller_shows_progress_while_there_is_some(tmp_path: Path) -> None:
    """The ticker prints lines while workers report, and none when nobody works."""
    lines: list[str] = []
    Reporter(Store(tmp_path), "gw0", total=8).report("vit seed 1", "training", 0)
    ticker = Ticker(tmp_path, lines.append, seconds=0.01)
    ticker.start()
    deadline = time.monotonic() + 10
    while not lines and time.monotonic() < deadline:
        time.sleep(0.01)
    ticker.stop()
    ticker.join(10)
    assert not ticker.is_alive()
    assert "vit seed 1: training" in lines[0]


def test_a_worker_shows_that_it_lives(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """During one long stage the status stays fresh by itself, and is gone for good at the end."""
    monkeypatch.setattr(progress, "BEAT_SECONDS", 0.02)
    reporter = Reporter(Store(tmp_path), "gw0", total=8)
    reporter.report("vit seed 1", "measuring spectrum", 0)
    (first,) = statuses(tmp_path)
    deadline = time.monotonic() + 10
    while statuses(tmp_path)[0].updated == first.updated and time.monotonic() < deadline:
        time.sleep(0.01)
    (later,) = statuses(tmp_path)
    assert later.updated > first.updated
    assert (later.stage, later.started) == (first.stage, first.started)
    reporter.end()
    time.sleep(0.1)
    assert statuses(tmp_path) == []
