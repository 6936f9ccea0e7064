"""Exchanges sealed files between Ray's nodes and a session, so that they need no shared file system."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Self

from vitwork.errors import VitworkError
from vitwork.store.seals import sound
from vitwork.store.store import SEAL_SIZE, TEMPORARY, Store, write_atomically

PUSH_SECONDS = 2.0
"""Seconds between two checks of a node for changes in its folder."""
MOST_TRIES = 5
MOST_BYTES = 1 << 28
"""Most bytes that one request asks for."""
UNFINISHED = "checkpoint.pt"
ENDED = "outcome.json"

Files = dict[str, bytes]
"""Sealed files by their paths within a store."""


class FileExchange:
    """Keeps the newest files of the runs in progress; an actor in the cluster, beside the session or on the head node.

    It refuses files that arrive damaged, and sends files again that a session has not confirmed. Files stay until their
    runs are forgotten, so that another node can go on if one is lost.
    """

    def __init__(self) -> None:
        self.files: Files = {}
        self.delivered: dict[str, bytes] = {}

    def put(self, files: Files) -> list[str]:
        """Store files, and return the names of those that arrived damaged."""
        for name, content in files.items():
            if sound(content, name):
                self.files[name] = content
                if name.endswith(f"/{ENDED}"):
                    self.files.pop(f"{name.removesuffix(ENDED)}{UNFINISHED}", None)
        return [name for name, content in files.items() if not sound(content, name)]

    def get(self, keys: Collection[str]) -> Files:
        """Return the files of runs and measurements."""
        return {name: content for name, content in self.files.items() if any(key in name for key in keys)}

    def take(self) -> Files:
        """Return files that no session has confirmed, records last."""
        new = [name for name, content in self.files.items() if self.delivered.get(name) != content[-SEAL_SIZE:]]
        found: Files = {}
        for name in sorted(new, key=lambda name: name.startswith("records/")):
            if found and sum(map(len, found.values())) + len(self.files[name]) > MOST_BYTES:
                break
            found[name] = self.files[name]
        return found

    def confirm(self, seals: Mapping[str, bytes]) -> None:
        """Note which files have arrived whole, by their seals."""
        self.delivered.update(seals)

    def forget(self, keys: Collection[str]) -> None:
        """Remove the files of runs and measurements."""
        for name in self.get(keys):
            self.files.pop(name)
            self.delivered.pop(name, None)


def gather(store: Store, keys: Collection[str]) -> dict[str, Path]:
    """Return a store's files of runs and measurements, by their paths within the store."""
    found: dict[str, Path] = {}
    for key in keys:
        record = store._record_path(key)  # noqa: SLF001 - only the store knows where a record lies
        folder = store.run_folder(key)
        paths = [record, *(folder.iterdir() if folder.is_dir() else ())]
        whole = (path for path in paths if path.suffix in {".pt", ".json"} and not TEMPORARY.fullmatch(path.name))
        found |= {path.relative_to(store.root).as_posix(): path for path in whole if path.is_file()}
    return found


def packed(store: Store, keys: Collection[str]) -> Files:
    """Return the contents of a store's undamaged files of runs and measurements."""
    contents = {name: path.read_bytes() for name, path in gather(store, keys).items()}
    return {name: content for name, content in contents.items() if sound(content, name)}


def arrived(store: Store, files: Files) -> dict[str, bytes]:
    """Write the files that arrived undamaged into a store, and return their seals; the others must be sent again."""
    seals: dict[str, bytes] = {}
    for name, content in files.items():
        if not sound(content, name):
            continue
        path = store.root / name
        write_atomically(path, content)
        if path.name == ENDED:
            path.with_name(UNFINISHED).unlink(missing_ok=True)
        seals[name] = content[-SEAL_SIZE:]
    return seals


class Pusher:
    """Sends changes in a node's store, every few seconds and once more at the end.

    Args:
        store: the node's store.
        keys: keys of the runs and measurements in progress.
        put: sends files, and returns the names of those that arrived damaged.
    """

    def __init__(self, store: Store, keys: Collection[str], put: Callable[[Files], list[str]]) -> None:
        self.store, self.keys, self.put = store, keys, put
        self.sent: dict[str, tuple[int, int]] = {}
        self.ended = threading.Event()
        self.thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        self.push()  # known files need not be sent twice, but this shows that the node holds them
        self.thread.start()
        return self

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        self.ended.set()
        self.thread.join()
        if kind is None:
            self.finish()

    def _run(self) -> None:
        while not self.ended.wait(PUSH_SECONDS):
            with suppress(OSError):  # a file was replaced or removed as it was read: the next check finds it
                self.push()

    def push(self) -> bool:
        """Send what has changed; return whether all of it arrived whole."""
        changed: Files = {}
        stamps: dict[str, tuple[int, int]] = {}
        for name, path in gather(self.store, self.keys).items():
            with suppress(FileNotFoundError):
                status = path.stat()
                stamps[name] = (status.st_mtime_ns, status.st_ino)
                if self.sent.get(name) != stamps[name]:
                    changed[name] = path.read_bytes()
        damaged = set(self.put(changed)) if changed else set()
        self.sent |= {name: stamps[name] for name in changed if name not in damaged}
        return not damaged

    def finish(self) -> None:
        """Send what is left.

        Raises:
            VitworkError: a file arrives damaged every time.
        """
        if not any(self.push() for _ in range(MOST_TRIES)):
            raise VitworkError(f"Files of a task arrive damaged, {MOST_TRIES} times in a row.")
