"""Values of a recorded graph for another number of images than it was recorded with."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import Tensor
from torch.fx import Node
from torch.fx.node import map_arg


class Replay:
    """Values of nodes for other images, computed on demand and kept.

    Args:
        images: the model's input in place of the recording's images.
        execute: returns the value of a node, other than the images' node, from its arguments.
    """

    def __init__(self, images: Tensor, execute: Callable[[Node, Any, Any], Any]) -> None:
        self.images, self.execute = images, execute
        self.values: dict[Node, Any] = {}

    def __getitem__(self, node: Node) -> Any:
        """Return a node's value."""
        waiting = [node]
        while waiting:
            current = waiting[-1]
            missing = [needed for needed in current.all_input_nodes if needed not in self.values]
            waiting += missing
            if not missing and waiting.pop() not in self.values:
                self.values[current] = self.made(current)
        return self.values[node]

    def made(self, node: Node) -> Any:
        """Return the value of a node whose arguments are known."""
        if node.op == "placeholder":
            return self.images
        args, kwargs = (map_arg(given, self.values.__getitem__) for given in (node.args, node.kwargs))
        return self.execute(node, args, kwargs)
