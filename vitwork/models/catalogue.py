"""Every model by name: presets of the builders, as data."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from torch import nn

from vitwork.models import resnets, vit


@dataclass(frozen=True, slots=True)
class Entry:
    """A named model: who builds it, with which preset options, and where its code comes from."""

    build: Callable[..., nn.Module]
    preset: Mapping[str, Any]
    source: str


LAYERS = {
    18: ((2, 2, 2, 2), False),
    34: ((3, 4, 6, 3), False),
    50: ((3, 4, 6, 3), True),
    101: ((3, 4, 23, 3), True),
    152: ((3, 8, 36, 3), True),
}
ALTERNET = {  # blocks and MSA blocks of each stage as released; the paper's AlterNet-50 has (0, 1, 1, 2)
    18: ((2, 2, 2, 2), (0, 1, 1, 1)),
    34: ((3, 4, 6, 4), (0, 1, 3, 2)),
    50: ((3, 4, 6, 4), (0, 1, 3, 2)),
    101: ((3, 4, 23, 4), (0, 1, 3, 2)),
    152: ((3, 8, 36, 4), (0, 1, 3, 2)),
}
VIT = {"ti": (192, 12, 3), "s": (384, 12, 6), "b": (768, 12, 12), "l": (1024, 24, 16), "h": (1280, 32, 16)}

ENTRIES: Mapping[str, Entry] = {
    **{
        f"resnet_{n}": Entry(resnets.resnet, {"depths": depths, "bottleneck": deep}, "timm blocks, our stem")
        for n, (depths, deep) in LAYERS.items()
    },
    **{
        f"preresnet_{n}": Entry(resnets.preresnet, {"depths": depths, "bottleneck": deep}, "vitwork")
        for n, (depths, deep) in LAYERS.items()
    },
    **{
        f"alternet_{n}": Entry(
            resnets.alternet, {"depths": depths, "msas": msas, "bottleneck": LAYERS[n][1]}, "vitwork"
        )
        for n, (depths, msas) in ALTERNET.items()
    },
    **{
        f"vit_{size}": Entry(vit.vit, {"dim": dim, "depth": depth, "heads": heads}, "timm VisionTransformer")
        for size, (dim, depth, heads) in VIT.items()
    },
}
