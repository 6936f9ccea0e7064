"""Classification of a recorded graph's operations by the elementary operations that they execute."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from torch import Tensor
from torch.fx import Node
from torch.fx.node import map_arg
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

WEIGHTED = frozenset({"conv", "pointwise", "linear", "matmul", "mix", "sdpa"})
UNNAMED = frozenset({"matmul", "softmax", "other"})
"""Operations that mix positions by the data or in an unknown way, and that are not part of an MLP."""
ACTIVATIONS = {"relu", "relu_", "gelu", "silu", "silu_", "hardtanh", "hardtanh_", "hardswish", "hardswish_", "elu"}
ACTIVATIONS |= {"leaky_relu", "leaky_relu_", "mish", "tanh", "clamp", "clamp_", "celu", "softplus"}
POOLS = {"avg_pool2d", "max_pool2d_with_indices", "max_pool2d", "avg_pool1d"}
COLLAPSES = {"_adaptive_avg_pool2d", "adaptive_max_pool2d", "adaptive_avg_pool2d", "mean", "amax", "select"}
SOFTMAXES = {"_softmax", "_safe_softmax"}
OTHERS = ("fft", "cumsum", "roll")
COPIES = {"clone", "_unsafe_view", "_to_copy"}
SCALINGS = {"mul", "div", "neg", *COPIES}


PRODUCTS = {"bmm": "mix", "baddbmm": "mix", "mm": "linear", "addmm": "linear"}
"""Names of products with one factor that does not depend on the images."""


class Recorder(TorchDispatchMode):  # type: ignore[no-untyped-call]  # torch's class is not typed
    """Records the elementary operations executed inside the context.

    Args:
        given: values that depend on the images.

    Attributes:
        seen: names of the operations. ``matmul`` is a product both of whose factors depend on the images; ``mix`` is a
            batched product where a factor does not.
        steps: number of operations, without views and copies, which compute nothing.
    """

    def __init__(self, given: Iterable[Tensor]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # torch's class is not typed
        self.seen: set[str] = set()
        self.steps = 0
        self.dynamic: dict[int, Tensor] = {}  # by memory; the tensors are kept, so that their memory is not reused
        self.note(given)

    def note(self, values: Iterable[Any]) -> None:
        """Mark values as dependent on the images."""
        self.dynamic |= {storage_of(value): value for value in values if isinstance(value, Tensor)}

    def depends(self, value: Any) -> bool:
        """Return whether a value depends on the images."""
        return isinstance(value, Tensor) and storage_of(value) in self.dynamic

    def __torch_dispatch__(
        self, func: Any, _types: Any, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        name = func.overloadpacket.__name__
        if name == "convolution":
            name = "conv" if args[1].shape[2:].numel() > 1 else "pointwise"
        elif name in PRODUCTS:
            name = "matmul" if all(map(self.depends, args[-2:])) else PRODUCTS[name]
        elif "scaled_dot_product" in name:
            name = "sdpa" if any(map(self.depends, args[:2])) else "mix"
        if name not in SOFTMAXES or self.depends(args[0]):
            self.seen.add(name)
        self.steps += not func.is_view and name not in COPIES
        found = func(*args, **(kwargs or {}))
        if any(map(self.depends, tree_leaves((args, kwargs)))):
            self.note(tree_leaves(found))
        return found


def storage_of(value: Tensor) -> int:
    """Return a number that identifies the memory of a tensor; views share it."""
    return int(value.untyped_storage()._cdata)  # noqa: SLF001 - torch has no public name for it


def steps_of(node: Node, recorder: Recorder, dynamic: set[Node]) -> int:
    """Return the number of a node's elementary operations, where a node of views alone counts as one.

    A node that only multiplies by a value that does not depend on the images counts as zero.
    """
    operands: list[Node] = []
    map_arg((node.args, node.kwargs), operands.append)
    alone = node.op != "call_module" and sum(operand in dynamic for operand in operands) == 1
    scales = alone and recorder.seen <= SCALINGS and ("div" not in recorder.seen or operands[0] in dynamic)
    return 0 if scales else max(recorder.steps, bool(recorder.seen))


def tags_of(seen: set[str]) -> frozenset[str]:
    """Return the tags of a set of elementary operations."""
    tags = seen & {"conv", "pointwise", "matmul", "mix", "sdpa", "linear"}
    if SOFTMAXES & seen:
        tags.add("softmax")
    for tag, names in (("pool", POOLS), ("collapse", COLLAPSES), ("act", ACTIVATIONS)):
        if names & seen:
            tags.add(tag)
    if any("norm" in name for name in seen):
        tags.add("norm")
    if any(part in name for name in seen for part in OTHERS):
        tags.add("other")
    return frozenset(tags)
