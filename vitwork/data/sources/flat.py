"""Image folders without splits: one folder for each class. For what trains nothing. Imports no torch."""

from __future__ import annotations

from pathlib import Path

from vitwork.data.sources.collection import Collection
from vitwork.data.sources.folder import SUFFIXES, _parts, holds_class_folders, images_in
from vitwork.data.sources.listing import files_below, folders_in


def is_flat(root: Path) -> bool:
    """Tell whether a folder holds class folders with images, and nothing that is divided into splits."""
    if not root.is_dir() or holds_class_folders(root) or files_below(root, {".parquet", ".tar"}, 1):
        return False
    return bool(_classes(root))


def open_flat(root: Path) -> Collection:
    """Open ``<class>/*`` as a collection whose images are all of one split, called ``train``."""
    classes = _classes(root)
    images = images_in((root,), classes)
    return Collection(str(root), tuple(path for path, _ in images), lambda: classes, {"train": _parts(images)})


def _classes(root: Path) -> tuple[str, ...]:
    """Return the names of the folders that hold images."""
    return tuple(folder.name for folder in folders_in(root) if files_below(folder, SUFFIXES))
