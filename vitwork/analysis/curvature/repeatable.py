"""Checks that a model is a smooth function of its weights and does not change them in a forward pass."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from vitwork.errors import VitworkError
from vitwork.models.valued import check_valued


def check_stateless(model: nn.Module) -> None:
    """Refuse a model that torch.jit traced or scripted, since it cannot be run with other weights.

    Raises:
        VitworkError: the model comes from torch.jit, or has weights without values.
    """
    check_valued(model)
    if isinstance(model, torch.jit.ScriptModule):
        raise VitworkError(
            "the model was traced or scripted by torch.jit and takes no other weights: give it as it was before"
        )


def check_weights(weights: Iterable[tuple[str, Tensor]]) -> None:
    """Refuse weights along which small changes of a loss cannot be measured: complex, or below single precision.

    In half precision the loss, its gradient and the products with its Hessian are rounded by more than the differences
    to be measured.

    Args:
        weights: (name, weight) pairs.

    Raises:
        VitworkError: a weight is complex or has less than single precision.
    """
    for name, value in weights:
        kind = str(value.dtype).removeprefix("torch.")
        if not value.is_floating_point():
            raise VitworkError(f"the parameter {name} is {kind}, and curvature is that of a loss in real numbers")
        if torch.finfo(value.dtype).bits < 32:
            raise VitworkError(
                f"the parameter {name} is {kind}, too coarse for curvature: convert the model with .float()"
            )


@contextmanager
def unwritten(weights: Iterable[tuple[str, Tensor]], buffers: Iterable[Tensor] = ()) -> Iterator[None]:
    """Refuse a model that writes into its weights inside the context, and restore their values.

    Args:
        weights: (name, weight) pairs.
        buffers: buffers whose values are restored, too.

    Raises:
        VitworkError: at the end, if a weight has changed.
    """
    held = [(name, value.detach(), value.detach().clone()) for name, value in weights]
    rest = [(value, value.clone()) for value in buffers]
    yield
    changed = [name for name, value, own in held if not torch.allclose(value, own, rtol=0, atol=0, equal_nan=True)]
    if changed:
        for value, own in [*(each[1:] for each in held), *rest]:
            value.copy_(own)
        raise VitworkError(
            f"the model writes into its weights ({changed[0]}) when it is passed: pass a batch through it first, if it "
            "only sets itself up"
        )
