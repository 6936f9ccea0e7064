"""Images that stay on the disk and are decoded as they are needed, ahead of time by worker processes."""

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
    """Images on disk, indexed as a uint8 tensor (n, 3, size, size) of their centre squares would be.

    Attributes:
        packed: the file that they are in.
        size: side of the images that come out.
        rows: which of its images these are, int64 (n,).
    """

    packed: Packed
    size: int
    rows: Tensor

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def shape(self) -> torch.Size:
        """The shape of the tensor that this stands for."""
        return torch.Size((len(self), 3, self.size, self.size))

    @property
    def device(self) -> torch.device:
        """Where images come out."""
        return torch.device("cpu")

    def to(self, device: str | torch.device) -> Pictures:  # noqa: ARG002 - as a tensor's
        """Return these pictures: they stay on the disk, whatever the device."""
        return self

    def __getitem__(self, chosen: slice | Tensor) -> Tensor:
        """Return the centre squares of the chosen pictures, uint8 (k, 3, size, size).

        Raises:
            VitworkError: a picture is corrupt, or was altered since it was packed.
        """
        return self._stacked([fit(picture, self.size) for picture in self._pictures(chosen)])

    def crops(self, chosen: Tensor, draw: tuple[object, ...]) -> Tensor:
        """Return random resized crops of the chosen pictures, uint8 (k, 3, size, size).

        A picture's crop depends on its row and on `draw` alone, not on the process that cuts it or the time.
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
            return picture_of(example._replace(where=self.packed.origin(row)))  # raises it again, and names the file

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
    """Return what is left to do to images that a stream has cropped: all but the random resized crop."""
    if not augmentation.resized_crop:
        return augmentation
    return replace(augmentation, resized_crop=False, crop_padding=0)


class DecodedBatches(Dataset[Tensor]):
    """Chosen pictures, batch by batch.

    Args:
        pictures: where they come from.
        draw: decides their random resized crops; None for centre squares.
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
        pictures: where they come from.
        batches: for each batch, the places of its pictures.
        draw: decides their random resized crops; None for centre squares.
        workers: processes that decode ahead; 0 decodes in this one, when asked.
        pinned: whether the batches lie in memory that a GPU copies from without waiting.
    """
    # The loader draws a number at its start; from a generator of its own, so that resuming draws nothing more.
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
    """Return how many processes decode for a training on `device`: on a CPU none, because its cores train."""
    if device.type == "cpu":
        return 0
    return max(1, place.cores() // max(1, int(os.environ.get("LOCAL_WORLD_SIZE", "1"))))
