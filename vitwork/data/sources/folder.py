"""Image folders: one folder for each split, in it one for each class."""

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
"""How tools and people call the copy of a folder."""
PART = 64
SUFFIXES = frozenset(
    {".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".bmp", ".ppm", ".pgm", ".tif", ".tiff", ".gif"}
)
"""How the names of pictures end, in lower case."""
ARCHIVES = {".parquet": "Parquet files", ".tar": "tar shards"}
"""How the names of files that hold many pictures end, and what they are called; what is looked for first."""
UNREAD = frozenset({".7z", ".arrow", ".feather", ".h5", ".hdf5", ".pq", ".rar", ".tfrecord", ".tgz", ".zip"})
"""How the names of other files that hold many pictures end."""
ASIDE = frozenset({".csv", ".idx", ".index", ".json", ".md5", ".sha1", ".sha256", ".sha512", ".txt"})
"""How the names of files end that say something of the file whose name they bear: ``train-0.tar.md5``."""


def files_of(root: Path, suffix: str) -> list[Path]:
    """Return the files in a folder, and those below it, that hold images in one layout.

    Raises:
        VitworkError: there are pictures, or files of another layout or of none that is read, which would be left out.
    """
    everything = files_below(root, None)
    found = [path for path in everything if path.suffix.lower() in SUFFIXES | ARCHIVES.keys()]
    wanted = [path for path in found if path.suffix.lower() == suffix]
    if other := next((path for path in found if path.suffix.lower() != suffix), None):
        raise VitworkError(f"{root} holds images in two layouts, {wanted[0]} and {other}: move one of them away.")
    check_beside(root, wanted, everything)
    return wanted


def check_beside(root: Path, wanted: Iterable[Path], files: Iterable[Path]) -> None:
    """Check that nothing that may be a part of a split lies beside the files or folders of it that are read.

    An archive beside the folder of its own name is where that came from.

    Args:
        root: where the names of splits begin.
        wanted: what is read.
        files: all files that there are.

    Raises:
        VitworkError: there is an archive or a table that is not read, or one that is compressed or not wholly downloaded.
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
    """Tell whether a folder has sub-folders named after splits: they hold folders, or nothing else, or there are several splits.

    What holds pictures alone, as other folders beside it do, is the folder of a class that is called by such a word.
    """
    folders = folders_in(root)
    named = [path for path in folders if split_of(Path(path.name))]
    splits = {split_of(Path(path.name)) for path in folders}
    return bool(named) and (None not in splits or len(splits) > 2 or any(map(folders_in, named)))


def open_image_folder(root: Path) -> Collection:
    """Open ``train/<class>/*`` with ``test/<class>/*`` or ``val/<class>/*``; classes are numbered as `in_order` has them.

    Raises:
        VitworkError: a split is missing, is there twice or holds no image, a class of the test images is not in
            training, two classes are one number, a picture lies in no class folder, something beside them may hold more, or is no
            picture where one should be, or cannot be read.
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
    """Open ``<class>/*``: a folder of test images alone, with the classes that it has."""
    images = images_in((root,), classes)
    return Collection(str(root), tuple(path for path, _ in images), lambda: classes, {"test": _parts(images)})


def _names(folders: tuple[Path, ...]) -> tuple[str, ...]:
    return in_order({path.name for folder in folders for path in folders_in(folder)})


def images_in(folders: tuple[Path, ...], classes: tuple[str, ...]) -> list[tuple[Path, int]]:
    """Return the pictures in all class folders of some folders, with the places of their classes among `classes`.

    Raises:
        VitworkError: a picture lies in no class folder, something in a class folder is no picture that is read here, or
            cannot be read; or something beside the class folders may hold more.
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
    """Return the pictures of a class, in its folder and those below it."""
    paths = files_below(folder, None)
    if strange := next((path for path in paths if path.suffix.lower() not in SUFFIXES), None):
        kinds = ", ".join(sorted(SUFFIXES))
        raise VitworkError(f"{strange} is no picture that is read here ({kinds}): convert it, or move it away.")
    return paths


def _parts(images: list[tuple[Path, int]]) -> list[Part]:
    """Return parts of mixed classes, so that readers who take some of the parts meet all classes."""
    mixed = random.Random(0).sample(images, len(images))
    return [partial(_read, mixed[start : start + PART]) for start in range(0, len(mixed), PART)]


def _read(images: list[tuple[Path, int]]) -> Iterator[Example]:
    for path, label in images:
        try:
            content = path.read_bytes()
        except OSError as error:
            raise VitworkError(f"Cannot read {path}: {error.strerror or error}.") from error
        yield Example(content, label, str(path))
