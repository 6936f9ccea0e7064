"""Records which runs of a store were handed to an engine: a small file for each, made by an atomic rename.

A booking is a folder that holds one file, because renaming a folder onto a non-empty one fails on every file system.
That includes file systems on which several machines would get the same lock. The age of a booking is measured by the
file system's clock, never by a machine's.
"""

from __future__ import annotations

import os
import secrets
import shutil
import socket
from collections.abc import Collection, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec

from vitwork.store.store import attempting, write_atomically

SILENT_SECONDS = 120.0
"""Age after which a booking without a job is ignored, if its session has stopped renewing it."""
FILE = "booking.json"


@dataclass(frozen=True, slots=True)
class Booking:
    """A run that was handed to an engine.

    Attributes:
        key: of the run.
        run: arm and seed, for people.
        engine: the engine's name.
        host, session: the machine and the session that handed the run over.
        lasting: whether the job goes on without its session.
        job: the engine's id of the job; empty until the job is submitted.
    """

    key: str
    run: str
    engine: str
    host: str
    session: str
    lasting: bool = True
    job: str = ""


class Bookings:
    """The bookings in a store, seen by one session.

    Args:
        root: folder of the store.
        engine: name of the session's engine.
        lasting: whether its tasks go on without the session.
    """

    def __init__(self, root: Path, engine: str, *, lasting: bool) -> None:
        self.folder, self.engine, self.lasting = root / "bookings", engine, lasting
        self.session = f"{os.getpid()}-{secrets.token_hex(4)}"

    def take(self, key: str, run: str) -> bool:
        """Book a run; return whether the booking is this session's.

        Raises:
            VitworkError: the store cannot be written.
        """
        if (self.folder / key / FILE).exists():
            return False
        booking = Booking(key, run, self.engine, socket.gethostname(), self.session, self.lasting)
        own = self.folder / f".{key}.{secrets.token_hex(4)}"
        write_atomically(own / FILE, msgspec.json.encode(booking), flush=False)
        with attempting("booking", own):
            try:
                own.rename(self.folder / key)
            except FileNotFoundError:  # repeated by the network, or removed: the booking found below decides
                pass
            except OSError:
                if not (self.folder / key / FILE).is_file():
                    raise
                shutil.rmtree(own, ignore_errors=True)
        found = self.read(key)
        return found is not None and found.session == self.session

    def tell(self, key: str, job: str) -> None:
        """Write the job that does a run into its booking."""
        if (booking := self.read(key)) is not None:
            write_atomically(self.folder / key / FILE, msgspec.json.encode(replace(booking, job=job)), flush=False)

    def beat(self, keys: Collection[str]) -> None:
        """Renew bookings of this session, so that they do not count as abandoned."""
        for key in keys:
            with suppress(OSError):
                os.utime(self.folder / key / FILE)

    def drop(self, keys: Collection[str]) -> None:
        """Remove bookings, of any session."""
        for key in keys:
            aside = self.folder / f".{key}.{secrets.token_hex(4)}"
            with suppress(OSError):  # another session was faster
                (self.folder / key).rename(aside)
                shutil.rmtree(aside, ignore_errors=True)

    def read(self, key: str) -> Booking | None:
        """Return the booking of a run, or None."""
        with suppress(OSError, msgspec.MsgspecError):
            return msgspec.json.decode((self.folder / key / FILE).read_bytes(), type=Booking)
        return None

    def all(self) -> Iterator[Booking]:
        """Yield all bookings."""
        with suppress(OSError):
            for key in sorted(name for name in os.listdir(self.folder) if not name.startswith(".")):  # noqa: PTH208 - names are enough, of ten thousand too
                if (booking := self.read(key)) is not None:
                    yield booking

    def silent(self, bookings: Collection[Booking]) -> list[Booking]:
        """Return the bookings that no session has renewed for `SILENT_SECONDS`, by the file system's clock.

        Raises:
            VitworkError: the store cannot be written.
        """
        if not bookings:
            return []
        probe = self.folder / f".clock.{secrets.token_hex(4)}"
        write_atomically(probe, b"", flush=False)
        now = probe.stat().st_mtime
        probe.unlink(missing_ok=True)
        return [booking for booking in bookings if now - self._spoken(booking.key, now) > SILENT_SECONDS]

    def _spoken(self, key: str, now: float) -> float:
        try:
            return (self.folder / key / FILE).stat().st_mtime
        except OSError:
            return now


def booked(root: Path) -> list[Booking]:
    """Return all bookings in a store."""
    return list(Bookings(root, "", lasting=True).all())
