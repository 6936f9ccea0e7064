"""torch's own attention, run so that a recording sees what it does, whichever way torch would take."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from types import FunctionType

import torch
from torch import nn
from torch.nn import functional as F

from vitwork.errors import VitworkError

FOLLOWED = (nn.MultiheadAttention, nn.TransformerEncoderLayer, nn.TransformerEncoder)
"""Layers of torch whose code is followed like a user's; all others are one operation each."""


def _written_out() -> FunctionType:
    """Return `F.multi_head_attention_forward` as it is, but taking stand-ins for tensors instead of handing the call to them."""
    own = F.multi_head_attention_forward
    return FunctionType(own.__code__, vars(F) | {"has_torch_function": lambda _: False}, argdefs=own.__defaults__)


multi_head_attention = _written_out()


@contextmanager
def slow_path() -> Iterator[None]:
    """Keep torch from its fast path, which in evaluation mode makes one operation of a whole layer; also a decorator."""
    enabled = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        yield
    finally:
        torch.backends.mha.set_fastpath_enabled(enabled)


def check_batch_first(model: nn.Module) -> None:
    """Refuse torch's encoder layers on tokens (n, b, c), inside of which nothing can be cut.

    Raises:
        VitworkError: the model has one.
    """
    for name, module in model.named_modules():
        if isinstance(module, nn.TransformerEncoderLayer) and not module.self_attn.batch_first:
            raise VitworkError(
                f"the attention and the MLP of {name or 'the model'} do not stand apart: build the nn.TransformerEncoderLayer "
                "with batch_first=True, and give it tokens (images, tokens, channels)"
            )
