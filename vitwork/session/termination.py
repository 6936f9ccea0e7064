"""A process that is told to end (SIGTERM), as by a scheduler that takes its machine back or by `kill`."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

import pytest

from vitwork.report import words
from vitwork.session import closing, options
from vitwork.session.collecting import Held
from vitwork.session.collector import Collector


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


class Unplanned:
    """Says of a session that ended before its tests were read, as with all of its workers, why it has no report; a plugin of pytest.

    Attributes:
        collector: knows what was planned.
        held: the claims that this process read.
        interrupted: whether the session was.
    """

    def __init__(self, collector: Collector, held: Held) -> None:
        self.collector, self.held, self.interrupted = collector, held, False

    def pytest_keyboard_interrupt(self) -> None:
        """Note it; ``pytest.exit`` passes here too."""
        self.interrupted = True

    @pytest.hookimpl(trylast=True)  # after pytest's own words
    def pytest_unconfigure(self, config: pytest.Config) -> None:
        """Say so, where the session is one of ours."""
        unsaid = self.interrupted and not self.collector.exited and self.collector.evidence is None
        if unsaid and options.works(config) and (options.given(config) or self.held.claims):
            status = words.exit_status(pytest.ExitCode.INTERRUPTED, exited=False)
            closing.say(config, [f"{words.interrupted()} ({status}); no test had been read, so there is no report."])
