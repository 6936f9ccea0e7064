"""The table of all named models: each is a builder with preset options."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from torch import nn

from vitwork.models.zoo import families, plain, resnets, vit


@dataclass(frozen=True, slots=True)
class Entry:
    """A named model.

    Attributes:
        build: makes the model from a number of classes and options.
        preset: options that the name stands for.
        source: where the model's code comes from.
        options: dataclass that holds the options, where they are too many for parameters.
    """

    build: Callable[..., nn.Module]
    preset: Mapping[str, Any]
    source: str
    options: type | None = None

    @property
    def accepted(self) -> dict[str, Any]:
        """The options by name, with their default values."""
        found = inspect.signature(self.options or self.build).parameters.values()
        return {one.name: self.preset.get(one.name, one.default) for one in found if one.name != "num_classes"}

    def make(self, num_classes: int, given: Mapping[str, Any]) -> nn.Module:
        """Build the model with options in place of the preset ones."""
        arguments = {**self.preset, **given}
        if self.options is not None:
            return self.build(num_classes, self.options(**arguments))
        return self.build(num_classes, **arguments)


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
VGG = {11: (1, 1, 2, 2, 2), 13: (2, 2, 2, 2, 2), 16: (2, 2, 3, 3, 3), 19: (2, 2, 4, 4, 4)}
RESNEXT = {50: (32, 4), 101: (32, 8)}  # groups and width per group
PIT = {  # head widths, blocks, heads
    "ti": ((32, 32, 32), (2, 6, 4), (2, 4, 8)),
    "xs": ((48, 48, 48), (2, 6, 4), (2, 4, 8)),
    "s": ((48, 48, 48), (2, 6, 4), (3, 6, 12)),
    "b": ((64, 64, 64), (3, 6, 4), (4, 8, 16)),
}
SWIN = {  # channels, blocks, heads
    "t": (96, (2, 2, 6, 2), (3, 6, 12, 24)),
    "s": (96, (2, 2, 18, 2), (3, 6, 12, 24)),
    "b": (128, (2, 2, 18, 2), (4, 8, 16, 32)),
    "l": (192, (2, 2, 18, 2), (6, 12, 24, 48)),
}
TWINS = {  # channels, blocks, heads
    "s": ((64, 128, 256, 512), (2, 2, 10, 4), (2, 4, 8, 16)),
    "b": ((96, 192, 384, 768), (2, 2, 18, 2), (3, 6, 12, 24)),
    "l": ((128, 256, 512, 1024), (2, 2, 18, 2), (4, 8, 16, 32)),
}
MIXER = {"ti": (256, 8), "s": (512, 8), "b": (768, 12), "l": (1024, 24), "h": (1280, 32)}
CONVIT = {"ti": 4, "s": 9, "b": 16}
CONVNEXT = {"ti": ((3, 3, 9, 3), (96, 192, 384, 768)), "s": ((3, 3, 27, 3), (96, 192, 384, 768))}
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
            resnets.alternet,
            {"depths": depths, "msas": msas, "bottleneck": LAYERS[n][1]},
            "vitwork",
            resnets.AlterNetOptions,
        )
        for n, (depths, msas) in ALTERNET.items()
    },
    **{
        f"vit_{size}": Entry(
            vit.vit, {"dim": dim, "depth": depth, "heads": heads}, "timm VisionTransformer", vit.VitOptions
        )
        for size, (dim, depth, heads) in VIT.items()
    },
    **{
        f"{gate}resnet_{n}": Entry(
            resnets.resnet, {"depths": depths, "bottleneck": deep, "gate": gate}, "timm blocks, our stem"
        )
        for gate in ("se", "cbam")
        for n, (depths, deep) in LAYERS.items()
    },
    **{
        f"resnext_{n}": Entry(
            resnets.resnet,
            {"depths": LAYERS[n][0], "bottleneck": True, "groups": groups, "base_width": width},
            "timm blocks, our stem",
        )
        for n, (groups, width) in RESNEXT.items()
    },
    **{
        f"wideresnet_{n}": Entry(
            resnets.resnet, {"depths": LAYERS[n][0], "bottleneck": True, "base_width": 128}, "timm blocks, our stem"
        )
        for n in (50, 101)
    },
    **{
        f"pit_{size}": Entry(
            families.pit, {"head_dims": dims, "depths": depths, "heads": heads}, "timm PoolingVisionTransformer"
        )
        for size, (dims, depths, heads) in PIT.items()
    },
    **{
        f"swin_{size}": Entry(families.swin, {"dim": dim, "depths": depths, "heads": heads}, "timm SwinTransformer")
        for size, (dim, depths, heads) in SWIN.items()
    },
    **{
        f"twins_{size}": Entry(families.twins, {"dims": dims, "depths": depths, "heads": heads}, "timm Twins")
        for size, (dims, depths, heads) in TWINS.items()
    },
    **{
        f"mixer_{size}": Entry(families.mixer, {"dim": dim, "depth": depth}, "timm MlpMixer")
        for size, (dim, depth) in MIXER.items()
    },
    **{f"convit_{size}": Entry(families.convit, {"heads": heads}, "timm ConVit") for size, heads in CONVIT.items()},
    **{
        f"convnext_{size}": Entry(families.convnext, {"depths": depths, "widths": widths}, "timm ConvNeXt")
        for size, (depths, widths) in CONVNEXT.items()
    },
    **{f"vgg_{n}": Entry(families.vgg, {"depths": depths}, "timm VGG") for n, depths in VGG.items()},
    **{f"prevgg_{n}": Entry(plain.prevgg, {"depths": depths}, "vitwork") for n, depths in VGG.items()},
    "alexnet": Entry(plain.alexnet, {}, "vitwork"),
    "mobilenet_v2": Entry(families.mobilenet, {}, "timm EfficientNet, strides set"),
}
