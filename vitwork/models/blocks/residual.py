"""Search for the residual connection among the terms of a sum."""

from __future__ import annotations

import operator

from torch.fx import Node

from vitwork.models.blocks.operations import WEIGHTED
from vitwork.models.blocks.tracing import TracedModel

ADDITIONS = {"add", "iadd", "add_"}


def addends(node: Node, inside: set[Node], dynamic: set[Node], times: float = 1) -> list[tuple[Node, float]]:
    """Return the image-dependent terms of a nested sum with their factors: x + 2 (a + b) → [(x, 1), (a, 2), (b, 2)]."""
    is_sum = node in inside and getattr(node.target, "__name__", node.target) in ADDITIONS
    terms = [term for term in node.all_input_nodes if term in dynamic]
    alpha, scaled = node.kwargs.get("alpha", 1), node.kwargs.get("other", node.args[-1] if node.args else None)
    if not is_sum or len(terms) != 2 or not isinstance(alpha, (int, float)):
        return [(node, times)]
    return [
        each for term in terms for each in addends(term, inside, dynamic, times * alpha if term is scaled else times)
    ]


def way_to(node: Node, inside: set[Node], trace: TracedModel) -> tuple[int, int]:
    """Return the numbers of weighted operations and of all operations between a piece's input and one of its nodes."""
    seen, waiting = set(), [node]
    while waiting:
        current = waiting.pop()
        if current in inside and current not in seen:
            seen.add(current)
            waiting += current.all_input_nodes
    return sum(bool(trace.tags[each] & WEIGHTED) for each in seen), sum(trace.steps[each] for each in seen)


def residual(trace: TracedModel, nodes: list[Node]) -> Node | None:
    """Return the term of a piece's final sum that is the residual connection; None where no term clearly is.

    It is the term that equals the input or a multiple of it. Otherwise it is the term with fewer weighted operations
    than any other, and with no more operations in total, in whichever order the terms are written. A term that is
    smaller than the sum and is broadcast to it is not a residual connection.
    """
    end, inside = nodes[-1], set(nodes)
    terms = [(*way_to(term, inside, trace), term, times) for term, times in addends(end, inside, trace.dynamic)]
    (weights, steps, term, times), *others = sorted(terms, key=lambda each: each[:2])
    nearest = all(steps <= other[1] and (weights < other[0] or steps == 0 < other[1]) for other in others)
    if not others or not nearest or trace.values[term].shape != trace.values[end].shape:
        return None
    return term if times == 1 else multiplied(trace, term, times, end)


def multiplied(trace: TracedModel, term: Node, times: float, end: Node) -> Node:
    """Add a node that multiplies a term by its factor in the sum that ends in another node, and return it."""
    with trace.graph.inserting_before(end):
        made = trace.graph.call_function(operator.mul, (term, times))
    trace.values[made], trace.owners[made], trace.tags[made] = trace.values[term], trace.owners[end], frozenset()
    trace.steps[made] = 0
    trace.dynamic.add(made)
    return made
