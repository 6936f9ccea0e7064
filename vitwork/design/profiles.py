"""Profiles: at which scale the claims are tested. Imports no torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from vitwork.design import recipes
from vitwork.design.arm import Arm
from vitwork.design.dataset import DataSpec
from vitwork.design.recipe import Augmentation, Recipe
from vitwork.design.recipes import DEIT_300, WEAK
from vitwork.errors import VitworkError


@dataclass(frozen=True, slots=True)
class Profile:
    """A scale at which claims are tested.

    Attributes:
        name: what ``--profile`` takes.
        summary: data, sizes and length in one line.
        expected: how long it takes, and on what.
        arms: the conditions that can be compared, by name.
        seeds: trained networks per arm.
        effort: parameters of measurements that depend on the scale, by measurement name.
        deviations: differences from the paper's setting, for the report.
        alpha: two-sided error rate over all hypotheses of a session (Holm).
    """

    name: str
    summary: str
    expected: str
    arms: Mapping[str, Arm]
    seeds: int
    effort: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    deviations: tuple[str, ...] = ()
    alpha: float = 0.05


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
    local = {**vit_options, "attention": "conv", "border": "mask"}
    models: dict[str, tuple[str, Mapping[str, Any]]] = {
        "resnet": (cnn, cnn_options),
        "resnet-matched": (cnn, {**cnn_options, "match": (alternet, alternet_options)}),
        "alternet": (alternet, alternet_options),
        "alternet-stage-start": (alternet, {**alternet_options, "placement": "stage-start"}),
        "alternet-model-end": (alternet, {**alternet_options, "placement": "model-end"}),
        "vit": (vit, vit_options),
        "vit-local-3": (vit, {**local, "kernel_size": 3}),
        "vit-local-5": (vit, {**local, "kernel_size": 5}),
    }
    return {
        name: Arm(name, model, options, recipe if name in FOLLOWED else _unfollowed(recipe), data)
        for name, (model, options) in models.items()
    }


EVEN_HEADS = (20, 20, 20, 20)
"""As many heads in every stage: with the MSAs and widths of AlterNet-50, as many parameters as 3, 6, 12 and 24 heads."""

FOLLOWED = ("resnet", "vit")
"""Arms whose path a claim follows: only they keep snapshots between warm-up and end, since those take much space."""


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
        "pit": ("pit_ti", {}),
        "swin": ("swin_t", {}),
        "resnet-blur": (cnn, {**cnn_options, "blur": True}),
        "alternet-even-heads": (alternet, {**alternet_options, "msas": networks.msas, "heads": EVEN_HEADS}),
        **{f"vit-patch-{size}": (vit, {**vit_options, "patch_size": size}) for size in (2, 8)},
        **{f"vit-heads-{heads}": (vit, {**shallow, "heads": heads, "head_dim": 64}) for heads in (1, 3, 12)},
        **{f"vit-head-dim-{dim}": (vit, {**shallow, "heads": 3, "head_dim": dim}) for dim in (16, 256)},
        **{
            "alternet-" + "".join(map(str, msas)): (alternet, {**alternet_options, "msas": msas})
            for msas in (
                (0, 0, 0, 0),
                (0, 0, 0, 1),
                (0, 0, 0, 2),
                (0, 0, 1, 2),
                (0, 0, 2, 2),
                (0, 2, 1, 2),
                (1, 1, 1, 2),
            )
        },
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
        Arm("vit-weak-augmentation", vit, vit_options, weak, data),
        Arm("resnet-weak-augmentation", cnn, cnn_options, weak, data),
        Arm("vit-2-percent-data", vit, vit_options, usual, two),
        Arm("vit-6-percent-data", vit, vit_options, usual, six),
        Arm("vit-6-percent-data-as-many-steps", vit, vit_options, as_many_steps, six),
        Arm("resnet-6-percent-data", cnn, cnn_options, usual, six),
    ]
    return {arm.name: arm for arm in arms}


def all_conditions(networks: Networks, recipe: Recipe, data: DataSpec) -> dict[str, Arm]:
    """Return the arms of every claim."""
    return conditions(networks, recipe, data) | further_conditions(networks, recipe, data)


MICRO_NETWORKS = Networks(
    cnn=("preresnet_18", {"depths": (2, 2, 2), "widths": (16, 32, 64)}),
    alternet=(
        "alternet_18",
        {"depths": (2, 2, 2), "widths": (16, 32, 64), "heads": (1, 2, 4), "head_dim": 16, "window_size": 4},
    ),
    vit=(
        "vit_ti",
        {"image_size": 16, "patch_size": 2, "dim": 64, "depth": 4, "heads": 4, "mlp_ratio": 2, "head": "gap"},
    ),
    msas=(0, 1, 1),
)
"""Networks of about 0.1 to 0.2 million parameters for 16×16 images: 8×8 tokens, maps of 16, 8 and 4 pixels."""

PAPER_NETWORKS = Networks(
    cnn=("preresnet_50", {}),
    alternet=("alternet_50", {"heads": (3, 6, 12, 24), "head_dim": 64, "window_size": 4}),
    vit=("vit_ti", {"image_size": 32, "patch_size": 4, "head": "gap"}),
    msas=(0, 1, 1, 2),
)
"""The paper's networks at 32×32; patch 4, as where it compares local with global attention (Fig. 7)."""

