"""Streaming of images that stay on disk and are decoded when needed, ahead of time by worker processes."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from vitwork.data.augmentation.resizing import draw_crops
from vitwork.data.sources.collection import Example
from vitwork.data.sources.decoding import fit, picture_of
from vitwork.data.sources.pack import Packed
from vitwork.design.recipe import Augmentation
from vitwork.device import place
from vitwork.errors import VitworkError

FILTERS = (Image.Resampling.BILINEAR, Image.Resampling.BICUBIC)


@dataclass(frozen=True, slots=True)
class Pictures:
    """Images on disk, indexed like a uint8 tensor (n, 3, size, size) of their centre squares.

    Attributes:
        packed: the packed data set that holds them.
        size: side of the decoded images.
        rows: indices of these images in it, int64 (n,).
    """

    packed: Packed
    size: int
    rows: Tensor

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def shape(self) -> torch.Size:
        """The shape of the tensor that this represents."""
        return torch.Size((len(self), 3, self.size, self.size))

    @property
    def device(self) -> torch.device:
        """Device of the decoded images."""
        return torch.device("cpu")

    def to(self, device: str | torch.device) -> Pictures:  # noqa: ARG002 - as a tensor's
        """Return these pictures unchanged: they stay on disk for any device."""
        return self

    def __getitem__(self, chosen: slice | Tensor) -> Tensor:
        """Return the centre squares of the chosen pictures, uint8 (k, 3, size, size).

        Raises:
            VitworkError: a picture is corrupt, or was altered since it was packed.
        """
        return self._stacked([fit(picture, self.size) for picture in self._pictures(chosen)])

    def crops(self, chosen: Tensor, draw: tuple[object, ...]) -> Tensor:
        """Return random resized crops of the chosen pictures, uint8 (k, 3, size, size).

        A picture's crop depends only on its row and on `draw`, not on the process or the time.
        """
        rows = self.rows[chosen].tolist()
        pictures = self._pictures(chosen)
        return self._stacked([self._crop(picture, (*draw, row)) for picture, row in zip(pictures, rows, strict=True)])

    def _pictures(self, chosen: slice | Tensor) -> list[Image.Image]:
        rows = self.rows[chosen].tolist()
        return [self._picture(example, row) for example, row in zip(self.packed.read(rows), rows, strict=True)]

    def _picture(self, example: Example, row: int) -> Image.Image:
        try:
            return picture_of(example)
        except VitworkError:
            return picture_of(example._replace(where=self.packed.origin(row)))  # raises again, with the file's name

    def _crop(self, picture: Image.Image, draw: tuple[object, ...]) -> Image.Image:
        seed = hashlib.sha256(repr(draw).encode()).digest()[:8]
        generator = torch.Generator().manual_seed(int.from_bytes(seed, "big") >> 1)
        crop = draw_crops(1, picture.height, picture.width, generator)
        top, left, height, width = (int(side) for side in crop)
        filtered = FILTERS[int(torch.randint(len(FILTERS), (), generator=generator))]
        return picture.resize((self.size, self.size), filtered, box=(left, top, left + width, top + height))

    def _stacked(self, pictures: list[Image.Image]) -> Tensor:
        pixels = np.empty((len(pictures), self.size, self.size, 3), np.uint8)
        for slot, picture in zip(pixels, pictures, strict=True):
            slot[:] = np.asarray(picture)
        return torch.from_numpy(pixels.transpose(0, 3, 1, 2).copy())


def remaining(augmentation: Augmentation) -> Augmentation:
    """Return the augmentation without the random resized crop, for images that a stream has already cropped."""
    if not augmentation.resized_crop:
        return augmentation
    return replace(augmentation, resized_crop=False, crop_padding=0)


class DecodedBatches(Dataset[Tensor]):
    """Chosen pictures, batch by batch.

    Args:
        pictures: source of the pictures.
        draw: determines their random resized crops; None for centre squares.
    """

    def __init__(self, pictures: Pictures, draw: tuple[object, ...] | None) -> None:
        self.pictures, self.draw = pictures, draw

    def __getitem__(self, chosen: Tensor) -> Tensor:
        return self.pictures[chosen] if self.draw is None else self.pictures.crops(chosen, self.draw)


def read(
    pictures: Pictures, batches: Sequence[Tensor], draw: tuple[object, ...] | None, *, workers: int, pinned: bool
) -> Iterator[Tensor]:
    """Yield batches of pictures in their order, the same for any number of workers.

    Args:
        pictures: source of the pictures.
        batches: for each batch, the indices of its pictures.
        draw: determines their random resized crops; None for centre squares.
        workers: number of processes that decode ahead; 0 decodes in this process, on demand.
        pinned: whether the batches lie in pinned memory, from which a GPU copies without waiting.
    """
    # The loader draws a number at its start; its own generator keeps a resumed training from drawing an additional one.
    loader: DataLoader[Tensor] = DataLoader(
        DecodedBatches(pictures, draw),
        sampler=batches,
        batch_size=None,
        num_workers=workers,
        pin_memory=pinned,
        generator=torch.Generator(),
    )
    yield from loader


def decoders(device: torch.device) -> int:
    """Return the number of decoding processes for a training on `device`: 0 on a CPU, because its cores train."""
    if device.type == "cpu":
        return 0
    return max(1, place.cores() // max(1, int(os.environ.get("LOCAL_WORLD_SIZE", "1"))))
