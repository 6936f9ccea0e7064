"""Loading of an arm's images from any source; torch is imported only when images are loaded."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, cast

from vitwork.data import drawn
from vitwork.data.drawn import SIZE, embedded
from vitwork.data.sources.cache import content_fingerprint, decoded
from vitwork.data.sources.collection import Collection
from vitwork.data.sources.decoding import Decoded, TooLargeError
from vitwork.data.sources.listing import files_below, visible
from vitwork.data.sources.pack import exceeds_memory, pack
from vitwork.design.dataset import DataSpec
from vitwork.errors import VitworkError

if TYPE_CHECKING:
    from torch import Tensor

    from vitwork.data.images import ImageSet, Splits


NORMALISATION = {
    "cifar10": ((0.4914, 0.4822, 0.4465), (0.2023, 0.1994, 0.2010)),
    "cifar100": ((0.5071, 0.4867, 0.4408), (0.2675, 0.2565, 0.2761)),
    "imagenet": ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
}
"""Mean and standard deviation in the paper's configurations; for other sources they are measured."""

SAMPLED = 4096
"""Number of streamed images whose mean and deviation represent all: hash order makes any prefix a fair sample."""

EMBEDDED_TRAIN, EMBEDDED_TEST = 2000, 1000


def load(spec: DataSpec, root: Path | None = None) -> Splits:
    """Return the images of an arm, loaded into memory; a set that exceeds memory is packed once on disk and streamed.

    Args:
        spec: the images to load.
        root: folder that holds them: Parquet files in the layout of the Hugging Face hub, an image folder
            (``train/<class>/…``, ``test/<class>/…`` or ``val/…``), WebDataset tar shards, or a folder unpacked by
            torchvision; ``hf://owner/name`` for a data set of the hub. None downloads CIFAR-10 and CIFAR-100. Drawn
            images (``embedded``) need no folder.

    Returns:
        Training and test images, pooled to ``spec.size``, reduced to ``spec.train``, ``spec.test``, ``spec.fraction``.

    Raises:
        VitworkError: the source is unknown, the folder is missing, empty or of no known layout, an image is corrupt,
            there is no network, or there are fewer images than requested.
    """
    if spec.source == "embedded":
        return _drawn(spec)
    import torch

    from vitwork.data.images import Splits, measured_statistics
    from vitwork.data.sources.download import check_download

    collection = _collection(spec, root)
    if _streams(collection, spec.size):
        return _streamed(spec, root)
    data = decoded(collection, spec.size)
    if root is None:
        check_download(spec.source, data.fingerprint)
    train, test = (torch.from_numpy(data.images[split]) for split in ("train", "test"))
    statistics = NORMALISATION.get(spec.source) or measured_statistics(train)
    return Splits(
        _subset(
            train,
            data,
            "train",
            size=spec.size,
            count=spec.train,
            fraction=spec.fraction,
            statistics=statistics,
        ),
        _subset(test, data, "test", size=spec.size, count=spec.test, fraction=1.0, statistics=statistics),
    )


def fingerprint_of_files(spec: DataSpec, root: Path | None) -> str:
    """Return the fingerprint of images in files; see `vitwork.data.fingerprint`."""
    collection = _collection(spec, root)
    if _streams(collection, spec.size):
        return pack(partial(_collection, spec, root)).fingerprint
    return content_fingerprint(collection, spec.size)


def open_folder(root: Path) -> Collection:
    """Return the collection in a folder of images of any known layout.

    Raises:
        VitworkError: the folder is missing, empty, or of no known layout.
    """
    from vitwork.data.sources.folder import holds_class_folders, open_image_folder
    from vitwork.data.sources.parquet import open_parquet
    from vitwork.data.sources.tar import open_tar

    root = _folder(root)
    layouts: tuple[tuple[Callable[[Path], bool], Callable[[Path], Collection]], ...] = (
        (lambda folder: bool(files_below(folder, {".parquet"}, 1)), open_parquet),
        (lambda folder: bool(files_below(folder, {".tar"}, 1)), open_tar),
        (holds_class_folders, open_image_folder),
    )
    for belongs, opening in layouts:
        if belongs(root):
            return opening(root)
    if not visible(root):
        raise VitworkError(f"The data folder {root} is empty.")
    raise VitworkError(f"{root} holds neither Parquet files, nor tar shards, nor train/<class>/ folders of images.")


