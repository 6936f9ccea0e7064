"""Measurement of where the positions of a recorded model's tensors lie in the image."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping, Sequence
from contextlib import redirect_stderr
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor
from torch.func import functional_call
from torch.fx import GraphModule, Node

from vitwork.errors import VitworkError
from vitwork.models.blocks.cutting import Piece
from vitwork.models.blocks.extraction import AttentionNodes, copy_until
from vitwork.models.blocks.places import (
    Places,
    places_of,
    places_of_columns,
    places_of_rows,
    state_of,
    stripes,
)
from vitwork.models.blocks.tracing import TracedModel
from vitwork.models.blocks.unchanged import unchanged

Reading = Callable[[Tensor, Tensor], Any]


def look(recorded: TracedModel, pieces: Sequence[Piece], readings: Mapping[Node, Reading]) -> dict[Node, Any]:
    """Run a model without its residual branches on stripes, and return the value of each node's reading.

    A reading is a function of a node's tensor and of the stripes. The result is empty if the model does not run on
    stripes or with plain weights.
    """
    source = pieces[0].source
    redirect: dict[Node, Node] = {}
    for piece in pieces:
        if piece.skip is not None:
            redirect[piece.output] = redirect.get(piece.skip, piece.skip)
    actual = {node: redirect.get(node, node) for node in readings}
    distinct = {at: readings[node] for node, at in actual.items() if at is not source}
    try:
        graph, placed = copy_until(recorded, source, list(distinct), redirect)
        graph.output(tuple(graph.call_function(read, (placed[at], placed[source])) for at, read in distinct.items()))
        module, images = GraphModule(recorded.root, graph), stripes(recorded.values[source])
        with unchanged(recorded.root), torch.no_grad(), redirect_stderr(io.StringIO()):
            told = functional_call(module, state_of(module, recorded.plain_weights), (images,))
    except (VitworkError, RuntimeError, ValueError, TypeError, IndexError, AssertionError):
        return {}
    found = dict(zip(distinct, told, strict=True))
    return {node: found[at] for node, at in actual.items() if at in found}


def find_places(recorded: TracedModel, pieces: Sequence[Piece]) -> dict[Node, Places]:
    """Return the places of those tensors between pieces that have places."""
    images = pieces[0].source
    ends = [piece.output for piece in pieces if recorded.values[piece.output].dim() in {3, 4}]
    found = look(recorded, pieces, dict.fromkeys(ends, places_of))
    height, width = recorded.values[images].shape[2:]
    return {images: Places("nchw", (height, width))} | {node: places for node, places in found.items() if places}


def find_windows(
    recorded: TracedModel, pieces: Sequence[Piece], attentions: Sequence[AttentionNodes | None]
) -> list[Places | None]:
    """Return the places of each attention's queries and keys; None where they have no places or different ones."""
    readings: dict[Node, Reading] = {}
    for each in attentions:
        if each and each.query and each.key:
            readings[each.query] = places_of_rows
            readings[each.key] = places_of_columns if each.transposed else places_of_rows
    found = look(recorded, pieces, readings)

    def window(attention: AttentionNodes | None) -> Places | None:
        if attention is None or attention.query is None or attention.key is None:
            return None
        queries, keys = found.get(attention.query), found.get(attention.key)
        alike = queries and keys and not queries.behind and keys.behind < 2 and replace(keys, behind=0) == queries
        return queries if alike else None

    return [window(each) for each in attentions]
