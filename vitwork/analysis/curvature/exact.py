"""A numerical check that gradients and Hessian-vector products are right."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from vitwork.analysis.curvature.vectors import derivative, flat
from vitwork.device.memory import is_out_of_memory
from vitwork.errors import VitworkError, told

MOVED = 1e-2  # distance from the weights, relative to them: at a fresh network's zeros a ReLU has no derivative
# Steps of finite differences, tried in this order: few of them step across a ReLU's kink.
STEPS = (1e-6, 1e-8, 1e-10, 1e-11, 1e-4)
CLOSE = 1e-2  # relative: a wrong second derivative errs by far more, rounding and finite differences by far less

# Relative rounding of a loss: in a model with parts in single precision, and in double precision throughout.
SINGLE = 10 * torch.finfo(torch.float32).eps
DOUBLE = 1e3 * torch.finfo(torch.float64).eps
# Steps relative to the weights, each with the relative rounding allowed; the fine ones need double precision.
FINE = ((1e-6, DOUBLE), (1e-8, DOUBLE))
COARSE = ((1e-3, SINGLE), (1e-2, SINGLE))

Gradient = Callable[[Sequence[Tensor], bool], Tensor]
Loss = Callable[[Sequence[Tensor]], Tensor]


def check_exact(loss: Loss, gradient: Gradient, parameters: Sequence[Tensor], name: str) -> None:
    """Check Hessian-vector products against changes of the gradient, and the gradient against changes of the loss.

    The second derivatives of some torch operations are wrong, and custom backward passes are often not differentiable.
    Products then lack a part, which no solver notices. In double precision they are compared with finite differences of
    the gradient; products that agree with those are also symmetric. A model that cannot run in double precision is
    tested for symmetry alone: uᵀHv = vᵀHu.

    Behind a `detach` or in `no_grad`, gradient and products are both zero. So the change of the loss itself is compared
    with the gradient, too.

    Args:
        loss: maps parameters, in any precision, to the loss.
        gradient: maps parameters, in any precision, and whether to keep the graph to the flat gradient.
        parameters: the weights near which the check is made.
        name: the model's name, for messages.

    Raises:
        VitworkError: the products or the gradient are wrong, or the loss cannot be differentiated twice.
    """
    generator = torch.Generator().manual_seed(0)

    def drawn() -> list[Tensor]:
        return [torch.randn(p.shape, generator=generator, dtype=torch.float64).to(p.device) for p in parameters]

    away = [
        p.detach().double() + MOVED * (_size(p) + MOVED) * noise for p, noise in zip(parameters, drawn(), strict=True)
    ]
    u = drawn()
    try:
        right, rises = _is_derivative(gradient, away, u), _rises(loss, gradient, away, u)
    except (RuntimeError, TypeError) as error:
        if is_out_of_memory(error):
            return
        kind = parameters[0].dtype
        own, one, other = ([value.to(kind) for value in values] for values in (away, u, drawn()))
        try:
            right, rises = _is_symmetric(gradient, own, one, other), _rises(loss, gradient, own, one)
        except RuntimeError as fault:
            if is_out_of_memory(fault):
                return
            raise VitworkError(f"the loss of {name} cannot be differentiated twice: {told(fault)}") from fault
    if not right:
        raise VitworkError(
            f"the second derivative of {name} is wrong: a product with its Hessian is not what the gradient changes by (as with "
            "torch's weight_norm, and with a backward pass of one's own that is not differentiable)"
        )
    if not rises:
        raise VitworkError(
            f"the loss of {name} depends on weights that its gradient does not: a part of the model is behind detach() or no_grad(), or "
            "quantised, so the curvature along these weights cannot be measured (leave them out with `select`, or freeze them)"
        )


def _size(value: Tensor) -> Tensor:
    return value.detach().double().square().mean().sqrt()


def _products(gradient: Gradient, at: Sequence[Tensor], *directions: Tensor) -> list[Tensor]:
    leaves = [value.clone().requires_grad_() for value in at]
    slope = gradient(leaves, True)
    return [derivative(slope, leaves, each, keep=True).detach() for each in directions]


def _is_derivative(gradient: Gradient, at: Sequence[Tensor], u: Sequence[Tensor]) -> bool:
    """Return whether, for one of the steps, the product with u equals a difference of gradients up to rounding."""
    (product,) = _products(gradient, at, flat(u, u))

    def agrees(step: float) -> bool:
        ends = [[(x + sign * step * way).requires_grad_() for x, way in zip(at, u, strict=True)] for sign in (1, -1)]
        ahead, behind = (gradient(end, False) for end in ends)
        change = (ahead - behind) / (2 * step)
        rounding = 1e3 * torch.finfo(ahead.dtype).eps * ahead.norm() / step
        return not (change - product).norm() > CLOSE * torch.maximum(change.norm(), product.norm()) + rounding

    return any(agrees(step) for step in STEPS)


def _rises(loss: Loss, gradient: Gradient, at: Sequence[Tensor], u: Sequence[Tensor]) -> bool:
    """Return whether, for one of the steps, the loss changes as its gradient predicts up to rounding."""
    way = [(_size(x) + MOVED).to(x.dtype) * noise for x, noise in zip(at, u, strict=True)]
    slopes = gradient([value.clone().requires_grad_() for value in at], False) * flat(way, way)

    def agrees(step: float, rounding: float) -> bool:
        ahead, behind = (loss([x + sign * step * by for x, by in zip(at, way, strict=True)]) for sign in (1, -1))
        rise = (ahead - behind) / (2 * step)
        # Where a network is sure of all images its loss is small, but is rounded like its logits, which are not small.
        return (
            not (rise - slopes.sum()).abs()
            > CLOSE * torch.maximum(rise.abs(), slopes.norm()) + rounding * (1 + ahead) / step
        )

    # Where the gradient is zero, the finest step would be lost in the rounding of parts in single precision.
    fine = FINE[: 2 if slopes.any() else 1] if at[0].dtype == torch.float64 else ()
    return any(agrees(*each) for each in (*fine, *COARSE))


def _is_symmetric(gradient: Gradient, at: Sequence[Tensor], u: Sequence[Tensor], v: Sequence[Tensor]) -> bool:
    one, other = flat(u, u), flat(v, v)
    of_one, of_other = _products(gradient, at, one, other)
    size = torch.maximum(of_one.norm(), of_other.norm())
    return not (one @ of_other - other @ of_one).abs() > CLOSE * size
