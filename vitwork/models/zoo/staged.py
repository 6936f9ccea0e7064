"""Stems, stages, blocks and heads that ResNet variants, pre-activation ResNet and AlterNet share."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from timm.layers.drop import DropPath
from torch import Tensor, nn

from vitwork.models.zoo.token_mixing import WindowAttention, Windows

SMALL_IMAGE = 64  # images up to this side get the CIFAR stem: one 3×3 convolution, no pooling


@dataclass(frozen=True, slots=True)
class Place:
    """A block's position: its stage (from 0), input and bottleneck channels, stride and drop-path probability."""

    stage: int
    dim: int
    width: int
    stride: int
    drop_path: float


def residual_drop(probability: float) -> nn.Module:
    """Return stochastic depth, or an identity for probability 0."""
    return DropPath(probability) if probability > 0 else nn.Identity()


class PreActBlock(nn.Module):
    """Pre-activation residual block: two 3×3 convolutions, or 1×1, 3×3, 1×1 when `expansion` is 4.

    Where the shape changes, the projection reads the activated input (as the official code does).
    """

    def __init__(self, place: Place, expansion: int) -> None:
        super().__init__()
        dim, width, out = place.dim, place.width, place.width * expansion
        project = place.stride != 1 or dim != out
        self.shortcut = nn.Conv2d(dim, out, 1, stride=place.stride, bias=False) if project else None
        self.act = nn.ReLU()
        self.norm1, self.norm2 = nn.BatchNorm2d(dim), nn.BatchNorm2d(width)
        if expansion == 1:
            self.conv1 = nn.Conv2d(dim, width, 3, stride=place.stride, padding=1, bias=False)
            self.conv2 = nn.Conv2d(width, width, 3, padding=1, bias=False)
        else:
            self.conv1 = nn.Conv2d(dim, width, 1, bias=False)
            self.conv2 = nn.Conv2d(width, width, 3, stride=place.stride, padding=1, bias=False)
            self.norm3 = nn.BatchNorm2d(width)
            self.conv3 = nn.Conv2d(width, out, 1, bias=False)
        self.bottleneck = expansion != 1
        self.drop_path = residual_drop(place.drop_path)

    def forward(self, x: Tensor) -> Tensor:
        """Return the next feature map."""
        y = self.act(self.norm1(x))
        skip = x if self.shortcut is None else self.shortcut(y)
        y = self.conv2(self.act(self.norm2(self.conv1(y))))
        if self.bottleneck:
            y = self.conv3(self.act(self.norm3(y)))
        out: Tensor = self.drop_path(y) + skip
        return out


class PreActMixing(nn.Module):
    """AlterNet's MSA block, pre-activation: BN, GELU, 1×1 convolution, BN, windowed attention."""

    def __init__(self, place: Place, expansion: int, windows: Windows) -> None:
        super().__init__()
        out, squeezed = place.width * expansion, place.dim // expansion
        project = place.stride != 1 or place.dim != out
        self.shortcut = nn.Conv2d(place.dim, out, 1, stride=place.stride, bias=False) if project else None
        self.norm1, self.act = nn.BatchNorm2d(place.dim), nn.GELU()
        self.conv = nn.Conv2d(place.dim, squeezed, 1, stride=place.stride, bias=False)
        self.norm2 = nn.BatchNorm2d(squeezed)
        self.mixer = WindowAttention(squeezed, out, windows)
        self.drop_path = residual_drop(place.drop_path)

    def forward(self, x: Tensor) -> Tensor:
        """Return the next feature map."""
        y = self.act(self.norm1(x))
        skip = x if self.shortcut is None else self.shortcut(y)
        out: Tensor = self.drop_path(self.mixer(self.norm2(self.conv(y)))) + skip
        return out


