"""Spatial variance of feature maps and its change across blocks (paper, Fig. 9)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from torch import Tensor

from vitwork.analysis.observe import (
    Batch,
    BlockChange,
    Part,
    PerImage,
    as_feature_map,
    changes,
    mean_and_error,
    observe,
)
from vitwork.device.memory import Cost
from vitwork.errors import UnfitError
from vitwork.models.blocks.block import Block

SMALLEST = 2  # one position has no variance


def feature_map_variance(feature_map: Tensor) -> float:
    """Return the unbiased variance over positions, averaged over batch and channels.

    The paper's text allows another reading (variance over samples); this is what its released code computes.

    Args:
        feature_map: (b, c, h, w), or (b, n, c) tokens without class token.

    Returns:
        The variance in the feature map's squared unit; NaN for a single position.
    """
    return float(spatial_variance(as_feature_map(feature_map).detach()).mean())


def spatial_variance(feature_map: Tensor) -> Tensor:
    """Return each image's spatial variance, averaged over channels: (b, c, h, w) to (b, 1)."""
    if not feature_map.is_floating_point() or feature_map.element_size() < 4:
        feature_map = feature_map.float()
    positions = feature_map.flatten(2)
    count = positions.shape[-1]
    if count < SMALLEST:
        return feature_map.new_full((len(feature_map), 1), float("nan"))
    # Two passes are as exact as `Tensor.var`, and were twenty times as fast on a CPU in a benchmark.
    squares = (positions - positions.mean(-1, keepdim=True)).square_().sum(-1)
    return squares.mean(1, keepdim=True) / (count - 1)


@dataclass(frozen=True)
class VarianceProfile:
    """Spatial variance per block; blocks with logits or a single position are left out.

    Attributes:
        blocks: the blocks' names.
        kinds: their kinds.
        stages: their stages.
        downsamples: whether a block changes the resolution.
        variance: per block, mean over images.
        error: per block, standard error over images.
        changes: the change of variance across each block; changes of resolution are marked.
        log_changes: the change of the variance's natural logarithm, which is free of the feature maps' scale.
        left_out: names of blocks with a single position, or whose positions do not lie in a grid of the image.
        cost: images, time and memory of the pass.
    """

    blocks: tuple[str, ...]
    kinds: tuple[str, ...]
    stages: tuple[int, ...]
    downsamples: tuple[bool, ...]
    variance: tuple[float, ...]
    error: tuple[float, ...]
    changes: tuple[BlockChange, ...]
    log_changes: tuple[BlockChange, ...]
    left_out: tuple[str, ...]
    cost: Cost


class Variances(PerImage):
    """Reducer that computes `by_block`'s result, for passes shared with other reducers."""

    def __init__(self, blocks: Sequence[Block], *, part: Part = "stream") -> None:
        super().__init__(blocks, spatial_variance, part, SMALLEST)

    def result(self, cost: Cost) -> VarianceProfile:
        """Return the result of the passes so far."""
        measured = self.measured()
        if not measured:
            raise UnfitError("No block of this model gives a feature map, so it has no spatial variance.")
        summary = [mean_and_error(one.values[:, 0]) for one in measured]
        return VarianceProfile(
            blocks=tuple(one.block.name for one in measured),
            kinds=tuple(one.block.kind for one in measured),
            stages=tuple(one.block.stage for one in measured),
            downsamples=tuple(one.block.downsamples for one in measured),
            variance=tuple(mean.item() for mean, _ in summary),
            error=tuple(error.item() for _, error in summary),
            changes=changes(measured, lambda values: values[:, 0]),
            log_changes=changes(measured, lambda values: values[:, 0].log()),
            left_out=tuple(block.name for block in self.blocks if block.name in self.left_out),
            cost=cost,
        )


def by_block(blocks: Sequence[Block], batches: Iterable[Batch], *, part: Part = "stream") -> VarianceProfile:
    """Measure the spatial variance of every block's feature map over images (paper, Fig. 9).

    Args:
        blocks: the model.
        batches: (images, targets) pairs.
        part: ``stream`` for blocks' outputs; ``branch`` for what a block adds to its residual connection. The changes
            of a ``branch`` compare it with the block's input.

    Returns:
        Variances and changes across blocks, with standard errors over images.

    Raises:
        VitworkError: there are no images, no block has a feature map, or ``part`` has another value.
    """
    variances = Variances(blocks, part=part)
    return variances.result(observe(blocks, batches, variances))
