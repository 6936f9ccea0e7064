"""What the operations of a recorded graph do, told by the elementary ones that they execute."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch.fx import Node
from torch.fx.node import map_arg
from torch.utils._python_dispatch import TorchDispatchMode

WEIGHTED = frozenset({"conv", "pointwise", "linear", "matmul", "mix", "sdpa"})
ACTIVATIONS = {"relu", "relu_", "gelu", "silu", "silu_", "hardtanh", "hardtanh_", "hardswish", "hardswish_", "elu"}
ACTIVATIONS |= {"leaky_relu", "leaky_relu_", "mish", "tanh", "clamp", "clamp_", "celu", "softplus"}
POOLS = {"avg_pool2d", "max_pool2d_with_indices", "max_pool2d", "avg_pool1d"}
COLLAPSES = {"_adaptive_avg_pool2d", "adaptive_max_pool2d", "adaptive_avg_pool2d", "mean", "amax", "select"}
LINEARS = {"addmm", "mm", "linear"}
COPIES = {"clone", "_unsafe_view", "_to_copy"}
SCALINGS = {"mul", "div", "neg", *COPIES}


class Recorder(TorchDispatchMode):  # type: ignore[no-untyped-call]  # torch's class is not typed
    """Notes the elementary operations executed inside.

    Attributes:
        seen: their names.
        steps: how many they are, without views and copies, which compute nothing.
    """

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # torch's class is not typed
        self.seen: set[str] = set()
        self.steps = 0

    def __torch_dispatch__(
        self, func: Any, _types: Any, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        name = func.overloadpacket.__name__
        if name == "convolution":
            name = "conv" if args[1].shape[2:].numel() > 1 else "pointwise"
        self.seen.add(name)
        self.steps += not func.is_view and name not in COPIES
        return func(*args, **(kwargs or {}))


def steps_of(node: Node, recorder: Recorder, dynamic: set[Node]) -> int:
    """Count a node's elementary operations, views as one; none where it multiplies by what does not depend on the images."""
    operands: list[Node] = []
    map_arg((node.args, node.kwargs), operands.append)
    alone = node.op != "call_module" and sum(operand in dynamic for operand in operands) == 1
    scales = alone and recorder.seen <= SCALINGS and ("div" not in recorder.seen or operands[0] in dynamic)
    return 0 if scales else max(recorder.steps, bool(recorder.seen))


def tags_of(seen: set[str], sources: int) -> frozenset[str]:
    """Sum up elementary operations; `sources` counts the operands that depend on the images."""
    tags = seen & {"conv", "pointwise"}
    if any("scaled_dot_product" in name for name in seen):
        tags.add("sdpa")
    if {"_softmax", "_safe_softmax"} & seen:
        tags.add("softmax")
    if {"bmm", "baddbmm"} & seen:
        tags.add("matmul" if sources > 1 else "mix")
    for tag, names in (("pool", POOLS), ("collapse", COLLAPSES), ("linear", LINEARS), ("act", ACTIVATIONS)):
        if names & seen:
            tags.add(tag)
    if any("norm" in name for name in seen):
        tags.add("norm")
    return frozenset(tags)
