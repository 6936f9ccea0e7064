"""Image folders without splits, with one folder for each class, for uses without training."""

from __future__ import annotations

from pathlib import Path

from vitwork.data.sources.collection import Collection, in_order
from vitwork.data.sources.folder import ARCHIVES, _parts, holds_class_folders, images_in
from vitwork.data.sources.listing import files_below, folders_in
from vitwork.errors import VitworkError


def is_undivided(root: Path) -> bool:
    """Return whether a folder has no splits: it holds class folders, or no images at all."""
    return root.is_dir() and not holds_class_folders(root) and not files_below(root, ARCHIVES, 1)


def open_flat(root: Path) -> Collection:
    """Return ``<class>/*`` as a collection with a single split ``train``, with classes in the order of `in_order`.

    Raises:
        VitworkError: there are no images, one lies outside the class folders, or a class folder is empty.
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
