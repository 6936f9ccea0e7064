"""Image folders without splits: one folder for each class. For what trains nothing."""

from __future__ import annotations

from pathlib import Path

from vitwork.data.sources.collection import Collection, in_order
from vitwork.data.sources.folder import ARCHIVES, _parts, holds_class_folders, images_in
from vitwork.data.sources.listing import files_below, folders_in
from vitwork.errors import VitworkError


def is_undivided(root: Path) -> bool:
    """Tell whether a folder holds nothing that is divided into splits: class folders, if anything, or no images at all."""
    return root.is_dir() and not holds_class_folders(root) and not files_below(root, ARCHIVES, 1)


def open_flat(root: Path) -> Collection:
    """Open ``<class>/*`` as a collection whose images are all of one split, called ``train``, with classes as `in_order`.

    Raises:
        VitworkError: there are no images, one lies in no class folder, or a class folder holds none.
    """
    classes = in_order(folder.name for folder in folders_in(root))
    images = images_in((root,), classes)
    if not images:
        raise VitworkError(
            f"{root} holds no images: give a folder for each class, train/<class>/ and test/<class>/, Parquet files or tar shards."
        )
    if empty := sorted(set(range(len(classes))) - {label for _, label in images}):
        raise VitworkError(
            f"{root} has a class {classes[empty[0]]} without images: give it some, or remove its folder."
        )
    return Collection(str(root), tuple(path for path, _ in images), lambda: classes, {"train": _parts(images)})
