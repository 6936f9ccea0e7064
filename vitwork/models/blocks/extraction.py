"""Extraction of parts of a recorded graph as modules that share the model's parameters."""

from __future__ import annotations

import operator
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.fx import Graph, GraphModule, Node
from torch.nn import functional as F

from vitwork.errors import VitworkError
from vitwork.models.blocks.cutting import Group, has_tensor
from vitwork.models.blocks.tracing import BATCH, TracedModel

PRODUCTS = (operator.matmul, torch.matmul, torch.bmm, "matmul", "bmm")


def extract(recorded: TracedModel, source: Node, output: Node, redirect: Mapping[Node, Node]) -> GraphModule:
    """Return a module that computes `output` from `source`, with some nodes' values replaced by those of others.

    Values that do not depend on the images are computed again inside. Batch sizes that the code takes from earlier
    tensors are taken from the module's own input.
    """
    end = redirect.get(output, output)
    graph, placed = copy_until(recorded, source, [end], redirect)
    graph.output(placed[end])
    return GraphModule(recorded.root, graph)


def copy_until(
    recorded: TracedModel, source: Node, ends: list[Node], redirect: Mapping[Node, Node]
) -> tuple[Graph, dict[Node, Any]]:
    """Return a new graph with all nodes that `ends` need, back to `source`, and a map from nodes to their copies."""
    graph = Graph()
    placed: dict[Node, Any] = {source: graph.placeholder("x")}
    for node in wanted(recorded, source, ends, redirect):
        if is_foreign_size(recorded, node, source):
            placed[node] = own_size(recorded, graph, recorded.values[node], source, placed[source])
        else:
            placed[node] = graph.node_copy(node, lambda n: placed[redirect.get(n, n)])
    return graph, placed


def wanted(recorded: TracedModel, source: Node, ends: list[Node], redirect: Mapping[Node, Node]) -> list[Node]:
    """Return in order the nodes that `ends` need, back to `source`."""
    found: set[Node] = set()
    waiting = list(ends)
    while waiting:
        node = waiting.pop()
        if node is source or node in found:
            continue
        if node.op == "placeholder":
            raise VitworkError(
                f"the structure of {recorded.owners[ends[0]]} is not understood: it reads the images again"
            )
        found.add(node)
        if not is_foreign_size(recorded, node, source):
            waiting += [redirect.get(n, n) for n in node.all_input_nodes]
    return [node for node in recorded.graph.nodes if node in found]


def is_foreign_size(recorded: TracedModel, node: Node, source: Node) -> bool:
    """Return whether a node is a size, not a tensor, and comes from before `source`."""
    if node not in recorded.dynamic or has_tensor(recorded.values[node]):
        return False
    reads_size = node.op == "call_method" and node.target == "size"
    return node < source or (reads_size and all(n is not source and n < source for n in node.all_input_nodes))


def own_size(recorded: TracedModel, graph: Graph, value: Any, source: Node, x: Node) -> Any:
    """Express sizes of earlier tensors by the batch size of the module's input; sizes of the image are constants."""
    if isinstance(value, (list, tuple)):
        return [own_size(recorded, graph, part, source, x) for part in value]
    batch = recorded.values[source].shape[0]
    if not isinstance(value, int) or value % BATCH:
        return value
    own = graph.call_method("size", (x, 0))
    return own if value == batch else graph.call_function(scaled, (own, value, batch))


def scaled(own: int, size: int, batch: int) -> int:
    """Return a recorded size rescaled from the recorded batch size to the present one."""
    return own * size // batch


@dataclass(frozen=True, slots=True)
class AttentionNodes:
    """Nodes from which a group computes attention weights.

    Attributes:
        given: the values that the weights are computed from, or the weights themselves, by name.
        query, key: operands of the product before the softmax; None where there is no plain product.
        transposed: whether keys are in the last dimension rather than in the second to last.
    """

    given: Mapping[str, Any]
    query: Node | None
    key: Node | None
    transposed: bool


def attention_of(recorded: TracedModel, found: Group) -> AttentionNodes | None:
    """Return the nodes of a group's attention weights; None where they are hidden in one module."""
    for node in found.nodes:
        if node.target is F.scaled_dot_product_attention:
            names = ("query", "key", "value", "attn_mask", "dropout_p", "is_causal")
            given: dict[str, Any] = dict(zip(names, node.args, strict=False)) | dict(node.kwargs)
            return AttentionNodes(given, given["query"], given["key"], transposed=False)
    products = [node for node in found.nodes if "matmul" in recorded.tags[node] and node.op != "call_module"]
    for node in reversed(products):
        weights = node.all_input_nodes[0]
        behind = wanted(recorded, found.source, [weights], {}) if recorded.values[weights].dim() > 2 else []
        if any("softmax" in recorded.tags[before] for before in behind):
            scores = [before for before in behind if before in products and before.target in PRODUCTS]
            query, key = scores[-1].args[:2] if scores else (None, None)
            return AttentionNodes({"weights": weights}, node_or_none(query), node_or_none(key), transposed=True)
    return None


def node_or_none(value: Any) -> Node | None:
    """Return a node, and None for anything else."""
    return value if isinstance(value, Node) else None


def weights_module(recorded: TracedModel, found: Group, given: Mapping[str, Any]) -> GraphModule:
    """Return a module that computes a group's attention weights from its input."""
    ends = [value for value in given.values() if isinstance(value, Node)]
    graph, placed = copy_until(recorded, found.source, ends, {})
    arguments = {key: placed[value] if isinstance(value, Node) else value for key, value in given.items()}
    graph.output(graph.call_function(fold if "weights" in given else attention_weights, (), arguments))
    return GraphModule(recorded.root, graph)


def fold(weights: Tensor) -> Tensor:
    """Return attention weights as (b, heads, queries, keys): further leading dimensions go into b."""
    return weights[:, None] if weights.dim() == 3 else weights.flatten(0, -4)


def attention_weights(
    *,
    query: Tensor,
    key: Tensor,
    attn_mask: Tensor | None = None,
    is_causal: bool = False,
    scale: float | None = None,
    enable_gqa: bool = False,
    **_: Any,
) -> Tensor:
    """Return the weights that `scaled_dot_product_attention` applies, without its dropout."""
    if enable_gqa:  # groups of heads share their keys
        key = key.repeat_interleave(query.shape[-3] // key.shape[-3], -3)
    logits = query @ key.transpose(-2, -1) * (query.shape[-1] ** -0.5 if scale is None else scale)
    if is_causal:
        logits = logits.masked_fill(~torch.ones_like(logits, dtype=torch.bool).tril(), float("-inf"))
    if attn_mask is not None:
        masked = attn_mask.dtype == torch.bool
        logits = logits.masked_fill(~attn_mask, float("-inf")) if masked else logits + attn_mask
    return fold(logits.softmax(-1))
