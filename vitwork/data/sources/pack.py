"""One file with all encoded images of a data set too large for memory, for reading any of them.

The file is written once, into the cache folder, and needs as much disk space as the data set itself. In return, data of
any layout can be read in any order: an epoch is a permutation of all images, the same for any number of processes, and
a training can resume at any image.
"""

from __future__ import annotations

import hashlib
import io
import json
import warnings
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from vitwork.data.sources.cache import locked, place_of
from vitwork.data.sources.collection import Collection, Example
from vitwork.data.sources.decoding import checked_classes, memory
from vitwork.errors import VitworkError
from vitwork.store.store import CorruptFileError, make_way, read_sealed, replacing, write_sealed

CHECKED = 8
"""Number of bytes of each image's hash that are kept, to detect an altered file when the image is read."""


@dataclass(frozen=True, slots=True)
class Packed:
    """One split of a packed data set.

    Attributes:
        path: the file of encoded images, one after another.
        spans: place and length of each image in bytes, int64 (n, 2), in the order of a hash of their content.
        labels: int64 (n,).
        digests: the beginning of each image's hash, uint8 (n, 8).
        opening: returns the collection that it was packed from.
    """

    path: Path
    spans: NDArray[np.int64]
    labels: NDArray[np.int64]
    digests: NDArray[np.uint8]
    opening: Callable[[], Collection]

    def origin(self, row: int) -> str:
        """Return the file and place that an image was packed from."""
        try:
            return str(json.loads(read_sealed(_origins(self.path)))[row])
        except (OSError, CorruptFileError):
            return f"{self.path}, row {row}"

    def read(self, rows: Iterable[int]) -> list[Example]:
        """Return the encoded images of the given rows; if one was altered since packing, all are packed again.

        Raises:
            VitworkError: the files that they were packed from have changed, too, or cannot be read.
        """
        rows = list(rows)
        try:
            return self._read(rows)
        except (OSError, CorruptFileError):
            pass  # dealt with below, by the process that holds the lock
        with locked(self.path.parent.with_suffix(".lock")):
            try:
                return self._read(rows)
            except (OSError, CorruptFileError) as error:
                collection = self.opening()
                if place_of(collection) != self.path.parent:
                    raise VitworkError(
                        f"{collection.where} has changed, and its packed copy is damaged: {error}"
                    ) from error
                warnings.warn(f"{error} All images are packed again.", stacklevel=2)
                _write_split(collection.read(self.path.stem), self.path)
        try:
            return self._read(rows)
        except OSError as error:
            raise VitworkError(f"Cannot read {self.path}: {error.strerror or error}.") from error

    def _read(self, rows: list[int]) -> list[Example]:
        examples = []
        with self.path.open("rb") as file:
            for row in rows:
                place, length = self.spans[row].tolist()
                file.seek(place)
                example = Example(file.read(length), int(self.labels[row]), f"{self.path}, row {row}")
                if _digest(example)[:CHECKED] != self.digests[row].tobytes():
                    raise CorruptFileError(f"The image in {example.where} was altered.")
                examples.append(example)
        return examples


@dataclass(frozen=True, slots=True)
class Pack:
    """A packed data set: its splits, the names of its classes, and the hash of all encoded images and labels."""

    splits: dict[str, Packed]
    classes: tuple[str, ...]
    fingerprint: str


def exceeds_memory(collection: Collection) -> bool:
    """Return whether a collection was packed, or whether even its encoded images exceed half of the memory."""
    packed = (place_of(collection) / "facts.json").is_file()
    return packed or sum(path.stat().st_size for path in collection.files) > memory() // 2


def pack(opening: Callable[[], Collection]) -> Pack:
    """Return a packed collection; it is packed at the first call, and again if its pack is damaged.

    Args:
        opening: returns the collection.

    Raises:
        VitworkError: a file cannot be read or written, or labels and classes disagree.
    """
    collection = opening()
    place = place_of(collection)
    try:
        return _read(place, opening)
    except (OSError, CorruptFileError):
        pass  # dealt with below, by the process that holds the lock
    with locked(place.with_suffix(".lock")):
        try:
            return _read(place, opening)
        except OSError:
            pass
        except CorruptFileError as error:
            warnings.warn(f"{error} The images are packed again.", stacklevel=2)
        _write(collection, place)
    return _read(place, opening)


def _read(place: Path, opening: Callable[[], Collection]) -> Pack:
    facts: dict[str, Any] = json.loads(read_sealed(place / "facts.json"))

    def array(name: str) -> NDArray[Any]:
        return np.asarray(np.load(io.BytesIO(read_sealed(place / f"{name}.npy")), allow_pickle=False))

    def split(name: str) -> Packed:
        path, spans = place / f"{name}.bin", array(f"{name}_spans")
        if path.stat().st_size != spans.sum(1).max():
            raise CorruptFileError(f"{path} is truncated.")
        return Packed(path, spans, array(f"{name}_labels"), array(f"{name}_digests"), opening)

    return Pack({name: split(name) for name in facts["splits"]}, tuple(facts["classes"]), str(facts["fingerprint"]))


def _write(collection: Collection, place: Path) -> None:
    total = hashlib.sha256()
    labels: dict[str, NDArray[np.int64]] = {}
    for split in collection.splits:
        spans, labels[split], digests = _write_split(collection.read(split), place / f"{split}.bin")
        arrays: dict[str, NDArray[Any]] = {"spans": spans, "labels": labels[split], "digests": digests[:, :CHECKED]}
        for name, array in arrays.items():
            buffer = io.BytesIO()
            np.save(buffer, array, allow_pickle=False)
            write_sealed(place / f"{split}_{name}.npy", buffer.getvalue())
        total.update(f"{split}:{len(spans)}:".encode() + digests.tobytes())
    facts = {
        "splits": list(labels),
        "classes": checked_classes(collection, labels),
        "fingerprint": f"encoded-{total.hexdigest()}",
    }
    # Written last: if it exists, so does the rest.
    write_sealed(place / "facts.json", json.dumps(facts).encode())


def _write_split(
    examples: Iterable[Example], path: Path
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.uint8]]:
    """Write the images one after another; return spans, labels and digests in the order of the digests."""
    lengths, labels, digests, origins = [], [], [], []
    make_way(path)
    with replacing(path) as file:
        for example in map(_encoded, examples):
            assert isinstance(example.content, bytes)
            lengths.append(file.write(example.content))
            labels.append(example.label)
            digests.append(_digest(example))
            origins.append(example.where)
    if not labels:
        raise VitworkError(f"{path.stem} holds no image.")
    order = np.array(sorted(range(len(digests)), key=digests.__getitem__))
    write_sealed(_origins(path), json.dumps([origins[row] for row in order]).encode())
    spans = np.stack([np.cumsum(lengths) - lengths, lengths], axis=1).astype(np.int64)
    hashes = np.frombuffer(b"".join(digests), np.uint8).reshape(len(digests), -1)
    return spans[order], np.array(labels, np.int64)[order], hashes[order]


def _origins(path: Path) -> Path:
    return path.with_name(f"{path.stem}_origins.json")


def _encoded(example: Example) -> Example:
    if isinstance(example.content, bytes):
        return example
    buffer = io.BytesIO()
    Image.fromarray(example.content).save(buffer, "PNG")
    return example._replace(content=buffer.getvalue())


def _digest(example: Example) -> bytes:
    content = bytes(example.content)
    return hashlib.blake2b(example.label.to_bytes(8, "little", signed=True) + content, digest_size=32).digest()
