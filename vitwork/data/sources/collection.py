"""Collections of labelled, encoded images in files, and the assignment of files to splits."""

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

MOST_CLASSES = 10**6
"""More than any data set has: a larger label is not a class number, and so many classes would not fit into memory."""

SHARD = re.compile(
    r"(?<![a-z0-9])(?<!of[-_.])(?<!fold[^a-z0-9])(?<!split[^a-z0-9])(?<!cv[^a-z0-9])(|part|shard|chunk|"
    + "|".join(SPLIT_WORDS)
    + r")(\d+|(?=[a-f]*\d)[0-9a-f]{8,})(?![a-z0-9])"
)
"""The number or hash that distinguishes files of one split: ``00001`` in ``train-00001-of-00003``, 2 in ``part2``.

Numbers of folds (``train_fold_1``) do not match: folds overlap, so each is a set of its own.
"""

FOLD = re.compile(r"(?<![a-z])(fold|cv)s?[^a-z0-9]?\d")
"""Names of files and folders that hold a fold of a cross-validation."""

OF_ALL = re.compile(r"(\d+)[-_.]of[-_.](\d+)(?![a-z0-9])")
"""A file's number, from 0 or 1 on, and the number of files, if its name has both: 1, 3 in ``train-00001-of-00003``."""


class Example(NamedTuple):
    """One image of a file.

    Attributes:
        content: the encoded image, or its decoded pixels (height, width, 3).
        label: number of its class.
        where: file and row, for messages.
        key: its name in the file; key and content together identify a sample of a split. Empty if files are samples.
    """

    content: bytes | Pixels
    label: int
    where: str
    key: str = ""


Part: TypeAlias = Callable[[], Iterator[Example]]
Groups: TypeAlias = dict[str, tuple[Path, ...]]
Grouping: TypeAlias = Callable[[Path, Iterable[Path]], Groups]
"""Returns which of the files or folders below a root belong to which split."""


@dataclass(frozen=True, slots=True)
class Collection:
    """A data set that can be read.

    Attributes:
        where: its name in messages.
        files: the files that determine the data; empty if the collection's name determines its content.
        classes: function that reads the names of the classes; its result is empty if the classes have only numbers.
        splits: for ``train`` and ``test``, the parts that can be read one by one, each a function that starts reading.
    """

    where: str
    files: tuple[Path, ...]
    classes: Callable[[], tuple[str, ...]]
    splits: Mapping[str, Sequence[Part]]

    def read(self, split: str) -> Iterator[Example]:
        """Yield the images of a split from its first part to its last.

        Raises:
            VitworkError: a sample occurs twice, for example because a shard was copied.
        """
        seen: set[int] = set()
        for example in chain.from_iterable(part() for part in self.splits[split]):
            if example.key:
                mark = hash((example.key, example.label, example.content))
                if mark in seen:
                    raise VitworkError(f"{example.where} is there twice among the {split} images: leave one of them.")
                seen.add(mark)
            yield example


def class_number(value: object, where: str) -> int:
    """Return a label as a class number.

    Raises:
        VitworkError: it is not an integer, or larger than any number of classes; the message begins with `where`.
    """
    if isinstance(value, bool) or not isinstance(value, int) or abs(value) > MOST_CLASSES:
        raise VitworkError(f"{where} has the label {str(value)[:40]}, which is not a class number.")
    return int(value)


def numbers_of(names: Iterable[str]) -> list[int] | None:
    """Return the class names as numbers; None if one of them is not a number."""
    names = list(names)
    return [int(name) for name in names] if all(name.isdecimal() for name in names) else None


def in_order(names: Iterable[str]) -> tuple[str, ...]:
    """Return the names of class folders in the order of their classes: by number if all are numbers, otherwise as text.

    Raises:
        VitworkError: two names are the same number.
    """
    names = sorted(names)
    found = dict(zip(numbers_of(names) or range(len(names)), names, strict=True))
    if twice := next((name for name in names if name not in found.values()), None):
        raise VitworkError(f"The class folders {twice} and {found[int(twice)]} are one number: rename one of them.")
    return tuple(found[number] for number in sorted(found))