OTHER_NETWORKS = (
    "a ViT of patches of 4 pixels and pooling in place of patches of 2 and a class token (Fig. 1, 4 and 9)",
    "a pre-activation ResNet-50, from which AlterNet is built, in place of one with activations last (Fig. 1, 4 and 9)",
)

PAPER_RECIPE = replace(DEIT_300, snapshots=("init", "warmup", 20, 50, 100, 150, 200, 250, "end"))
SHORT_RECIPE = replace(
    PAPER_RECIPE, epochs=30, precision="bf16", snapshots=("init", "warmup", 2, 5, 10, 15, 20, 25, "end")
)

MICRO_RECIPE = Recipe(
    name="micro",
    epochs=8,
    warmup_epochs=1,
    batch_size=64,
    lr=3e-3,
    decay="matrices",
    label_smoothing=0.0,
    clip=1.0,
    drop_path=0.0,
    snapshots=("init", "warmup", 1, 2, 4, 6, "end"),
    augmentation=Augmentation(crop_padding=2),
)
SMALL_NETWORKS = (
    "networks of 0.1 to 0.2 million parameters in place of 5 to 33 million",
    "a pre-activation ResNet of basic blocks in three stages in place of a ResNet-50 with activations last",
    "a ViT of four blocks that pools in place of twelve with a class token",
)
WEAK_RECIPE = "padded crop and flip only, AdamW at a higher rate: no RandAugment, mixup, CutMix or label smoothing"
RECIPE_OF_MANY = "one recipe for convolutional networks and Transformers alike, tuned for neither"

_MICRO_EFFORT: dict[str, dict[str, Any]] = {
    "spectrum": {"batches": 6, "batch_size": 16},
    "evaluation": {"training_images": 2000},
    "similarity": {"pseudo_stages": 3},
    "surface": {"images": 250, "extent": 0.9, "points": 7},
    "corruptions": {"images": 250, "severities": (1, 3, 5)},
}
_SMOKE_EFFORT: dict[str, dict[str, Any]] = {
    "spectrum": {"batches": 2, "batch_size": 16},
    "evaluation": {"training_images": 500},
    **{name: {"images": 250} for name in ("log_amplitude", "variance", "lesion", "noise_bands")},
    "similarity": {"images": 250, "pseudo_stages": 3},
    "surface": {"images": 48, "extent": 0.6, "points": 5},
    "attention": {"images": 100, "rank_images": 4},
    "corruptions": {"images": 60, "severities": (3,)},
    "cue_conflict": {"images": 180},
}

# Batch, rate and length were set before any claim was measured, by one seed's fit in the time there is: the ResNet learns
# most of the drawn images and the ViT leaves chance. A ViT needs many more epochs to learn them as well.
SMOKE_RECIPE = replace(
    MICRO_RECIPE, name="smoke", epochs=5, batch_size=32, lr=2e-3, snapshots=("init", "warmup", 1, 2, 3, 4, "end")
)

SMOKE = Profile(
    name="smoke",
    summary="drawn images of 16×16 pixels, networks of 0.1 to 0.2 million parameters, six epochs, five seeds",
    expected="five to seven minutes on two CPU cores, the environment's set-up included",
    arms=conditions(MICRO_NETWORKS, SMOKE_RECIPE, DataSpec("embedded", size=16, train=1600, test=1000)),
    seeds=5,
    effort=_SMOKE_EFFORT,
    deviations=(
        "drawn images of 16×16 pixels in place of CIFAR-100",
        *SMALL_NETWORKS,
        "loss surfaces to 0.6 of the weights' length in place of 1",
        "six epochs, after which the ViT has only begun to learn",
        WEAK_RECIPE,
        RECIPE_OF_MANY,
    ),
)

