"""Results on disk: sealed files, records, leases.

Every file is written under a temporary name and renamed, so that a reader sees a complete file or none. It holds the
SHA-256 of its content, so that a reader notices a file that was truncated or altered.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import re
import secrets
import shutil
import stat
import sys
import time
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

from filelock import FileLock, Timeout

from vitwork.errors import VitworkError

SEAL = b"vitwork-sha256:"
SEAL_SIZE = len(SEAL) + 32
TEMPORARY = re.compile(r"\..+\.[0-9a-f]{8}", re.DOTALL)
"""Name of a file that is being written."""
ABANDONED_SECONDS = 24 * 3600.0
"""Age from which unfinished files count as left behind by a killed process."""


class CorruptFileError(VitworkError):
    """A stored file does not have the content that was written."""


class SnapshotError(VitworkError):
    """A snapshot of a run is missing or damaged, so that the run has to be trained again."""


@contextmanager
def attempting(what: str, path: Path) -> Iterator[None]:
    """Turn errors of the operating system into one sentence.

    Raises:
        FileNotFoundError: unchanged, since it means that a file does not exist rather than that something is wrong.
        VitworkError: any other error of the operating system.
    """
    try:
        yield
    except FileNotFoundError:
        raise
    except OSError as error:
        raise VitworkError(f"Cannot {what} {path}: {error.strerror or error}.") from error


def checked(path: Path) -> Path:
    """Return a path from a user after a check.

    Raises:
        VitworkError: it holds a NUL character, which file names cannot contain.
    """
    if "\0" in str(path):
        raise VitworkError(f"{str(path)!r} is no path: it holds a NUL character.")
    return path


def resolved(path: Path) -> Path:
    """Return a path from a user with links resolved; a link that cannot be followed raises an error only when opened.

    Raises:
        VitworkError: it holds a NUL character.
    """
    return Path(os.path.realpath(checked(path)))


def read_regular(path: Path, most: int) -> bytes:
    """Return the content of a file of at most `most` bytes.

    Raises:
        OSError: the file cannot be read, is larger, or is not a regular file: a FIFO or a device might never end.
    """
    found = path.stat()
    if not stat.S_ISREG(found.st_mode):
        raise OSError(errno.EINVAL, "it is no regular file", str(path))
    if found.st_size > most:
        raise OSError(errno.EFBIG, f"it is larger than {most >> 20} MiB", str(path))
    return path.read_bytes()


@contextmanager
def replacing(path: Path, *, flush: bool = True) -> Iterator[BinaryIO]:
    """Yield a file to write, which replaces `path` once it is complete; until then and on errors, `path` is unchanged.

    Args:
        path: path of the file; its folder is created if it is missing.
        flush: whether the content must survive a power failure.

    Raises:
        VitworkError: the folder cannot be written or the disk is full.
    """
    checked(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.parent / f".{path.name}.{secrets.token_hex(4)}"
        handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)  # permissions follow the user's umask
        try:
            with os.fdopen(handle, "wb") as file:
                yield file
                file.flush()
                if flush:
                    os.fsync(file.fileno())
            os.replace(temporary, path)  # noqa: PTH105 - the atomic rename is the point, Path.replace hides the name
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
    except OSError as error:
        raise VitworkError(f"Cannot write {path}: {error.strerror or error}.") from error


def write_atomically(path: Path, content: bytes, *, flush: bool = True) -> None:
    """Write `content` so that `path` holds all of it or is unchanged; `flush` as in `replacing`.

    Raises:
        VitworkError: the folder cannot be written or the disk is full.
    """
    with replacing(path, flush=flush) as file:
        file.write(content)


def write_sealed(path: Path, content: bytes) -> None:
    """Write `content` followed by its seal, atomically."""
    make_way(path)
    write_atomically(path, content + seal_of(content, path.name))


def seal_of(content: bytes | memoryview, name: str = "") -> bytes:
    """Return the seal of a content under a file's name, so that a file copied to another name is detected."""
    found = hashlib.sha256(name.encode(errors="surrogateescape") + b"\0")
    found.update(content)
    return SEAL + found.digest()


def read_sealed(path: Path) -> bytes:
    """Return the content of a sealed file.

    Raises:
        FileNotFoundError: there is no such file.
        CorruptFileError: the file is truncated, altered, was never sealed, was sealed under another name, or is not a
            regular file but for example a folder, a FIFO or a link to itself.
        VitworkError: the file cannot be read.
    """
    try:
        with attempting("read", path):
            data = read_regular(path, sys.maxsize)
    except VitworkError as error:
        if path.is_symlink() or (path.exists() and not path.is_file()):
            raise CorruptFileError(f"{path} is no regular file.") from error
        raise
    content = data[:-SEAL_SIZE]
    if data[-SEAL_SIZE:] != seal_of(content, path.name):
        raise CorruptFileError(f"{path} is truncated or was altered since it was written.")
    return content


