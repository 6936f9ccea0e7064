"""Which runs of a store were handed to an engine: a small file for each, made by an atomic rename. Imports no torch.

A claim is a folder that holds one file, since renaming a folder onto one that is not empty fails on every file system, also
on those where several machines would get the same lock. How old a claim is is asked of the file system's clock, never of a
machine's.
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
"""Age from which a claim without a job, of a session that says nothing any more, counts for nothing."""
FILE = "claim.json"


@dataclass(frozen=True, slots=True)
class Claim:
    """A run that was handed to an engine.

    Attributes:
        key: of the run.
        run: arm and seed, for people.
        engine: the engine's name.
        host, session: who handed it over.
        lasting: whether the job goes on without its session.
        job: by which the engine knows it; empty until it was submitted.
    """

    key: str
    run: str
    engine: str
    host: str
    session: str
    lasting: bool = True
    job: str = ""


class Claims:
    """The claims in a store, seen by one session.

    Args:
        root: folder of the store.
        engine: name of the session's engine.
        lasting: whether its tasks go on without the session.
    """

    def __init__(self, root: Path, engine: str, *, lasting: bool) -> None:
        self.folder, self.engine, self.lasting = root / "claims", engine, lasting
        self.session = f"{os.getpid()}-{secrets.token_hex(4)}"

    def take(self, key: str, run: str) -> bool:
        """Claim a run; return whether it is this session's.

        Raises:
            VitworkError: the store cannot be written.
        """
        if (self.folder / key / FILE).exists():
            return False
        claim = Claim(key, run, self.engine, socket.gethostname(), self.session, self.lasting)
        own = self.folder / f".{key}.{secrets.token_hex(4)}"
        write_atomically(own / FILE, msgspec.json.encode(claim), flush=False)
        with attempting("claim", own):
            try:
                own.rename(self.folder / key)
            except FileNotFoundError:  # answered twice by the network, or swept away: what lies there decides
                pass
            except OSError:
                if not (self.folder / key / FILE).is_file():
                    raise
                shutil.rmtree(own, ignore_errors=True)
        found = self.read(key)
        return found is not None and found.session == self.session

    def tell(self, key: str, job: str) -> None:
        """Note the job that does a claimed run."""
        if (claim := self.read(key)) is not None:
            write_atomically(self.folder / key / FILE, msgspec.json.encode(replace(claim, job=job)), flush=False)

    def beat(self, keys: Collection[str]) -> None:
        """Show that this session still stands behind its claims."""
        for key in keys:
            with suppress(OSError):
                os.utime(self.folder / key / FILE)

    def drop(self, keys: Collection[str]) -> None:
        """Give claims up, whoever made them."""
        for key in keys:
            aside = self.folder / f".{key}.{secrets.token_hex(4)}"
            with suppress(OSError):  # another session was faster
                (self.folder / key).rename(aside)
                shutil.rmtree(aside, ignore_errors=True)

    def read(self, key: str) -> Claim | None:
        """Return the claim of a run; None for none."""
        with suppress(OSError, msgspec.MsgspecError):
            return msgspec.json.decode((self.folder / key / FILE).read_bytes(), type=Claim)
        return None

    def all(self) -> Iterator[Claim]:
        """Yield all claims."""
        with suppress(OSError):
            for key in sorted(name for name in os.listdir(self.folder) if not name.startswith(".")):  # noqa: PTH208 - names are enough, of ten thousand too
                if (claim := self.read(key)) is not None:
                    yield claim

    def silent(self, claims: Collection[Claim]) -> list[Claim]:
        """Return those that nobody has stood behind for a while, by the clock of the file system.

        Raises:
            VitworkError: the store cannot be written.
        """
        if not claims:
            return []
        probe = self.folder / f".clock.{secrets.token_hex(4)}"
        write_atomically(probe, b"", flush=False)
        now = probe.stat().st_mtime
        probe.unlink(missing_ok=True)
        return [claim for claim in claims if now - self._spoken(claim.key, now) > SILENT_SECONDS]

    def _spoken(self, key: str, now: float) -> float:
        try:
            return (self.folder / key / FILE).stat().st_mtime
        except OSError:
            return now


def claimed(root: Path) -> list[Claim]:
    """Return all claims in a store."""
    return list(Claims(root, "", lasting=True).all())
