"""Recording of a model's forward pass as a graph, with the shapes of all values.

torch.fx runs the Python code with proxies for tensors. These proxies know their shapes (from fake tensors, so nothing
is computed), so code that branches on sizes can be traced; only the batch size stays symbolic. Where code turns a proxy
into a number, a length or a choice, the recording fixes its value, which has to be the same for any number of images.
"""

from __future__ import annotations

import builtins
import logging
import operator
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import einops
import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import DataDependentOutputException, FakeTensor, FakeTensorMode
from torch.fx import Graph, Node, Proxy, Tracer
from torch.fx.node import map_aggregate, map_arg
from torch.nn import functional as F
from torch.nn.modules.batchnorm import _NormBase
from torch.utils._pytree import tree_leaves

from vitwork.errors import VitworkError, told
from vitwork.models.blocks.image_size import check_size, image_size_of
from vitwork.models.blocks.operations import Recorder, steps_of, storage_of, tags_of
from vitwork.models.blocks.places import Places, plain_weights
from vitwork.models.blocks.replay import Replay
from vitwork.models.blocks.torch_attention import FOLLOWED, multi_head_attention
from vitwork.models.blocks.unchanged import unchanged

BATCH = 37  # a prime that few sizes in models are multiples of: a multiple of it is taken for a batch size
# Other numbers of images for which the recording has to be valid; the second is divisible by all small numbers of
# parts.
OTHERS = (1, 720720)
LEAVES = (_NormBase, nn.LayerNorm, nn.GroupNorm, nn.Linear, nn.Conv1d, nn.Conv2d, nn.MultiheadAttention)


@dataclass
class TracedModel:
    """A model's graph.

    Attributes:
        root: module that the graph's targets are relative to; its only child is ``model``.
        graph: the recorded operations.
        values: result of every node, with fake tensors for tensors.
        tags: types of a node's operations: conv, pointwise, linear, matmul, mix, softmax, sdpa, pool, collapse, act,
            norm, other.
        owners: dotted path of the module whose code created a node.
        dynamic: nodes that depend on the images.
        steps: number of a node's elementary operations; 0 where it multiplies by a value that does not depend on the
            images.
        places: where the positions of tensors lie, for tensors where this is known.
    """

    root: nn.Module
    graph: Graph
    values: dict[Node, Any] = field(default_factory=dict)
    tags: dict[Node, frozenset[str]] = field(default_factory=dict)
    owners: dict[Node, str] = field(default_factory=dict)
    dynamic: set[Node] = field(default_factory=set)
    steps: dict[Node, int] = field(default_factory=dict)
    places: dict[Node, Places] = field(default_factory=dict)

    @cached_property
    def plain_weights(self) -> dict[int, Tensor]:
        """Plain averages that replace the parameters, by the parameters' `id`."""
        return plain_weights(self.root)


