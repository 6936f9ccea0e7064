"""A cache of decoded data sets, so that the many processes of a run decode a data set once."""

from __future__ import annotations

import hashlib
import io
import json
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from vitwork.data.sources.collection import Collection
from vitwork.data.sources.decoding import NATIVE_SIDE, Decoded, decode
from vitwork.errors import VitworkError
from vitwork.store.cache import cache_folder, stamp
from vitwork.store.store import CorruptFileError, read_sealed, write_sealed

T = TypeVar("T")

VERSION = 5
"""Increased whenever decoding or its checks change, so that data that were decoded differently are not read."""


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold a lock on the file `path`, which excludes other processes.

    Raises:
        VitworkError: the lock file cannot be written.
    """
    from filelock import FileLock

    lock = FileLock(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    except OSError as error:
        raise VitworkError(f"Cannot write {path}: {error.strerror or error}.") from error
    try:
        yield
    finally:
        lock.release()


def content_fingerprint(collection: Collection, size: int | None) -> str:
    """Return the content fingerprint; files that have not changed since they were decoded are not read again."""
    return _cached(collection, size, lambda place: str(_facts(place)["fingerprint"]))


def decoded(collection: Collection, size: int | None) -> Decoded:
    """Return the decoded collection, from the cache if it is there."""
    return _cached(collection, size, _read)


def _cached(collection: Collection, size: int | None, read: Callable[[Path], T]) -> T:
    places = _places(collection, size)
    try:
        return read(_found(places, size))
    except (OSError, CorruptFileError):
        pass  # handled below, by the process that holds the lock
    with locked(places[0].with_suffix(".lock")):
        try:
            return read(_found(places, size))
        except OSError:
            pass
        except CorruptFileError as error:
            warnings.warn(f"{error} The images are decoded again.", stacklevel=3)
        data = decode(collection, size)
        _write(places[_fitted(data.side, size)], data)
    return read(_found(places, size))


def _places(collection: Collection, size: int | None) -> tuple[Path, Path]:
    """Return two places for the decoded images: one if no image needs resizing, the other if some do."""
    folder = cache_folder() / "decoded"
    key = _key(collection)
    return folder / key, folder / f"{key}-{size}"


def place_of(collection: Collection) -> Path:
    """Return the cache folder for a collection's encoded images."""
    return cache_folder() / "packed" / _key(collection)


def _key(collection: Collection) -> str:
    """Return a hash of everything that decoded images depend on, by the files' names and stamps."""
    parts = [f"{VERSION} {collection.where}", *(f"{path} {stamp(path)}" for path in collection.files)]
    named = "\n".join(parts).encode(errors="surrogateescape")  # a name need not be text
    return hashlib.sha256(named).hexdigest()[:32]


def _found(places: tuple[Path, Path], size: int | None) -> Path:
    try:
        if not _fitted(int(_facts(places[0])["side"]), size):
            return places[0]
    except FileNotFoundError:
        pass
    return places[1]


def _fitted(side: int, size: int | None) -> bool:
    return size is not None and side > max(NATIVE_SIDE, size)


def _facts(place: Path) -> dict[str, Any]:
    facts: dict[str, Any] = json.loads(read_sealed(place.with_suffix(".json")))
    return facts


def _write(place: Path, data: Decoded) -> None:
    arrays: dict[str, NDArray[Any]] = {f"{split}_images": images for split, images in data.images.items()}
    arrays |= {f"{split}_labels": labels for split, labels in data.labels.items()}
    for name, array in arrays.items():
        buffer = io.BytesIO()
        np.save(buffer, array, allow_pickle=False)
        write_sealed(place / f"{name}.npy", buffer.getvalue())
    facts = {
        "fingerprint": data.fingerprint,
        "classes": data.classes,
        "side": data.side,
        "splits": list(data.images),
    }
    # Written last: if it exists, so do the arrays.
    write_sealed(place.with_suffix(".json"), json.dumps(facts).encode())


def _read(place: Path) -> Decoded:
    facts = _facts(place)

    def array(name: str) -> NDArray[Any]:
        return np.asarray(np.load(io.BytesIO(read_sealed(place / f"{name}.npy")), allow_pickle=False))

    images = {split: array(f"{split}_images") for split in facts["splits"]}
    labels = {split: array(f"{split}_labels") for split in facts["splits"]}
    return Decoded(images, labels, tuple(facts["classes"]), int(facts["side"]), str(facts["fingerprint"]))
