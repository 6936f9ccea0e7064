"""A check that a model's weights have values."""

from __future__ import annotations

from torch import nn
from torch.nn.parameter import is_lazy

from vitwork.errors import VitworkError


def check_valued(model: nn.Module) -> None:
    """Refuse a model that has weights without values: in a lazy layer that was never run, or on the meta device.

    Raises:
        VitworkError: the model has such weights; the message names the first.
    """
    for name, value in (*model.named_parameters(), *model.named_buffers()):
        if is_lazy(value) or value.is_meta:
            raise VitworkError(
                f"the model has weights without values, {name} for one (of a lazy layer, or on the meta device): load them, or "
                "pass a batch first"
            )
