"""The arms of profiles: the networks, recipes and parts of the data that claims compare, at any scale."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from vitwork.design.arm import Arm
from vitwork.design.dataset import DataSpec
from vitwork.design.recipe import Recipe

FOLLOWED = ("resnet", "vit")
"""Arms whose path of training a claim follows: only they keep snapshots between warm-up and end, to save space."""

BY_BIAS = (("resnet", "resnext"), ("swin", "vit-local-3"), ("pit", "vit"), ("mixer",))
"""Arms from the strongest inductive bias to the weakest: convolutions, local MSAs, global MSAs, an MLP-Mixer."""

ACCEPTED = (0, 1, 1, 2)
"""MSAs per stage at the end of the paper's build-up."""

BUILD_UP = ((0, 0, 0, 0), (0, 0, 0, 1), (0, 0, 0, 2), (0, 0, 1, 2), ACCEPTED, (0, 0, 2, 2), (0, 2, 1, 2), (1, 1, 1, 2))
"""MSAs per stage along the paper's build-up (Fig. 12a): the accepted steps, then the rejected ones."""

Model = tuple[str, Mapping[str, Any]]
"""Name and options of a network, for `vitwork.models.create`."""


@dataclass(frozen=True, slots=True)
class Networks:
    """The networks of a profile: a convolutional family with and without attention, and a Transformer.

    Attributes:
        cnn, alternet, vit: name and options.
        msas: number of attention blocks per stage of the AlterNet.
    """

    cnn: Model
    alternet: Model
    vit: Model
    msas: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Variants:
    """The networks of a profile's further arms: other families, and other sizes of its own networks.

    Attributes:
        larger_vit, pit, swin, resnext, mixer: name and options.
        fewer_blocks: depth of the Transformers that differ in heads: half of the usual depth, as in the paper.
        patches: sides of a small and of a large patch, in pixels.
        head_dims: channels of narrow, usual and wide heads.
        even_heads: number of heads in every stage of an AlterNet with equal heads and about as many parameters.
        built_up: an AlterNet of four stages with enough blocks for every placement of the build-up.
        shares: shares of the training images for the arms with small and with least data.
        weak, strong: changes to the recipe for weak and for strong augmentation.
    """

    larger_vit: Model
    pit: Model
    swin: Model
    resnext: Model
    mixer: Model
    fewer_blocks: int
    patches: tuple[int, int]
    head_dims: tuple[int, int, int]
    even_heads: tuple[int, ...]
    built_up: Model
    shares: tuple[float, float]
    weak: Mapping[str, Any]
    strong: Mapping[str, Any]


def conditions(networks: Networks, recipe: Recipe, data: DataSpec) -> dict[str, Arm]:
    """Return the arms that most claims compare, at one scale."""
    alternet, options = networks.alternet
    models = {
        "resnet": networks.cnn,
        "alternet": (alternet, {**options, "msas": networks.msas}),
        "vit": networks.vit,
    }
    return {
        name: Arm(name, *model, recipe if name in FOLLOWED else _unfollowed(recipe), data)
        for name, model in models.items()
    }


def local_conditions(networks: Networks, recipe: Recipe, data: DataSpec) -> dict[str, Arm]:
    """Return the Transformer with attention in windows of 3×3 and of 5×5 tokens."""
    vit, options = networks.vit
    return {
        name: Arm(name, vit, {**_local(options), "kernel_size": size}, _unfollowed(recipe), data)
        for name, size in (("vit-local-3", 3), ("vit-local-5", 5))
    }


def as_large_as_alternet(networks: Networks, recipe: Recipe, data: DataSpec) -> dict[str, Arm]:
    """Return a control arm: the convolutional network with as many parameters as the AlterNet."""
    (cnn, options), (alternet, alternet_options) = networks.cnn, networks.alternet
    match = (alternet, {**alternet_options, "msas": networks.msas})
    return {"resnet-matched": Arm("resnet-matched", cnn, {**options, "match": match}, _unfollowed(recipe), data)}