class PostActMixing(nn.Module):
    """AlterNet's MSA block with activations after the convolution, the official ablation: no activation at its end."""

    def __init__(self, place: Place, expansion: int, windows: Windows) -> None:
        super().__init__()
        out, squeezed = place.width * expansion, place.dim // expansion
        project = place.stride != 1 or place.dim != out
        projection = [nn.Conv2d(place.dim, out, 1, stride=place.stride, bias=False), nn.BatchNorm2d(out)]
        self.shortcut = nn.Sequential(*projection) if project else None
        self.conv = nn.Conv2d(place.dim, squeezed, 1, stride=place.stride, bias=False)
        self.norm1, self.act = nn.BatchNorm2d(squeezed), nn.GELU()
        self.mixer = WindowAttention(squeezed, out, windows)
        self.norm2 = nn.BatchNorm2d(out)
        self.drop_path = residual_drop(place.drop_path)

    def forward(self, x: Tensor) -> Tensor:
        """Return the next feature map."""
        skip = x if self.shortcut is None else self.shortcut(x)
        y = self.mixer(self.act(self.norm1(self.conv(x))))
        out: Tensor = self.drop_path(self.norm2(y)) + skip
        return out


class Blur(nn.Module):
    """Spatial smoothing at a stage's end: soft clip at ±10, ReLU, 2×2 mean (claim `msa-shares-blur-properties`).

    The mean has stride 1 and zero padding 1, so the map grows by one place, as in the companion paper's code.
    """

    def __init__(self, clip: float = 10.0) -> None:
        super().__init__()
        self.clip, self.act = clip, nn.ReLU()
        self.mean = nn.AvgPool2d(2, stride=1, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """Return the smoothed map, one place larger in each direction."""
        out: Tensor = self.mean(self.act(self.clip * torch.tanh(x / self.clip)))
        return out


class StagedNet(nn.Module):
    """A network of stem, stages of blocks and head, run in this order."""

    def __init__(self, stem: nn.Module, stages: Sequence[nn.Module], head: nn.Module) -> None:
        super().__init__()
        self.stem, self.stages, self.head = stem, nn.Sequential(*stages), head

    def forward(self, x: Tensor) -> Tensor:
        """Return logits (b, classes) for images (b, 3, h, w)."""
        logits: Tensor = self.head(self.stages(self.stem(x)))
        return logits


def stem(width: int, image_size: int, *, activate: bool) -> nn.Sequential:
    """Return a 3×3 convolution for small images, or 7×7 with stride 2 and max pooling; BN and ReLU if `activate`."""
    small = image_size <= SMALL_IMAGE
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    kernel, stride = (3, 1) if small else (7, 2)
    layers["conv"] = nn.Conv2d(3, width, kernel, stride=stride, padding=kernel // 2, bias=False)
    if activate:
        layers["norm"], layers["act"] = nn.BatchNorm2d(width), nn.ReLU()
    if not small:
        layers["pool"] = nn.MaxPool2d(3, stride=2, padding=1)
    return nn.Sequential(layers)


def head(dim: int, num_classes: int, *, activate: bool) -> nn.Sequential:
    """Return global average pooling and a linear layer, after BN and ReLU if `activate`."""
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    if activate:
        layers["norm"], layers["act"] = nn.BatchNorm2d(dim), nn.ReLU()
    layers["pool"], layers["flatten"] = nn.AdaptiveAvgPool2d(1), nn.Flatten()
    layers["fc"] = nn.Linear(dim, num_classes)
    return nn.Sequential(layers)


def stages(
    depths: Sequence[int],
    widths: Sequence[int],
    expansion: int,
    drop_path: float,
    block: Callable[[Place, int], nn.Module],
) -> list[nn.Sequential]:
    """Return all stages, built by `block(place, index in stage)`; the first block of later stages halves the map."""
    total, made, dim, built = sum(depths), 0, widths[0], []
    for stage, (depth, width) in enumerate(zip(depths, widths, strict=True)):
        blocks = []
        for index in range(depth):
            stride = 2 if stage > 0 and index == 0 else 1
            rate = drop_path * made / max(1, total - 1)
            blocks.append(block(Place(stage, dim, width, stride, rate), index))
            dim, made = width * expansion, made + 1
        built.append(nn.Sequential(*blocks))
    return built
