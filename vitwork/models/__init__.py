"""Models by name, published weights, and any model as a sequence of blocks. Torch is imported on first use."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vitwork.models.attention_backend import math_attention
    from vitwork.models.block import Block
    from vitwork.models.blocks import as_blocks
    from vitwork.models.checkpoints import load_checkpoint
    from vitwork.models.creation import create
    from vitwork.models.table import rows

__all__ = ["Block", "as_blocks", "create", "load_checkpoint", "math_attention", "rows"]

_HOME = {
    "Block": "block",
    "as_blocks": "blocks",
    "create": "creation",
    "load_checkpoint": "checkpoints",
    "math_attention": "attention_backend",
    "rows": "table",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)
