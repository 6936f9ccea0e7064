"""Run a model block by block over images, in evaluation mode and bounded memory, and let reducers watch.

One pass serves any number of reducers: each sees what enters and what leaves every block and keeps only what it needs.
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
    """Something that watches a pass; subclasses override what they need."""

    def see(self, index: int, block: Block, entering: Tensor, leaving: Tensor) -> None:
        """Take in one block's input and output for the current mini-batch; ``index`` counts blocks from 0."""

    def end_batch(self) -> None:
        """Take note that every block has seen the current mini-batch."""


@contextmanager
def evaluating(blocks: Iterable[Block]) -> Iterator[None]:
    """Put the blocks' modules into evaluation mode without gradients; give every module its own mode and buffers back."""
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
    """Return the device of the modules' first parameter or buffer, the CPU where there is none."""
    for module in modules:
        for tensor in (*module.parameters(), *module.buffers()):
            return tensor.device
    return torch.device("cpu")


def filled(batches: Iterable[Batch]) -> Iterator[Batch]:
    """Yield the batches that hold an example.

    Raises:
        VitworkError: at the end, if none did; before, what `paired` refuses.
    """
    empty = True
    for images, targets in paired(batches):
        if len(images):
            empty = False
            yield images, targets
    if empty:
        raise VitworkError("the batches hold no example, so there is nothing to measure")


def composed(blocks: Sequence[Block]) -> nn.Module:
    """Return the model that the blocks make in order.

    Raises:
        VitworkError: they are no blocks.
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
    """Yield the batches that hold an example, on a device and in a model's precision, once two images were passed twice.

    Raises:
        VitworkError: no batch holds an example, what `paired` refuses, images are not finite, the model does not take them,
            or it is random in evaluation mode, so that what is measured on it would be, too.
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

    A mini-batch is advanced block by block as a whole, so that reducers which relate images see all of it, while the
    inside of a block runs on at most ``images_at_once`` images (fewer where memory ends).

    Args:
        blocks: the model, in order; put into evaluation mode for the pass.
        batches: (images, targets) pairs; the targets are not used.
        reducers: what to show the pass to.
        images_at_once: images inside a block at a time; None for the mini-batch.

    Returns:
        The images seen, the time and the peak memory.

    Raises:
        VitworkError: there are no blocks or images, or none at a time, or what `probed` refuses.
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
        ValueError: another number of dimensions, or tokens that do not form a square.
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
    """What was measured on one block, image by image.

    Attributes:
        block: the block.
        size: height and width of the measured feature map.
        values: (images, k), the measurement on the block's output (or on its residual branch).
        before: the same on what enters the block; None where that is no feature map (the image, or another layout).
        jump: whether the block changes the resolution, so that before and after do not compare.
    """

    block: Block
    size: tuple[int, int]
    values: Tensor
    before: Tensor | None
    jump: bool


class PerImage(Reducer):
    """Measure each block's feature map, image by image.

    Args:
        blocks: the model that will be observed.
        measure: maps a feature map (b, c, h, w) to (b, k).
        part: ``stream`` measures a block's output; ``branch`` measures what it adds to its residual connection, on the
            blocks that have one.
        smallest: feature maps with a side shorter than this are left out, as are blocks whose positions lie in no grid.

    Raises:
        VitworkError: another word for ``part``.
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
        """Return size and measurement of what enters; in a stream that is what the previous block left."""
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
        """Return what was seen, in the order of the blocks."""
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
    """The change of a measurement from what enters a block to what it hands on (or to its residual branch).

    Attributes:
        name: the block's name.
        kind: the block's kind.
        stage: the block's stage.
        jump: whether the resolution changes here, so that the change is no property of the block's operation.
        value: mean over images, NaN where none is left.
        error: standard error over images, paired.
        left_out: images without a finite change, such as those whose map is constant, which both leave out.
    """

    name: str
    kind: str
    stage: int
    jump: bool
    value: float
    error: float
    left_out: int = 0


def changes(measured: Iterable[BlockValues], reading: Callable[[Tensor], Tensor]) -> tuple[BlockChange, ...]:
    """Return the change across each block that has a before.

    Args:
        measured: the measurements.
        reading: takes one number per image from (images, k): (images,).
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
