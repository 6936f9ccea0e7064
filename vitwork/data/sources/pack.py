"""The encoded images of a data set too large for memory, in one file that any of them can be read from.

The file is written once, into the cache folder, and takes as much of the disk as the data set itself. What is gained is
that every layout can be read in any order: an epoch is a permutation of all images, the same for any number of
processes, and a training resumes at any of them. Imports no torch.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Iterable
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
from vitwork.store.store import CorruptFileError, read_sealed, replacing, write_atomically, write_sealed

CHECKED = 8
"""Bytes of each image's hash that are kept, to notice an altered file when the image is read."""


@dataclass(frozen=True, slots=True)
class Packed:
    """One split of a packed data set.

    Attributes:
        path: the file of encoded images, one after another.
        spans: place and length of each image in bytes, int64 (n, 2), in the order of a hash of their content.
        labels: int64 (n,).
        digests: the beginning of each image's hash, uint8 (n, 8).
    """

    path: Path
    spans: NDArray[np.int64]
    labels: NDArray[np.int64]
    digests: NDArray[np.uint8]

    def origin(self, row: int) -> str:
        """Return the file and place that an image was packed from."""
        return self.path.with_suffix(".txt").read_text(encoding="utf-8").splitlines()[row]

    def read(self, rows: Iterable[int]) -> list[Example]:
        """Return the encoded images of the given rows.

        Raises:
            VitworkError: one was altered since it was packed.
        """
        examples = []
        with self.path.open("rb") as file:
            for row in rows:
                place, length = self.spans[row].tolist()
                file.seek(place)
                example = Example(file.read(length), int(self.labels[row]), f"{self.path}, row {row}")
                if _digest(example)[:CHECKED] != self.digests[row].tobytes():
                    raise VitworkError(f"The image in {example.where} was altered; remove {self.path.parent}.")
                examples.append(example)
        return examples


@dataclass(frozen=True, slots=True)
class Pack:
    """A packed data set: its splits, the names of its classes, and the hash of all encoded images and labels."""

    splits: dict[str, Packed]
    classes: tuple[str, ...]
    fingerprint: str


def exceeds_memory(collection: Collection) -> bool:
    """Tell whether a collection was packed, or is too large for half of the machine's memory while it is encoded."""
    packed = (place_of(collection) / "facts.json").is_file()
    return packed or sum(path.stat().st_size for path in collection.files) > memory() // 2


def pack(collection: Collection) -> Pack:
    """Return the packed collection, which is packed at the first call.

    Raises:
        VitworkError: a file cannot be read or written, or labels and classes disagree.
    """
    place = place_of(collection)
    try:
        return _read(place)
    except (OSError, CorruptFileError):
        pass  # dealt with below, by the process that holds the lock
    with locked(place.with_suffix(".lock")):
        try:
            return _read(place)
        except (OSError, CorruptFileError):
            _write(collection, place)
    return _read(place)


def _read(place: Path) -> Pack:
    facts: dict[str, Any] = json.loads(read_sealed(place / "facts.json"))

    def array(name: str) -> NDArray[Any]:
        return np.asarray(np.load(io.BytesIO(read_sealed(place / f"{name}.npy")), allow_pickle=False))

    def split(name: str) -> Packed:
        path, spans = place / f"{name}.bin", array(f"{name}_spans")
        if path.stat().st_size != spans.sum(1).max():
            raise CorruptFileError(f"{path} is truncated.")
        return Packed(path, spans, array(f"{name}_labels"), array(f"{name}_digests"))

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
    # Written last: where it is, the rest is too.
    write_sealed(place / "facts.json", json.dumps(facts).encode())


def _write_split(
    examples: Iterable[Example], path: Path
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.uint8]]:
    """Write the images one after another; return spans, labels and digests in the order of the digests."""
    lengths, labels, digests, origins = [], [], [], []
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
    write_atomically(path.with_suffix(".txt"), "\n".join(origins[row] for row in order).encode())
    spans = np.stack([np.cumsum(lengths) - lengths, lengths], axis=1).astype(np.int64)
    hashes = np.frombuffer(b"".join(digests), np.uint8).reshape(len(digests), -1)
    return spans[order], np.array(labels, np.int64)[order], hashes[order]


def _encoded(example: Example) -> Example:
    if isinstance(example.content, bytes):
        return example
    buffer = io.BytesIO()
    Image.fromarray(example.content).save(buffer, "PNG")
    return example._replace(content=buffer.getvalue())


def _digest(example: Example) -> bytes:
    content = bytes(example.content)
    return hashlib.blake2b(example.label.to_bytes(8, "little", signed=True) + content, digest_size=32).digest()
