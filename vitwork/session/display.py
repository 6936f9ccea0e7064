"""Shows the progress of a session's workers on a terminal: what trains, how much of the plan is done, the time left."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import IO, TYPE_CHECKING, cast

from vitwork.session.progress import Status, left, statuses, summary

if TYPE_CHECKING:
    from _pytest._io import TerminalWriter  # public as the type of `Config.get_terminal_writer`
    from rich.console import RenderableType

LIVE_SECONDS = 0.5
BAR = 30


class Display(threading.Thread):
    """Redraws a few lines at the end of a terminal; if the output is not a terminal, prints a line every few seconds.

    Args:
        store_root: the store whose workers are watched.
        writer: pytest's writer of the terminal; None if the output is not a terminal.
        write: prints a line.
        seconds: time between two lines.
    """

    def __init__(
        self,
        store_root: Path,
        writer: TerminalWriter | None,
        write: Callable[[str], object],
        seconds: float = 15.0,
    ) -> None:
        super().__init__(daemon=True)
        self.store_root, self.writer, self.write = store_root, writer, write
        self.seconds = seconds
        self.ended = threading.Event()

    def run(self) -> None:
        """Show progress until `stop` is called; nothing while nobody works."""
        if self.writer is not None:
            self._draw(self.writer)
        while not self.ended.wait(self.seconds):
            if line := summary(statuses(self.store_root)):
                self.write(line)

    def stop(self) -> None:
        """End the display, and wait until its lines are gone from the terminal."""
        self.ended.set()
        if self.is_alive() and threading.current_thread() is not self:
            self.join()

    def _draw(self, writer: TerminalWriter) -> None:
        """Redraw the state of the workers until the end."""
        live, shown = None, False
        while not self.ended.wait(LIVE_SECONDS):
            found = statuses(self.store_root)
            if live is None and found:  # rich is slow to import, and only needed now
                from rich.console import Console
                from rich.live import Live

                console = Console(file=cast("IO[str]", writer), force_terminal=True, width=writer.fullwidth)
                live = Live(
                    console=console, transient=True, auto_refresh=False, redirect_stdout=False, redirect_stderr=False
                )
                live.start()
            if live is not None and (found or shown):
                live.update(drawn(found), refresh=True)
                shown = bool(found)
        if live is not None:
            live.stop()


def drawn(found: list[Status]) -> RenderableType:
    """Return a progress bar of the plan with the time left, and below it a line for each worker."""
    from rich.console import Group
    from rich.progress_bar import ProgressBar
    from rich.table import Table
    from rich.text import Text

    if not found:
        return Text("")
    done, total, seconds = left(found)
    head = Table.grid(padding=(0, 1))
    rest = "" if seconds is None else f"about {seconds / 60:.0f} min left"
    head.add_row(f"{done} of {total} runs", ProgressBar(total, done, width=BAR), rest)
    return Group(head, *(Text(status.line, no_wrap=True, overflow="ellipsis") for status in found))
