"""A process that is told to end (SIGTERM), as by a scheduler that takes its machine back or by `kill`. Imports no torch."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def interruptible() -> Iterator[None]:
    """Let SIGTERM interrupt the process as Ctrl-C does, so that it says what it has done; where somebody else sees to it, they do."""
    free = signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    if not free or threading.current_thread() is not threading.main_thread():
        yield
        return
    told = threading.Event()

    def interrupt(number: int, frame: FrameType | None) -> None:
        """Interrupt once: what tells a group of processes to end, as `timeout` does, may tell one of them twice."""
        if not told.is_set():  # and no other handler instead, since what keeps a user's code gives back the one before
            told.set()
            signal.default_int_handler(number, frame)

    signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