class Root(nn.Module):
    """Calls the model with images alone, so that its other arguments keep their defaults."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, x: Tensor) -> Any:
        """Return what the model returns."""
        return self.model(x)


class ShapedProxy(Proxy):
    """A proxy whose shape is known."""

    tracer: ShapeTracer

    @property
    def value(self) -> Any:
        """Result of the node, with fake tensors for tensors."""
        return self.tracer.trace_of.values[self.node]

    @property
    def shape(self) -> Any:
        """Sizes; all are numbers except the batch size and its multiples."""
        value = self.value
        if self.node not in self.tracer.trace_of.dynamic:
            return value.shape
        symbolic = [dim == 0 or size % BATCH == 0 for dim, size in enumerate(value.shape)]
        return tuple(
            self.tracer.create_proxy("call_method", "size", (self, dim), {}) if symbolic[dim] else size
            for dim, size in enumerate(value.shape)
        )

    def size(self, dim: int | None = None) -> Any:
        """Return `shape`, or one of its sizes."""
        return self.shape if dim is None else self.shape[dim]

    def dim(self) -> int:
        """Number of dimensions."""
        return int(self.value.dim())

    @property
    def ndim(self) -> int:
        """Number of dimensions."""
        return int(self.value.dim())

    @property
    def dtype(self) -> Any:
        """Element type."""
        return self.value.dtype

    @property
    def device(self) -> Any:
        """Device."""
        return self.value.device

    @property
    def mT(self) -> Any:  # noqa: N802 - torch's name
        """The transpose of the last two dimensions, recorded where the code asks for it, not where it is used."""
        return self.tracer.create_proxy("call_function", getattr, (self, "mT"), {})

    def __setitem__(self, index: Any, value: Any) -> None:
        self.tracer.create_proxy("call_function", operator.setitem, (self, index, value), {})

    def __len__(self) -> int:
        return int(self.tracer.settled(self, len))

    def __index__(self) -> int:
        return int(self.tracer.settled(self, int))


def written(value: Tensor, _writer: Any) -> Tensor:
    """Return a tensor after another node has written into it."""
    return value


class ShapeTracer(Tracer):
    """torch.fx's tracer, extended to evaluate every new node on fake tensors."""

    proxy_buffer_attributes = True

    def __init__(self, model: nn.Module, images: Tensor, opaque: frozenset[str], fake: FakeTensorMode) -> None:
        super().__init__(autowrap_functions=(einops.rearrange, einops.repeat, einops.reduce))
        self.images, self.opaque = images, opaque
        self.fake = fake
        with fake:
            self.others = [Replay(images.new_zeros(count, *images.shape[1:]), self.result) for count in OTHERS]
        self.evaluating = False
        self.stack: list[str] = []
        self.failed: str | None = None
        self.born: dict[Node, int] = {}
        self.writers: dict[int, Node] = {}  # the last node that wrote into a storage
        self.trace_of = TracedModel(Root(model), Graph())

    def run(self) -> TracedModel:
        """Return the traced model."""
        self.trace_of.graph = self.trace(self.trace_of.root)
        return self.trace_of

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        """Return whether a module is one node: most of torch's own, those without children, and untraceable ones."""
        if isinstance(m, (nn.Sequential, nn.ModuleList, *FOLLOWED)) and module_qualified_name not in self.opaque:
            return False
        simple = isinstance(m, LEAVES) or not any(True for _ in m.children())
        return simple or module_qualified_name in self.opaque or super().is_leaf_module(m, module_qualified_name)

    def call_module(
        self, m: nn.Module, forward: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        """Trace a module, keeping track of its path and of where tracing fails."""
        if self.evaluating:
            return forward(*args, **kwargs)
        self.stack.append(self.path_of_module(m))
        try:
            return super().call_module(m, forward, args, kwargs)
        except Exception:
            self.failed = self.failed or self.stack[-1]
            raise
        finally:
            self.stack.pop()

    def getattr(self, attr: str, attr_val: Any, parameter_proxy_cache: dict[str, Any]) -> Any:
        """Return proxies of parameters and buffers, except while nodes are evaluated."""
        if self.evaluating:
            return attr_val
        found = super().getattr(attr, attr_val, parameter_proxy_cache)
        if isinstance(found, Proxy) and isinstance(attr_val, Tensor):
            self.trace_of.values[found.node] = attr_val  # the model's own code may have replaced a buffer
        return found

    def proxy(self, node: Node) -> Proxy:
        """Return the proxy of a node."""
        return ShapedProxy(node, self)

    def create_proxy(self, kind: str, target: Any, args: Any, kwargs: Any, *rest: Any, **named: Any) -> Any:
        """Record a node and evaluate it; torch's attention is traced, for its output alone."""
        if target is F.multi_head_attention_forward:
            return multi_head_attention(*args, **kwargs | {"need_weights": False})
        if target != "size":
            args, kwargs = map_aggregate(args, self.current), map_aggregate(kwargs, self.current)
        return self.recorded(super().create_proxy(kind, target, args, kwargs, *rest, **named))

    def recorded(self, proxy: Any) -> Any:
        """Evaluate a new node, and record which tensors it has written into."""
        values = self.trace_of.values
        self.born[proxy.node] = len(self.born)
        held = [values[node] for node in proxy.node.all_input_nodes if isinstance(values.get(node), FakeTensor)]
        versions = [value._version for value in held]  # noqa: SLF001 - nothing public tells of a write
        self.evaluate(proxy.node)
        for value, version in zip(held, versions, strict=True):
            if value._version != version:  # noqa: SLF001
                self.writers[storage_of(value)] = proxy.node
        return proxy

    def current(self, given: Any) -> Any:
        """Return a proxy that depends on the last write to its memory, also through a view, so the write is kept."""
        value = self.trace_of.values.get(given.node) if isinstance(given, Proxy) else None
        if not isinstance(value, FakeTensor):
            return given
        writer = self.writers.get(storage_of(value))
        if writer is None or self.born[writer] <= self.born.get(given.node, 0):
            return given
        return self.recorded(super().create_proxy("call_function", written, (given, self.proxy(writer)), {}))

    def evaluate(self, node: Node) -> None:
        """Compute a node's fake value and record its tags."""
        trace = self.trace_of
        for constant in node.all_input_nodes:
            if constant not in trace.values:  # fx adds nodes of tensor constants silently
                self.evaluate(constant)
        args = map_arg(node.args, lambda n: trace.values[n])
        kwargs = map_arg(node.kwargs, lambda n: trace.values[n])
        sources = [n for n in node.all_input_nodes if n in trace.dynamic]
        recorder = Recorder(tree_leaves([trace.values[n] for n in sources]))
        with self.executing(), recorder:
            trace.values[node] = self.images if node.op == "placeholder" else self.result(node, args, kwargs)
        if node.op == "placeholder" or sources:
            trace.dynamic.add(node)
        tags = tags_of(recorder.seen)
        trace.steps[node] = steps_of(node, recorder, trace.dynamic)
        module = self.root.get_submodule(str(node.target)) if node.op == "call_module" else None
        if node.target is F.linear or isinstance(module, nn.Linear):
            tags = frozenset({"linear"})
        if isinstance(module, nn.RNNBase):
            tags |= {"other"}
        if node.target is F.scaled_dot_product_attention:
            tags = frozenset({"sdpa"})
        trace.tags[node] = tags
        path = str(node.target) if node.op == "call_module" else (self.stack[-1] if self.stack else "")
        trace.owners[node] = path.removeprefix("model").removeprefix(".")

    @contextmanager
    def executing(self) -> Iterator[None]:
        """Run the model's code on fake tensors inside the context, without recording it."""
        self.evaluating = True
        try:
            with self.fake:
                yield
        finally:
            self.evaluating = False

    def result(self, node: Node, args: Any, kwargs: Any) -> Any:
        """Return the value of one node other than the images' node."""
        if node.op == "get_attr":
            module, _, name = str(node.target).rpartition(".")
            return getattr(self.root.get_submodule(module), name)
        if node.op == "call_module":
            return self.root.get_submodule(str(node.target))(*args, **kwargs)
        if node.op == "call_method":
            return getattr(args[0], str(node.target))(*args[1:], **kwargs)
        if node.op == "call_function":
            return node.target(*args, **kwargs)  # type: ignore[operator]  # a function by the node's definition
        return args[0]

    def settled(self, given: Proxy, reading: Callable[[Any], Any]) -> Any:
        """Return a fixed value that the model's code takes from a proxy, if it is the same for other batch sizes.

        Batch sizes that the model does not accept are ignored.

        Raises:
            VitworkError: the value depends on the number of images.
        """
        own = reading(self.trace_of.values[given.node])
        found = [own]
        for other in self.others if given.node in self.trace_of.dynamic else ():
            with suppress(Exception), self.executing():
                found.append(reading(other[given.node]))
        if any(each != own for each in found):
            raise VitworkError("what it does depends on the number of images")
        return own

    def to_bool(self, obj: Proxy) -> bool:
        """Return the known value as a boolean, which decides a branch."""
        return bool(self.settled(obj, bool))

    def iter(self, obj: Proxy) -> Iterator[Any]:
        """Iterate over a sequence of known length."""
        return iter(
            [
                self.create_proxy("call_function", operator.getitem, (obj, index), {})
                for index in range(self.settled(obj, len))
            ]
        )


@contextmanager
def followed() -> Iterator[None]:
    """Make `len` of a proxy return the symbolic batch size, which Python's cannot, and silence torch's error log."""
    plain, log = builtins.len, logging.getLogger("torch._subclasses.fake_tensor")

    def length(of: Any) -> Any:
        return of.shape[0] if isinstance(of, ShapedProxy) and isinstance(of.value, Tensor) else plain(of)

    silent, log.disabled = log.disabled, True
    builtins.len = length  # so that the length of a proxy is a proxy
    try:
        yield
    finally:
        builtins.len, log.disabled = plain, silent


def traced(model: nn.Module, input_size: tuple[int, ...] | None = None) -> TracedModel:
    """Return a model's graph, recorded in evaluation mode; modules that cannot be traced become one node each.

    Raises:
        VitworkError: the model accepts images of no known size, its own code cannot be traced, or ``input_size`` is not
            an image size.
    """
    if input_size is not None:
        check_size(input_size)
    parameter = next(iter(model.parameters()), torch.zeros(()))
    fake = FakeTensorMode(allow_non_fake_inputs=True)

    def images(size: tuple[int, ...]) -> Tensor:
        return torch.zeros(BATCH, *size, dtype=parameter.dtype, device=parameter.device)

    with torch.no_grad(), followed():
        with unchanged(model, wholly=False), fake:
            example = images(tuple(input_size) if input_size is not None else image_size_of(model, images))
        opaque: frozenset[str] = frozenset()
        while True:
            tracer = ShapeTracer(model, example, opaque, fake)
            try:
                with unchanged(model, wholly=False):
                    return tracer.run()
            except Exception as error:
                path = tracer.failed
                if path is None or path == "model" or path in opaque:
                    where = (path or "model").removeprefix("model").removeprefix(".") or type(model).__name__
                    by_value = isinstance(error, DataDependentOutputException)
                    reason = "it branches on values" if by_value else told(error)[:200]
                    raise VitworkError(f"vitwork cannot follow the code of {where}: {reason}") from error
                opaque |= {path}
