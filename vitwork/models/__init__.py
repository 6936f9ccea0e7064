"""Models by name, published weights, and any model as a sequence of blocks. Torch is imported on first use."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vitwork.models.blocks.as_blocks import as_blocks
    from vitwork.models.blocks.block import Block
    from vitwork.models.checkpoints.loading import load_checkpoint
    from vitwork.models.zoo.creation import create

__all__ = ["Block", "as_blocks", "create", "load_checkpoint"]

_HOMES = {
    "Block": "vitwork.models.blocks.block",
    "as_blocks": "vitwork.models.blocks.as_blocks",
    "create": "vitwork.models.zoo.creation",
    "load_checkpoint": "vitwork.models.checkpoints.loading",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
