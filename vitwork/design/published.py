"""Published networks: what a family of them is, and what is known of each before it is loaded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from vitwork.design.recipe import Augmentation, Recipe

FEWEST = 5
"""Networks that an arm goes on with where weights of others are missing; all, where fewer were published."""


@dataclass(frozen=True, slots=True)
class Preprocessing:
    """How a network wants its images, as timm's data configuration says.

    Attributes:
        size: side of the square that the network takes, in pixels.
        crop: share of the resized image's shorter side that the square covers.
        mode: how the square is cut: ``center``, or another of timm's ways.
        interpolation: ``bilinear``, ``bicubic``, …: the filter of the resizing.
        mean, std: per-channel normalisation on the scale 0 to 1.
    """

    size: int
    crop: float
    mode: str
    interpolation: str
    mean: tuple[float, ...]
    std: tuple[float, ...]

    @property
    def geometry(self) -> tuple[int, float, str, str]:
        """What decides the pixels: networks that agree in it see the same ones."""
        return self.size, self.crop, self.mode, self.interpolation


@dataclass(frozen=True, slots=True)
class Network:
    """One published network.

    Attributes:
        name: what its file of weights is called, without suffix.
        model: name for `vitwork.models.create`.
        options: keyword arguments for it.
        classes: that it tells apart.
        preprocessing: how it wants its images; None for those of the arm's data as they are.
        licence: of the weights; empty where it is not stated.
        origin: repository of the hub, or address of the file; empty for weights of a user's own.
        year: of the paper that it is from, 0 where it is not stated.
        path: where its weights lie; None where they are not here.
        sha256: of the file of weights; empty where it is not here.
        weights: a sample of the weights as they are loaded, by which copies are known; empty where they were not.
    """

    name: str
    model: str
    options: Mapping[str, Any] = field(default_factory=dict)
    classes: int = 1000
    preprocessing: Preprocessing | None = None
    licence: str = ""
    origin: str = ""
    year: int = 0
    path: Path | None = None
    sha256: str = ""
    weights: bytes = b""

    @property
    def identity(self) -> tuple[Any, ...]:
        """All that a measurement of it depends on, besides the images: nothing about training, nor where the file lies.

        Of weights that are not here nothing but the network's name is known.
        """
        return self.sha256 or self.name, self.model, dict(self.options), self.classes, self.preprocessing

    @property
    def draws(self) -> int:
        """The seed of what measurements draw, such as directions and noise: each network's own, whatever its place."""
        return int(self.sha256[:8], 16)


@dataclass(frozen=True, slots=True, order=True)
class Absent:
    """A published network whose weights are not here, or cannot be used as they are.

    Attributes:
        name: of the network.
        reason: what is wrong with what lies where its weights belong; empty where nothing lies there.
    """

    name: str
    reason: str = ""

    def __str__(self) -> str:
        return f"{self.name} ({self.reason})" if self.reason else self.name


@dataclass(frozen=True, slots=True)
class Family:
    """A rule that says which of timm's published networks belong to an arm. `vitwork.models.published.membership` applies it.

    Attributes:
        architectures: regular expression that the architecture's whole name matches.
        tags: regular expression that the whole tag of the weights matches.
        data: ``in1k`` for networks trained on ImageNet-1k alone, ``more`` for those pre-trained on more and tuned on it.
        distilled: whether the networks were distilled from others.
        largest: side of the largest images that they may take, in pixels.
        asked: whether a claim of this suite asks for them.
    """

    architectures: str
    tags: str = ".*"
    data: Literal["in1k", "more"] = "in1k"
    distilled: bool = False
    largest: int = 288
    asked: bool = True


LOADED = Recipe(
    name="published",
    weight_decay=0.0,
    label_smoothing=0.0,
    drop_path=0.0,
    snapshots=("end",),
    augmentation=Augmentation(crop_padding=0, flip=0.0),
)
"""Stands for the recipe of a network that was not trained here: one snapshot, images as they are, the NLL alone."""
