"""Random numbers computed from their position, which are the same on every device and for every batch size.

The number at position j of image i is a hash of (seed, use, i, j), by integer arithmetic that gives the same results on
CPU and GPU; nothing is drawn in sequence. Two images never share numbers, and an image gets the same corruption whether
it is processed alone or in a batch.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

MASK = 0xFFFFFFFF
# Rounds of a 32-bit finaliser: multiply, then fold the high bits into the low ones. The constants are odd and
# below 2^31, so that a product of two words stays within 63 bits.
FACTORS = (0x7FEB352D, 0x2C1B3C6D, 0x297A2D39)


class PositionRng:
    """A source of random numbers for a batch of images.

    Each call uses fresh numbers; the same sequence of calls gives the same numbers.

    Args:
        seed: any integer from 0 to 2^32 - 1.
        first: position of the batch's first image in the data set.
        device: device of the numbers.
    """

    def __init__(self, seed: int, first: int = 0, device: torch.device | str = "cpu") -> None:
        self._seed, self._first, self._uses = seed, first, 0
        self.device = torch.device(device)

    def words(self, *shape: int) -> Tensor:
        """Return int64 numbers in [0, 2^32) of the shape (images, …)."""
        self._uses += 1
        key = _mix(_mix(torch.tensor(self._seed & MASK)) ^ self._uses).item()
        images = torch.arange(self._first, self._first + shape[0], device=self.device)
        places = torch.arange(math.prod(shape[1:]), device=self.device)
        rows, columns = _mix(images ^ key)[:, None], _mix(places + key & MASK)
        # Two words of the row are used, so that rows are not reorderings of one another.
        return _mix(_mix(rows ^ columns) ^ _mix(rows + 1 & MASK)).reshape(shape)

    def uniform(self, *shape: int) -> Tensor:
        """Return float32 numbers in [0, 1), exact multiples of 2^-24."""
        return (self.words(*shape) >> 8).float() * 2.0**-24

    def signs(self, *shape: int) -> Tensor:
        """Return float32 numbers that are -1 or 1 with equal chance."""
        return (self.words(*shape) >> 31).float() * 2 - 1

    def normal(self, *shape: int) -> Tensor:
        """Return standard normal float32 numbers, by the inverse distribution function at 2^23 levels.

        They are bounded by 5.3 in magnitude. They are equal on two devices if `ndtri` gives equal results there.
        """
        levels = (self.words(*shape) >> 9).double() + 0.5
        numbers: Tensor = torch.special.ndtri(levels * 2.0**-23)
        return numbers.float()

    def integers(self, low: int, high: int, *shape: int) -> Tensor:
        """Return int64 numbers from `low` to `high` - 1 (the bias is below (high - low) / 2^32)."""
        return low + (self.words(*shape) * (high - low) >> 32)


def _mix(words: Tensor) -> Tensor:
    """Return a bijective scrambling of 32-bit words held in int64."""
    for factor, shift in zip(FACTORS, (16, 15, 16), strict=True):
        words = words ^ (words >> shift)
        words = (words * factor) & MASK
    return words ^ (words >> 15)
