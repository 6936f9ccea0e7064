"""Networks for a build-up: which blocks of an all-convolution network may become MSA blocks. Imports torch to ask."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from vitwork.design.arm import Arm
from vitwork.errors import VitworkError

Msas = tuple[int, ...]
"""Number of MSA blocks per stage; they alternate with convolution blocks, from the stage's last block backwards."""

LARGE_IMAGE = 64  # for larger images windows have seven places per side, as in the zoo
MIXERS = ("window_size", "heads", "head_dim")


@dataclass(frozen=True, slots=True)
class BuildableNetwork:
    """An all-convolution network, and how it is built with MSA blocks.

    Attributes:
        arm: recipe and data, with the model for any number of MSA blocks, whose option `msas` is added later.
        base: model and options without MSA blocks.
        depths: number of blocks per stage.
    """

    arm: Arm
    base: tuple[str, Mapping[str, Any]]
    depths: tuple[int, ...]

    @property
    def none(self) -> Msas:
        """No MSA blocks at all, with which a search starts."""
        return (0,) * len(self.depths)

    def model(self, msas: Msas) -> tuple[str, Mapping[str, Any]]:
        """Return name and options, for `vitwork.models.create`, of the network with these MSA blocks."""
        return (self.arm.model, {**self.arm.options, "msas": msas}) if any(msas) else self.base

    def with_msas(self, msas: Msas) -> Arm:
        """Return the arm of the network with these MSA blocks."""
        model, options = self.model(msas)
        return replace(self.arm, name=" ".join([self.arm.name, named(msas, self.depths)]), model=model, options=options)


def named(msas: Msas, depths: tuple[int, ...]) -> str:
    """Return the MSA blocks by the paper's names: ``c4#4 c4#2`` are the fourth and the second block of stage 4."""
    blocks = [
        f"c{stage + 1}#{depths[stage] - 2 * place}"
        for stage in reversed(range(len(msas)))
        for place in range(msas[stage])
    ]
    return " ".join(blocks) or "no MSA"


def network(arm: Arm, size: int) -> BuildableNetwork:
    """Return how an arm's network is built up, from the same network without MSA blocks.

    Args:
        arm: a pre-activation ResNet or AlterNet of the zoo, or a ResNet with activations last, the zoo's or timm's.
        size: side of the images in pixels.

    Raises:
        VitworkError: there is no such model, it is of another kind, whose convolutions cannot be replaced here, or it
            has no stage of two blocks.
    """
    found = _found(arm, size)
    if max(found.depths) < 2:
        raise VitworkError(f"{arm.model} has no stage of two blocks, of which the last could become an MSA block.")
    return found


def _found(arm: Arm, size: int) -> BuildableNetwork:
    from vitwork.analyse.subject import check_name
    from vitwork.models.zoo import resnets
    from vitwork.models.zoo.catalogue import ENTRIES

    check_name(arm.model)
    entry = ENTRIES.get(arm.model)
    if entry is not None and entry.build in (resnets.alternet, resnets.preresnet):
        kind = arm.model.rpartition("_")[2]
        fixed = {"depths": entry.preset["depths"], "bottleneck": entry.preset["bottleneck"]}
        options = {**_sized(fixed, arm, size), **arm.options}
        depths = tuple(options["depths"])
        made = replace(arm, model=f"alternet_{kind}", options=options)
        return BuildableNetwork(made, (made.model, {**options, "msas": (0,) * len(depths)}), depths)
    return _of_blocks(arm, size, zoo=entry is not None)


def _of_blocks(arm: Arm, size: int, *, zoo: bool) -> BuildableNetwork:
    """Return how a network of timm's blocks is built up."""
    import torch

    from vitwork.models import create
    from vitwork.models.zoo.with_msas import NAME, stages_of

    own = {**_sized({}, arm, size if zoo else 0), **arm.options}
    mixing = {"window_size": 4 if size <= LARGE_IMAGE else 7, **{k: own.pop(k) for k in MIXERS if k in own}}
    with torch.device("meta"):
        depths = tuple(len(stage) for stage in stages_of(create(arm.model, **own), arm.model))
    made = replace(arm, model=NAME, options={"base": arm.model, **own, **mixing})
    return BuildableNetwork(made, (arm.model, own), depths)


def _sized(options: dict[str, Any], arm: Arm, size: int) -> dict[str, Any]:
    """Add the options for large images, unless the arm sets them itself."""
    return options if size <= LARGE_IMAGE or "image_size" in arm.options else {**options, "image_size": size}


def refusal(network: BuildableNetwork, msas: Msas, classes: int, size: int) -> str:
    """Return why a network with these MSA blocks is impossible; empty if its window divides all of its feature maps."""
    from functools import partial

    from vitwork.device.settings import kept
    from vitwork.models.trial import try_network
    from vitwork.training.training import build_model

    arm = network.with_msas(msas)
    try:
        with kept():
            try_network(arm.name, named(msas, network.depths), partial(build_model, arm, classes), classes, size)
    except VitworkError as why:
        return str(why)
    return ""
