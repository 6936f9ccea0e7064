"""The standard streams while other people's code runs, and where nothing takes what is printed."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, TextIO, cast


class Output:
    """A standard stream that code of a user's cannot close.

    Attributes:
        stream: what is written to.
        patient: whether the work goes on once the stream takes no more, since a disk is full or a pipe closed; nothing is written
            from then on, and one sentence says so.
    """

    def __init__(self, stream: TextIO, *, patient: bool) -> None:
        self.stream, self.patient = stream, patient
        self._lost = False

    def write(self, text: str) -> int:
        """Write a text and return its length.

        Raises:
            OSError: the stream takes no more, and is not patient.
        """
        self._attempt(lambda: self.stream.write(text))
        return len(text)

    def writelines(self, lines: Iterable[str]) -> None:
        """Write texts, as `write` does."""
        self.write("".join(lines))

    def flush(self) -> None:
        """Hand on what was written; raises what `write` raises."""
        self._attempt(self.stream.flush)

    def close(self) -> None:
        """Leave the stream open, which the process needs to the end."""

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
    """Let what a stream holds and cannot write go nowhere: else Python's own last flush would fail as well."""
    try:
        stream.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
        stream.flush()


@contextmanager
def lasting(*, patient: bool) -> Iterator[None]:
    """Let the standard streams be `Output`; what they hold is written in the end."""
    before = sys.stdout, sys.stderr
    made = [cast("TextIO", Output(stream, patient=patient)) for stream in before]
    sys.stdout, sys.stderr = made
    try:
        yield
    finally:
        sys.stdout, sys.stderr = before
        for stream in made:
            stream.flush()
