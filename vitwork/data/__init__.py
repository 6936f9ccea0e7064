"""Images: where they come from, how they are augmented, how they are corrupted.

Importing this package imports no torch; its functions are fetched when they are first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from vitwork.design.dataset import DataSpec

if TYPE_CHECKING:
    from vitwork.data.fingerprints import fingerprint
    from vitwork.data.images import ImageSet, Splits
    from vitwork.data.loading import load

__all__ = ["DataSpec", "ImageSet", "Splits", "fingerprint", "load"]

_HOMES = {
    "ImageSet": "vitwork.data.images",
    "Splits": "vitwork.data.images",
    "fingerprint": "vitwork.data.fingerprints",
    "load": "vitwork.data.loading",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
