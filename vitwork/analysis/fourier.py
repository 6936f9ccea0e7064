"""Fourier analysis of feature maps: the relative log amplitude Δ per block and spatial frequency (paper, Fig. 2a, 8).

For a feature map z the amplitude is A(f) = log(|FFT₂(z)(f)| + 1e-6), averaged over channels and images, and
Δ(f) = A(f) − A(0). The paper reads A along the diagonal f = (k, k)·2π/h with k = 0 … ⌈h/2⌉ − 1. On that diagonal the
transform is a product with a small matrix, which is several times faster than a full FFT and its logarithms.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import torch
from torch import Tensor

from vitwork.analysis.observe import (
    Batch,
    BlockChange,
    BlockValues,
    Part,
    PerImage,
    as_feature_map,
    changes,
    mean_and_error,
    observe,
)
from vitwork.device.memory import Cost
from vitwork.errors import UnfitError, VitworkError, choice
from vitwork.models.blocks.block import Block

Direction = Literal["diagonal", "radial"]
Window = Literal["hann"]

FLOOR = 1e-6  # added in the official code, to keep the logarithm finite
SMALLEST = 3  # a 2 × 2 map has one frequency on the half-diagonal, so nothing to compare


def delta_log_amplitude(feature_map: Tensor) -> Tensor:
    """Return Δ along the half-diagonal, averaged over batch and channels (paper, Fig. 2a).

    Args:
        feature_map: (b, c, h, h), or (b, n, c) tokens of a square image without class token.

    Returns:
        (⌈h/2⌉,) relative log amplitudes (natural logarithm). Entry k is at the frequency 2πk/h along both axes, so for
        an even h the last one lies below the Nyquist frequency π. Entry 0 is 0.

    Raises:
        ValueError: the input is not a feature map.
        UnfitError: it is not square.
    """
    amplitude = diagonal_log_amplitude(as_feature_map(feature_map).detach()).mean(0)
    return amplitude - amplitude[0]


def diagonal_log_amplitude(feature_map: Tensor, window: Window | None = None) -> Tensor:
    """Return each image's log amplitude along the half-diagonal, averaged over channels.

    Args:
        feature_map: (b, c, h, h).
        window: ``hann`` tapers the borders, whose discontinuity otherwise leaks into every frequency. The weighted mean
            is subtracted for all frequencies but 0, so that the window does not leak it into the lowest ones.

    Returns:
        (b, ⌈h/2⌉).

    Raises:
        UnfitError: the map is not square.
        VitworkError: there is no such window.
    """
    _check_window(window)
    side = feature_map.shape[-1]
    if feature_map.shape[-2] != side:
        height, width = feature_map.shape[-2:]
        raise UnfitError(f"the diagonal needs a square feature map, not {height} × {width}: read radially")
    z = in_single(feature_map)
    parts = z.flatten(2) @ _diagonal_modes(side, window, z.device, z.dtype)
    cosines, sines = parts.square().chunk(2, -1)
    return ((cosines + sines).sqrt_() + FLOOR).log_().mean(1)


def radial_log_amplitude(feature_map: Tensor, window: Window | None = None) -> Tensor:
    """Return each image's log amplitude averaged over all directions and over channels.

    Every frequency of the plane counts once, in the ring whose radius in cycles per the shorter side is nearest.

    Args:
        feature_map: (b, c, h, w).
        window: as in `diagonal_log_amplitude`.

    Returns:
        (b, rings); ring r is at the frequency 2πr/min(h, w), the corners of the plane reach √2·π.

    Raises:
        VitworkError: there is no such window.
    """
    _check_window(window)
    z = in_single(feature_map)
    if window:
        weights = _hann(z.shape[-2], z.shape[-1], z.device, z.dtype)
        mean = (z * weights).sum((-2, -1), keepdim=True) / weights.sum()
        spectrum = torch.fft.rfft2((z - mean) * weights)
        spectrum[..., 0, 0] = (mean * weights.sum())[..., 0, 0]
    else:
        spectrum = torch.fft.rfft2(z)
    amplitude = (spectrum.abs() + FLOOR).log_().mean(1)
    averaged: Tensor = amplitude.flatten(1) @ ring_weights(z.shape[-2], z.shape[-1], z.device, z.dtype)
    return averaged


def _check_window(window: Window | None) -> None:
    if window is not None:
        choice("window", window, Window)


def in_single(values: Tensor) -> Tensor:
    """Return values in single precision at least: half precision cannot hold a sum over positions."""
    return values if values.dtype in {torch.float32, torch.float64} else values.float()


def _hann(height: int, width: int, device: torch.device, dtype: torch.dtype) -> Tensor:
    """Return the periodic Hann window over positions (h, w), shifted by half a position so that no row is zero."""

    def taper(n: int) -> Tensor:
        position = (torch.arange(n, dtype=torch.float64) + 0.5) / n
        return (math.pi * position).sin().square()

    return (taper(height)[:, None] * taper(width)).to(device, dtype)


@lru_cache(maxsize=32)
def _diagonal_modes(side: int, window: str | None, device: torch.device, dtype: torch.dtype) -> Tensor:
    """Return (h·h, 2·⌈h/2⌉): cosines, then sines, of the half-diagonal's frequencies, windowed if given a window."""
    position, k = torch.arange(side), torch.arange(math.ceil(side / 2))
    diagonal = (position[:, None] + position).flatten()
    phase = (diagonal[:, None] * k % side).double() * (2 * math.pi / side)
    modes = torch.cat([phase.cos(), phase.sin()], 1)
    if window:
        weights = _hann(side, side, torch.device("cpu"), torch.float64).flatten()[:, None]
        modes = modes * weights
        mean = modes.sum(0) / weights.sum()
        mean[[0, len(k)]] = 0  # the zero frequency keeps the mean
        modes = modes - weights * mean
    return modes.to(device, dtype)


