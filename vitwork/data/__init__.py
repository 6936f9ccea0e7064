"""Images: where they come from, how they are augmented, how they are corrupted.

Its functions are fetched when they are first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from vitwork.design.dataset import DataSpec
from vitwork.lazy import attributes, names

if TYPE_CHECKING:
    from vitwork.data.fingerprints import fingerprint
    from vitwork.data.images import ImageSet, Splits
    from vitwork.data.loading import load

__all__ = ["DataSpec", "ImageSet", "Splits", "fingerprint", "load"]

_HOMES = {
    "ImageSet": "images",
    "Splits": "images",
    "fingerprint": "fingerprints",
    "load": "loading",
}

__getattr__ = attributes(__name__, _HOMES)
__dir__ = names(__name__)
