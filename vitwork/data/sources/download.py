"""Downloads of CIFAR-10 and CIFAR-100, from torchvision's source or from the Hugging Face hub."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from vitwork.data.sources.collection import Collection, Example
from vitwork.data.sources.hub import SCHEME, hub_folder
from vitwork.data.sources.listing import check_regular, is_hidden
from vitwork.data.sources.parquet import open_parquet
from vitwork.errors import VitworkError, told
from vitwork.store.cache import cache_folder

DOWNLOADS = {"cifar10": ("CIFAR10", "uoft-cs/cifar10"), "cifar100": ("CIFAR100", "uoft-cs/cifar100")}
"""For each source: torchvision's class and the hub's repository."""


PUBLISHED = {
    "cifar10": "cd79d825d2f4982f83f9fdb5095caf51654802f807fc75cb702abdd83257072b",
    "cifar100": "cf6714ffe295abead020a0b6ebe48867a368e4d4e7d63318538fa37f338738af",
}
"""Content fingerprints of whole data sets, computed from copies that have the published channel statistics."""


def check_download(source: str, content: str) -> None:
    """Compare the content fingerprint of a download with the published data set's.

    Raises:
        VitworkError: they differ.
    """
    if PUBLISHED.get(source, content) != content:
        raise VitworkError(
            f"The downloaded {source} differs from the published data set; remove {cache_folder()} to download it again."
        )


def open_download(source: str) -> Collection:
    """Return a data set that is downloaded when it is first read.

    torchvision's copy is tried first; torchvision checks its archive against the published checksum. If it is not
    available and huggingface_hub is installed, the hub's copy is used.

    Raises:
        VitworkError: the source has no download. Reading raises it if neither copy is available.
    """
    if source not in DOWNLOADS:
        raise VitworkError(f"The source {source} has no download; name the folder that holds its images with --data.")
    splits = {split: [partial(_read, source, split)] for split in ("train", "test")}
    return Collection(f"download of {source}", (), partial(_class_names, source), splits)


def open_torchvision(root: Path, source: str) -> Collection:
    """Return the data set in a folder that torchvision unpacked; torchvision checks every file's checksum.

    Raises:
        VitworkError: reading raises it if files are missing or altered.
    """
    splits = {split: [partial(_unpacked, source, split, root)] for split in ("train", "test")}
    found = (path for path in sorted(root.glob("cifar-10*-*/*")) if not is_hidden(Path(path.name)))
    files = tuple(check_regular(path) for path in found if not path.is_dir())
    return Collection(str(root), files, lambda: _names(_torchvision(source, "train", root)), splits)


def _read(source: str, split: str) -> Iterator[Example]:
    try:
        return _examples(_torchvision(source, split, _folder(), download=True), f"{source} ({split})")
    except Exception as error:  # noqa: BLE001 - from the network, a truncated body, or unpacking
        return _hub(source, error).read(split)


def _class_names(source: str) -> tuple[str, ...]:
    # Called after the images were read, so one of the two copies is on the disk.
    try:
        return _names(_torchvision(source, "train", _folder()))
    except Exception as error:  # noqa: BLE001 - as above
        return _hub(source, error).classes()


def _unpacked(source: str, split: str, root: Path) -> Iterator[Example]:
    try:
        return _examples(_torchvision(source, split, root), str(root))
    except Exception as error:  # also errors of unpickling
        raise VitworkError(f"{root} does not hold {source} as torchvision unpacks it: files miss or differ.") from error


def _folder() -> Path:
    return cache_folder() / "downloads"


def _torchvision(source: str, split: str, root: Path, *, download: bool = False) -> Any:
    from torchvision import datasets

    with contextlib.redirect_stdout(io.StringIO()):
        return getattr(datasets, DOWNLOADS[source][0])(root, train=split == "train", download=download)


def _examples(dataset: Any, where: str) -> Iterator[Example]:
    pairs = zip(dataset.data, dataset.targets, strict=True)
    return (Example(pixels, int(label), f"{where}, row {row}") for row, (pixels, label) in enumerate(pairs))


def _names(dataset: Any) -> tuple[str, ...]:
    return tuple(dataset.classes)


def _hub(source: str, reason: Exception) -> Collection:
    """Return the hub's copy; `reason` is the error with torchvision's copy."""
    try:
        return open_parquet(hub_folder(Path(f"{SCHEME}//{DOWNLOADS[source][1]}")))
    except VitworkError as error:
        raise VitworkError(
            f"{source} could not be downloaded ({told(reason)}; {error}); connect to the network, or name a folder that holds it "
            "with --data."
        ) from error
