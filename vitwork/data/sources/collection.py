"""Labelled images as files hold them, before decoding. Imports no torch."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from vitwork.errors import VitworkError

Pixels = NDArray[np.uint8]

SPLIT_WORDS = {
    "train": "train",
    "training": "train",
    "test": "test",
    "val": "validation",
    "valid": "validation",
    "validation": "validation",
}


class Example(NamedTuple):
    """One image of a file.

    Attributes:
        content: the encoded image, or its decoded pixels (height, width, 3).
        label: number of its class.
        where: file and row, for messages.
    """

    content: bytes | Pixels
    label: int
    where: str


Part: TypeAlias = Callable[[], Iterator[Example]]


@dataclass(frozen=True, slots=True)
class Collection:
    """A data set that can be read.

    Attributes:
        where: what messages call it.
        files: the files whose change is a change of the data; empty where the content is fixed by its name.
        classes: function that reads the names of the classes; it returns none where the classes have only numbers.
        splits: for ``train`` and ``test``, the parts that can be read one by one, each a function that starts reading.
    """

    where: str
    files: tuple[Path, ...]
    classes: Callable[[], tuple[str, ...]]
    splits: Mapping[str, Sequence[Part]]

    def read(self, split: str) -> Iterator[Example]:
        """Read a split from its first part to its last."""
        return chain.from_iterable(part() for part in self.splits[split])


def files_below(root: Path, pattern: str) -> tuple[Path, ...]:
    """Return the files in a folder and in its direct sub-folders that match `pattern`, sorted.

    Deeper folders are not searched: an image folder may hold a million files.
    """
    return tuple(sorted({*root.glob(pattern), *root.glob(f"*/{pattern}")}))


def split_of(path: Path) -> str | None:
    """Return the split that a file's or folder's relative path names (``train``, ``test``, ``validation``), or None."""
    words = (word for part in path.parts for word in re.split(r"[^a-z]+", part.lower()))
    return next((SPLIT_WORDS[word] for word in words if word in SPLIT_WORDS), None)


def train_and_test(root: Path, paths: Iterable[Path]) -> dict[str, tuple[Path, ...]]:
    """Group files or folders below `root` by split; a validation split serves where there is no test split.

    Raises:
        VitworkError: no training or no test images.
    """
    groups: dict[str, list[Path]] = {}
    for path in sorted(paths):
        groups.setdefault(split_of(path.relative_to(root)) or "", []).append(path)
    found = {"train": groups.get("train"), "test": groups.get("test") or groups.get("validation")}
    for split, members in found.items():
        if not members:
            raise VitworkError(f"{root} has no {split} images: no file or folder there is named after that split.")
    return {split: tuple(members or ()) for split, members in found.items()}
