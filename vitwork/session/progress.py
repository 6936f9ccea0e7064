"""Live progress: every worker keeps one small status file, which any process may read."""

from __future__ import annotations

import os
import re
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

import msgspec

from vitwork.errors import VitworkError
from vitwork.store.store import ABANDONED_SECONDS, Store, write_atomically

STALE_SECONDS = 120.0
BEAT_SECONDS = 20.0
MOST_BYTES = 1 << 16  # of a status file
Count = Annotated[int, msgspec.Meta(ge=0, lt=1 << 31)]
Time = Annotated[float, msgspec.Meta(ge=0, lt=1e11)]


@dataclass(frozen=True, slots=True)
class Status:
    """What one worker is doing: the run, its stage, and how much of the plan is done now and was when it began."""

    worker: str
    run: str
    stage: str
    done: Count
    total: Count
    started: Time
    updated: Time
    pid: Annotated[int, msgspec.Meta(ge=1, lt=1 << 31)]
    host: str
    begun: Count = 0

    @property
    def line(self) -> str:
        """The status in one line; the process number distinguishes workers of the same name in several sessions."""
        elsewhere = "" if self.host == socket.gethostname() else f" on {self.host}"
        line = f"{self.worker} ({self.pid}{elsewhere}) {self.run}: {self.stage}"
        return "".join(sign if sign.isprintable() else "\ufffd" for sign in line)  # others may control the terminal

    @property
    def lives(self) -> bool:
        """Whether the worker reported recently and, if it runs on this machine, its process still exists."""
        if abs(time.time() - self.updated) >= STALE_SECONDS:  # a clock elsewhere may be ahead by some seconds
            return False
        return self.host != socket.gethostname() or process_runs(self.pid)


def process_runs(pid: int) -> bool:
    """Return whether a process of this machine runs; a zombie, whose parent has not noticed its end, does not."""
    if os.name != "posix":  # there os.kill would end the process
        return True
    try:
        os.kill(pid, 0)
        state = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()[0]
    except ProcessLookupError:
        return False
    except OSError:  # another user's process, or a system without /proc
        return True
    return state not in {"Z", "X"}


class Reporter:
    """Writes one worker's status, and renews it while it does not change, to show that the worker is alive.

    Losing an update is harmless, so nothing is flushed to disk.
    """

    def __init__(self, store: Store, worker: str, total: int) -> None:
        self.worker, self.total, self.started = worker, total, time.time()
        name = re.sub(r"[^\w-]", "-", worker)
        self.path = store.root / "progress" / f"{name}-{socket.gethostname()}-{os.getpid()}.json"
        self.ended = threading.Event()
        self.last: Status | None = None
        self.begun: int | None = None
        self.writing = threading.Lock()
        _remove_abandoned(self.path.parent)
        threading.Thread(target=self._beat, daemon=True).start()

    def report(self, run: str, stage: str, done: int) -> None:
        """Report what the worker is doing now."""
        now, host = time.time(), socket.gethostname()
        self.begun = done if self.begun is None else self.begun
        self._write(Status(self.worker, run, stage, done, self.total, self.started, now, os.getpid(), host, self.begun))

    def _write(self, status: Status | None = None) -> None:
        """Write a status, or the last one again; if the store is full for a moment, only an update is lost."""
        with self.writing, suppress(OSError, VitworkError):
            status = status or (self.last and replace(self.last, updated=time.time()))
            if status is None or self.ended.is_set():
                return
            self.last = status
            write_atomically(self.path, msgspec.json.encode(status), flush=False)

    def _beat(self) -> None:
        """Renew the last status regularly, because a measurement can take minutes."""
        while not self.ended.wait(BEAT_SECONDS):
            self._write()

    def stage(self, run: str, done: Callable[[], int]) -> Callable[[str], None]:
        """Return a function that reports the stages of one run."""
        return lambda stage: self.report(run, stage, done())

    def end(self) -> None:
        """Remove the status, because the work has ended."""
        with self.writing:
            self.ended.set()
            with suppress(OSError):  # the file grows stale
                self.path.unlink()


def _remove_abandoned(folder: Path) -> None:
    for path in folder.glob("*"):
        with suppress(OSError):  # another worker was faster, or removing is not allowed
            if time.time() - path.lstat().st_mtime > ABANDONED_SECONDS:
                path.unlink()


def statuses(store_root: Path) -> list[Status]:
    """Return what the workers of a store are doing, without those that stopped reporting or were killed."""
    found = []
    for path in sorted((store_root / "progress").glob("*.json")):
        with suppress(OSError, ValueError, RecursionError):  # not a status file
            if not path.is_file() or path.stat().st_size > MOST_BYTES:
                continue
            status = msgspec.json.decode(path.read_bytes(), type=Status)
            if status.lives:
                found.append(status)
    return found


def left(found: list[Status]) -> tuple[int, int, float | None]:
    """Return the plan's finished runs, all its runs, and the seconds left; None before these workers finish a run."""
    done = max(status.done for status in found)
    own = done - min(status.begun for status in found)
    total = max(done, *(status.total for status in found))
    elapsed = max(0.0, time.time() - min(status.started for status in found))
    return done, total, elapsed / own * (total - done) if own > 0 else None


def summary(found: list[Status]) -> str:
    """Return the progress of the plan in one line; empty if nobody works."""
    if not found:
        return ""
    done, total, seconds = left(found)
    rest = "" if seconds is None else f", about {seconds / 60:.1f} min left"
    return f"[{done}/{total} runs{rest}] " + " | ".join(status.line for status in found)
