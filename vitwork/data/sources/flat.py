"""Image folders without splits: one folder for each class. For what trains nothing. Imports no torch."""

from __future__ import annotations

from pathlib import Path

from vitwork.data.sources.collection import Collection
from vitwork.data.sources.folder import SUFFIXES, _parts, holds_class_folders, images_in
from vitwork.data.sources.listing import files_below, folders_in
from vitwork.errors import VitworkError


def is_flat(root: Path) -> bool:
    """Tell whether a folder holds class folders with images, and nothing that is divided into splits."""
    if not root.is_dir() or holds_class_folders(root) or files_below(root, {".parquet", ".tar"}, 1):
        return False
    return any(files_below(folder, SUFFIXES) for folder in folders_in(root))


def open_flat(root: Path) -> Collection:
    """Open ``<class>/*`` as a collection whose images are all of one split, called ``train``.

    Raises:
        VitworkError: a class folder holds no image.
    """
    classes = tuple(folder.name for folder in folders_in(root))
    images = images_in((root,), classes)
    if empty := sorted(set(range(len(classes))) - {label for _, label in images}):
        raise VitworkError(
            f"{root} has a class {classes[empty[0]]} without images: give it some, or remove its folder."
        )
    return Collection(str(root), tuple(path for path, _ in images), lambda: classes, {"train": _parts(images)})
