"""Cut a recorded model where a single tensor carries everything, and group the pieces into blocks."""

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
    """Nodes between two cuts: one operation, or a span that branches and comes together again."""

    nodes: list[Node]
    source: Node
    tags: frozenset[str]
    unit: str | None
    owner: str
    skip: Node | None = None  # the residual operand of the addition that ends the piece

    @property
    def output(self) -> Node:
        """The node that carries everything."""
        return self.nodes[-1]

    @property
    def core(self) -> bool:
        """Whether it branches around weights, or around what mixes places: residual blocks, dense blocks, inception modules."""
        branches = self.skip is not None and not self.tags <= {"norm", "act"}
        return branches or (len(self.nodes) > 1 and self.weighted)

    @property
    def weighted(self) -> bool:
        """Whether it has weights other than those of a normalisation."""
        return bool(self.tags & WEIGHTED)


@dataclass
class Group:
    """Pieces that make one block."""

    pieces: list[Piece] = field(default_factory=list)

    @property
    def core(self) -> Piece | None:
        """The branching piece, if there is one."""
        return next((piece for piece in self.pieces if piece.core), None)

    @property
    def unit(self) -> str | None:
        """Where its main piece stands."""
        return (self.core or self.pieces[-1]).unit

    @property
    def tags(self) -> frozenset[str]:
        """What its operations do."""
        return frozenset().union(*(piece.tags for piece in self.pieces))

    @property
    def nodes(self) -> list[Node]:
        """All nodes in order."""
        return [node for piece in self.pieces for node in piece.nodes]

    @property
    def source(self) -> Node:
        """Node whose value the group takes."""
        return self.pieces[0].source

    @property
    def output(self) -> Node:
        """Node whose value the group gives."""
        return self.pieces[-1].output


def has_tensor(value: Any) -> bool:
    """Whether a value is, or is a tuple that holds, a tensor."""
    return isinstance(value, Tensor) or (isinstance(value, (tuple, list)) and any(has_tensor(part) for part in value))


def positions(trace: TracedModel, node: Node) -> int:
    """Return the number of places of a tensor: 1 for vectors; where it is not known, what the shape suggests, for cutting alone."""
    shape = trace.values[node].shape
    if node in trace.places:
        return prod(trace.places[node].grid)
    if len(shape) == 4:
        square = shape[1] == shape[2] != shape[3]
        return prod(shape[1:3]) if square else prod(shape[2:])
    return isqrt(shape[1]) ** 2 if len(shape) == 3 else 1


def as_many(trace: TracedModel, one: Node, other: Node) -> bool:
    """Whether two tensors have as many places."""
    return positions(trace, one) == positions(trace, other)


def operand_flow(trace: TracedModel) -> tuple[Node, list[Node], Node]:
    """Return the images' node, the tensor nodes between in order, and the node whose value the model returns."""
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
    """Find the repeated element that a path lies in: the innermost member of a list that is no list or leaf itself."""
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
    """Split the model's flow at every node after which only that node's value, an image a row, is used."""
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
    """Describe the nodes between two cuts."""
    tags = frozenset().union(*(trace.tags[node] for node in nodes))
    owner = trace.owners[nodes[-1]]
    return Piece(nodes, source, tags, unit_of(trace, owner), owner, residual(trace, nodes))


def group(trace: TracedModel, pieces: list[Piece]) -> list[Group]:
    """Gather pieces into stem, blocks and head."""
    first, last = stem_end(pieces), head_start(trace, pieces)
    groups = [Group(pieces[:first])]
    for current in pieces[first:last]:
        if joins(trace, groups[-1], current, stem=len(groups) == 1) or prepares(groups[-1], current):
            groups[-1].pieces.append(current)
        else:
            groups.append(Group([current]))
    return [*merge_weightless(trace, groups), Group(pieces[last:])]


def prepares(before: Group, current: Piece) -> bool:
    """Whether a group only normalises and activates what a branching piece of the same module then takes."""
    weightless = before.core is None and not any(piece.weighted or "pool" in piece.tags for piece in before.pieces)
    return weightless and current.core and current.unit is not None and current.unit == before.unit


def stem_end(pieces: list[Piece]) -> int:
    """Count the pieces before the first block.

    A model with branching blocks starts them at the first, or at the first repeated element beside one (MobileNet's
    first block does not branch). A plain convolution network's stem ends where its second convolution begins.
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
    """Find the first piece of the head: what leads without weights to the vector from which on all are vectors."""
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
    """Whether a piece gives a vector, a single token, or works on a map of one place."""
    shape = trace.values[current.output].shape
    alone = positions(trace, current.output) == positions(trace, current.source) == 1
    single = len(shape) == 4 and alone and not current.core
    return len(shape) == 2 or (len(shape) == 3 and shape[1] == 1) or single


def joins(trace: TracedModel, before: Group, current: Piece, *, stem: bool) -> bool:
    """Whether a piece continues the group before it."""
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
    """Whether a group does nothing but write a map of one place as a token, whose places its shape does not tell."""
    before, after = (trace.values[node] for node in (current.source, current.output))
    alone = positions(trace, current.source) == 1 and before.numel() == after.numel()
    return alone and not any(piece.tags for piece in current.pieces)


def merge_weightless(trace: TracedModel, groups: list[Group]) -> list[Group]:
    """Give groups that only rearrange or normalise, and keep the resolution, to the group before them."""
    kept = groups[:1]
    for current in groups[1:]:
        same = as_many(trace, current.output, current.source) or becomes_tokens(trace, current)
        if same and not any(piece.weighted or "pool" in piece.tags for piece in current.pieces) and not current.core:
            kept[-1].pieces += current.pieces
        else:
            kept.append(current)
    return kept
