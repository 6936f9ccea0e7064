"""Parts of a recorded graph as modules that share the model's parameters."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor
from torch.fx import Graph, GraphModule, Node
from torch.nn import functional as F

from vitwork.errors import VitworkError
from vitwork.models.partition import WEIGHTED, Group
from vitwork.models.tracing import BATCH, Trace


def extract(recorded: Trace, source: Node, output: Node, redirect: Mapping[Node, Node]) -> GraphModule:
    """Make a module that computes `output` from `source`, with some nodes' values replaced by those of others.

    What does not depend on the images is computed anew inside. Batch sizes taken from earlier tensors are read off
    the module's own input.
    """
    end = redirect.get(output, output)
    graph, placed = copy_until(recorded, source, [end], redirect)
    graph.output(placed[end])
    return GraphModule(recorded.root, graph)


def copy_until(
    recorded: Trace, source: Node, ends: list[Node], redirect: Mapping[Node, Node]
) -> tuple[Graph, dict[Node, Any]]:
    """Copy all that `ends` need, back to `source`, into a new graph; also say where each node went."""
    graph = Graph()
    placed: dict[Node, Any] = {source: graph.placeholder("x")}
    for node in wanted(recorded, source, ends, redirect):
        if node.op == "call_method" and node.target == "size" and node.args[0] not in placed:
            placed[node] = batch_size(recorded, graph, node, source, placed[source])
        else:
            placed[node] = graph.node_copy(node, lambda n: placed[redirect.get(n, n)])
    return graph, placed


def wanted(recorded: Trace, source: Node, ends: list[Node], redirect: Mapping[Node, Node]) -> list[Node]:
    """List in order the nodes that `ends` need, back to `source`."""
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
        foreign_size = node.op == "call_method" and node.target == "size" and node < source
        waiting += [] if foreign_size else [redirect.get(n, n) for n in node.all_input_nodes]
    return [node for node in recorded.graph.nodes if node in found]


def batch_size(recorded: Trace, graph: Graph, node: Node, source: Node, x: Node) -> Any:
    """Express a size of an earlier tensor by the batch size of the module's input."""
    size, batch = recorded.values[node], recorded.values[source].shape[0]
    own = graph.call_method("size", (x, 0))
    if size == batch:
        return own
    if size % BATCH:
        return size
    return graph.call_function(scaled, (own, size, batch))


def scaled(own: int, size: int, batch: int) -> int:
    """Rescale a recorded size from the recorded batch to the one at hand."""
    return own * size // batch


def attention_of(recorded: Trace, found: Group) -> Callable[[Tensor], Tensor] | None:
    """Make the function that returns a group's attention weights; None where they are hidden in one module."""
    for node in found.nodes:
        if node.target is F.scaled_dot_product_attention:
            names = ("query", "key", "value", "attn_mask", "dropout_p", "is_causal")
            given: dict[str, Any] = dict(zip(names, node.args, strict=False)) | dict(node.kwargs)
            return weights_module(recorded, found, given)
        value = recorded.values[node]
        if "softmax" in recorded.tags[node] and isinstance(value, Tensor) and value.dim() >= 3:
            if node.op == "call_module" and recorded.tags[node] & WEIGHTED:
                return None
            return weights_module(recorded, found, {"weights": node})
    return None


def weights_module(recorded: Trace, found: Group, given: Mapping[str, Any]) -> GraphModule:
    """Extend a group's graph up to its attention by the computation of the weights."""
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
    **_: Any,
) -> Tensor:
    """Return the weights that `scaled_dot_product_attention` applies, without its dropout."""
    logits = query @ key.transpose(-2, -1) * (query.shape[-1] ** -0.5 if scale is None else scale)
    if is_causal:
        logits = logits.masked_fill(~torch.ones_like(logits, dtype=torch.bool).tril(), float("-inf"))
    if attn_mask is not None:
        masked = attn_mask.dtype == torch.bool
        logits = logits.masked_fill(~attn_mask, float("-inf")) if masked else logits + attn_mask
    return fold(logits.softmax(-1))
