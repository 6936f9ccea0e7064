"""Lesion study: the loss of accuracy when one unit of a trained network is removed (paper, Fig. 10b)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vitwork.analysis.observe import Batch, composed, device_of, evaluating, mean_and_error, probed
from vitwork.analysis.plain import as_written
from vitwork.analysis.targets import as_taken, check_examples, check_targets, chosen
from vitwork.device.memory import Cost, Meter
from vitwork.device.parts import in_parts
from vitwork.errors import UnfitError, VitworkError, at_least
from vitwork.models.blocks.block import Block

Replacement = Callable[[Block], Callable[[Tensor], Tensor] | None]


def drop_branch(block: Block) -> Callable[[Tensor], Tensor] | None:
    """Return a block's residual connection alone, projection included; None where it has none."""
    return block.skip


def average_branch(block: Block) -> Callable[[Tensor], Tensor] | None:
    """Return a block's residual connection plus its branch's mean over positions; None where it does not apply.

    Only the spatial variation of the branch is removed. Unlike dropping, this leaves the following layers the mean that
    they were trained on.
    """
    skip = block.skip
    if skip is None or block.layout in {"vector", "other"}:
        return None

    def averaged(x: Tensor) -> Tensor:
        kept = in_parts(skip, x)
        branch = in_parts(block.module, x) - kept
        if block.layout == "tokens":
            prefix, grid = branch[:, : block.prefix], branch[:, block.prefix :]
            return kept + torch.cat([prefix, grid.mean(1, keepdim=True).expand_as(grid)], 1)
        positions = (1, 2) if block.layout == "nhwc" else (2, 3)
        mean: Tensor = branch.mean(positions, keepdim=True)
        return kept + mean

    return averaged


@dataclass(frozen=True)
class LesionStudy:
    """The cost of each unit's lesion.

    Attributes:
        units: names of the units; a unit of several blocks has their names joined by " + ".
        kinds: kind of each unit's last block.
        stages: stage of each unit's last block.
        stage_end: whether each unit's last block ends its stage.
        accuracy: accuracy of the whole network.
        nll: mean cross-entropy of the whole network, in nats.
        accuracy_change: per unit, accuracy with the lesion minus ``accuracy``.
        accuracy_error: per unit, standard error over images, paired.
        nll_change: per unit, the same for ``nll``.
        nll_error: per unit, standard error over images, paired.
        left_out: names of blocks that the replacement does not apply to.
        cost: images, time and memory of the study.
    """

    units: tuple[str, ...]
    kinds: tuple[str, ...]
    stages: tuple[int, ...]
    stage_end: tuple[bool, ...]
    accuracy: float
    nll: float
    accuracy_change: tuple[float, ...]
    accuracy_error: tuple[float, ...]
    nll_change: tuple[float, ...]
    nll_error: tuple[float, ...]
    left_out: tuple[str, ...]
    cost: Cost


@dataclass(frozen=True)
class _Unit:
    """Blocks that are removed together: their indices in the model and what runs instead of them."""

    places: dict[int, Block]

    @property
    def first(self) -> int:
        return min(self.places)

    @property
    def last(self) -> Block:
        return self.places[max(self.places)]

    @property
    def name(self) -> str:
        return " + ".join(self.places[place].name for place in sorted(self.places))


class _Instead(nn.Module):
    """Module that calls a function in place of another module."""

    def __init__(self, function: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: Tensor) -> Tensor:
        return self.function(x)


def _lesioned(block: Block, replacement: Replacement) -> Block | None:
    """Return the block with its module replaced, or None where the replacement does not apply."""
    function = replacement(block)
    return None if function is None else replace(block, module=_Instead(function))


def _units(
    blocks: Sequence[Block], units: Sequence[Sequence[str]] | None, replacement: Replacement
) -> tuple[list[_Unit], tuple[str, ...]]:
    """Return the units and the names of the blocks that cannot be lesioned."""
    lesioned = {place: _lesioned(block, replacement) for place, block in enumerate(blocks)}
    possible = {place: block for place, block in lesioned.items() if block is not None}
    left_out = tuple(blocks[place].name for place, block in lesioned.items() if block is None)
    if units is None:
        return [_Unit({place: block}) for place, block in possible.items()], left_out
    if not units or not all(units):
        raise VitworkError("A unit of the lesion study names no block, so there is nothing to remove.")
    if isinstance(units, str) or any(isinstance(unit, str) for unit in units):
        raise VitworkError(
            f"The units of the lesion study are lists of names of blocks, as in [['name']], not {units!r}."
        )
    places = {block.name: place for place, block in enumerate(blocks)}
    for name in {name for unit in units for name in unit}:
        if name not in places:
            raise VitworkError(f"The model has no block named {name!r}.")
        if places[name] not in possible:
            raise VitworkError(f"Block {name!r} has no residual branch that this replacement could remove.")
    return [_Unit({places[name]: possible[places[name]] for name in unit}) for unit in units], left_out


