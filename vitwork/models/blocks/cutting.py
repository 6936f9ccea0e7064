"""Cutting of a recorded model where all later operations depend on a single tensor, and grouping into blocks."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import isqrt, prod
from typing import Any

from torch import Tensor, nn
from torch.fx import Node

from vitwork.errors import VitworkError
from vitwork.models.blocks.operations import WEIGHTED
from vitwork.models.blocks.residual import residual
from vitwork.models.blocks.tracing import BATCH, LEAVES, TracedModel


@dataclass
class Piece:
    """Nodes between two cuts: one operation, or several that branch and join again."""

    nodes: list[Node]
    source: Node
    tags: frozenset[str]
    unit: str | None
    owner: str
    skip: Node | None = None  # the residual operand of the addition that ends the piece

    @property
    def output(self) -> Node:
        """The last node, on which all later operations depend."""
        return self.nodes[-1]

    @property
    def core(self) -> bool:
        """Whether it branches around weights or mixing of places: residual blocks, dense blocks, inception modules."""
        branches = self.skip is not None and not self.tags <= {"norm", "act"}
        return branches or (len(self.nodes) > 1 and self.weighted)

    @property
    def weighted(self) -> bool:
        """Whether it has weights other than those of a normalisation."""
        return bool(self.tags & WEIGHTED)


@dataclass
class Group:
    """Pieces that form one block."""

    pieces: list[Piece] = field(default_factory=list)

    @property
    def core(self) -> Piece | None:
        """The branching piece, if there is one."""
        return next((piece for piece in self.pieces if piece.core), None)

    @property
    def unit(self) -> str | None:
        """The repeated element of the model that its main piece lies in."""
        return (self.core or self.pieces[-1]).unit

    @property
    def tags(self) -> frozenset[str]:
        """The tags of all its operations."""
        return frozenset().union(*(piece.tags for piece in self.pieces))

    @property
    def nodes(self) -> list[Node]:
        """All nodes in order."""
        return [node for piece in self.pieces for node in piece.nodes]

    @property
    def source(self) -> Node:
        """Node whose value is the group's input."""
        return self.pieces[0].source

    @property
    def output(self) -> Node:
        """Node whose value is the group's output."""
        return self.pieces[-1].output


def has_tensor(value: Any) -> bool:
    """Return whether a value is a tensor, or a tuple or list that holds one."""
    return isinstance(value, Tensor) or (isinstance(value, (tuple, list)) and any(has_tensor(part) for part in value))


def positions(trace: TracedModel, node: Node) -> int:
    """Return the number of places of a tensor: 1 for vectors.

    Where the number was not measured, it is guessed from the shape, for use in cutting alone.
    """
    shape = trace.values[node].shape
    if node in trace.places:
        return prod(trace.places[node].grid)
    if len(shape) == 4:
        square = shape[1] == shape[2] != shape[3]
        return prod(shape[1:3]) if square else prod(shape[2:])
    return isqrt(shape[1]) ** 2 if len(shape) == 3 else 1


def as_many(trace: TracedModel, one: Node, other: Node) -> bool:
    """Return whether two tensors have the same number of places."""
    return positions(trace, one) == positions(trace, other)


def operand_flow(trace: TracedModel) -> tuple[Node, list[Node], Node]:
    """Return the images' node, the tensor nodes after it in order, and the node whose value the model returns."""
    output = next(node for node in trace.graph.nodes if node.op == "output")
    result = output.args[0]
    if not isinstance(result, Node) or not isinstance(trace.values[result], Tensor):
        raise VitworkError(f"{type(trace.root.get_submodule('model')).__name__} does not return one tensor of logits")
    needed, waiting = set(), [result]
    while waiting:
        node = waiting.pop()
        if node not in needed:
            needed.add(node)
            waiting += node.all_input_nodes
    flow = [n for n in trace.graph.nodes if n in needed & trace.dynamic and has_tensor(trace.values[n])]
    return flow[0], flow[1:], result


def unit_of(trace: TracedModel, path: str) -> str | None:
    """Return the repeated element that a path lies in: the innermost list member that is not itself a list or leaf."""
    parts = path.split(".")
    for end in range(len(parts), 0, -1):
        parent: nn.Module = trace.root.get_submodule(".".join(["model", *parts[: end - 1]]))
        own = trace.root.get_submodule(".".join(["model", *parts[:end]])) if path else trace.root
        listed = isinstance(parent, (nn.Sequential, nn.ModuleList, nn.ModuleDict)) or parts[end - 1].isdigit()
        compound = any(True for _ in own.children()) and not isinstance(own, (nn.Sequential, nn.ModuleList, *LEAVES))
        if path and listed and compound:
            return ".".join(parts[:end])
    return None


def cut(trace: TracedModel) -> list[Piece]:
    """Split the model at every node after which only that node's value, with one row per image, is used."""
    images, flow, result = operand_flow(trace)
    index = {node: i for i, node in enumerate(flow)}
    last_use = [
        max((index[user] for user in node.users if user in index), default=len(flow) if node is result else i)
        for i, node in enumerate(flow)
    ]
    held = max((index[user] for user in images.users if user in index), default=0)
    pieces: list[Piece] = []
    nodes: list[Node] = []
    source = images
    for i, node in enumerate(flow):
        nodes.append(node)
        value = trace.values[node]
        if held <= i and isinstance(value, Tensor) and value.shape[:1] == (BATCH,):
            pieces.append(piece(trace, nodes, source))
            nodes, source = [], node
        held = max(held, last_use[i])
    return pieces


