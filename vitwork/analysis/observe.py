"""Passes over images block by block, in evaluation mode and bounded memory, with reducers that see every block.

One pass serves any number of reducers: each sees every block's input and output and keeps only what it needs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from vitwork.analysis.curvature.repeatable import unwritten
from vitwork.analysis.plain import as_written, ordinary
from vitwork.analysis.targets import check_finite, fitting, paired
from vitwork.device.memory import Cost, Meter
from vitwork.device.parts import bounded, check_repeatable, in_parts
from vitwork.errors import VitworkError, at_least, choice
from vitwork.models.blocks.block import Block
from vitwork.models.blocks.unchanged import buffers_as_before

Batch = tuple[Tensor, Tensor]
Part = Literal["stream", "branch"]


class Reducer:
    """Base class of objects that see every block's input and output; subclasses override what they need."""

    def see(self, index: int, block: Block, entering: Tensor, leaving: Tensor) -> None:
        """Take in one block's input and output for the current mini-batch; ``index`` counts blocks from 0."""

    def end_batch(self) -> None:
        """Do what is due once every block has seen the current mini-batch."""


@contextmanager
def evaluating(blocks: Iterable[Block]) -> Iterator[None]:
    """Put the blocks' modules into evaluation mode without gradients; restore their modes and buffers on exit."""
    modes = {module: module.training for block in blocks for module in block.module.modules()}
    for module in modes:
        module.training = False
    try:
        with torch.no_grad(), buffers_as_before(modes):
            yield
    finally:
        for module, training in modes.items():
            module.training = training


def device_of(modules: Iterable[nn.Module]) -> torch.device:
    """Return the device of the modules' first parameter or buffer, or the CPU if they have none."""
    for module in modules:
        for tensor in (*module.parameters(), *module.buffers()):
            return tensor.device
    return torch.device("cpu")


def filled(batches: Iterable[Batch]) -> Iterator[Batch]:
    """Yield the batches that hold at least one example.

    Raises:
        VitworkError: `paired` refuses a batch, or no batch held an example (raised at the end).
    """
    empty = True
    for images, targets in paired(batches):
        if len(images):
            empty = False
            yield images, targets
    if empty:
        raise VitworkError("the batches hold no example, so there is nothing to measure")


def composed(blocks: Sequence[Block]) -> nn.Module:
    """Return the model that the blocks form in order.

    Raises:
        VitworkError: they are not blocks.
    """
    others = [block for block in blocks if not isinstance(block, Block)] if isinstance(blocks, Sequence) else [blocks]
    if others:
        raise VitworkError(
            f"an analysis by blocks takes the list of as_blocks(model), not a {type(others[0]).__name__}"
        )
    return nn.Sequential(*(block.module for block in blocks))


def precision_of(model: nn.Module) -> torch.dtype | None:
    """Return the precision of a model's first parameter; None where it has none."""
    return next((value.dtype for value in model.parameters() if value.is_floating_point()), None)


def probed(model: nn.Module, batches: Iterable[Batch], device: torch.device) -> Iterator[Batch]:
    """Yield the batches that hold an example, on a device and in a model's precision.

    Before the first, two images are passed twice, to check that the model repeats.

    Raises:
        VitworkError: no batch holds an example, `paired` refuses a batch, images are not finite, or the model does not
            accept them. Or the model is random in evaluation mode, which would make its measurements random, too.
    """
    for number, (images, targets) in enumerate(filled(batches)):
        x = ordinary(images.to(device, precision_of(model), non_blocking=True))
        check_finite(x)
        if number == 0:
            with unwritten(model.named_parameters(), model.buffers()), fitting(x):
                check_repeatable(*(in_parts(model, x[:2]) for _ in range(2)))
        yield x, targets.to(device, non_blocking=True)


@as_written()
def observe(
    blocks: Sequence[Block], batches: Iterable[Batch], *reducers: Reducer, images_at_once: int | None = None
) -> Cost:
    """Compose the blocks over the mini-batches and show every block's input and output to the reducers.

    A whole mini-batch goes through one block after the other, so that reducers which compare images see all of it. The
    inside of a block runs on at most ``images_at_once`` images (fewer where memory runs out).

    Args:
        blocks: the model, in order; put into evaluation mode for the pass.
        batches: (images, targets) pairs; the targets are not used.
        reducers: the reducers, which see every block's input and output.
        images_at_once: number of images inside a block at a time; None for the mini-batch.

    Returns:
        The images seen, the time and the peak memory.

    Raises:
        VitworkError: there are no blocks or images, ``images_at_once`` is below one, or `probed` raises an error.
    """
    at_least(1, images_at_once=images_at_once)
    model, images = composed(blocks), 0
    device = device_of([model])
    meter = Meter(device)
    with evaluating(blocks):
        for batch, _ in probed(model, batches, device):
            x = batch
            images += len(x)
            for index, block in enumerate(blocks):
                y = in_parts(block.module, x, images_at_once)
                for reducer in reducers:
                    reducer.see(index, block, x, y)
                x = y
            for reducer in reducers:
                reducer.end_batch()
    return meter.cost(images)


def as_feature_map(x: Tensor) -> Tensor:
    """Return (b, c, h, w) from (b, c, h, w) or from the tokens (b, n, c) of a square image without class token.

    Raises:
        ValueError: the number of dimensions is not 3 or 4, or the tokens do not form a square.
    """
    if x.dim() == 4:
        return x
    if x.dim() != 3:
        raise ValueError(f"a feature map is (b, c, h, w) or (b, tokens, c), not {tuple(x.shape)}")
    side = round(x.shape[1] ** 0.5)
    if side * side != x.shape[1]:
        raise ValueError(f"{x.shape[1]} tokens do not form a square; leave the class token out")
    return x.transpose(1, 2).reshape(len(x), -1, side, side)


