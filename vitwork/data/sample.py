"""A fixed sample of encoded test images, which is the same for every layout of the files."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from vitwork.data.sources.cache import locked, place_of
from vitwork.data.sources.collection import Collection, Example, held_out
from vitwork.data.sources.decoding import memory
from vitwork.data.sources.ground_truth import CLASSES, check_numbers
from vitwork.data.sources.held_out import numbers, open_held_out
from vitwork.data.sources.hub import hub_folder, is_address
from vitwork.design.dataset import DataSpec
from vitwork.errors import VitworkError
from vitwork.store.cache import cache_folder
from vitwork.store.store import CorruptFileError, read_sealed, write_sealed

VERSION = 2
"""Increased whenever the selection changes, so that no sample that was selected differently is read."""


@dataclass(frozen=True, slots=True)
class Facts:
    """Facts about a sample that are stored beside its images.

    Attributes:
        sizes: sizes of the encoded images in bytes, in their order.
        labels: their classes, as ImageNet's numbers.
        where: file and row of each, for messages.
        fingerprint: hash of the encoded images and their classes.
    """

    sizes: tuple[int, ...]
    labels: tuple[int, ...]
    where: tuple[str, ...]
    fingerprint: str


def fingerprint(spec: DataSpec, root: Path | None) -> str:
    """Return a hash of the content of the sample.

    Raises:
        VitworkError: as for `sample`.
    """
    return _facts(*_made(spec, root)).fingerprint


def sample(spec: DataSpec, root: Path | None) -> list[Example]:
    """Return the sample: from every class the same number of images, those whose content has the smallest SHA-256.

    An image that occurs several times in one class counts once.

    All images are read at the first call, and the sample is kept in the cache; later calls compare names and
    `vitwork.store.cache.stamp`.

    Args:
        spec: asks for ``spec.test`` images in total, spread over the classes as evenly as possible; None for all.
        root: folder of the images, or ``hf://owner/name``.

    Raises:
        VitworkError: no folder is given, or it is missing or of no known layout. Or its classes are not ImageNet's or
            are ambiguous, an image is empty or has no class, or there are too few images or more than fit into memory.
    """
    place, _ = made = _made(spec, root)
    facts, content = _facts(*made), read_sealed(place.with_suffix(".bin"))
    ends = np.cumsum((0, *facts.sizes)).tolist()
    return [
        Example(content[ends[row] : ends[row + 1]], label, where)
        for row, (label, where) in enumerate(zip(facts.labels, facts.where, strict=True))
    ]


@lru_cache(maxsize=4)
def _made(spec: DataSpec, root: Path | None) -> tuple[Path, float]:
    """Return the place of the stored sample and its time of writing; select and store the sample if it is missing."""
    spec.check()
    if root is None:
        raise VitworkError("These networks are tested on ImageNet's validation images: name their folder with --data.")
    if is_address(root):
        root = hub_folder(root, held_out)
    if not root.is_dir():
        raise VitworkError(f"The data folder {root} does not exist or is not a folder.")
    collection = open_held_out(root.resolve())
    place = cache_folder() / "samples" / f"{place_of(collection).name}-{VERSION}-{spec.test or 'all'}"
    with locked(place.with_suffix(".lock")):
        if not _sound(place):
            _write(place, collection, spec.test)
    return place, place.with_suffix(".json").stat().st_mtime


def _sound(place: Path) -> bool:
    try:
        read_sealed(place.with_suffix(".bin"))
        read_sealed(place.with_suffix(".json"))
    except (FileNotFoundError, CorruptFileError):
        return False
    return True


@lru_cache(maxsize=4)
def _facts(place: Path, written: float) -> Facts:
    del written  # distinguishes the sample from earlier ones at the same place
    found = json.loads(read_sealed(place.with_suffix(".json")))
    sizes, labels, where = (tuple(found[name]) for name in ("sizes", "labels", "where"))
    return Facts(sizes, labels, where, found["fingerprint"])


def _write(place: Path, collection: Collection, count: int | None) -> None:
    chosen = _chosen(collection, count)
    found = sorted({digest: example for digest, example in _examples(collection) if digest in chosen}.items())
    contents = [example.content for _, example in found if isinstance(example.content, bytes)]
    facts = {
        "sizes": list(map(len, contents)),
        "labels": [example.label for _, example in found],
        "where": [example.where for _, example in found],
        "fingerprint": hashlib.sha256(b"".join(digest for digest, _ in found)).hexdigest(),
    }
    write_sealed(place.with_suffix(".bin"), b"".join(contents))
    write_sealed(place.with_suffix(".json"), json.dumps(facts).encode())  # written last: if it exists, so do the images


def _examples(collection: Collection) -> Iterator[tuple[bytes, Example]]:
    """Yield the images, with ImageNet's numbers of their classes, and a digest of both.

    Raises:
        VitworkError: an image is empty, or its label is not a class.
    """
    own = numbers(collection)
    known = range(CLASSES) if own is None else own
    for example in collection.read("test"):
        assert isinstance(example.content, bytes)  # layouts of large images hold only encoded ones
        if not example.content:
            raise VitworkError(f"{example.where} is an empty image.")
        if example.label not in range(len(known)):
            raise VitworkError(
                f"{example.where} has the label {example.label}, and there are {len(known)} classes, from 0 on."
            )
        label = known[example.label]
        content = label.to_bytes(8, "little", signed=True) + example.content
        yield hashlib.sha256(content).digest(), example._replace(label=label)


def _chosen(collection: Collection, count: int | None) -> set[bytes]:
    """Return the digests of the images that belong to the sample."""
    classes: dict[int, list[bytes]] = {}
    sizes: dict[bytes, int] = {}
    for digest, example in _examples(collection):
        classes.setdefault(example.label, []).append(digest)
        sizes[digest] = len(example.content)
    if not classes:
        raise VitworkError(f"{collection.where} holds no image.")
    if not collection.classes():  # classes are numbers without names
        check_numbers(classes, collection.where)
    quota = _quota({label: len(set(found)) for label, found in classes.items()}, count, collection.where)
    chosen = {digest for label, found in classes.items() for digest in sorted(set(found))[: quota[label]]}
    if sum(map(sizes.__getitem__, chosen)) > memory() // 4:
        raise VitworkError(
            f"{len(chosen)} images of {collection.where} exceed a quarter of this machine's memory: choose fewer, as by "
            "--set data.test=2000."
        )
    return chosen


def _quota(available: Mapping[int, int], count: int | None, where: str) -> Mapping[int, int]:
    """Return the number of images to take from each class; the first classes get the remainder."""
    if count is None:
        return available
    each, over = divmod(count, len(available))
    quota = Counter({label: each + (place < over) for place, label in enumerate(sorted(available))})
    short = next((label for label in quota if quota[label] > available[label]), None)
    if short is not None:
        raise VitworkError(
            f"{where} has {available[short]} images of class {short}, of which {count} images in equal shares need "
            f"{quota[short]}: choose fewer, as by --set data.test={min(available.values()) * len(available)}."
        )
    return quota