def make_way(path: Path) -> None:
    """Rename a folder that lies where a file should be, as a mount of a missing file creates; its content is kept."""
    if path.is_dir():
        Store.set_aside(path, CorruptFileError(f"{path} is a folder."))


def check_writable(folder: Path) -> None:
    """Create a folder, and try to write to it.

    Raises:
        VitworkError: it cannot be created or written.
    """
    probe = folder / f".writable-{os.getpid()}"
    try:
        write_atomically(probe, b"")
    except VitworkError as error:
        raise VitworkError(str(error).replace(str(probe), str(folder))) from error
    probe.unlink(missing_ok=True)


class Store:
    """Content-addressed results: one folder per run and one record per measurement, shared by any number of processes.

    Args:
        root: folder of the store; created if it is missing.

    Raises:
        VitworkError: the folder cannot be created or written.
    """

    def __init__(self, root: Path) -> None:
        self.root = checked(root)
        check_writable(root)

    def run_folder(self, key: str) -> Path:
        """Return the folder of a run's checkpoints."""
        return self.root / "runs" / key

    def _record_path(self, key: str) -> Path:
        return self.root / "records" / key[:2] / f"{key}.json"

    def has(self, key: str) -> bool:
        """Return whether a record was written under `key`, without checking it."""
        path = self._record_path(key)
        with attempting("read", path):
            return path.is_file()

    def check(self, key: str) -> None:
        """Set the record under `key` aside if it is damaged, so that `has` shows that it has to be made again."""
        path = self._record_path(key)
        try:
            read_sealed(path)
        except FileNotFoundError:
            pass
        except CorruptFileError as error:
            self.set_aside(path, error)

    def seal(self, key: str) -> str:
        """Return the digest in the seal of the record under `key`, unchecked; empty if there is no record."""
        path = self._record_path(key)
        if not path.is_file():
            return ""
        try:
            with path.open("rb") as file:
                file.seek(-32, os.SEEK_END)
                return file.read().hex()
        except OSError:
            return ""

    def read(self, key: str) -> dict[str, Any] | None:
        """Return the record under `key`, or None if there is none; a damaged record is set aside and counts as none."""
        path = self._record_path(key)
        try:
            record: dict[str, Any] = json.loads(read_sealed(path))
        except FileNotFoundError:
            return None
        except (CorruptFileError, ValueError) as error:
            self.set_aside(path, error)
            return None
        return record

    def write(self, key: str, record: Mapping[str, Any]) -> None:
        """Write a record under `key`; numbers are stored exactly, including NaN and infinities."""
        write_sealed(self._record_path(key), json.dumps(record).encode())

    @staticmethod
    def set_aside(path: Path, why: Exception) -> None:
        """Rename a damaged file, so that it is kept for inspection, and warn."""
        aside = path.with_name(f"{path.name}.damaged-{time.time_ns()}")
        try:
            with attempting("set aside", path):
                path.rename(aside)
        except FileNotFoundError:  # another process has done it
            return
        warnings.warn(f"{why} It was set aside as {aside.name} and is made anew.", stacklevel=3)

    def sweep(self) -> None:
        """Remove unfinished files and session folders that killed processes left behind, once they are a day old."""
        oldest = time.time() - ABANDONED_SECONDS
        for folder, _, names in os.walk(self.root):
            found = [name for name in names if TEMPORARY.fullmatch(name)]
            for path in [Path(folder, name) for name in found]:
                with suppress(OSError):  # another process was faster, or it is somebody else's
                    if path.lstat().st_mtime < oldest:
                        path.unlink()
        for session in (self.root / "sessions").glob("*"):
            with suppress(OSError):
                if session.lstat().st_mtime < oldest:
                    shutil.rmtree(session, ignore_errors=True)

    @contextmanager
    def lease(self, key: str) -> Iterator[bool]:
        """Try to get the exclusive right to work on `key`, and yield at once whether that succeeded.

        The operating system ends a lease with its process, so another process can at once take over from a killed one.
        """
        path = self.root / "leases" / f"{key}.lock"
        lock = FileLock(path)
        with attempting("lock", path), suppress(Timeout):
            path.parent.mkdir(parents=True, exist_ok=True)
            lock.acquire(blocking=False)
        try:
            yield lock.is_locked
        finally:
            lock.release()
