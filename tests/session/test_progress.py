from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from vitwork.session import progress
from vitwork.session.progress import STALE_SECONDS, Reporter, statuses, summary
from vitwork.store.store import Store


def test_status_is_readable_from_outside(tmp_path: Path) -> None:
    """What a worker reports can be read by anyone, and disappears when it ends."""
    reporter = Reporter(Store(tmp_path), "gw0", total=8)
    reporter.stage("vit seed 1", lambda: 2)("epoch 3/9")
    (found,) = statuses(tmp_path)
    assert (found.worker, found.run, found.stage, found.done, found.total) == ("gw0", "vit seed 1", "epoch 3/9", 2, 8)
    assert "[2/8 runs" in summary([found])
    assert f"gw0 ({os.getpid()}) vit seed 1: epoch 3/9" in summary([found])
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


def test_times_and_counts_that_cannot_be_leave_no_nonsense(tmp_path: Path) -> None:
    """A status of the future is none, and one that has done more than there is, since later on, leaves nothing to do."""
    Reporter(Store(tmp_path), "gw0", total=8).report("vit seed 1", "training", 0)
    (path,) = (tmp_path / "progress").glob("*.json")
    told = json.loads(path.read_text())
    path.write_text(json.dumps({**told, "updated": time.time() + 1e9}))
    assert statuses(tmp_path) == []
    path.write_text(json.dumps({**told, "done": 9, "started": time.time() + 1e9}))
    assert summary(statuses(tmp_path)).startswith("[9/9 runs")


def told(folder: Path, **changed: object) -> None:
    """Write the status of a worker, with some of its fields changed."""
    reporter = Reporter(Store(folder), "gw0", total=8)
    reporter.report("vit seed 1", "training", 0)
    reporter.path.write_text(json.dumps({**json.loads(reporter.path.read_text()), **changed}))


@pytest.mark.parametrize("noticed", [True, False])
def test_a_killed_worker_is_left_out_at_once(tmp_path: Path, noticed: bool) -> None:
    """A process of this machine that is gone works no more, whether or not its parent has noticed its end."""
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    told(tmp_path, pid=process.pid)
    assert len(statuses(tmp_path)) == 1
    process.kill()
    if noticed:
        process.wait()
    deadline = time.monotonic() + 10
    while statuses(tmp_path) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert statuses(tmp_path) == []
    process.communicate()


def test_what_killed_workers_left_is_cleared_away(tmp_path: Path) -> None:
    """A new worker removes the files that nobody has touched for a day, and no others."""
    folder = tmp_path / "progress"
    folder.mkdir()
    old, half, new = (folder / name for name in ("gw0-1.json", "gw0-1.new", "gw1-2.json"))
    for path in (old, half, new):
        path.write_text("{}")
    for path in (old, half):
        os.utime(path, (time.time() - 2 * 86400,) * 2)
    Reporter(Store(tmp_path), "gw2", total=8).end()
    assert list(folder.iterdir()) == [new]


def test_a_worker_of_another_machine_is_judged_by_its_silence(tmp_path: Path) -> None:
    """Processes of other machines cannot be asked for, so their recent words count, and the machine is named."""
    told(tmp_path, pid=2**22 + 1, host=f"not-{socket.gethostname()}")
    (found,) = statuses(tmp_path)
    assert found.line == f"gw0 ({2**22 + 1} on not-{socket.gethostname()}) vit seed 1: training"


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


def test_a_full_store_costs_an_update_and_not_the_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A status that cannot be written is left out; workers of two machines with one number do not share a file."""
    reporter = Reporter(Store(tmp_path), "gw0", 3)

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(Path, "write_text", full)
        reporter.report("vit seed 0", "training", 0)
    reporter.report("vit seed 0", "epoch 1/2", 0)
    assert [status.stage for status in statuses(tmp_path)] == ["epoch 1/2"]
    monkeypatch.setattr(socket, "gethostname", lambda: "elsewhere")
    assert Reporter(Store(tmp_path), "gw0", 3).path != reporter.path
    reporter.end()


@pytest.mark.parametrize(
    "content",
    [
        b"\xff", b"[" * 100_000, b"[]", b'"x"', b"1" * (1 << 17), b'{"worker": "gw0"}',
        *(json.dumps({"worker": "gw0", "run": "r", "stage": "s", "done": 0, "total": 1, "started": 0.0, "updated": 9e10,
                      "pid": 1, "host": "h", **odd}).encode()
          for odd in ({"done": "2"}, {"total": None}, {"pid": 10**30}, {"pid": -1}, {"updated": "now"}, {"started": 1e400})),
    ],
)  # fmt: skip
def test_odd_files_are_no_statuses(tmp_path: Path, content: bytes) -> None:
    """Whatever lies among the statuses, the others are read and nothing fails."""
    told(tmp_path)
    (tmp_path / "progress" / "odd.json").write_bytes(content)
    assert len(statuses(tmp_path)) == 1


def test_what_is_no_file_is_no_status(tmp_path: Path) -> None:
    """A pipe would be waited for without end, and a link to itself cannot be opened."""
    folder = tmp_path / "progress"
    folder.mkdir()
    os.mkfifo(folder / "pipe.json")
    (folder / "loop.json").symlink_to("loop.json")
    (folder / "folder.json").mkdir()
    assert statuses(tmp_path) == []


def test_control_characters_do_not_reach_the_terminal(tmp_path: Path) -> None:
    """A terminal would obey what a file in the store says."""
    told(tmp_path, run="vit\x1b]0;title\x07", stage="\x9b31m\r\n", worker="gw\u202e0")
    (found,) = statuses(tmp_path)
    assert summary([found]).isprintable()


def test_links_in_the_place_of_a_status_are_not_followed(tmp_path: Path) -> None:
    """A status is written beside its place under a name that nobody can foresee, and replaces what stands there."""
    reporter = Reporter(Store(tmp_path), "../gw0", total=8)
    assert reporter.path.parent == tmp_path / "progress"
    victim = tmp_path / "victim"
    victim.write_text("mine")
    reporter.path.parent.mkdir(exist_ok=True)
    for path in (reporter.path, reporter.path.with_suffix(".new")):
        path.symlink_to(victim)
    reporter.report("vit seed 1", "training", 0)
    assert victim.read_text() == "mine"
    assert len(statuses(tmp_path)) == 1


def test_time_left_is_by_what_was_done_since_work_began(tmp_path: Path) -> None:
    """Runs that were in the store before took no time: of 198 known and one done in a minute, 575 take as many minutes."""
    reporter = Reporter(Store(tmp_path), "gw0", total=774)
    reporter.started -= 60.0
    reporter.report("vit seed 9", "training", 198)
    assert "left" not in summary(statuses(tmp_path))
    reporter.report("vit seed 10", "training", 199)
    assert "[199/774 runs, about 575." in summary(statuses(tmp_path))
