"""Test images in any layout, without training images, with ImageNet's class numbers."""

from __future__ import annotations

from collections.abc import Sequence
from operator import contains
from pathlib import Path

from vitwork.data.sources import folder, ground_truth
from vitwork.data.sources.collection import Collection, held_out, numbers_of, split_of
from vitwork.data.sources.listing import files_below, folders_in, visible
from vitwork.data.sources.parquet import open_parquet
from vitwork.data.sources.tar import open_tar
from vitwork.errors import VitworkError


def open_held_out(root: Path) -> Collection:
    """Return a folder of test images as a collection.

    The layout is Parquet files, tar shards, class folders, or a flat folder with a file of classes. From a folder with
    several splits, validation is used, or the test split if there is no validation split.

    Raises:
        VitworkError: the folder is empty or of no known layout, or has only training images.
    """
    if files_below(root, {".parquet"}, 1):
        return open_parquet(root, held_out)
    if files_below(root, {".tar"}, 1):
        return open_tar(root, held_out)
    folders = folders_in(root)
    if folder.holds_class_folders(root):
        chosen = held_out(root, (path for path in folders if split_of(Path(path.name))))["test"]
        folder.check_beside(root, chosen, files_below(root, None, 0))
        (root,) = chosen
        folders = folders_in(root)
    if any(files_below(path, folder.SUFFIXES, 0) for path in folders):
        names = tuple(path.name for path in folders if files_below(path, folder.SUFFIXES))
        return folder.open_classes(root, names)
    if files_below(root, folder.SUFFIXES, 0):
        return ground_truth.open_flat(root)
    if not visible(root):
        raise VitworkError(f"The data folder {root} is empty.")
    raise VitworkError(
        f"{root} holds neither Parquet files, nor tar shards, nor images in class folders or beside a file of classes."
    )


def numbers(collection: Collection) -> Sequence[int] | None:
    """Return ImageNet's number of each class of a collection; None if its labels are those numbers.

    Classes are identified by their WordNet names (``n01440764``), by ImageNet's words for them (``tench``), or by
    folder names that are numbers. A thousand classes, most of which have the name of ImageNet's class at the same
    position, are in ImageNet's order.

    Raises:
        VitworkError: they have other names, or two of them mean the same class.
    """
    names, known = collection.classes(), ground_truth.classes()
    if not names or names == known:
        return None
    if (found := numbers_of(names)) is not None:
        ground_truth.check_numbers(found, collection.where)
        return _distinct(found, collection)
    meanings = [ground_truth.classes_called(name) for name in names]
    unclear = [name for name, meant in zip(names, meanings, strict=True) if len(meant) != 1]
    ordered = len(names) == len(known) and 2 * sum(map(contains, meanings, range(len(names)))) > len(known)
    if unclear and ordered:
        return None
    if unclear:
        raise VitworkError(
            f"{collection.where} has the class {unclear[0]}, which names none of ImageNet's thousand without doubt: name "
            f"classes by their WordNet names, such as {known[0]}."
        )
    return _distinct([number for meant in meanings for number in meant], collection)


def _distinct(found: Sequence[int], collection: Collection) -> Sequence[int]:
    if twice := [number for number in found if found.count(number) > 1]:
        raise VitworkError(f"{collection.where} has two classes that are class {twice[0]} of ImageNet.")
    return found
