"""Standard streams that survive a user's code closing them, a full disk and a closed pipe."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, TextIO, cast


class Output:
    """A standard stream that a user's code cannot close.

    Attributes:
        stream: the stream that is written to.
        patient: whether work goes on once the stream cannot be written, because a disk is full or a pipe closed.
            Nothing is written from then on, and one sentence says so.
    """

    def __init__(self, stream: TextIO, *, patient: bool) -> None:
        self.stream, self.patient = stream, patient
        self._lost = False

    def write(self, text: str) -> int:
        """Write a text and return its length.

        Raises:
            OSError: the stream cannot be written, and `patient` is false.
        """
        self._attempt(lambda: self.stream.write(text))
        return len(text)

    def writelines(self, lines: Iterable[str]) -> None:
        """Write texts, as `write` does."""
        self.write("".join(lines))

    def flush(self) -> None:
        """Flush the stream; raises what `write` raises."""
        self._attempt(self.stream.flush)

    def close(self) -> None:
        """Do nothing: the process needs the stream to its end."""

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)

    def _attempt(self, act: Callable[[], object]) -> None:
        if self._lost:
            return
        try:
            act()
        except OSError as error:
            if not self.patient:
                raise
            self._lost = True
            discard(self.stream)
            with suppress(OSError):
                print(f"vitwork: the work goes on, and nothing more is printed: {error.strerror}.", file=sys.__stderr__)


def discard(stream: TextIO) -> None:
    """Discard what a stream holds and cannot write; otherwise Python's own last flush would fail too."""
    try:
        stream.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
        stream.flush()


@contextmanager
def lasting(*, patient: bool) -> Iterator[None]:
    """Replace the standard streams by `Output`, and flush them at the end."""
    before = sys.stdout, sys.stderr
    made = [cast("TextIO", Output(stream, patient=patient)) for stream in before]
    sys.stdout, sys.stderr = made
    try:
        yield
    finally:
        sys.stdout, sys.stderr = before
        for stream in made:
            stream.flush()
