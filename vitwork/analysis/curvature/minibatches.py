"""Hessian-vector products of several mini-batches at once, for devices that one small mini-batch does not keep busy."""

from __future__ import annotations

import itertools
import logging
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence

import torch
from torch import Tensor
from torch.func import functional_call, vmap
from torch.nn import functional as F

from vitwork.analysis.curvature.lanczos import Eigenpairs, carry_out
from vitwork.analysis.curvature.operator import AGREEMENT, Batch, HessianOperator, passing, replayed_derivative
from vitwork.analysis.curvature.vectors import flat
from vitwork.analysis.plain import ordinary
from vitwork.analysis.targets import paired
from vitwork.device.graphs import aside
from vitwork.device.memory import is_out_of_memory
from vitwork.device.precision import single_precision
from vitwork.device.replay import alike
from vitwork.device.timing import seconds
from vitwork.models.batching import Batchable

Search = Generator[Tensor, Tensor, Eigenpairs]

LOG = logging.getLogger(__name__)
AT_ONCE = 16  # mini-batches tried at once on a GPU


class StackedHessians:
    """Multiplies, for each of several mini-batches, a vector by the Hessian of that mini-batch's loss.

    The weights are repeated once per mini-batch. The gradient of the sum of all losses then holds each mini-batch's
    gradient with respect to its own copy, and one backward pass through it gives all products.

    Args:
        operator: the first mini-batch's operator, which defines the loss, the parameters and the precision.
        batches: ``(images, targets)`` of equal shapes.
    """

    def __init__(self, operator: HessianOperator, batches: Sequence[Batch]) -> None:
        device = operator.device
        parameters = [_repeated(p.detach(), len(batches)).requires_grad_() for p in operator.parameters]
        images, targets = (torch.stack(values) for values in zip(*map(operator.moved, batches), strict=True))
        buffers = {name: _repeated(value, len(batches)) for name, value in operator.model.named_buffers()}
        fixed = {name: ordinary(value.detach()) for name, value in operator.model.named_parameters()}
        copies = dict(zip(operator.names, parameters, strict=True))

        def loss(own: Mapping[str, Tensor], x: Tensor, y: Tensor) -> Tensor:
            return F.cross_entropy(functional_call(operator.model, {**fixed, **own}, (x,)), y)

        with aside(device), passing(operator.model, operator.batchnorm, device), single_precision():
            with Batchable():
                losses = vmap(loss)({**buffers, **copies}, images, targets)
            found = torch.autograd.grad(losses.sum(), parameters, create_graph=True, allow_unused=True)
            gradient = flat(found, parameters, batched=True)
        self.device, self.weight_decay = device, operator.weight_decay
        self._without_decay = replayed_derivative(gradient, parameters)

    def __call__(self, vectors: Sequence[Tensor]) -> Sequence[Tensor]:
        """Return the products of vectors (size,), one per mini-batch."""
        with single_precision():
            return self._product(torch.stack(list(vectors))).unbind()

    def _product(self, vectors: Tensor) -> Tensor:
        with aside(self.device):
            products = self._without_decay(vectors)
        return (self.weight_decay * vectors).add_(products)


def _repeated(value: Tensor, count: int) -> Tensor:
    return value.expand(count, *value.shape).clone()


def stacked(operator: HessianOperator, batches: Sequence[Batch], *, forced: bool = False) -> StackedHessians | None:
    """Return the Hessians of mini-batches as one computation where that is possible and faster, otherwise None.

    Args:
        operator: the first mini-batch's operator.
        batches: the mini-batches, of equal shapes.
        forced: whether to do so even where it is not faster.

    Raises:
        torch.OutOfMemoryError, RuntimeError: memory does not suffice for so many mini-batches.
    """
    generator = torch.Generator(operator.device).manual_seed(0)
    shape = len(batches), operator.size
    vectors = list(torch.randn(shape, generator=generator, device=operator.device, dtype=operator.dtype))
    try:
        alone = operator(vectors[0])  # first, so that the operator knows the number of classes
        together = StackedHessians(operator, batches)
        first = together(vectors)[0]
    except (RuntimeError, NotImplementedError) as error:
        if is_out_of_memory(error):
            raise
        # The model cannot be batched: its control flow depends on the data, or a function has no batched form.
        LOG.info("mini-batches go one by one: %s", error)
        return None
    if not alike([torch.zeros_like(alone)], [alone], [first], AGREEMENT):
        LOG.info("mini-batches go one by one: at once, a product differed")
        return None
    if forced:
        return together
    ways: list[Callable[[], object]] = [lambda: together(vectors), lambda: operator(vectors[0])]
    for way in ways:
        way()  # the second call, at which a GPU captures the graph
    several, one = (seconds(way, operator.device) for way in ways)
    return together if several < len(batches) * one else None


def each(
    batches: Iterable[Batch],
    operator_of: Callable[[Batch], HessianOperator],
    begin: Callable[[HessianOperator], Search],
    many: int,
    *,
    forced: bool,
) -> Iterator[tuple[Eigenpairs, Batch]]:
    """Yield the eigenpairs of each mini-batch's Hessian in order, computing several at once where that is faster.

    Args:
        batches: the mini-batches.
        operator_of: makes the Hessian of one mini-batch.
        begin: starts a search.
        many: number of mini-batches at once; fewer where shapes differ or memory does not suffice.
        forced: whether to compute so many at once even where it is not faster.
    """
    source = paired(batches)
    waiting: list[Batch] = []
    while waiting or (waiting := list(itertools.islice(source, many))):
        group = list(next(itertools.groupby(waiting[:many], key=_shapes))[1])
        found: list[Eigenpairs] = []
        try:
            found = _solve(group, operator_of, begin, forced=forced)
        except RuntimeError as error:
            if len(group) == 1 or not is_out_of_memory(error):
                raise
        # Outside the handler, because its traceback would keep the failed computation's tensors in memory.
        if not found:
            many = len(group) // 2
            continue
        forced |= len(found) > 1
        many = 1 if len(found) < len(group) else many
        yield from zip(found, group, strict=False)
        waiting = waiting[len(found) :]


def _shapes(batch: Batch) -> tuple[torch.Size, ...]:
    return tuple(values.shape for values in batch)


def _solve(
    group: Sequence[Batch],
    operator_of: Callable[[Batch], HessianOperator],
    begin: Callable[[HessianOperator], Search],
    *,
    forced: bool,
) -> list[Eigenpairs]:
    """Return the eigenpairs of all mini-batches of a group, or of the first alone where `stacked` gives None."""
    operator = operator_of(group[0])
    together = stacked(operator, group, forced=forced) if len(group) > 1 else None
    if together is None:
        return carry_out(lambda vectors: [operator(vectors[0])], [begin(operator)])
    return carry_out(together, [begin(operator) for _ in group])
