"""Checks that a model is a smooth function of its weights, and leaves them as they are when it is passed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from vitwork.errors import VitworkError
from vitwork.models.valued import check_valued


def check_stateless(model: nn.Module) -> None:
    """Refuse a model that torch.jit traced or scripted, since it cannot be passed with other weights than its own.

    Raises:
        VitworkError: it is one, or has no weights yet.
    """
    check_valued(model)
    if isinstance(model, torch.jit.ScriptModule):
        raise VitworkError(
            "the model was traced or scripted by torch.jit and takes no other weights: give it as it was before"
        )


def check_weights(weights: Iterable[tuple[str, Tensor]]) -> None:
    """Refuse weights along which a loss cannot be followed finely: complex ones, or of less than single precision.

    In half precision the loss, its gradient and the products with its Hessian are rounded by more than what is sought.

    Args:
        weights: with their names.

    Raises:
        VitworkError: there is such a one.
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
    """Refuse a model that writes into its weights when it is passed, and give them their values back.

    Args:
        weights: with their names.
        buffers: what gets its values back with them.

    Raises:
        VitworkError: at the end, if one has changed.
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
