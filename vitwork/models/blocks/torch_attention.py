"""Contexts and replacements that make a recording see the operations inside torch's own attention."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from types import FunctionType

import torch
from torch import nn
from torch.nn import functional as F

from vitwork.errors import VitworkError

FOLLOWED = (nn.MultiheadAttention, nn.TransformerEncoderLayer, nn.TransformerEncoder)
"""Layers of torch whose code is traced like user code; every other layer of torch is one operation."""


def _written_out() -> FunctionType:
    """Return `F.multi_head_attention_forward` in a form that runs on proxies instead of passing the call to them."""
    own = F.multi_head_attention_forward
    return FunctionType(own.__code__, vars(F) | {"has_torch_function": lambda _: False}, argdefs=own.__defaults__)


multi_head_attention = _written_out()


@contextmanager
def slow_path() -> Iterator[None]:
    """Switch off torch's fast path, which in evaluation mode runs a whole layer as one operation; also a decorator."""
    enabled = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        yield
    finally:
        torch.backends.mha.set_fastpath_enabled(enabled)


def check_batch_first(model: nn.Module) -> None:
    """Refuse torch's encoder layers on tokens (n, b, c), because they cannot be divided into blocks.

    Raises:
        VitworkError: the model has such a layer.
    """
    for name, module in model.named_modules():
        if isinstance(module, nn.TransformerEncoderLayer) and not module.self_attn.batch_first:
            raise VitworkError(
                f"the attention and the MLP of {name or 'the model'} do not stand apart: build the nn.TransformerEncoderLayer "
                "with batch_first=True, and give it tokens (images, tokens, channels)"
            )
