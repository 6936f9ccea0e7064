"""AlterNets made from any ResNet of timm's blocks with activations last, by replacing blocks with windowed MSA."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from timm.models.resnet import BasicBlock, Bottleneck, ResNet
from torch import nn

from vitwork.errors import VitworkError
from vitwork.models.zoo.creation import create
from vitwork.models.zoo.resnets import layout
from vitwork.models.zoo.staged import Place, PostActMixing, StagedNet
from vitwork.models.zoo.token_mixing import Windows

NAME = f"{__name__}:with_msas"
"""Name of `with_msas` for `vitwork.models.create`."""


def with_msas(
    num_classes: int,
    *,
    base: str,
    msas: Sequence[int],
    window_size: int,
    heads: Sequence[int] | None = None,
    head_dim: int = 64,
    **options: Any,
) -> nn.Module:
    """Return a ResNet with MSA in place of convolution blocks, alternately from each stage's end (paper, Section 4).

    A replaced block keeps its number of channels and its stochastic depth. Its MSA block is the one for networks with
    activations last (`vitwork.models.zoo.staged.PostActMixing`).

    Args:
        num_classes: classes.
        base: ``timm:NAME`` of a ResNet in timm, or a ``resnet_*`` of `vitwork models`.
        msas: MSA blocks of each stage, at most half of its blocks, so that its first block stays a convolution block.
        window_size: side of a window in places; it has to divide the maps of all stages with MSAs.
        heads: heads of each stage; 3, 6, 12, … unless given.
        head_dim: channels of a head.
        **options: options of the base.

    Raises:
        VitworkError: the base is not such a network, or the numbers do not fit its stages.
    """
    model = create(base, num_classes, **options)
    stages = stages_of(model, base)
    for number, (stage, row) in enumerate(zip(stages, layout([*map(len, stages)], msas, "stage-end"), strict=True)):
        count = 3 * 2**number if heads is None else heads[number]
        for place in (place for place, is_msa in enumerate(row) if is_msa):
            stage[place] = _mixing(stage[place], number, Windows(count, head_dim, window_size))
    return model


def stages_of(model: nn.Module, name: str) -> list[nn.Sequential]:
    """Return a network's stages, each a sequence of timm's residual blocks.

    Raises:
        VitworkError: the network has no such stages.
    """
    found: list[Any] = []
    if isinstance(model, ResNet):
        found = [model.layer1, model.layer2, model.layer3, model.layer4]
    elif isinstance(model, StagedNet):
        found = list(model.stages)
    if not found or not all(isinstance(block, (BasicBlock, Bottleneck)) for stage in found for block in stage):
        raise VitworkError(
            f"{name} has no stages of residual convolution blocks with activations last to replace: take a ResNet of "
            "timm's or of `vitwork models`."
        )
    return found


def _mixing(block: Any, stage: int, windows: Windows) -> nn.Module:
    """Return the MSA block that replaces a block that keeps channels and resolution."""
    dim = block.conv1.in_channels
    mixing = PostActMixing(Place(stage, dim, dim // block.expansion, 1, 0.0), block.expansion, windows)
    mixing.drop_path = block.drop_path or nn.Identity()
    return mixing