def mean_and_error(values: Tensor) -> tuple[Tensor, Tensor]:
    """Return the mean over images (dimension 0) and its standard error; the error of a single image is NaN."""
    values = values.cpu().double()
    mean = values.mean(0)
    squares = (values - mean).square().sum(0)
    n = len(values)
    return mean, (squares / (n - 1) / n).sqrt() if n > 1 else torch.full_like(mean, float("nan"))


@dataclass(frozen=True)
class BlockValues:
    """Measurements on one block, image by image.

    Attributes:
        block: the block.
        size: height and width of the measured feature map.
        values: (images, k), the measurement on the block's output (or on its residual branch).
        before: the same on the block's input; None where that is not a feature map (the image, or another layout).
        jump: whether the block changes the resolution, so that before and after do not compare.
    """

    block: Block
    size: tuple[int, int]
    values: Tensor
    before: Tensor | None
    jump: bool


class PerImage(Reducer):
    """Reducer that measures each block's feature map, image by image.

    Args:
        blocks: the model that will be observed.
        measure: maps a feature map (b, c, h, w) to (b, k).
        part: ``stream`` measures a block's output; ``branch`` measures what it adds to its residual connection, on the
            blocks that have one.
        smallest: feature maps with a side shorter than this are left out, and so are blocks whose positions do not lie
            in a grid.

    Raises:
        VitworkError: ``part`` has another value.
    """

    def __init__(
        self, blocks: Sequence[Block], measure: Callable[[Tensor], Tensor], part: Part = "stream", smallest: int = 1
    ) -> None:
        choice("part", part, Part)
        self.blocks = blocks
        self.measure = measure
        self.part = part
        self.smallest = smallest
        self.left_out: set[str] = set()
        self._values: dict[int, list[Tensor]] = {}
        self._before: dict[int, list[Tensor]] = {}
        self._sizes: dict[int, tuple[tuple[int, int], tuple[int, int] | None]] = {}
        self._last: tuple[tuple[int, int], Tensor] | None = None

    def see(self, index: int, block: Block, entering: Tensor, leaving: Tensor) -> None:
        """Measure one block; see the base class."""
        if block.layout == "other":
            self.left_out.add(block.name)
        if block.layout in {"vector", "other"} or (self.part == "branch" and block.skip is None):
            self._last = None
            return
        out = leaving
        if self.part == "branch" and block.skip is not None:
            out = leaving - in_parts(block.skip, entering)
        feature_map = block.feature_map(out)
        size = (feature_map.shape[2], feature_map.shape[3])
        if min(size) < self.smallest:
            self.left_out.add(block.name)
            self._last = None
            return
        before = self._enter(index, entering)
        values = bounded(self.measure, feature_map)
        self._values.setdefault(index, []).append(values)
        self._sizes[index] = (size, before[0] if before else None)
        if before:
            self._before.setdefault(index, []).append(before[1])
        if self.part == "stream":
            self._last = (size, values)

    def _enter(self, index: int, entering: Tensor) -> tuple[tuple[int, int], Tensor] | None:
        """Return size and measurement of the block's input; with ``stream``, those of the previous block's output."""
        if self.part == "stream":
            return self._last
        if index == 0 or self.blocks[index - 1].layout in {"vector", "other"}:
            return None
        feature_map = self.blocks[index - 1].feature_map(entering)
        size = (feature_map.shape[2], feature_map.shape[3])
        return (size, bounded(self.measure, feature_map)) if min(size) >= self.smallest else None

    def end_batch(self) -> None:
        """Forget the last block's values; see the base class."""
        self._last = None

    def measured(self) -> tuple[BlockValues, ...]:
        """Return the measurements so far, in the order of the blocks."""
        return tuple(
            BlockValues(
                self.blocks[index],
                self._sizes[index][0],
                torch.cat(values),
                torch.cat(self._before[index]) if index in self._before else None,
                self.blocks[index].downsamples or self._sizes[index][0] != self._sizes[index][1],
            )
            for index, values in self._values.items()
        )


@dataclass(frozen=True)
class BlockChange:
    """The change of a measurement from a block's input to its output (or to its residual branch).

    Attributes:
        name: the block's name.
        kind: the block's kind.
        stage: the block's stage.
        jump: whether the resolution changes here, so that the change is not a property of the block's operation.
        value: mean over images, NaN where no image has a finite change.
        error: standard error over images, paired.
        left_out: number of images without a finite change, such as those whose map is constant; ``value`` and ``error``
            leave them out.
    """

    name: str
    kind: str
    stage: int
    jump: bool
    value: float
    error: float
    left_out: int = 0


def changes(measured: Iterable[BlockValues], reading: Callable[[Tensor], Tensor]) -> tuple[BlockChange, ...]:
    """Return the change across each block whose input was measured, too.

    Args:
        measured: the measurements.
        reading: maps measurements (images, k) to one number per image (images,).
    """
    found = []
    for one in measured:
        if one.before is None:
            continue
        change = reading(one.values) - reading(one.before)
        finite = change[change.isfinite()]
        value, error = mean_and_error(finite)
        block, left_out = one.block, len(change) - len(finite)
        found.append(BlockChange(block.name, block.kind, block.stage, one.jump, value.item(), error.item(), left_out))
    return tuple(found)
