"""Any model as an ordered list of blocks, by its structure."""

from __future__ import annotations

from dataclasses import replace
from itertools import takewhile
from math import isqrt

import torch
from torch import nn
from torch._subclasses.fake_tensor import FakeTensorMode

from vitwork.errors import VitworkError
from vitwork.models.blocks.block import Block, Kind, Layout
from vitwork.models.blocks.cutting import WEIGHTED, Group, cut, group, positions
from vitwork.models.blocks.extraction import attention_of, extract
from vitwork.models.blocks.tracing import TracedModel, traced, unchanged


def as_blocks(model: nn.Module, input_size: tuple[int, int, int] | None = None) -> list[Block]:
    """Divide a model into stem, blocks and head; composing them in order is the model.

    The model's code is recorded once, in evaluation mode, and cut where a single tensor carries everything. Residual
    branches become blocks of their own, so that an MSA and an MLP sub-layer stand apart. Blocks share the model's
    parameters and modules (also their training mode), and hold for the image size of the recording.

    Args:
        model: any module from images (b, 3, h, w) to logits (b, classes).
        input_size: (channels, height, width); by default what the model says, else 32 or 224 pixels.

    Returns:
        Blocks in order: a stem, blocks, a head.

    Raises:
        VitworkError: names the module whose structure is not understood.
    """
    recorded = traced(model, input_size)
    groups = group(recorded, cut(recorded))
    if len(groups) < 3:
        raise VitworkError(
            f"{type(model).__name__} cannot be divided into a stem, blocks and a head: it has too few layers with weights, or "
            "too few places where a single tensor carries everything"
        )
    for found in groups[:-1]:
        check_separable(recorded, found)
    blocks = [describe(recorded, found, i, len(groups)) for i, found in enumerate(groups)]
    blocks = unique_names(number_stages(settle_layouts(blocks, recorded, groups)))
    check_composition(recorded, blocks, groups)
    return blocks


def check_separable(recorded: TracedModel, found: Group) -> None:
    """Refuse a group that mixes several attentions, or an attention and an MLP, in one inseparable span."""
    attentions = [node for node in found.nodes if attends(recorded.tags[node])]
    opaque = [node for node in attentions if node.op == "call_module" and "act" in recorded.tags[node]]
    if len(attentions) > 1 or opaque:
        where = found.unit or common_path([recorded.owners[node] for node in attentions])
        raise VitworkError(
            f"the structure of {where or 'the model'} is not understood: its attentions do not stand apart"
        )


def attends(tags: frozenset[str]) -> bool:
    """Whether operations apply attention weights that depend on the data."""
    return "sdpa" in tags or {"softmax", "matmul"} <= tags


def describe(recorded: TracedModel, found: Group, index: int, count: int) -> Block:
    """Make one block; its stage and ambiguous layout are settled later."""
    shape = recorded.values[found.output].shape
    before = recorded.values[found.source].shape
    layout = layout_of(shape)
    core = found.core
    kind = kind_of(found, positions(shape) < positions(before), index, count)
    skip = attention = None
    if core is not None and core.skip is not None:
        skip = extract(recorded, found.source, found.output, {core.output: core.skip})
    if kind == "msa":
        attention = attention_of(recorded, found)
    return Block(
        name=name_of(recorded, found, {0: "stem", count - 1: "head"}.get(index, "block")),
        kind=kind,
        stage=0,
        module=extract(recorded, found.source, found.output, {}),
        layout=layout or "nchw",
        prefix=shape[1] - isqrt(shape[1]) ** 2 if len(shape) == 3 else 0,
        downsamples=positions(shape) < positions(before),
        skip=skip,
        attention=attention,
    )


def kind_of(found: Group, shrinks: bool, index: int, count: int) -> Kind:
    """Name what a group does."""
    if index in (0, count - 1):
        return "stem" if index == 0 else "head"
    if attends(found.tags):
        return "msa"
    if (found.core is None or found.core.skip is None) and shrinks and "act" not in found.tags:
        return "pool"
    if found.tags & {"conv", "pool", "mix"} or (found.core is None and "pointwise" in found.tags):
        return "conv"
    return "mlp" if found.tags & {"linear", "pointwise"} else "conv"


def layout_of(shape: torch.Size) -> Layout | None:
    """Read a tensor's layout off its shape; None where channels and sides look the same."""
    if len(shape) == 2:
        return "vector"
    if len(shape) == 3:
        return "tokens"
    channels_first, channels_last = shape[2] == shape[3], shape[1] == shape[2]
    if channels_first == channels_last:
        return None
    return "nchw" if channels_first else "nhwc"


def settle_layouts(blocks: list[Block], recorded: TracedModel, groups: list[Group]) -> list[Block]:
    """Give blocks of ambiguous layout that of the nearest map before them, else after them, else channels first."""
    known = [layout_of(recorded.values[found.output].shape) for found in groups]
    settled = []
    for i, block in enumerate(blocks):
        near = [k for k in (*known[:i][::-1], *known[i:]) if k in ("nchw", "nhwc")]
        settled.append(replace(block, layout=known[i] or (near[0] if near else "nchw")))
    return settled


def number_stages(blocks: list[Block]) -> list[Block]:
    """Number stages from 1 after the stem; each loss of resolution begins a new one, and the head joins the last."""
    stages, stage = [0], 1
    for i, block in enumerate(blocks[1:-1], start=1):
        stage += block.downsamples and i > 1
        stages.append(stage)
    stages.append(stage)
    ends = [0 < i < len(blocks) - 1 and (i == len(blocks) - 2 or stages[i + 1] > s) for i, s in enumerate(stages)]
    return [replace(block, stage=s, stage_end=e) for block, s, e in zip(blocks, stages, ends, strict=True)]


def name_of(recorded: TracedModel, found: Group, otherwise: str) -> str:
    """Name a group after the innermost module that holds its weights."""
    owners = [recorded.owners[node] for node in found.nodes if recorded.tags[node] & WEIGHTED]
    return common_path(owners or [recorded.owners[found.output]]) or found.unit or otherwise


def common_path(paths: list[str]) -> str:
    """Return the dotted path that all paths begin with."""
    levels = zip(*(path.split(".") for path in paths), strict=False)
    return ".".join(level[0] for level in takewhile(lambda level: len(set(level)) == 1, levels))


def unique_names(blocks: list[Block]) -> list[Block]:
    """Number blocks that would share a name."""
    seen: dict[str, int] = {}
    named = []
    for block in blocks:
        seen[block.name] = seen.get(block.name, 0) + 1
        times = seen[block.name]
        named.append(block if times == 1 else replace(block, name=f"{block.name}#{times}"))
    return named


def check_composition(recorded: TracedModel, blocks: list[Block], groups: list[Group]) -> None:
    """Check on shapes, with another batch size than that of the recording, that every block takes the one before."""
    images = recorded.values[groups[0].source]
    model = recorded.root
    with unchanged(model), torch.no_grad(), FakeTensorMode(allow_non_fake_inputs=True):
        x = torch.zeros(3, *images.shape[1:], dtype=images.dtype, device=images.device)
        for block, found in zip(blocks, groups, strict=True):
            try:
                x = block.module(x)
            except (RuntimeError, ValueError, TypeError, IndexError) as error:
                raise VitworkError(f"the structure of {block.name} is not understood: {str(error)[:200]}") from error
            if x.shape[1:] != recorded.values[found.output].shape[1:]:
                raise VitworkError(f"the structure of {block.name} is not understood: its shape follows the batch size")
