"""What is shown of a session at work."""

from __future__ import annotations

import io
import time
from pathlib import Path
from typing import Any

import pytest
from _pytest._io import TerminalWriter

from vitwork.session import display as module
from vitwork.session.display import Display
from vitwork.session.progress import Reporter
from vitwork.store.store import Store


def seen(display: Display, said: Any) -> str:
    """Return what was said, once something was; the display has ended then."""
    display.start()
    deadline = time.monotonic() + 10
    while not said() and time.monotonic() < deadline:
        time.sleep(0.01)
    display.stop()
    assert not display.is_alive()
    return said()


def test_an_output_that_is_no_terminal_gets_a_line_now_and_then(tmp_path: Path) -> None:
    """Lines come while workers report, and none when nobody works."""
    lines: list[str] = []
    reporter = Reporter(Store(tmp_path), "gw0", total=8)
    reporter.report("vit seed 1", "training", 0)
    text = seen(Display(tmp_path, None, lines.append, seconds=0.01), lambda: lines[0] if lines else "")
    assert text.startswith("[0/8 runs] ")
    assert "vit seed 1: training" in text
    reporter.end()
    lines.clear()
    idle = Display(tmp_path, None, lines.append, seconds=0.01)
    idle.start()
    time.sleep(0.2)
    idle.stop()
    assert lines == []


def test_a_terminal_is_redrawn_and_left_clean(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A bar with the time left and a line per worker, cut to the width; the lines are erased when the tests begin."""
    monkeypatch.setattr(module, "LIVE_SECONDS", 0.01)
    monkeypatch.setenv("COLUMNS", "60")
    reporter = Reporter(Store(tmp_path), "gw0", total=8)
    for done in (1, 2):
        reporter.report("vit seed 1", "epoch 1/6 " + "and so on " * 20, done)
    file = io.StringIO()
    text = seen(Display(tmp_path, TerminalWriter(file), print), file.getvalue)
    assert "2 of 8 runs" in text
    assert "min left" in text
    assert "vit seed 1: epoch 1/6" in text
    assert max(map(len, text.splitlines())) < 120
    assert "\x1b[2K" in text.rpartition("min left")[2] or "\x1b[2K" in file.getvalue()