def _folder(root: Path) -> Path:
    try:
        if root.is_dir():
            return root.resolve()
    except OSError as error:
        raise VitworkError(f"Cannot read the data folder {root}: {error.strerror or error}.") from error
    raise VitworkError(f"The data folder {root} does not exist or is not a folder.")


def _collection(spec: DataSpec, root: Path | None) -> Collection:
    from vitwork.data.sources.download import DOWNLOADS, open_download, open_torchvision
    from vitwork.data.sources.hub import hub_folder, is_address

    spec.check()
    if root is None:
        return open_download(spec.source)
    if is_address(root):
        return open_folder(hub_folder(root))
    root = _folder(root)
    if spec.source in DOWNLOADS and any(root.glob("cifar-10*-*/meta")) | any(root.glob("cifar-10*-*/batches.meta")):
        return open_torchvision(root, spec.source)
    return open_folder(root)


def _streams(collection: Collection, size: int | None) -> bool:
    """Return whether images are streamed, because at the requested size they exceed half of the machine's memory."""
    if size is None or not collection.files:
        return False
    try:
        if exceeds_memory(collection):
            return True
        content_fingerprint(collection, size)
    except TooLargeError:
        return True
    return False


def _streamed(spec: DataSpec, root: Path | None) -> Splits:
    import torch

    from vitwork.data.images import ImageSet, Splits, balanced_prefix, measured_statistics
    from vitwork.data.sources.stream import Pictures

    data = pack(partial(_collection, spec, root))
    rows, pictures = {}, {}
    for split, count, fraction in (("train", spec.train, spec.fraction), ("test", spec.test, 1.0)):
        labels = torch.from_numpy(data.splits[split].labels)
        rows[split] = balanced_prefix(labels, len(data.classes), count, fraction)
        pictures[split] = Pictures(data.splits[split], spec.size or 0, rows[split])
    statistics = NORMALISATION.get(spec.source) or measured_statistics(pictures["train"][:SAMPLED])
    return Splits(
        *(
            ImageSet(
                cast("Tensor", pictures[split]),  # indexed like a tensor
                torch.from_numpy(data.splits[split].labels)[rows[split]],
                data.classes,
                *statistics,
                data.fingerprint,
            )
            for split in ("train", "test")
        )
    )


def _subset(
    images: Tensor,
    data: Decoded,
    split: str,
    *,
    size: int | None,
    count: int | None,
    fraction: float,
    statistics: tuple[tuple[float, ...], tuple[float, ...]],
) -> ImageSet:
    import torch

    from vitwork.data.images import ImageSet, balanced_prefix, resized

    labels = torch.from_numpy(data.labels[split])
    if count is not None or fraction < 1:
        rows = balanced_prefix(labels, len(data.classes), count, fraction)
        images, labels = images[rows], labels[rows]
    images = images if size is None else resized(images, size)
    return ImageSet(images, labels, data.classes, *statistics, data.fingerprint)


def _drawn(spec: DataSpec) -> Splits:
    import torch

    from vitwork.data.images import ImageSet, Splits, balanced_prefix, measured_statistics

    size = spec.size or SIZE
    train = embedded.draw_images(spec.train or EMBEDDED_TRAIN, size=size, split="train")
    test = embedded.draw_images(spec.test or EMBEDDED_TEST, size=size, split="test")
    images, labels = torch.from_numpy(train.images), torch.from_numpy(train.shapes)
    statistics = measured_statistics(images)
    rows = balanced_prefix(labels, len(embedded.CLASSES), fraction=spec.fraction)
    facts = (embedded.CLASSES, *statistics, drawn.fingerprint(spec.size))
    return Splits(
        ImageSet(images[rows], labels[rows], *facts),
        ImageSet(torch.from_numpy(test.images), torch.from_numpy(test.shapes), *facts),
    )