def split_of(path: Path) -> str | None:
    """Return the split (``train``, ``test``, ``validation``) in a file's or folder's relative path, or None."""
    words = (word for part in path.parts for word in re.split(r"[^a-z]+", part.lower()))
    return next((SPLIT_WORDS[word] for word in words if word in SPLIT_WORDS), None)


def held_out(root: Path, paths: Iterable[Path]) -> Groups:
    """Return the files or folders of test images only.

    They are those of validation, otherwise of the test split, otherwise those whose names contain no split.

    Raises:
        VitworkError: there are none, they belong to several sets, or some are missing.
    """
    groups = _by_split(root, paths)
    members = groups.get("validation") or groups.get("test") or groups.get("")
    if not members:
        raise VitworkError(f"{root} has no validation images: all that is there is named after the training.")
    _check_one_set(root, "validation", members)
    return {"test": tuple(members)}


def train_and_test(root: Path, paths: Iterable[Path]) -> Groups:
    """Return files or folders below `root` by split; without a test split, a validation split is used for it.

    Raises:
        VitworkError: there are no training or no test images, or a split's files belong to several sets or some are
            missing.
    """
    groups = _by_split(root, paths)
    found = {"train": groups.get("train", []), "test": groups.get("test") or groups.get("validation", [])}
    for split, members in found.items():
        if not members:
            raise VitworkError(f"{root} has no {split} images: no file or folder there is named after that split.")
        _check_one_set(root, split, members)
    return {split: tuple(members) for split, members in found.items()}


def _by_split(root: Path, paths: Iterable[Path]) -> dict[str, list[Path]]:
    """Return files or folders by the split in their names, with an empty name where there is no split.

    Raises:
        VitworkError: there are folds of images beside the splits, which would be left out.
    """
    groups: dict[str, list[Path]] = {}
    for path in sorted(paths):
        groups.setdefault(split_of(path.relative_to(root)) or "", []).append(path)
    for path in groups.get("", ()) if len(groups) > 1 else ():
        if FOLD.search(str(path.relative_to(root)).lower()):
            raise VitworkError(
                f"{path} is called a fold and no split, and would be left out: name its split, or move it away."
            )
    return groups


def _check_one_set(root: Path, split: str, members: list[Path]) -> None:
    """Check that files of a split differ only in shard numbers, with none missing, and that folders do not differ.

    Shards' numbers count from 0 or 1. Sizes, years and versions do not: these distinguish whole sets.
    """
    names = [path.relative_to(root) for path in members]
    series = [path if path.is_dir() else path.with_name(SHARD.sub("\\1\0", path.name.lower())) for path in members]
    alike = {str(name).lower(): name for name in names}
    for name, its in zip(names, series, strict=True):
        other = alike[str(name).lower()]  # another name if two differ only in upper and lower case
        if its != series[0] or other != name:
            raise VitworkError(
                f"{root} has two sets of {split} images, {names[0] if other == name else other} and {name}: leave one of them, "
                "or name its folder."
            )
    numbers = [[number for _, number in SHARD.findall(name.name.lower())] for name in names]
    columns = [column for column in zip(*numbers, strict=True) if len(set(column)) > 1]
    said = f"if {names[0]} and {names[-1]} are of two sets, leave one of them, or name its folder"
    if total := OF_ALL.search(names[0].name.lower()):
        said = f"{names[0]} says that there are {int(total[2])}"
        if int(total[2]) != len(names):
            raise VitworkError(f"{root} has {len(names)} files of {split} images where {said}.")
        columns.append(tuple(OF_ALL.findall(name.name.lower())[0][0] for name in names))
    for column in columns:
        if all(map(str.isdecimal, column)):  # all other columns are hashes
            found = set(map(int, column))
            first = min({1, *found})
            if lacking := set(range(first, first + len(names))) - found:
                raise VitworkError(f"{root} lacks number {min(lacking)} of the files of {split} images: {said}.")