@lru_cache(maxsize=32)
def ring_weights(height: int, width: int, device: torch.device, dtype: torch.dtype) -> Tensor:
    """Return (h·(w//2 + 1), rings): weights that average an `rfft2` half-plane over rings of equal frequency."""
    shorter = min(height, width)
    y = torch.fft.fftfreq(height, dtype=torch.float64)[:, None] * shorter
    x = torch.fft.rfftfreq(width, dtype=torch.float64) * shorter
    ring = (y.square() + x.square()).sqrt().round().long().flatten()
    # A real signal's other half-plane mirrors all columns but the first and, for an even width, the last.
    twice = torch.full((width // 2 + 1,), 2.0, dtype=torch.float64)
    twice[0] = 1
    if width % 2 == 0:
        twice[-1] = 1
    weights = torch.nn.functional.one_hot(ring).double() * twice.repeat(height)[:, None]
    return (weights / weights.sum(0)).to(device, dtype)


def frequencies(side: int, count: int) -> Tensor:
    """Return the true frequencies of ``count`` entries for a map of ``side`` positions, in units of π."""
    return torch.arange(count, dtype=torch.float64) * 2 / side


@dataclass(frozen=True)
class LogAmplitude:
    """Relative log amplitudes per block; blocks with logits or maps below 3 × 3 are left out.

    Attributes:
        blocks: the blocks' names.
        kinds: their kinds.
        stages: their stages.
        downsamples: whether a block changes the resolution.
        frequencies: per block (k,), in units of π.
        delta: per block (k,), Δ relative to the zero frequency, mean over images; natural logarithm.
        delta_error: per block (k,), its standard error over images.
        relative: per block (k,), the amplitude relative to the first non-zero frequency.
        relative_error: per block (k,), its standard error over images.
        delta_changes: the change of Δ at the highest frequency across each block; changes of resolution are marked.
        relative_changes: the same for ``relative``, for blocks whose maps have a frequency above the first.
        left_out: names of blocks whose feature map is too small, or whose positions do not lie in a grid of the image.
        cost: images, time and memory of the pass.
    """

    blocks: tuple[str, ...]
    kinds: tuple[str, ...]
    stages: tuple[int, ...]
    downsamples: tuple[bool, ...]
    frequencies: tuple[Tensor, ...]
    delta: tuple[Tensor, ...]
    delta_error: tuple[Tensor, ...]
    relative: tuple[Tensor, ...]
    relative_error: tuple[Tensor, ...]
    delta_changes: tuple[BlockChange, ...]
    relative_changes: tuple[BlockChange, ...]
    left_out: tuple[str, ...]
    cost: Cost


class Spectra(PerImage):
    """Reducer that computes `log_amplitude`'s result, for passes shared with other reducers."""

    def __init__(
        self,
        blocks: Sequence[Block],
        *,
        direction: Direction = "diagonal",
        window: Window | None = None,
        part: Part = "stream",
        official: bool = False,
    ) -> None:
        choice("direction", direction, Direction)
        _check_window(window)
        if official and (direction, window, part) != ("diagonal", None, "stream"):
            raise VitworkError("The official Fourier analysis reads the plain diagonal of the residual stream only.")
        measure: Callable[..., Tensor] = diagonal_log_amplitude if direction == "diagonal" else radial_log_amplitude
        super().__init__(blocks, lambda z: measure(z, window), part, SMALLEST)
        self.official = official

    def result(self, cost: Cost) -> LogAmplitude:
        """Return the result of the passes so far."""
        measured = self.measured()
        if not measured:
            raise UnfitError("No block of this model gives a feature map of 3 × 3 positions or more.")
        delta = [mean_and_error(_from_dc(one.values)) for one in measured]
        relative = [mean_and_error(_from_first(one.values)) for one in measured]
        return LogAmplitude(
            blocks=tuple(one.block.name for one in measured),
            kinds=tuple(one.block.kind for one in measured),
            stages=tuple(one.block.stage for one in measured),
            downsamples=tuple(one.block.downsamples for one in measured),
            frequencies=tuple(self._frequencies(one) for one in measured),
            delta=tuple(mean for mean, _ in delta),
            delta_error=tuple(error for _, error in delta),
            relative=tuple(mean for mean, _ in relative),
            relative_error=tuple(error for _, error in relative),
            delta_changes=changes(measured, lambda values: _from_dc(values)[:, -1]),
            relative_changes=changes(
                [one for one in measured if one.values.shape[1] > 2], lambda values: _from_first(values)[:, -1]
            ),
            left_out=tuple(block.name for block in self.blocks if block.name in self.left_out),
            cost=cost,
        )

    def _frequencies(self, one: BlockValues) -> Tensor:
        count = one.values.shape[1]
        if self.official:
            return torch.linspace(0, 1, count, dtype=torch.float64)
        return frequencies(min(one.size), count)


def _from_dc(values: Tensor) -> Tensor:
    return values - values[:, :1]


def _from_first(values: Tensor) -> Tensor:
    return values - values[:, 1:2]


def log_amplitude(
    blocks: Sequence[Block],
    batches: Iterable[Batch],
    *,
    direction: Direction = "diagonal",
    window: Window | None = None,
    part: Part = "stream",
    official: bool = False,
) -> LogAmplitude:
    """Measure Δ log amplitude per block and frequency over images (paper, Fig. 2a and 8).

    Args:
        blocks: the model.
        batches: (images, targets) pairs.
        direction: ``diagonal`` as in the paper, or ``radial``: the average over all directions.
        window: ``hann`` as a control for what the borders contribute.
        part: ``stream`` for blocks' outputs; ``branch`` for what a block adds to its residual connection. The changes
            of a ``branch`` compare it with the block's input.
        official: label the frequencies as the official code does, stretched to 1.0 π although the last index of an even
            side lies at (1 − 2/h) π. The official code's other peculiarity, a network left in training mode, is not
            reproduced.

    Returns:
        Amplitudes, changes across blocks, and standard errors over images.

    Raises:
        VitworkError: there are no images, no block has a feature map that is large enough, a map whose diagonal is
            measured is not square, an option is unknown, or the options contradict each other.
    """
    spectra = Spectra(blocks, direction=direction, window=window, part=part, official=official)
    return spectra.result(observe(blocks, batches, spectra))
