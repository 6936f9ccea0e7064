"""Image folders with one folder for each split and, inside it, one for each class."""

from __future__ import annotations

import random
import re
from collections.abc import Iterable, Iterator
from functools import partial
from itertools import chain
from pathlib import Path

from vitwork.data.sources.collection import Collection, Example, Part, in_order, split_of, train_and_test
from vitwork.data.sources.listing import files_below, folders_in
from vitwork.errors import VitworkError

COPY = re.compile(
    r"copy of (?P<of>.+)|(?P<own>.+?)(~\d*|[ _.-]+(bak|orig|old|backup|copy)([ _-]*\(?\d+\)?)?|[ _]?\(\d+\))",
    re.IGNORECASE,
)
"""Names that tools and people give to the copy of a folder."""
PART = 64
SUFFIXES = frozenset(
    {".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".bmp", ".ppm", ".pgm", ".tif", ".tiff", ".gif"}
)
"""Suffixes of pictures, in lower case."""
ARCHIVES = {".parquet": "Parquet files", ".tar": "tar shards"}
"""Suffixes of files that hold many pictures, and their names in messages; the first is looked for first."""
UNREAD = frozenset({".7z", ".arrow", ".feather", ".h5", ".hdf5", ".pq", ".rar", ".tfrecord", ".tgz", ".zip"})
"""Suffixes of other files that hold many pictures, which are not read."""
ASIDE = frozenset({".csv", ".idx", ".index", ".json", ".md5", ".sha1", ".sha256", ".sha512", ".txt"})
"""Suffixes of files that describe the file whose name they contain: ``train-0.tar.md5``."""


def files_of(root: Path, suffix: str) -> list[Path]:
    """Return the files in a folder and below it that hold images in one layout.

    Raises:
        VitworkError: there are also pictures, or files of another or of an unsupported layout, which would be left out.
    """
    everything = files_below(root, None)
    found = [path for path in everything if path.suffix.lower() in SUFFIXES | ARCHIVES.keys()]
    wanted = [path for path in found if path.suffix.lower() == suffix]
    if other := next((path for path in found if path.suffix.lower() != suffix), None):
        raise VitworkError(f"{root} holds images in two layouts, {wanted[0]} and {other}: move one of them away.")
    check_beside(root, wanted, everything)
    return wanted


def check_beside(root: Path, wanted: Iterable[Path], files: Iterable[Path]) -> None:
    """Check that no unread file that may be a part of a split lies beside the files or folders that are read.

    An archive beside a folder of the same name is allowed: the folder was unpacked from it.

    Args:
        root: folder that the names of splits are relative to.
        wanted: the files or folders that are read.
        files: all existing files.

    Raises:
        VitworkError: there is an archive or a table that is not read, or one that is compressed or incompletely
            downloaded.
    """
    splits = {split_of(path.relative_to(root)) for path in wanted}
    for path in files:
        *inner, last = ["", *map(str.lower, path.suffixes)]
        packed = last in UNREAD or (not ARCHIVES.keys().isdisjoint(inner) and last not in ASIDE | ARCHIVES.keys())
        unpacked = path.with_name(path.name.partition(".")[0]).is_dir()
        if packed and not unpacked and split_of(path.relative_to(root)) in splits:
            raise VitworkError(
                f"{path} is not read, and would be missing from the images beside it: unpack or complete it, or move it away."
            )


def holds_class_folders(root: Path) -> bool:
    """Return whether a folder has sub-folders that are splits, by their names.

    They must contain folders, or be the only content, or belong to several splits. A sub-folder that holds only
    pictures, as its neighbours do, is a class folder that happens to have the name of a split.
    """
    folders = folders_in(root)
    named = [path for path in folders if split_of(Path(path.name))]
    splits = {split_of(Path(path.name)) for path in folders}
    return bool(named) and (None not in splits or len(splits) > 2 or any(map(folders_in, named)))


def open_image_folder(root: Path) -> Collection:
    """Return ``train/<class>/*`` with ``test/<class>/*`` or ``val/<class>/*``, with classes in the order of `in_order`.

    Raises:
        VitworkError: a split is missing, occurs twice or holds no image; a test class is not in training; or two
            classes are the same number. Or a picture lies outside the class folders, another file may hold more images,
            or a file among the pictures is not a picture or cannot be read.
    """
    groups = train_and_test(root, folders_in(root))
    classes = _names(groups["train"])
    unknown = [name for name in _names(groups["test"]) if name not in classes]
    if unknown:
        raise VitworkError(f"{root} has test images of the class {unknown[0]}, which has no training images.")
    for name in set(classes) - set(_names(groups["test"])):
        copied = (copy := COPY.fullmatch(name)) and (copy["of"] or copy["own"])
        if copied in classes:
            raise VitworkError(
                f"{root} has a class {name} without test images, which looks like a copy of {copied}: move it away."
            )
    _check_strays(root)
    check_beside(root, chain.from_iterable(groups.values()), files_below(root, None, 1))
    files = {split: images_in(folders, classes) for split, folders in groups.items()}
    for split, images in files.items():
        if not images:
            raise VitworkError(f"{groups[split][0]} holds no class folder with images.")
    found = {label for _, label in files["train"]}
    if empty := [name for number, name in enumerate(classes) if number not in found]:
        raise VitworkError(
            f"{root} has a class {empty[0]} without training images: give it some, or remove its folder."
        )
    splits = {split: _parts(images) for split, images in files.items()}
    paths = tuple(path for images in files.values() for path, _ in images)
    return Collection(str(root), paths, lambda: classes, splits)


def open_classes(root: Path, classes: tuple[str, ...]) -> Collection:
    """Return ``<class>/*``, a folder of test images only, as a collection with the given classes."""
    images = images_in((root,), classes)
    return Collection(str(root), tuple(path for path, _ in images), lambda: classes, {"test": _parts(images)})


def _names(folders: tuple[Path, ...]) -> tuple[str, ...]:
    return in_order({path.name for folder in folders for path in folders_in(folder)})


def images_in(folders: tuple[Path, ...], classes: tuple[str, ...]) -> list[tuple[Path, int]]:
    """Return the pictures in all class folders of some folders, with the indices of their classes in `classes`.

    Raises:
        VitworkError: a picture lies outside the class folders, a file in a class folder is not a supported picture or
            cannot be read, or a file beside the class folders may hold more images.
    """
    number = {name: place for place, name in enumerate(classes)}
    images: list[tuple[Path, int]] = []
    for folder in folders:
        _check_strays(folder)
        check_beside(folder, folders_in(folder), files_below(folder, None, 0))
        images += [(path, number[each.name]) for each in folders_in(folder) for path in _pictures(each)]
    return images


def _check_strays(folder: Path) -> None:
    if strays := files_below(folder, SUFFIXES, 0):
        raise VitworkError(f"{strays[0]} lies in no class folder: move it into one, or away.")


def _pictures(folder: Path) -> list[Path]:
    """Return the pictures of a class, in its folder and below it."""
    paths = files_below(folder, None)
    if strange := next((path for path in paths if path.suffix.lower() not in SUFFIXES), None):
        kinds = ", ".join(sorted(SUFFIXES))
        raise VitworkError(f"{strange} is no picture that is read here ({kinds}): convert it, or move it away.")
    return paths


def _parts(images: list[tuple[Path, int]]) -> list[Part]:
    """Return parts of mixed classes, so that readers of only some of the parts get images of all classes."""
    mixed = random.Random(0).sample(images, len(images))
    return [partial(_read, mixed[start : start + PART]) for start in range(0, len(mixed), PART)]


def _read(images: list[tuple[Path, int]]) -> Iterator[Example]:
    for path, label in images:
        try:
            content = path.read_bytes()
        except OSError as error:
            raise VitworkError(f"Cannot read {path}: {error.strerror or error}.") from error
        yield Example(content, label, str(path))