def _local(vit_options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options of a ViT whose attention is local."""
    return {**vit_options, "attention": "conv", "border": "mask"}


def _unfollowed(recipe: Recipe) -> Recipe:
    """Return the recipe without the snapshots between warm-up and end."""
    return replace(recipe, snapshots=tuple(when for when in recipe.snapshots if isinstance(when, str)))


def further_conditions(networks: Networks, variants: Variants, recipe: Recipe, data: DataSpec) -> dict[str, Arm]:
    """Return the arms of all other claims about one data set; their names say what they change."""
    usual = _unfollowed(recipe)
    models = _other_networks(networks, variants)
    arms = [
        *(Arm(name, model, options, usual, data) for name, (model, options) in models.items()),
        *_other_recipes(networks, variants, usual, data),
        *_less_data(networks, variants, usual, data),
    ]
    return {arm.name: arm for arm in arms}


def _other_networks(networks: Networks, variants: Variants) -> dict[str, Model]:
    (cnn, cnn_options), (alternet, alternet_options), (vit, vit_options) = networks.cnn, networks.alternet, networks.vit
    shallow = {**vit_options, "depth": variants.fewer_blocks}
    narrow, middle, wide = variants.head_dims
    small, large = variants.patches
    (built_up, built_up_options) = variants.built_up
    made: dict[str, Model] = {
        "vit-cls": (vit, {**vit_options, "head": "cls"}),
        "vit-static-3": (vit, {**vit_options, "attention": "static", "kernel_size": 3}),
        "vit-no-positions": (vit, {**vit_options, "positions": False}),
        "vit-s": variants.larger_vit,
        "pit": variants.pit,
        "swin": variants.swin,
        "resnext": variants.resnext,
        "mixer": variants.mixer,
        "resnet-blur": (cnn, {**cnn_options, "blur": True}),
        "alternet-even-heads": (
            alternet,
            {**alternet_options, "msas": networks.msas, "heads": variants.even_heads},
        ),
        "vit-small-patch": (vit, {**vit_options, "patch_size": small}),
        "vit-large-patch": (vit, {**vit_options, "patch_size": large}),
        **{f"vit-heads-{heads}": (vit, {**shallow, "heads": heads, "head_dim": middle}) for heads in (1, 3, 12)},
        "vit-narrow-heads": (vit, {**shallow, "heads": 3, "head_dim": narrow}),
        "vit-wide-heads": (vit, {**shallow, "heads": 3, "head_dim": wide}),
    }
    for msas in BUILD_UP:
        made["alternet-" + "".join(map(str, msas))] = (built_up, {**built_up_options, "msas": msas})
    made["alternet-stage-start"] = (built_up, {**built_up_options, "msas": ACCEPTED, "placement": "stage-start"})
    return made


def _other_recipes(networks: Networks, variants: Variants, usual: Recipe, data: DataSpec) -> list[Arm]:
    vit, changes = networks.vit, {"weak": variants.weak, "strong": variants.strong}
    return [
        Arm("vit-sam", *vit, replace(usual, sam=0.05), data),  # the radius of Foret et al. (2021)
        Arm("vit-longer", *vit, replace(usual, epochs=3 * usual.epochs), data),
        *(
            Arm(f"{name}-{kind}-augmentation", *model, replace(usual, **change), data)
            for name, model in (("vit", vit), ("resnet", networks.cnn))
            for kind, change in changes.items()
        ),
    ]


def _less_data(networks: Networks, variants: Variants, usual: Recipe, data: DataSpec) -> list[Arm]:
    (vit, vit_options), cnn = networks.vit, networks.cnn
    small, least = (replace(data, fraction=share) for share in variants.shares)
    as_many_steps = replace(
        usual, epochs=round(usual.epochs / small.fraction), warmup_epochs=round(usual.warmup_epochs / small.fraction)
    )
    return [
        Arm("vit-least-data", vit, vit_options, usual, least),
        Arm("vit-small-data", vit, vit_options, usual, small),
        Arm("vit-small-data-as-many-steps", vit, vit_options, as_many_steps, small),
        Arm("vit-small-data-weak-augmentation", vit, vit_options, replace(usual, **variants.weak), small),
        Arm("vit-local-3-small-data", vit, {**_local(vit_options), "kernel_size": 3}, usual, small),
        Arm("resnet-small-data", *cnn, usual, small),
    ]


def all_conditions(networks: Networks, variants: Variants, recipe: Recipe, data: DataSpec) -> dict[str, Arm]:
    """Return the arms of every claim about one data set."""
    return (
        conditions(networks, recipe, data)
        | local_conditions(networks, recipe, data)
        | as_large_as_alternet(networks, recipe, data)
        | further_conditions(networks, variants, recipe, data)
    )


def elsewhere(arms: Mapping[str, Arm], data: DataSpec, suffix: str) -> dict[str, Arm]:
    """Return the arms of `BY_BIAS`, trained on other data, under names with a suffix."""
    chosen = (arms[name] for group in BY_BIAS for name in group)
    made = (replace(arm, name=f"{arm.name}-{suffix}", recipe=_unfollowed(arm.recipe), data=data) for arm in chosen)
    return {arm.name: arm for arm in made}
