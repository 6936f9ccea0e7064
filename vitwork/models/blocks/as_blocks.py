"""Division of any model into an ordered list of blocks, by its structure."""

from __future__ import annotations

from dataclasses import replace
from itertools import takewhile

from torch import nn
from torch.fx import Node

from vitwork.device.settings import kept
from vitwork.errors import VitworkError
from vitwork.models.blocks.block import Block, Kind, Layout
from vitwork.models.blocks.composition import check_composition
from vitwork.models.blocks.cutting import Group, Piece, cut, group, positions
from vitwork.models.blocks.extraction import attention_of, extract, weights_module
from vitwork.models.blocks.measuring import find_places, find_windows
from vitwork.models.blocks.operations import UNNAMED, WEIGHTED
from vitwork.models.blocks.torch_attention import check_batch_first, slow_path
from vitwork.models.blocks.tracing import TracedModel, traced
from vitwork.models.blocks.unwrapping import unwrapped
from vitwork.models.valued import check_valued


@kept()
@slow_path()
def as_blocks(model: nn.Module, input_size: tuple[int, int, int] | None = None) -> list[Block]:
    """Divide a model into stem, blocks and head, whose composition in order equals the model.

    The model's forward pass is recorded once, in evaluation mode, and cut wherever all later operations depend on a
    single tensor. Residual branches become blocks of their own, so that MSA and MLP sub-layers are separate blocks.
    Blocks share the model's parameters and modules (also their training mode), and are valid for the image size of the
    recording.

    The code measures where the positions of the outputs lie in the image; a block whose positions do not lie in a grid
    has the layout ``other``. The model is left unchanged. Some layers rewrite their weights when the model changes its
    mode; blocks are then those of its present mode.

    Args:
        model: any module from images (b, 3, h, w) to logits (b, classes).
        input_size: (channels, height, width); by default the size that the model states, otherwise 32 or 224 pixels.

    Returns:
        Blocks in order: a stem, blocks, a head.

    Raises:
        VitworkError: the structure or kind of a module is not understood (the message names it), or the composition of
            the blocks differs from the model. Or the model is not a module or has weights without values, or the size
            is not three integers.
    """
    model = unwrapped(model)
    check_valued(model)
    check_batch_first(model)
    recorded = traced(model, input_size)
    pieces = cut(recorded)
    recorded.places = find_places(recorded, pieces)
    groups = group(recorded, pieces)
    if len(groups) < 3:
        raise VitworkError(
            f"{type(model).__name__} cannot be divided into a stem, blocks and a head: it has too few layers with weights, or "
            "too few places where a single tensor carries everything"
        )
    for found in groups[:-1]:
        check_separable(recorded, found)
    blocks = unique_names(number_stages(describe(recorded, groups, pieces)))
    shapes = [recorded.values[found.output].shape for found in groups]
    check_composition(model, blocks, recorded.values[pieces[0].source], shapes)
    return blocks


def check_separable(recorded: TracedModel, found: Group) -> None:
    """Refuse a group that holds several attentions, or an attention and an MLP, which cannot be separated."""
    attentions = [node for node in found.nodes if attends(recorded.tags[node])]
    opaque = [node for node in attentions if node.op == "call_module" and "act" in recorded.tags[node]]
    if len(attentions) > 1 or opaque:
        where = found.unit or common_path([recorded.owners[node] for node in attentions])
        raise VitworkError(
            f"the structure of {where or 'the model'} is not understood: its attentions do not stand apart"
        )


def attends(tags: frozenset[str]) -> bool:
    """Return whether operations apply attention weights that depend on the data."""
    return "sdpa" in tags or {"softmax", "matmul"} <= tags


