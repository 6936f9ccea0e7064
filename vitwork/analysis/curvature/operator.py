"""The Hessian of a model's loss as a linear operator, without forming the matrix."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from math import inf
from typing import TypeVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vitwork.analysis.curvature.batchnorm import BatchNorm, evaluation_mode, mixes_examples
from vitwork.analysis.curvature.exact import check_exact
from vitwork.analysis.curvature.repeatable import check_stateless, check_weights, unwritten
from vitwork.analysis.curvature.vectors import derivative, flat, stored
from vitwork.analysis.numbers import check_number
from vitwork.analysis.plain import ordinary
from vitwork.analysis.targets import as_taken, check_examples, check_finite, check_targets, fitting, logits_at, paired
from vitwork.device import graphs
from vitwork.device.graphs import aside
from vitwork.device.memory import is_out_of_memory
from vitwork.device.parts import check_repeatable, in_parts
from vitwork.device.precision import single_precision
from vitwork.device.replay import Replayed
from vitwork.device.unfused_attention import math_attention
from vitwork.errors import VitworkError
from vitwork.models.blocks.unwrapping import unwrapped

Batch = tuple[Tensor, Tensor]
Select = Callable[[str, nn.Parameter], bool]
Result = TypeVar("Result")

AGREEMENT = 1e-3  # relative difference allowed between two ways to compute one product; rounding is far below


def trainable(name: str, parameter: nn.Parameter) -> bool:
    """Select the parameters that training changes (the default of every measurement)."""
    del name
    return parameter.requires_grad


class HessianOperator:
    """Multiplies vectors by the Hessian of ``mean cross-entropy + (weight_decay / 2)·|w|²`` at a model's weights.

    The mean is over the examples of all batches, so a short last batch counts by its number of examples. Products are
    exact (Pearlmutter 1994): the derivative of ``gradient · v`` by a second backward pass. A loss that fits one forward
    pass keeps its graph, and every product costs about two gradients (a GPU replays it from the third on). Otherwise
    the passes are rebuilt one micro-batch at a time.

    Vectors hold the parameters one after the other, each in its order in memory. For convolution kernels this is not
    torch's order: `arranged` and `by_rows` convert between the two.

    The model itself is only read: products run on detached copies of its parameters and buffers. Its mode is changed
    while a pass runs and restored after.

    Args:
        model: a classifier that maps images to logits.
        batches: ``(images, targets)`` pairs; targets are class indices (b,) or soft targets (b, classes).
        weight_decay: coefficient λ of the penalty ``(λ/2)·|w|²`` over the selected parameters.
        select: chooses parameters by name and value; the Hessian is that of the loss in these alone.
        batchnorm: ``eval`` uses running statistics, ``train`` those of each batch.
        micro_batch: most examples in one pass with gradients; None passes whole batches, and halves them when memory
            runs out.
        probe: check first that the loss is finite and repeats (two forward passes of the first micro-batch). Check also
            that gradient and products are right (a product, up to nine gradients and up to six losses of one example).

    Raises:
        VitworkError: a parameter, option, model or batch does not suit, in one of these ways.
            Parameters: none is selected, one is not real or has less than single precision, precisions differ, or
            weights have no values. Penalty: it is negative or not finite. Data: there is no example, images are not
            finite, or targets are not classes of the model. Model: it comes from torch.jit, does not return logits, or
            writes into its weights; its loss does not repeat, or depends on weights that its gradient does not depend
            on; or products are wrong. Or a batch would have to be split although its examples depend on each other
            (splitting would change the loss).
    """

    def __init__(
        self,
        model: nn.Module,
        batches: Iterable[Batch],
        weight_decay: float = 0.0,
        *,
        select: Select = trainable,
        batchnorm: BatchNorm = "eval",
        micro_batch: int | None = None,
        probe: bool = True,
    ) -> None:
        chosen = [(name, value) for name, value in model.named_parameters() if select(name, value)]
        if not chosen:
            raise VitworkError("the model has no trainable parameter, so its loss has no Hessian")
        check_stateless(unwrapped(model))
        check_weights(chosen)
        if len({value.dtype for _, value in chosen}) > 1:
            raise VitworkError("the parameters are of two precisions: convert the model with .float() or .double()")
        check_number("weight_decay", weight_decay, lambda value: 0 <= value < inf, "a finite number, 0 or more")
        self.model, self.weight_decay, self.batchnorm = unwrapped(model), weight_decay, batchnorm
        own = {id(value): name for name, value in self.model.named_parameters()}
        self.names = [own[id(value)] for _, value in chosen]
        self.parameters = [_compact(value.detach()).requires_grad_() for _, value in chosen]
        self.device, self.dtype = self.parameters[0].device, self.parameters[0].dtype
        self.size = sum(value.numel() for value in self.parameters)
        self.classes: int | None = None  # known from the first pass on
        self._whole = mixes_examples(self.model, batchnorm)
        self.chunks = list(self._split(paired(batches), micro_batch))
        self.examples = sum(len(targets) for _, targets in self.chunks)
        if not self.examples:
            raise VitworkError("the batches hold no example, so there is no loss to differentiate")
        self._kept: Replayed[Tensor] | None = None
        if probe:
            self._bounded(self._check_repeatable)
            with single_precision():
                check_exact(self._loss_at, self._gradient_at, self.parameters, type(self.model).__name__)

    def arranged(self, vector: Tensor) -> Tensor:
        """Return a vector in torch's order (`torch.nn.utils.parameters_to_vector`) in the order of this operator.

        Raises:
            VitworkError: the vector has another size.
        """
        if vector.shape != (self.size,):
            raise VitworkError(f"a vector {tuple(vector.shape)} does not fit a Hessian in {self.size} parameters")
        pieces = torch.split(vector, [p.numel() for p in self.parameters])
        return flat((x.view(p.shape) for x, p in zip(pieces, self.parameters, strict=True)), self.parameters)

    def by_rows(self, vector: Tensor) -> Tensor:
        """Return a vector that is in this operator's order in torch's order, the inverse of `arranged`."""
        pieces = torch.split(vector, [p.numel() for p in self.parameters])
        shaped = [x.view(stored(p, p.dim()).shape) for x, p in zip(pieces, self.parameters, strict=True)]
        return torch.cat([(x.movedim(-1, -3) if x.dim() == 4 else x).reshape(-1) for x in shaped])

    def moved(self, batch: Batch) -> Batch:
        """Return images and targets on the model's device, in the precision and layout that suit it."""
        images, targets = batch
        check_examples(images, targets)
        if self.classes is not None:
            check_targets(targets, self.classes)
        x = images.to(self.device, self.dtype)
        check_finite(x)
        return _compact(x), ordinary(as_taken(targets.to(self.device), self.dtype))

    def _split(self, batches: Iterable[Batch], micro_batch: int | None) -> Iterator[Batch]:
        for batch in batches:
            images, targets = self.moved(batch)
            if not len(images):
                continue
            size = len(targets) if micro_batch is None else micro_batch
            if self._whole and size < len(targets):
                raise VitworkError(
                    f"a batch of {len(targets)} cannot be passed {size} at a time: BatchNorm uses its statistics"
                )
            if size < len(targets):
                self._check_apart(images, size)
            yield from zip(torch.split(images, size), torch.split(targets, size), strict=True)

    def _check_apart(self, images: Tensor, size: int) -> None:
        """Refuse a model whose losses, for any class, change when a batch's images are passed in parts."""

        def losses(x: Tensor) -> Tensor:
            with passing(self.model, self.batchnorm, self.device):
                return self._logits(x).detach().log_softmax(1)

        with torch.no_grad(), fitting(images):
            in_parts(losses, images, size)

    def _bounded(self, compute: Callable[[], Result]) -> Result:
        """Return what `compute` returns; when memory runs out, halve the largest passes and compute again."""
        while True:
            try:
                with single_precision():
                    return compute()
            except RuntimeError as error:
                size = max(len(targets) for _, targets in self.chunks)
                if size == 1 or not is_out_of_memory(error):
                    raise
            # Outside the handler, because its traceback would keep the failed pass's tensors in memory.
            self._kept = None
            self.chunks = list(self._split(self.chunks, (size + 1) // 2))

    def _losses(self, images: Tensor, targets: Tensor, at: Sequence[Tensor] | None = None) -> Tensor:
        """Return every example's loss at the model's parameters, or at the parameters ``at`` and in their precision."""
        logits = self._logits(images, at)
        check_targets(targets, logits.shape[1])
        return F.cross_entropy(logits, targets, reduction="none")

    def _logits(self, images: Tensor, at: Sequence[Tensor] | None = None) -> Tensor:
        # Fresh buffers for each pass: BatchNorm in train mode writes to them, and an older graph may still need its own.
        state: Mapping[str, Tensor] = {
            **{name: ordinary(value.detach()) for name, value in self.model.named_parameters()},
            **{name: value.clone() for name, value in self.model.named_buffers()},
            **dict(zip(self.names, at or self.parameters, strict=True)),
        }
        if at:
            state = {k: value.to(at[0].dtype) if value.is_floating_point() else value for k, value in state.items()}
        lone = len(images) == 1
        # The stride of a batch dimension of one is arbitrary, and some of torch's derivative kernels rely on a wrong
        # one. So two copies of the image are passed: their mean logits and their BatchNorm statistics are the image's.
        logits = logits_at(self.model, state, torch.cat([images, images]) if lone else images)
        self.classes = logits.shape[1]
        return logits.mean(0, keepdim=True) if lone else logits

    def _gradient_of(self, chunk: Batch, *, create_graph: bool) -> Tensor:
        with passing(self.model, self.batchnorm, self.device):
            loss = self._losses(*chunk).sum() / self.examples
            if not loss.requires_grad:  # it does not depend on the selected parameters
                return torch.zeros(self.size, dtype=self.dtype, device=self.device)
            found = torch.autograd.grad(loss, self.parameters, create_graph=create_graph, allow_unused=True)
            return flat(found, self.parameters)

    def _loss_at(self, at: Sequence[Tensor]) -> Tensor:
        """Return one example's loss at other parameters, in their precision."""
        images, targets = (x[:1].to(at[0].dtype if x.is_floating_point() else x.dtype) for x in self.chunks[0])
        with passing(self.model, self.batchnorm, self.device):
            return self._losses(images, targets, at).sum()

    def _gradient_at(self, at: Sequence[Tensor], create_graph: bool) -> Tensor:
        with passing(self.model, self.batchnorm, self.device):
            loss = self._loss_at(at)
            if not loss.requires_grad:
                return torch.cat([torch.zeros_like(value).flatten() for value in at])
            return flat(torch.autograd.grad(loss, at, create_graph=create_graph, allow_unused=True), at)

    def _check_repeatable(self) -> None:
        weights = {**dict(self.model.named_parameters()), **dict(zip(self.names, self.parameters, strict=True))}
        images, targets = self.chunks[0]
        passes = passing(self.model, self.batchnorm, self.device)
        with unwritten(weights.items()), passes, torch.no_grad(), fitting(images):
            first, second = (self._losses(images, targets) for _ in range(2))
        if not torch.isfinite(first).all():
            raise VitworkError("the loss is not finite at these weights, so its curvature is not defined")
        check_repeatable(first, second)

    def weights(self) -> Tensor:
        """Return the selected parameters as one vector."""
        return flat(self.parameters, self.parameters).detach()

    def gradient(self) -> Tensor:
        """Return the gradient of the whole loss as one vector."""
        return self._bounded(self._gradient)

    def _gradient(self) -> Tensor:
        total = self.weight_decay * self.weights()
        for chunk in self.chunks:
            total += self._gradient_of(chunk, create_graph=False)
        return total

    def _kept_product(self) -> Replayed[Tensor]:
        if self._kept is None:
            self._kept = replayed_derivative(self._gradient_of(self.chunks[0], create_graph=True), self.parameters)
        return self._kept

    def __call__(self, vector: Tensor) -> Tensor:
        """Return the Hessian times a vector (size,)."""
        return self._bounded(lambda: self._product(vector))

    def _product(self, vector: Tensor) -> Tensor:
        if len(self.chunks) == 1:
            with aside(self.device):
                product = self._kept_product()(vector)
            return product.add_(vector, alpha=self.weight_decay)
        total = self.weight_decay * vector
        for chunk in self.chunks:
            total += derivative(self._gradient_of(chunk, create_graph=True), self.parameters, vector, keep=False)
        return total


@contextmanager
def passing(model: nn.Module, batchnorm: BatchNorm, device: torch.device) -> Iterator[None]:
    """Make a model's passes twice differentiable, exact and free of randomness inside the context."""
    with (
        evaluation_mode(model, batchnorm),
        math_attention(),
        torch.enable_grad(),
        torch.autocast(device.type, enabled=False),
    ):
        yield


def replayed_derivative(gradient: Tensor, parameters: Sequence[Tensor]) -> Replayed[Tensor]:
    """Return a function that maps a vector to its `derivative`; it has to be called `aside`, as the gradient was.

    A GPU captures it at its second use, since many are used only once, and replays it from the third on.
    """
    multiply = partial(derivative, gradient, parameters, keep=True)
    return Replayed(multiply, graphs.capture_on(gradient.device), warm_up=1, tolerance=AGREEMENT)


def _compact(value: Tensor) -> Tensor:
    """Return a copy in the memory order in which images and convolution kernels run fastest: channels last."""
    return value.clone(memory_format=torch.channels_last if value.dim() == 4 else torch.contiguous_format)
