"""Readers for the published corruption benchmarks: CIFAR-10-C, CIFAR-100-C (NumPy files) and ImageNet-C (folders)."""

from __future__ import annotations

from collections.abc import Iterator
from glob import escape
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from vitwork.data.corruptions.severity import SEVERITIES, check_severity
from vitwork.data.sources.collection import MOST_CLASSES, in_order
from vitwork.data.sources.decoding import rgb_in
from vitwork.data.sources.folder import images_in
from vitwork.data.sources.listing import check_regular, folders_in, is_hidden
from vitwork.errors import VitworkError, at_least, told


def cifar_c(folder: Path, name: str, severity: int, batch_size: int = 256) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield the images of one corruption and severity of CIFAR-10-C or CIFAR-100-C, batch by batch.

    The benchmark holds one array (50000, 32, 32, 3) for each corruption, with one severity after the other, and one
    array of labels.

    Args:
        folder: folder of ``labels.npy`` and the corruptions' files.
        name: the corruption, for example ``gaussian_noise``.
        severity: from 1 to 5.
        batch_size: images per batch.

    Yields:
        Images, uint8 (b, 3, 32, 32), and labels, int64 (b,).

    Raises:
        VitworkError: there is no such severity, a file is missing, is not a plain array or does not have the
            benchmark's shape, or labels are not class numbers.
    """
    check_severity(severity)
    at_least(1, batch_size=batch_size)
    images, labels = (_array(folder / f"{stem}.npy") for stem in (name, "labels"))
    if (
        images.ndim != 4
        or images.shape[1:] != (images.shape[1], images.shape[1], 3)
        or images.dtype != np.uint8
        or not len(images)
        or len(images) % len(SEVERITIES)
        or labels.shape != images.shape[:1]
    ):
        raise VitworkError(
            f"{folder / name}.npy and labels.npy do not have the shape of a CIFAR-C benchmark: they hold "
            f"{images.dtype} {images.shape} and {labels.shape}, not uint8 (5n, side, side, 3) and (5n,)."
        )
    if labels.dtype.kind not in "iu" or not ((labels >= 0) & (labels < MOST_CLASSES)).all():
        raise VitworkError(f"{folder / 'labels.npy'} has labels that are not class numbers.")
    count = len(images) // len(SEVERITIES)
    end = count * severity
    for start in range(end - count, end, batch_size):
        part = slice(start, min(start + batch_size, end))
        chosen = np.ascontiguousarray(images[part].transpose(0, 3, 1, 2))
        yield torch.from_numpy(chosen), torch.from_numpy(labels[part].astype(np.int64))


def _array(path: Path) -> np.ndarray:
    try:
        # Memory-mapped, so that one batch at a time is read; a pickle in the file is refused.
        return np.asarray(np.lib.format.open_memmap(check_regular(path), mode="r"))
    except VitworkError:
        raise
    except Exception as error:  # damaged headers raise errors of any kind
        raise VitworkError(f"Cannot read {path} as a NumPy array: {told(error)}.") from error


def imagenet_c(folder: Path, name: str, severity: int, batch_size: int = 64) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield the images of one corruption and severity of ImageNet-C by batches, as stored: 224 pixels, not resized.

    Args:
        folder: folder that contains ``<corruption>/<severity>/<class>/<image>`` or ``<group>/<corruption>/…``.
        name: the corruption.
        severity: from 1 to 5.
        batch_size: images per batch.

    Yields:
        Images, uint8 (b, 3, h, w), and class indices, int64 (b,), in the order of the class folders' names, or of their
        numbers if all names are numbers.

    Raises:
        VitworkError: there is no such severity, no such folder, or two such folders; there is no image in it or in a
            class; or the class folders differ from those of another severity or corruption. Or a file lies outside the
            class folders, is not a picture or cannot be read, or sizes differ.
    """
    check_severity(severity)
    at_least(1, batch_size=batch_size)
    inside = name not in {"", ".."} and Path(name).name == name  # otherwise it would lead to another folder
    named = f"{escape(name)}/{severity}"
    places = [*folder.glob(named), *folder.glob(f"*/{named}")] if inside else []
    places = [place for place in places if not is_hidden(place.relative_to(folder))]
    if len(places) != 1:
        others = f", but {places[0]} and {places[1]}" if places else ""
        raise VitworkError(f"There is no {'single ' * bool(places)}{name}/{severity} in {folder}{others}.")
    classes = in_order(path.name for path in folders_in(places[0]))
    images = images_in((places[0],), classes)
    if not images:
        raise VitworkError(f"There are no images in {places[0]}.")
    if empty := set(range(len(classes))) - {number for _, number in images}:
        raise VitworkError(f"There are no images in {places[0] / classes[min(empty)]}, which would be a class.")
    _check_classes(folder, places[0], set(classes))
    for start in range(0, len(images), batch_size):
        batch = images[start : start + batch_size]
        pixels = [_pixels(path) for path, _ in batch]
        if len({each.shape for each in pixels}) > 1:
            raise VitworkError(f"Images in {places[0]} differ in size; ImageNet-C's are all 224×224.")
        yield torch.stack(pixels), torch.tensor([number for _, number in batch])


def _check_classes(folder: Path, place: Path, classes: set[str]) -> None:
    """Check that all severities of all corruptions have the same class folders: a missing one would shift labels."""
    # The pattern for a corruption's folder excludes severities, since class folders below one may be numbers, too.
    pattern = f"{'*/' * (len(place.relative_to(folder).parts) - 2)}[!1-5]*/[1-5]"
    for other in sorted(path for path in folder.glob(pattern) if path.is_dir()):
        if is_hidden(other.relative_to(folder)):
            continue
        if differing := classes ^ {path.name for path in folders_in(other)}:
            name = min(differing)
            lacking, having = (other, place) if name in classes else (place, other)
            raise VitworkError(f"{lacking} has no class folder {name}, which {having} has.")


def _pixels(path: Path) -> Tensor:
    try:
        return torch.from_numpy(np.array(rgb_in(path, str(path)))).permute(2, 0, 1)
    except VitworkError:
        raise
    except Exception as error:  # decoders raise errors of any kind on damaged pictures
        raise VitworkError(f"Cannot read the image {path}: {told(error)}.") from error
