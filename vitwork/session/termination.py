"""Handles SIGTERM, which `kill` sends, or a scheduler that takes a machine back."""

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
    """Let SIGTERM interrupt the process as Ctrl-C does, so that it reports, unless another handler is installed."""
    free = signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    if not free or threading.current_thread() is not threading.main_thread():
        yield
        return
    told = threading.Event()

    def interrupt(number: int, frame: FrameType | None) -> None:
        """Interrupt once: a program that signals a group of processes, as `timeout` does, may signal one twice."""
        if not told.is_set():  # not a second handler, because code that guards a user's code restores the first one
            told.set()
            signal.default_int_handler(number, frame)

    signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


class Unplanned:
    """A plugin of pytest that says why a session has no report if it ended before its tests were read.

    Attributes:
        collector: knows what was planned.
        held: the claims that this process read.
        interrupted: whether the session was interrupted.
    """

    def __init__(self, collector: Collector, held: Held) -> None:
        self.collector, self.held, self.interrupted = collector, held, False

    def pytest_keyboard_interrupt(self) -> None:
        """Note the interruption; pytest calls this for ``pytest.exit`` too."""
        self.interrupted = True

    @pytest.hookimpl(trylast=True)  # after pytest's own output
    def pytest_unconfigure(self, config: pytest.Config) -> None:
        """Print the reason, if the session has claims or options of vitwork."""
        unsaid = self.interrupted and not self.collector.exited and self.collector.evidence is None
        if unsaid and options.works(config) and (options.given(config) or self.held.claims):
            status = words.exit_status(pytest.ExitCode.INTERRUPTED, exited=False)
            closing.say(config, [f"{words.interrupted()} ({status}); no test had been read, so there is no report."])