def piece(trace: TracedModel, nodes: list[Node], source: Node) -> Piece:
    """Return the piece that the nodes between two cuts form."""
    tags = frozenset().union(*(trace.tags[node] for node in nodes))
    owner = trace.owners[nodes[-1]]
    return Piece(nodes, source, tags, unit_of(trace, owner), owner, residual(trace, nodes))


def group(trace: TracedModel, pieces: list[Piece]) -> list[Group]:
    """Group pieces into stem, blocks and head."""
    first, last = stem_end(pieces), head_start(trace, pieces)
    groups = [Group(pieces[:first])]
    for current in pieces[first:last]:
        if joins(trace, groups[-1], current, stem=len(groups) == 1) or prepares(groups[-1], current):
            groups[-1].pieces.append(current)
        else:
            groups.append(Group([current]))
    return [*merge_weightless(trace, groups), Group(pieces[last:])]


def prepares(before: Group, current: Piece) -> bool:
    """Return whether a group only normalises and activates the input of a branching piece of the same module."""
    weightless = before.core is None and not any(piece.weighted or "pool" in piece.tags for piece in before.pieces)
    return weightless and current.core and current.unit is not None and current.unit == before.unit


def stem_end(pieces: list[Piece]) -> int:
    """Return the number of pieces before the first block.

    In a model with branching blocks, the first block is the first branching piece, or an earlier repeated element of
    the same list (MobileNet's first block does not branch). A plain convolution network's stem ends where its second
    convolution begins.
    """
    cores = [i for i, piece in enumerate(pieces) if piece.core]
    if not cores:
        convolutions = [i for i, piece in enumerate(pieces) if piece.weighted]
        return next((i for i in convolutions[1:2]), 1)
    lists = {piece.unit.split(".")[0] for piece in pieces if piece.core and piece.unit}
    for i, piece in enumerate(pieces[: cores[0]]):
        if i > 0 and piece.unit and piece.unit.split(".")[0] in lists:
            return i
    return cores[0] or 1


def head_start(trace: TracedModel, pieces: list[Piece]) -> int:
    """Return the index of the head's first piece.

    The head holds the last pieces whose outputs are vectors, and the weightless pieces directly before them.
    """
    shapes = [trace.values[piece.output].shape for piece in pieces]
    start = len(pieces)
    while start > 0 and placeless(trace, pieces[start - 1]):
        start -= 1
    while start > 0:
        before = pieces[start - 1]
        shrinks = positions(trace, before.source) > positions(trace, before.output) > 1
        belongs = before.unit is not None and any(p.core and p.unit == before.unit for p in pieces[: start - 1])
        trailing = "act" in before.tags and pieces[start - 2].core
        tokens = len(shapes[start]) > 2 if start < len(shapes) else False
        pooling = tokens and before.core and before.skip is None and {"softmax", "sdpa"} & before.tags
        if pooling:
            start -= 1
            continue
        if before.core or before.weighted or shrinks or "pool" in before.tags or belongs or trailing:
            break
        start -= 1
    return max(1, min(start, len(pieces) - 1))


def placeless(trace: TracedModel, current: Piece) -> bool:
    """Return whether a piece's output is a vector or a single token, or whether it works on a map of one place."""
    shape = trace.values[current.output].shape
    alone = positions(trace, current.output) == positions(trace, current.source) == 1
    single = len(shape) == 4 and alone and not current.core
    return len(shape) == 2 or (len(shape) == 3 and shape[1] == 1) or single


def joins(trace: TracedModel, before: Group, current: Piece, *, stem: bool) -> bool:
    """Return whether a piece continues the group before it."""
    if current.core or stem:
        return False
    shape, previous = trace.values[current.output].shape, trace.values[before.output].shape
    same_place = current.unit is not None and current.unit == before.unit
    if before.core is not None:
        if before.core.skip is None and before.core.owner and f"{current.owner}.".startswith(f"{before.core.owner}."):
            return True
        soft = not current.weighted and "pool" not in current.tags and as_many(trace, current.output, before.output)
        bare = not current.tags or current.tags == {"act"}
        return soft and (same_place or (bare and len(shape) == len(previous)))
    if same_place:
        return True
    if current.unit is not None:
        return before.unit is None and not any(piece.weighted or "pool" in piece.tags for piece in before.pieces)
    busy = any(piece.weighted or "pool" in piece.tags for piece in before.pieces)
    return before.unit is None and not (busy and (current.weighted or "pool" in current.tags))


def becomes_tokens(trace: TracedModel, current: Group) -> bool:
    """Return whether a group only reshapes a map of one place to a token; the shape does not show the token's place."""
    before, after = (trace.values[node] for node in (current.source, current.output))
    alone = positions(trace, current.source) == 1 and before.numel() == after.numel()
    return alone and not any(piece.tags for piece in current.pieces)


def merge_weightless(trace: TracedModel, groups: list[Group]) -> list[Group]:
    """Return the groups, with those that only rearrange or normalise at one resolution merged into the one before."""
    kept = groups[:1]
    for current in groups[1:]:
        same = as_many(trace, current.output, current.source) or becomes_tokens(trace, current)
        if same and not any(piece.weighted or "pool" in piece.tags for piece in current.pieces) and not current.core:
            kept[-1].pieces += current.pieces
        else:
            kept.append(current)
    return kept
