"""Data sets too large for memory: read, decoded and cropped by worker processes, an epoch at a time.

Random resized crops need the whole picture, so the workers draw them; all that remains of an augmentation is done in
batches on the device (`Stream.remaining`).
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.utils.data import DataLoader, IterableDataset, get_worker_info

from vitwork.data.augmentation.resizing import draw_crops
from vitwork.data.decoding import fit, picture_of
from vitwork.data.records import Collection, Record
from vitwork.data.sources import open_folder
from vitwork.training.recipe import Augmentation

if TYPE_CHECKING:
    Images = IterableDataset[tuple[Tensor, int]]
else:
    Images = IterableDataset

BUFFER = 2048
"""Records that a worker holds to shuffle among; encoded, so that they are small."""

SAMPLED_FILES = 64


class Stream:
    """One split of a data set on disk, for training or for evaluation.

    Args:
        root: folder in any layout that `vitwork.data.load` takes.
        split: ``train`` or ``test``.
        size: side of the images that come out.
        augmentation: for training; None for the centre square of each picture, in the order of the files.
        share: this process's place and the number of processes that share the data, for several devices.
    """

    def __init__(
        self,
        root: Path,
        split: str,
        size: int,
        augmentation: Augmentation | None = None,
        *,
        share: tuple[int, int] = (0, 1),
    ) -> None:
        self.collection = open_folder(root.resolve())
        self.classes = self.collection.classes()
        self.split, self.size, self.share = split, size, share
        self.augmentation = augmentation
        self.remaining = replace(augmentation or Augmentation(crop_padding=0, flip=0.0), resized_crop=False)
        if augmentation is not None and augmentation.resized_crop:
            self.remaining = replace(self.remaining, crop_padding=0)

    def batches(
        self, batch_size: int, *, seed: int = 0, epoch: int = 0, workers: int = 0
    ) -> Iterator[tuple[Tensor, Tensor]]:
        """Read one epoch.

        The order and the crops depend on `seed`, `epoch` and `workers`, on nothing else. Processes that share the data
        read different files, so their numbers of batches can differ.

        Args:
            batch_size: images of a batch; when training, an incomplete last batch is dropped.
            seed, epoch: decide order and crops.
            workers: processes that decode; 0 decodes in this one.

        Yields:
            Images, uint8 (b, 3, size, size), and class numbers, int64 (b,).

        Raises:
            VitworkError: a file or an image is corrupt.
        """
        loader = DataLoader(
            _Epoch(self, seed, epoch),
            batch_size=batch_size,
            num_workers=workers,
            drop_last=self.augmentation is not None,
            pin_memory=torch.cuda.is_available(),
        )
        yield from loader


def listing_fingerprint(collection: Collection) -> str:
    """Return a hash of the names and sizes of all files and of the content of some.

    It stands in for the content fingerprint where reading everything would take hours.
    """
    files = sorted(collection.files)
    total = hashlib.sha256("\n".join(f"{path.name} {path.stat().st_size}" for path in files).encode())
    for path in files[:: max(1, len(files) // SAMPLED_FILES)]:
        with path.open("rb") as file:
            total.update(file.read(1 << 16))
    return f"listing-{total.hexdigest()}"


class _Epoch(Images):
    """One epoch of a stream, as the loader's workers read it."""

    def __init__(self, stream: Stream, seed: int, epoch: int) -> None:
        super().__init__()
        self.stream, self.seed, self.epoch = stream, seed, epoch

    def __iter__(self) -> Iterator[tuple[Tensor, int]]:
        stream = self.stream
        worker = get_worker_info()
        number, workers = (worker.id, worker.num_workers) if worker else (0, 1)
        rank, processes = stream.share
        parts = list(stream.collection.splits[stream.split])
        if stream.augmentation is not None:
            random.Random(f"{self.seed} {self.epoch}").shuffle(parts)
        own = parts[rank::processes][number::workers]
        records = (record for part in own for record in part())
        if stream.augmentation is None:
            yield from ((_tensor(fit(picture_of(record), stream.size)), record.label) for record in records)
            return
        dice = random.Random(f"{self.seed} {self.epoch} {rank} {number}")
        generator = torch.Generator().manual_seed(dice.getrandbits(63))
        for record in _shuffled(records, dice):
            picture = picture_of(record)
            cropped = self._cropped(picture, dice, generator)
            yield _tensor(cropped), record.label

    def _cropped(self, picture: Image.Image, dice: random.Random, generator: torch.Generator) -> Image.Image:
        stream = self.stream
        if stream.augmentation is None or not stream.augmentation.resized_crop:
            return fit(picture, stream.size)
        crop = draw_crops(1, picture.height, picture.width, generator)
        top, left, rows, columns = (int(side) for side in crop)
        filters = (Image.Resampling.BILINEAR, Image.Resampling.BICUBIC)
        box = picture.crop((left, top, left + columns, top + rows))
        return box.resize((stream.size, stream.size), dice.choice(filters))


def _shuffled(records: Iterator[Record], dice: random.Random) -> Iterator[Record]:
    buffer: list[Record] = []
    for record in records:
        if len(buffer) < BUFFER:
            buffer.append(record)
            continue
        place = dice.randrange(BUFFER)
        buffer[place], record = record, buffer[place]  # noqa: PLW2901 - the exchange is the shuffle
        yield record
    dice.shuffle(buffer)
    yield from buffer


def _tensor(picture: Image.Image) -> Tensor:
    return torch.from_numpy(np.array(picture).transpose(2, 0, 1).copy())
