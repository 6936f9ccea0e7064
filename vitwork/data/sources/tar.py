"""Reading of WebDataset tar shards, in which files of one sample share a name: ``<key>.jpg`` and ``<key>.cls``."""

from __future__ import annotations

import bz2
import gzip
import json
import lzma
import re
import tarfile
from collections.abc import Callable, Iterator
from functools import partial
from itertools import groupby
from pathlib import Path, PurePosixPath
from typing import Any

from vitwork.data.sources.collection import Collection, Example, Grouping, class_number, train_and_test
from vitwork.data.sources.folder import SUFFIXES, files_of
from vitwork.data.sources.listing import check_regular, is_hidden, lines_of
from vitwork.errors import VitworkError, told

CLASS_FILES = ("classnames.txt", "classes.txt")

PACKED: tuple[tuple[bytes, Callable[..., Any]], ...] = (
    (b"\x1f\x8b", gzip.open),
    (b"BZh", bz2.open),
    (b"\xfd7zXZ\0", lzma.open),
)
"""First bytes of compressed shards, and functions that unpack them and verify checksums, unlike `tarfile` alone."""

RECORD = 10240
"""Programs pad archives to a multiple of this, with zeros after the two blocks of zeros at the end."""

LONGER_RECORDS = tuple(2**power for power in range(14, 21))
"""Other sizes that programs can be told to pad to."""

WHOLE = re.compile(r"\s*[+-]?[0-9]+\s*", re.ASCII)
"""Form of integers; Python would also accept ``0_1`` and the digits of any script."""

NO_END = "has no end: it was cut off"
JOINED = "behind its end there is more: it has a hole, or two archives were joined"


class Member(tarfile.TarInfo):
    """A file of an archive; a broken header, which `tarfile` takes for the end, and a missing end are errors here."""

    @classmethod
    def fromtarfile(cls, archive: tarfile.TarFile) -> Member:
        """Return the next header.

        Raises:
            EOFHeaderError: the archive ends here.
            ReadError: the header is broken or missing.
        """
        try:
            member = super().fromtarfile(archive)
        except tarfile.EOFHeaderError:  # type: ignore[attr-defined]
            raise
        except tarfile.EmptyHeaderError:  # type: ignore[attr-defined]
            raise tarfile.ReadError(NO_END) from None
        except tarfile.HeaderError as error:
            raise tarfile.ReadError(f"a broken header ({error})") from error
        if member.size < 0:  # `tarfile` would go back, and read forever
            raise tarfile.ReadError(f"{member.name} has a negative size")
        return member


def open_tar(root: Path, grouping: Grouping = train_and_test) -> Collection:
    """Return the collection in a folder of tar shards, whose names or folder names contain the split.

    `grouping` selects the splits. A sample's label is the number in its ``.cls`` file, or ``label`` in its ``.json``
    file. Class names are read from ``classnames.txt`` or ``classes.txt``, one per line, if one of these exists.

    Raises:
        VitworkError: a split is missing or occurs twice, or there are also images in another layout. Reading raises it
            for a shard that is damaged, truncated, empty or two joined into one, and for a sample that occurs twice, is
            hidden, does not have exactly one image, or has no class number or two. It also raises it for class names
            with a comment or an empty line, or in two files that disagree.
    """
    groups = grouping(root, files_of(root, ".tar"))
    splits = {split: [partial(_read, shard) for shard in shards] for split, shards in groups.items()}
    files = tuple(path for group in groups.values() for path in group)
    named = tuple(path for name in CLASS_FILES if (path := root / name).is_file())
    return Collection(str(root), (*files, *named), partial(_class_names, root), splits)


def _class_names(root: Path) -> tuple[str, ...]:
    found = {path: _names(path) for name in CLASS_FILES if (path := root / name).exists()}
    if len(set(found.values())) > 1:
        raise VitworkError(f"{' and '.join(map(str, found))} disagree on the classes: move one of them away.")
    return next(iter(found.values()), ())


def _names(path: Path) -> tuple[str, ...]:
    try:
        names = tuple(lines_of(path))
    except (OSError, ValueError) as error:
        raise VitworkError(f"{path} cannot be read as text: {error}.") from error
    if not all(names):
        raise VitworkError(f"{path} has no name in line {names.index('') + 1}: name that class, or remove the line.")
    if comment := next((name for name in names if name.startswith("#")), None):
        raise VitworkError(f"{path} has the comment {comment!r}, which would be a class: remove it.")
    return names


def _read(shard: Path) -> Iterator[Example]:
    seen: set[str] = set()
    for key, files in groupby(_files(shard), key=lambda file: file[0]):
        where = f"{shard}, sample {key}"
        if key in seen:
            raise VitworkError(f"{where} is there twice.")
        seen.add(key)
        parts: dict[str, bytes] = {}
        for _, suffix, content in files:
            if suffix in parts:
                raise VitworkError(f"{where} has two files .{suffix}.")
            parts[suffix] = content
        images = [content for suffix, content in parts.items() if f".{suffix}" in SUFFIXES]
        if len(images) != 1:
            raise VitworkError(f"{where} holds {'several images' if images else 'no image'}.")
        yield Example(images[0], _label(parts, where), where, key)
    if not seen:
        raise VitworkError(f"{shard} holds no sample.")


