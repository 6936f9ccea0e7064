"""Loading, augmentation and corruption of images.

The functions of this package are imported when they are first used.
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