def describe(recorded: TracedModel, groups: list[Group], pieces: list[Piece]) -> list[Block]:
    """Return the blocks; their stages are set later, by `number_stages`."""
    kinds = [kind_of(recorded, found, i, len(groups)) for i, found in enumerate(groups)]
    attentions = [
        attention_of(recorded, found) if kind == "msa" else None for found, kind in zip(groups, kinds, strict=True)
    ]
    windows = find_windows(recorded, pieces, attentions)
    blocks = []
    for i, found in enumerate(groups):
        core, layout = found.core, layout_of(recorded, found.output)
        places, attention, window = recorded.places.get(found.output), attentions[i], windows[i]
        prefix = places.prefix if places else 0
        told = attention if window and window.prefix == prefix else None
        block = Block(
            name=name_of(recorded, found, {0: "stem", len(groups) - 1: "head"}.get(i, "block")),
            kind=kinds[i],
            stage=0,
            module=extract(recorded, found.source, found.output, {}),
            layout=layout,
            prefix=prefix,
            grid=places.grid if places else None,
            downsamples=shrinks(recorded, found),
            skip=extract(recorded, found.source, found.output, {core.output: core.skip})
            if core and core.skip
            else None,
            attention=weights_module(recorded, found, told.given) if told else None,
            window=window.grid if told and window else None,
        )
        blocks.append(block)
    return blocks


def shrinks(recorded: TracedModel, found: Group) -> bool:
    """Return whether a group reduces the resolution."""
    return positions(recorded, found.output) < positions(recorded, found.source)


def kind_of(recorded: TracedModel, found: Group, index: int, count: int) -> Kind:
    """Return the kind of a group's block.

    Raises:
        VitworkError: the group is of no known kind.
    """
    if index in (0, count - 1):
        return "stem" if index == 0 else "head"
    if attends(found.tags):
        return "msa"
    if (found.core is None or found.core.skip is None) and shrinks(recorded, found) and "act" not in found.tags:
        return "pool"
    if found.tags & {"conv", "pool", "mix"} or (found.core is None and "pointwise" in found.tags):
        return "conv"
    if found.tags & {"linear", "pointwise"} and not found.tags & UNNAMED:
        return "mlp"
    raise VitworkError(
        f"the kind of {name_of(recorded, found, 'a block')} is not known: it has neither a convolution nor an attention (a "
        "product with the softmax of products), and does more than an MLP"
    )


def layout_of(recorded: TracedModel, node: Node) -> Layout:
    """Return the layout of a tensor; ``other`` where it could not be measured."""
    if recorded.values[node].dim() == 2:
        return "vector"
    return recorded.places[node].layout if node in recorded.places else "other"


def number_stages(blocks: list[Block]) -> list[Block]:
    """Number stages from 1 after the stem; each loss of resolution begins a stage, and the head belongs to the last."""
    stages, stage = [0], 1
    for i, block in enumerate(blocks[1:-1], start=1):
        stage += block.downsamples and i > 1
        stages.append(stage)
    stages.append(stage)
    ends = [0 < i < len(blocks) - 1 and (i == len(blocks) - 2 or stages[i + 1] > s) for i, s in enumerate(stages)]
    return [replace(block, stage=s, stage_end=e) for block, s, e in zip(blocks, stages, ends, strict=True)]


def name_of(recorded: TracedModel, found: Group, otherwise: str) -> str:
    """Return the name of a group: the path of the innermost module that holds its weights."""
    owners = [recorded.owners[node] for node in found.nodes if recorded.tags[node] & WEIGHTED]
    return common_path(owners or [recorded.owners[found.output]]) or found.unit or otherwise


def common_path(paths: list[str]) -> str:
    """Return the dotted path that all paths begin with."""
    levels = zip(*(path.split(".") for path in paths), strict=False)
    return ".".join(level[0] for level in takewhile(lambda level: len(set(level)) == 1, levels))


def unique_names(blocks: list[Block]) -> list[Block]:
    """Return the blocks with numbers added to names that occur more than once."""
    seen: dict[str, int] = {}
    named = []
    for block in blocks:
        seen[block.name] = seen.get(block.name, 0) + 1
        times = seen[block.name]
        named.append(block if times == 1 else replace(block, name=f"{block.name}#{times}"))
    return named