def _scores(logits: Tensor, targets: Tensor, model: str) -> Tensor:
    """Return (b, 2): whether each image's class is right, and its cross-entropy; `model` names the model in errors."""
    check_examples(logits, targets)
    check_targets(targets, logits.shape[1])
    logits = logits.float()
    targets = as_taken(targets, logits.dtype)
    right = chosen(logits, model) == (targets.argmax(1) if targets.dim() == 2 else targets)
    return torch.stack([right.to(logits.dtype), F.cross_entropy(logits, targets, reduction="none")], 1)


def _finish(x: Tensor, rest: Iterable[nn.Module], images_at_once: int | None) -> Tensor:
    """Run the rest of the model and return its logits."""
    for module in rest:
        x = in_parts(module, x, images_at_once)
    return x


def _batch_scores(
    blocks: Sequence[Block], units: Sequence[_Unit], x: Tensor, targets: Tensor, images_at_once: int | None
) -> Tensor:
    """Return the scores of one mini-batch: (b, 1 + units, 2), the whole network first.

    Each lesion shares the pass up to its first block, which saves half of all work.
    """
    logits: list[Tensor] = [torch.empty(0)] * len(units)
    for place, block in enumerate(blocks):
        for number, unit in enumerate(units):
            if unit.first == place:
                rest = (unit.places.get(later, blocks[later]).module for later in range(place, len(blocks)))
                logits[number] = _finish(x, rest, images_at_once)
        x = in_parts(block.module, x, images_at_once)
    whole = _scores(x, targets, "the model")  # first, so that no lesion is blamed for an error of the model
    without = (f"the model without {unit.name}" for unit in units)
    return torch.stack(
        [whole, *(_scores(each, targets, model) for each, model in zip(logits, without, strict=True))], 1
    )


@as_written()
def study(
    blocks: Sequence[Block],
    batches: Iterable[Batch],
    *,
    units: Sequence[Sequence[str]] | None = None,
    replacement: Replacement = drop_branch,
    images_at_once: int | None = None,
) -> LesionStudy:
    """Measure how accuracy and cross-entropy change when one unit is removed.

    The paper does not say what replaces a unit; the choice is explicit here.

    Args:
        blocks: the model, ending in logits.
        batches: (images, targets) pairs; targets are classes (b,) or soft targets (b, classes), whose largest entry
            counts as the right class.
        units: names of the blocks to remove together, per unit; None for every removable block, one at a time.
        replacement: what runs instead of a block: `drop_branch`, `average_branch`, or a function of the block that
            returns a function of its input, or None where it does not apply.
        images_at_once: number of images inside a block at a time; None for the mini-batch.

    Returns:
        Changes per unit with standard errors over images.

    Raises:
        VitworkError: there are no images, nothing can be removed, a unit is empty or not a list, a name is unknown, or
            a target is not a class. Or the model, whole or without a unit, does not end in finite logits.
    """
    at_least(1, images_at_once=images_at_once)
    model = composed(blocks)
    parts, left_out = _units(blocks, units, replacement)
    if not parts:
        raise UnfitError("No block of this model has a residual branch to remove.")
    if blocks[-1].layout != "vector":
        raise VitworkError("A lesion study needs a model that ends in logits.")
    device, found = device_of([model]), []
    meter = Meter(device)
    with evaluating(blocks):
        for x, targets in probed(model, batches, device):
            found.append(_batch_scores(blocks, parts, x, targets, images_at_once))
    scores = torch.cat(found).cpu()
    whole, _ = mean_and_error(scores[:, 0])
    change, error = mean_and_error(scores[:, 1:] - scores[:, :1])
    return LesionStudy(
        units=tuple(unit.name for unit in parts),
        kinds=tuple(unit.last.kind for unit in parts),
        stages=tuple(unit.last.stage for unit in parts),
        stage_end=tuple(unit.last.stage_end for unit in parts),
        accuracy=whole[0].item(),
        nll=whole[1].item(),
        accuracy_change=tuple(change[:, 0].tolist()),
        accuracy_error=tuple(error[:, 0].tolist()),
        nll_change=tuple(change[:, 1].tolist()),
        nll_error=tuple(error[:, 1].tolist()),
        left_out=left_out,
        cost=meter.cost(len(scores)),
    )
