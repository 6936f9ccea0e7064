"""The arms of profiles: which networks, recipes and parts of the data the claims compare, at any scale."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from vitwork.design.arm import Arm
from vitwork.design.dataset import DataSpec
from vitwork.design.recipe import Recipe
from vitwork.design.recipes import WEAK

EVEN_HEADS = (20, 20, 20, 20)
"""As many heads in every stage: with the MSAs and widths of AlterNet-50, as many parameters as 3, 6, 12 and 24 heads."""

FOLLOWED = ("resnet", "vit")
"""Arms whose path a claim follows: only they keep snapshots between warm-up and end, since those take much space."""

BY_BIAS = (("resnet", "resnext"), ("swin", "vit-local-3"), ("pit", "vit"), ("mixer",))
"""Arms from the strongest inductive bias to the weakest: convolutions, local MSAs, global MSAs, an MLP-Mixer."""

PLACED = ((0, 0, 0, 0), (0, 0, 0, 1), (0, 0, 0, 2), (0, 0, 1, 2), (0, 0, 2, 2), (0, 2, 1, 2), (1, 1, 1, 2))
"""Numbers of attention blocks per stage of further AlterNets."""


@dataclass(frozen=True, slots=True)
class Networks:
    """The networks of a profile: a convolutional family with and without attention, and a Transformer.

    Attributes:
        cnn, alternet, vit: name and options for `vitwork.models.create`.
        msas: number of attention blocks per stage of the AlterNet.
    """

    cnn: tuple[str, Mapping[str, Any]]
    alternet: tuple[str, Mapping[str, Any]]
    vit: tuple[str, Mapping[str, Any]]
    msas: tuple[int, ...]


def conditions(networks: Networks, recipe: Recipe, data: DataSpec) -> dict[str, Arm]:
    """Return the arms that the claims compare, at one scale."""
    (cnn, cnn_options), (alternet, alternet_options), (vit, vit_options) = networks.cnn, networks.alternet, networks.vit
    alternet_options = {**alternet_options, "msas": networks.msas}
    local = _local(vit_options)
    models: dict[str, tuple[str, Mapping[str, Any]]] = {
        "resnet": (cnn, cnn_options),
        "resnet-matched": (cnn, {**cnn_options, "match": (alternet, alternet_options)}),
        "alternet": (alternet, alternet_options),
        "vit": (vit, vit_options),
        "vit-local-3": (vit, {**local, "kernel_size": 3}),
        "vit-local-5": (vit, {**local, "kernel_size": 5}),
    }
    return {
        name: Arm(name, model, options, recipe if name in FOLLOWED else _unfollowed(recipe), data)
        for name, (model, options) in models.items()
    }


def _local(vit_options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options of a ViT whose attention is local."""
    return {**vit_options, "attention": "conv", "border": "mask"}


def _unfollowed(recipe: Recipe) -> Recipe:
    """Return the recipe without the snapshots between warm-up and end."""
    return replace(recipe, snapshots=tuple(when for when in recipe.snapshots if isinstance(when, str)))


def further_conditions(networks: Networks, recipe: Recipe, data: DataSpec) -> dict[str, Arm]:
    """Return the arms that only profiles with a GPU can afford: what they change is in their names."""
    (cnn, cnn_options), (alternet, alternet_options), (vit, vit_options) = networks.cnn, networks.alternet, networks.vit
    shallow = {**vit_options, "depth": 6}
    models: dict[str, tuple[str, Mapping[str, Any]]] = {
        "vit-cls": (vit, {**vit_options, "head": "cls"}),
        "vit-static-3": (vit, {**vit_options, "attention": "static", "kernel_size": 3}),
        "vit-s": ("vit_s", vit_options),
        "vit-no-positions": (vit, {**vit_options, "positions": False}),
        "pit": ("pit_ti", {}),
        "swin": ("swin_t", {}),
        "resnext": ("resnext_50", {}),
        "mixer": ("mixer_ti", {"patch_size": vit_options["patch_size"]}),
        "resnet-blur": (cnn, {**cnn_options, "blur": True}),
        "alternet-stage-start": (alternet, {**alternet_options, "msas": networks.msas, "placement": "stage-start"}),
        "alternet-even-heads": (alternet, {**alternet_options, "msas": networks.msas, "heads": EVEN_HEADS}),
        **{f"vit-patch-{size}": (vit, {**vit_options, "patch_size": size}) for size in (2, 8)},
        **{f"vit-heads-{heads}": (vit, {**shallow, "heads": heads, "head_dim": 64}) for heads in (1, 3, 12)},
        **{f"vit-head-dim-{dim}": (vit, {**shallow, "heads": 3, "head_dim": dim}) for dim in (16, 256)},
        **{"alternet-" + "".join(map(str, msas)): (alternet, {**alternet_options, "msas": msas}) for msas in PLACED},
    }
    usual = _unfollowed(recipe)
    weak = replace(WEAK, epochs=usual.epochs, precision=usual.precision, snapshots=usual.snapshots)
    six, two = replace(data, fraction=0.06), replace(data, fraction=0.02)
    as_many_steps = replace(
        usual, epochs=round(usual.epochs / six.fraction), warmup_epochs=round(usual.warmup_epochs / six.fraction)
    )
    arms = [
        *(Arm(name, model, options, usual, data) for name, (model, options) in models.items()),
        Arm("vit-sam", vit, vit_options, replace(usual, sam=0.05), data),  # the radius of Foret et al. (2021)
        Arm("vit-longer", vit, vit_options, replace(usual, epochs=3 * usual.epochs), data),
        Arm("vit-weak-augmentation", vit, vit_options, weak, data),
        Arm("vit-6-percent-data-weak-augmentation", vit, vit_options, weak, six),
        Arm("resnet-weak-augmentation", cnn, cnn_options, weak, data),
        Arm("vit-2-percent-data", vit, vit_options, usual, two),
        Arm("vit-6-percent-data", vit, vit_options, usual, six),
        Arm("vit-6-percent-data-as-many-steps", vit, vit_options, as_many_steps, six),
        Arm("vit-local-3-6-percent-data", vit, {**_local(vit_options), "kernel_size": 3}, usual, six),
        Arm("resnet-6-percent-data", cnn, cnn_options, usual, six),
    ]
    return {arm.name: arm for arm in arms}


def all_conditions(networks: Networks, recipe: Recipe, data: DataSpec) -> dict[str, Arm]:
    """Return the arms of every claim that is about one data set."""
    return conditions(networks, recipe, data) | further_conditions(networks, recipe, data)


def elsewhere(arms: Mapping[str, Arm], data: DataSpec, suffix: str) -> dict[str, Arm]:
    """Return the arms by bias, trained on other data, under names of their own."""
    chosen = (arms[name] for group in BY_BIAS for name in group)
    made = (replace(arm, name=f"{arm.name}-{suffix}", recipe=_unfollowed(arm.recipe), data=data) for arm in chosen)
    return {arm.name: arm for arm in made}
