"""Random numbers and a sine-like wave that are the same to the last bit on every platform.

Only operations that IEEE 754 rounds exactly are used (sum, product, quotient, root, floor). Random bits come from the
bit generator itself, whose stream numpy guarantees. Sines, exponentials and numpy's distributions have no such
guarantee: they differ in the last bit between processors or numpy versions.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[Any]
"""float32 throughout; numpy's type stubs widen float32 with a Python number to float64, but numpy itself does not."""


class ExactRng:
    """A reproducible source of numbers.

    Args:
        key: non-negative integers that identify the stream, for example seed, split and position.
    """

    def __init__(self, key: Sequence[int]) -> None:
        self._bits = np.random.PCG64(np.random.SeedSequence(list(key)))

    def uniform(self, *shape: int) -> Floats:
        """Return float32 numbers in [0, 1) of the given shape, exact multiples of 2^-24."""
        raw = self._bits.random_raw(int(np.prod(shape)))
        return ((raw >> np.uint64(40)).astype(np.float32) * np.float32(2.0**-24)).reshape(shape)

    def normal(self, *shape: int) -> Floats:
        """Return approximately normal float32 numbers (sum of four uniforms; mean 0, variance 1, bounded by 3.5)."""
        raw = self._bits.random_raw(int(np.prod(shape)))
        total = np.zeros(raw.shape, np.float32)
        for shift in (0, 16, 32, 48):
            total += ((raw >> np.uint64(shift)) & np.uint64(0xFFFF)).astype(np.float32)
        # Each of the four has mean 65535/2 and variance (2^32 - 1)/12.
        centred = total - np.float32(2 * 65535)
        return (centred * np.float32(3.0**0.5 / 65536)).reshape(shape)


def wave(turns: Floats) -> Floats:
    """Return approximately sin(2π·turns), by Bhaskara's rational approximation (error below 0.0017)."""
    phase = turns - np.floor(turns)
    half = 2 * phase
    rising = half < 1
    arch = half - np.where(rising, 0, 1).astype(np.float32)
    bow = arch * (1 - arch)
    height = 16 * bow / (5 - 4 * bow)
    return np.asarray(np.where(rising, height, -height), np.float32)


def direction(turns: Floats) -> tuple[Floats, Floats]:
    """Return unit vectors that point at `turns` full turns from the first axis (to within 0.1 degrees)."""
    x, y = wave(turns + np.float32(0.25)), wave(turns)
    length = np.sqrt(x * x + y * y)
    return x / length, y / length