def _files(shard: Path) -> Iterator[tuple[str, str, bytes]]:
    """Yield the files of a shard, each as name of the sample, suffix and content."""
    key = None
    try:
        with check_regular(shard).open("rb") as file:
            start = file.read(8)
            file.seek(0)
            unpack = next((unpack for magic, unpack in PACKED if start.startswith(magic)), None)
            stream = unpack(file) if unpack else file
            with tarfile.open(fileobj=stream, mode="r:", tarinfo=Member) as archive:
                for member in archive:
                    path = PurePosixPath(member.name)
                    if member.isdir():
                        continue
                    if is_hidden(path):
                        _check_hidden(shard, path)
                        continue
                    key, suffix = _parted(shard, path)
                    yield key, suffix, _content(archive, member)
                _check_end(stream)
    except VitworkError:
        raise
    except Exception as error:  # damaged archives raise errors of any kind
        said = str(error) if isinstance(error, tarfile.TarError) else told(error)
        reason = said if said == NO_END else f"cannot be read as a tar file ({said})"
        raise VitworkError(f"{shard} {reason} after sample {key}.") from error


def _parted(shard: Path, path: PurePosixPath) -> tuple[str, str]:
    """Return the name of a file's sample, and its suffix."""
    if path.name in {"", ".."}:
        raise VitworkError(f"{shard} has a file called {str(path)!r}, as only folders are: remove it.")
    stem, _, suffix = path.name.partition(".")
    return str(path.with_name(stem)), suffix.lower()


def _check_hidden(shard: Path, path: PurePosixPath) -> None:
    """Check that a hidden file is not a picture of a sample: tools hide folders, or create names with ``._``."""
    if path.name.startswith("._") or is_hidden(path.parent):
        return
    if path.name.startswith(".") and f".{path.name.rpartition('.')[2].lower()}" in SUFFIXES:
        raise VitworkError(f"{shard} has the picture {path}, which is hidden: let its name begin without a dot.")


def _content(archive: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    if not member.isfile():
        raise tarfile.ReadError(f"{member.name} is a link or a device")
    file = archive.extractfile(member)
    content = file.read() if file else b""
    if len(content) != member.size:
        raise tarfile.ReadError(f"{member.name} is shorter than its header says")
    return content


def _check_end(stream: Any) -> None:
    """Check that only zeros follow the first block of zeros, up to the padding; otherwise samples are missing."""
    length = 0
    while block := stream.read(2**16):
        length += len(block)
        if block.count(0) < len(block):
            raise tarfile.ReadError(JOINED)
    if length < tarfile.BLOCKSIZE:
        raise tarfile.ReadError(NO_END)
    size = stream.tell()
    filled = [RECORD, *(record for record in LONGER_RECORDS if size % record == 0)]
    if length >= max(filled) + tarfile.BLOCKSIZE:
        raise tarfile.ReadError(JOINED)


def _label(parts: dict[str, bytes], where: str) -> int:
    try:
        value = _whole(parts["cls"].decode("utf-8-sig")) if "cls" in parts else _label_in(parts["json"], where)
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        raise VitworkError(
            f"{where} has no class number: neither in a .cls file nor as label in a .json file."
        ) from error
    label = class_number(value, where)
    if "cls" in parts and "json" in parts:
        _check_agreement(label, parts["json"], where)
    return label


def _check_agreement(label: int, content: bytes, where: str) -> None:
    """Check that a JSON file beside a ``.cls`` file does not give another number; it may give a name or no label."""
    try:
        other = _label_in(content, where)
    except (KeyError, TypeError, ValueError, RecursionError):
        return
    if isinstance(other, int | float) and (isinstance(other, bool) or other != label):
        raise VitworkError(f"{where} has the label {label} in its .cls file and {other} in its .json file.")


def _label_in(content: bytes, where: str) -> Any:
    """Return the label of a JSON file, of any type.

    Raises:
        VitworkError: there are several labels.
        KeyError, TypeError, ValueError, RecursionError: there is no label, or the content is not JSON.
    """
    fields = json.loads(content, object_pairs_hook=tuple)  # a dictionary would keep only the last label
    if not isinstance(fields, tuple):
        raise TypeError("no object")
    labels = [value for name, value in fields if name == "label"]
    if len(labels) > 1:
        raise VitworkError(f"{where} has {len(labels)} labels in its .json file.")
    return _whole(dict(fields)["label"])


def _whole(value: Any) -> Any:
    """Return a string as an integer, and any other value unchanged.

    Raises:
        ValueError: a string is not an integer.
    """
    if not isinstance(value, str):
        return value
    if not WHOLE.fullmatch(value):
        raise ValueError(f"{value[:40]!r} is no whole number")
    return int(value)
