from __future__ import annotations

import json
import time
from pathlib import Path

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
