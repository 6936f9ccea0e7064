"""WebDataset tar shards: files of one sample share a name, ``<key>.jpg`` and ``<key>.cls``. Imports no torch."""

from __future__ import annotations

import json
import os
import tarfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from vitwork.data.sources.collection import Collection, Example, files_below, train_and_test
from vitwork.data.sources.folder import SUFFIXES
from vitwork.errors import VitworkError

CLASS_FILES = ("classnames.txt", "classes.txt")


def open_tar(root: Path) -> Collection:
    """Open a folder of tar shards whose names, or whose folders' names, name the split.

    A sample's label is the number in its ``.cls`` file, or ``label`` in its ``.json`` file. Class names are read from
    ``classnames.txt``, one a line, where there is one.

    Raises:
        VitworkError: a split is missing.
    """
    groups = train_and_test(root, files_below(root, "*.tar"))
    splits = {split: [partial(_read, shard) for shard in shards] for split, shards in groups.items()}
    files = tuple(path for group in groups.values() for path in group)
    return Collection(str(root), files, partial(_class_names, root), splits)


def _class_names(root: Path) -> tuple[str, ...]:
    lists = [root / name for name in CLASS_FILES if (root / name).is_file()]
    return tuple(line.strip() for line in lists[0].read_text().splitlines() if line.strip()) if lists else ()


def _read(shard: Path) -> Iterator[Example]:
    for key, parts in _samples(shard):
        where = f"{shard}, sample {key}"
        content = next((content for suffix, content in parts.items() if f".{suffix}" in SUFFIXES), None)
        if content is None:
            raise VitworkError(f"{where} holds no image.")
        yield Example(content, _label(parts, where), where)


def _samples(shard: Path) -> Iterator[tuple[str, dict[str, bytes]]]:
    """Yield the samples of a shard, whose files stand one after another, as name and contents by suffix."""
    current: str | None = None
    parts: dict[str, bytes] = {}
    try:
        with tarfile.open(shard, "r|*") as archive:
            for member in archive:
                file = archive.extractfile(member) if member.isfile() else None
                if file is None:
                    continue
                folder, _, name = member.name.rpartition("/")
                stem, _, suffix = name.partition(".")
                key = f"{folder}/{stem}" if folder else stem
                if current is not None and key != current:
                    yield current, parts
                    parts = {}
                current = key
                parts[suffix.lower()] = file.read()
    except (tarfile.TarError, OSError, EOFError) as error:
        raise VitworkError(f"{shard} cannot be read as a tar file after sample {current}: {error}.") from error
    if _is_cut(shard):
        raise VitworkError(f"{shard} has no end: it was cut off after sample {current}.")
    if current is not None:
        yield current, parts


def _is_cut(shard: Path) -> bool:
    """Say whether an uncompressed shard lacks the zeros at its end; a compressed one is checked when it is unpacked."""
    with shard.open("rb") as file:
        start = file.read(tarfile.BLOCKSIZE)
        file.seek(-min(tarfile.BLOCKSIZE, len(start)), os.SEEK_END)
        return start[257:262] == b"ustar" and any(file.read())


def _label(parts: dict[str, bytes], where: str) -> int:
    try:
        return int(parts["cls"]) if "cls" in parts else int(json.loads(parts["json"])["label"])
    except (KeyError, TypeError, ValueError) as error:
        raise VitworkError(
            f"{where} has no class number: neither in a .cls file nor as label in a .json file."
        ) from error
