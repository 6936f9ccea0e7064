"""Building models by name, loading published weights, dividing models into blocks; torch is imported on first use."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vitwork.lazy import attributes, names

if TYPE_CHECKING:
    from vitwork.models.blocks.as_blocks import as_blocks
    from vitwork.models.blocks.block import Block
    from vitwork.models.checkpoints.loading import load_checkpoint
    from vitwork.models.zoo.creation import create

__all__ = ["Block", "as_blocks", "create", "load_checkpoint"]

_HOMES = {
    "Block": "blocks.block",
    "as_blocks": "blocks.as_blocks",
    "create": "zoo.creation",
    "load_checkpoint": "checkpoints.loading",
}

__getattr__ = attributes(__name__, _HOMES)
__dir__ = names(__name__)
