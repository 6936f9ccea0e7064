"""A store on an object store (``s3://``, ``gs://``, any URL of fsspec) for records and final snapshots of trainings.

Work is done in a local folder, which is an ordinary store. Records are downloaded when they are read and uploaded when
they are written, after the snapshots that they refer to. The first record under a key is kept, if the service can check
that.
"""

from __future__ import annotations

import importlib.util
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from vitwork.arguments import file_or_folder
from vitwork.errors import VitworkError, told
from vitwork.store.keys import digest
from vitwork.store.seals import sound
from vitwork.store.store import Store, checked, resolved, write_atomically

LIST_SECONDS = 10.0
"""Age in seconds from which the list of records on the service is requested again."""
UNFINISHED = "checkpoint.pt"
"""File that a training keeps only until it ends."""


def is_url(where: Path | str) -> bool:
    """Return whether a store is named by a URL."""
    return "://" in str(where)


def where(text: str) -> Path | str:
    """Return a store's place from the text that a user typed: a folder, or a URL."""
    return text if is_url(text) else file_or_folder(text)


def opened(place: Path | str, working: Path) -> Store:
    """Return the store at a place.

    Args:
        place: a folder, or the URL of an object store.
        working: folder for the local work on an object store, which gets its own folder in it.

    Raises:
        VitworkError: the store cannot be read or written.
    """
    root = working_folder(place, working)
    return ObjectStore(str(place), root) if is_url(place) else Store(root)


def working_folder(place: Path | str, working: Path) -> Path:
    """Return the local folder for the work on a store; the arguments are those of `opened`."""
    return resolved(working) / f"objects-{digest(str(place))[:8]}" if is_url(place) else resolved(Path(place))


class ObjectStore(Store):
    """A store whose records and final snapshots lie under a URL.

    Args:
        url: URL of the folder that holds them.
        root: local folder for the work.

    Raises:
        VitworkError: fsspec lacks the service's package, or the service cannot be reached.
    """

    def __init__(self, url: str, root: Path) -> None:
        super().__init__(checked(root))
        if importlib.util.find_spec("fsspec") is None:
            raise VitworkError('A store at a URL needs fsspec: pip install "vitwork[objects]".')
        import fsspec

        try:
            self.remote, self.base = fsspec.core.url_to_fs(url)
        except (ImportError, ValueError) as error:
            raise VitworkError(f"The store {url} cannot be opened ({told(error)}).") from error
        self.url, self.listed, self.names = url, 0.0, frozenset[str]()
        probe = f"{self.base}/.writable"
        try:
            self._attempt("pipe_file", probe, b"writable")
            self._attempt("rm_file", probe)
        except FileNotFoundError as error:
            raise VitworkError(f"The store {url} cannot be used ({told(error)}).") from error

    def _attempt(self, what: str, *arguments: Any, **options: Any) -> Any:
        """Call the service, and turn its errors into one sentence."""
        try:
            return getattr(self.remote, what)(*arguments, **options)
        except (FileNotFoundError, FileExistsError):
            raise
        except Exception as error:  # every service has its own error types
            raise VitworkError(f"The store {self.url} cannot be used ({told(error)}).") from error

    def _names_in(self, what: str, place: str, **options: Any) -> list[str]:
        """Return the names in a folder; empty if the folder does not exist, since services keep no empty folders."""
        try:
            return list(self._attempt(what, place, **options))
        except FileNotFoundError:
            return []

    def _known(self) -> frozenset[str]:
        """Return the keys of the records on the service, requested again after `LIST_SECONDS`."""
        if not self.listed or time.monotonic() - self.listed > LIST_SECONDS:
            self.remote.invalidate_cache()
            found = self._names_in("find", f"{self.base}/records")
            self.names, self.listed = frozenset(Path(name).stem for name in found), time.monotonic()
        return self.names

    def _there(self, path: Path) -> str:
        return f"{self.base}/{path.relative_to(self.root).as_posix()}"

    def _record_path(self, key: str) -> Path:
        """Return the local file of a record, downloaded first if only the service has it."""
        path = super()._record_path(key)
        if not path.exists() and key in self._known():
            self._fetch(path)
        return path

    def run_folder(self, key: str) -> Path:
        """Return the local folder of a run, with its snapshots downloaded if it ended on another machine."""
        folder = super().run_folder(key)
        if key in self._known() and not (folder / "outcome.json").exists():
            for name in self._names_in("ls", self._there(folder), detail=False):
                self._fetch(folder / Path(name).name)
        return folder

    def _fetch(self, path: Path) -> None:
        """Download a sealed file; one that is damaged on the service is treated as missing."""
        try:
            content = self._attempt("cat_file", self._there(path))
        except FileNotFoundError:
            return
        if sound(content, path.name):
            write_atomically(path, content)

    def write(self, key: str, record: Mapping[str, Any]) -> None:
        """Write a record locally, then to the service."""
        super().write(key, record)
        self.publish(key)

    def publish(self, key: str) -> None:
        """Upload a local record, after the snapshots of its run; if the service has one already, that one is kept."""
        path, folder = super()._record_path(key), super().run_folder(key)
        if folder.is_dir():
            for file in sorted(folder.iterdir()):
                if file.suffix in {".pt", ".json"} and file.name != UNFINISHED:
                    self._send(file)
        if not self._send(path):
            self._fetch(path)

    def _send(self, path: Path) -> bool:
        """Upload a file unless the service has an intact one; return whether it was uploaded."""
        name = self._there(path)
        try:
            self._put(name, path.read_bytes(), mode="create")
        except FileExistsError:
            if sound(self._attempt("cat_file", name), path.name):
                return False
            self._put(name, path.read_bytes())
        return True

    def _put(self, name: str, content: bytes, **options: str) -> None:
        """Write a file on the service, after creating its folder if the service needs one."""
        try:
            self._attempt("pipe_file", name, content, **options)
        except FileNotFoundError:
            self._attempt("makedirs", name.rpartition("/")[0], exist_ok=True)
            self._attempt("pipe_file", name, content, **options)
