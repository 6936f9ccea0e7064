"""Published networks: rules that define their families, and what is known about each network before it is loaded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from vitwork.design.recipe import Augmentation, Recipe

FEWEST = 5
"""Fewest networks that an arm needs if weights are missing; if fewer were published, it needs all of them."""


@dataclass(frozen=True, slots=True)
class Preprocessing:
    """How a network's images are preprocessed, as in timm's data configuration.

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
        """The settings that decide the pixels: networks with equal settings see the same ones."""
        return self.size, self.crop, self.mode, self.interpolation


@dataclass(frozen=True, slots=True)
class Network:
    """One published network.

    Attributes:
        name: name of its file of weights, without suffix.
        model: name for `vitwork.models.create`.
        options: keyword arguments for the model.
        classes: number of its classes.
        preprocessing: how its images are preprocessed; None to take those of the arm's data unchanged.
        licence: licence of the weights; empty if it is not stated.
        origin: repository on the hub, or address of the file; empty for a user's own weights.
        year: year of its paper; 0 if it is not stated.
        path: file of its weights; None if they are not here.
        sha256: hash of the file of weights; empty if it is not here.
        weights: a sample of the loaded weights, by which copies are recognised; empty if they were not loaded.
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
        """Everything that a measurement of it depends on besides the images; not the training or the file's place.

        If the weights are not here only the network's name is known.
        """
        return self.sha256 or self.name, self.model, dict(self.options), self.classes, self.preprocessing

    @property
    def draws(self) -> int:
        """The seed of random draws in measurements, such as directions and noise; it does not depend on the place."""
        return int(self.sha256[:8], 16)


@dataclass(frozen=True, slots=True, order=True)
class Absent:
    """A published network whose weights are not here, or cannot be used as they are.

    Attributes:
        name: name of the network.
        reason: what is wrong with the file in the place of its weights; empty if there is no file.
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
        data: ``in1k`` for networks trained only on ImageNet-1k, ``more`` for those pre-trained on more and tuned on it.
        distilled: whether the networks were distilled from others.
        largest: side of the largest images that they may take, in pixels.
        asked: whether a claim of this suite uses them.
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
"""The recipe of a network that was not trained here: one snapshot, no augmentation, and only the NLL as loss."""