CIFAR10_MICRO = Profile(
    name="cifar10-micro",
    summary="CIFAR-10 pooled to 16×16 pixels, 4,000 training images, 0.1 to 0.2 million parameters, nine epochs, nine seeds",
    expected="24 to 35 minutes on two CPU cores",
    arms=conditions(MICRO_NETWORKS, MICRO_RECIPE, DataSpec("cifar10", size=16, train=4000, test=2000)),
    seeds=9,
    effort=_MICRO_EFFORT,
    deviations=(
        "CIFAR-10 in place of CIFAR-100, average-pooled to 16×16 pixels, 4,000 training images",
        *SMALL_NETWORKS,
        "loss surfaces to 0.9 of the weights' length in place of 1",
        "nine epochs",
        WEAK_RECIPE,
        RECIPE_OF_MANY,
    ),
)

_PAPER_EFFORT: dict[str, dict[str, Any]] = {
    "spectrum": {"batches": 313, "batch_size": 16},
    "surface": {"images": 10_000},
}
_SHORT_EFFORT: dict[str, dict[str, Any]] = {
    "spectrum": {"batches": 32, "batch_size": 16},
    "corruptions": {"images": 2000},
}

CIFAR10 = Profile(
    name="cifar10",
    summary="CIFAR-10 at full size, the paper's networks and recipe for 35 epochs",
    expected="hours on one GPU",
    arms=all_conditions(PAPER_NETWORKS, SHORT_RECIPE, DataSpec("cifar10")),
    seeds=5,
    effort=_SHORT_EFFORT,
    deviations=("CIFAR-10 in place of CIFAR-100", *OTHER_NETWORKS, "35 epochs in place of 305", "bf16 autocast"),
)

PAPER = Profile(
    name="paper",
    summary="CIFAR-100 with the paper's networks, recipe and 305 epochs",
    expected="GPU-days; shared among machines by one store",
    arms=all_conditions(PAPER_NETWORKS, PAPER_RECIPE, DataSpec("cifar100")),
    seeds=5,
    effort=_PAPER_EFFORT,
    deviations=OTHER_NETWORKS,
)

CIFAR100 = replace(
    PAPER,
    name="cifar100",
    summary="CIFAR-100 with the paper's networks and recipe for 35 epochs",
    expected="hours on one GPU",
    arms=all_conditions(PAPER_NETWORKS, SHORT_RECIPE, DataSpec("cifar100")),
    effort=_SHORT_EFFORT,
    deviations=(*OTHER_NETWORKS, "35 epochs in place of 305", "bf16 autocast"),
)

IMAGENET_NETWORKS = Networks(
    cnn=("preresnet_50", {"image_size": 224}),
    alternet=("alternet_50", {"image_size": 224, "heads": (3, 6, 12, 24), "head_dim": 64, "window_size": 7}),
    vit=("vit_ti", {"image_size": 224, "patch_size": 16, "head": "gap"}),
    msas=(0, 1, 1, 2),
)
"""The same networks at 224 pixels: 14×14 tokens, maps of 56, 28, 14 and 7 pixels."""

IMAGENET = Profile(
    name="imagenet",
    summary="ImageNet-1K at 224 pixels, the paper's networks and its ImageNet recipe of 305 epochs",
    expected="GPU-months; by torchrun, shared among machines by one store, or some arms of it (vitwork train --arms)",
    arms=conditions(
        IMAGENET_NETWORKS,
        replace(recipes.IMAGENET, precision="bf16", snapshots=PAPER_RECIPE.snapshots),
        DataSpec("imagenet", size=224),
    ),
    seeds=5,
    effort={
        "spectrum": {"batches": 32, "batch_size": 16},
        "surface": {"images": 2000},
        "corruptions": {"images": 2000},
        "similarity": {"images": 2000},
    },
    deviations=(
        "pooling in place of the ViT's class token",
        "a pre-activation ResNet-50, from which AlterNet is built, in place of one with activations last",
        "test images are the whole central square, shrunk by areas, in place of its middle 7/8",
        "bf16 autocast",
    ),
)

PROFILES: dict[str, Profile] = {
    profile.name: profile for profile in (SMOKE, CIFAR10_MICRO, CIFAR10, CIFAR100, PAPER, IMAGENET)
}


def find(name: str) -> Profile:
    """Return the profile of that name.

    Raises:
        VitworkError: there is none; the message names those that exist.
    """
    if name not in PROFILES:
        raise VitworkError(f"There is no profile {name!r}; choose one of {', '.join(PROFILES)}.")
    return PROFILES[name]
