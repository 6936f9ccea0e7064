"""Profiles: at which scale the claims are tested. Imports no torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from vitwork.arms import Arm
from vitwork.data.spec import DataSpec
from vitwork.errors import VitworkError
from vitwork.training.recipe import Augmentation, Recipe
from vitwork.training.recipes import DEIT_300


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
    return {name: Arm(name, model, options, recipe, data) for name, (model, options) in models.items()}


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

PAPER_RECIPE = replace(DEIT_300, snapshots=("init", "warmup", "end"))
SHORT_RECIPE = replace(PAPER_RECIPE, epochs=30, precision="bf16")

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
    augmentation=Augmentation(crop_padding=2),
)
SMALL_NETWORKS = "networks of 0.1 to 0.2 million parameters in place of 5 to 33 million"
WEAK_RECIPE = "padded crop and flip only, AdamW at a higher rate: no RandAugment, mixup, CutMix or label smoothing"
RECIPE_OF_MANY = "one recipe for convolutional networks and Transformers alike, tuned for neither"

_MICRO_EFFORT: dict[str, dict[str, Any]] = {
    "spectrum": {"batches": 6, "batch_size": 16},
    "evaluation": {"training_images": 2000},
}
_SMOKE_EFFORT: dict[str, dict[str, Any]] = {
    "spectrum": {"batches": 2, "batch_size": 16},
    "evaluation": {"training_images": 500},
    **{name: {"images": 250} for name in ("log_amplitude", "variance", "lesion", "noise_bands")},
}

# Batch, rate and length were set before any claim was measured, by one seed's fit in the time there is: the ResNet learns
# most of the drawn images and the ViT leaves chance. A ViT needs many more epochs to learn them as well.
SMOKE_RECIPE = replace(MICRO_RECIPE, name="smoke", epochs=5, batch_size=32, lr=2e-3)

SMOKE = Profile(
    name="smoke",
    summary="drawn images of 16×16 pixels, networks of 0.1 to 0.2 million parameters, six epochs, five seeds",
    expected="about six minutes on two CPU cores, the environment's set-up included",
    arms=conditions(MICRO_NETWORKS, SMOKE_RECIPE, DataSpec("embedded", size=16, train=1600, test=1000)),
    seeds=5,
    effort=_SMOKE_EFFORT,
    deviations=(
        "drawn images of 16×16 pixels in place of CIFAR-100",
        SMALL_NETWORKS,
        "six epochs, after which the ViT has only begun to learn",
        WEAK_RECIPE,
        RECIPE_OF_MANY,
    ),
)

CIFAR10_MICRO = Profile(
    name="cifar10-micro",
    summary="CIFAR-10 pooled to 16×16 pixels, 4,000 training images, 0.1 to 0.2 million parameters, nine epochs, seven seeds",
    expected="21 minutes on two CPU cores",
    arms=conditions(MICRO_NETWORKS, MICRO_RECIPE, DataSpec("cifar10", size=16, train=4000, test=2000)),
    seeds=7,
    effort=_MICRO_EFFORT,
    deviations=(
        "CIFAR-10 in place of CIFAR-100, average-pooled to 16×16 pixels, 4,000 training images",
        SMALL_NETWORKS,
        "nine epochs",
        WEAK_RECIPE,
        RECIPE_OF_MANY,
    ),
)

_PAPER_EFFORT: dict[str, dict[str, Any]] = {"spectrum": {"batches": 313, "batch_size": 16}}
_SHORT_EFFORT: dict[str, dict[str, Any]] = {"spectrum": {"batches": 32, "batch_size": 16}}

CIFAR10 = Profile(
    name="cifar10",
    summary="CIFAR-10 at full size, the paper's networks and recipe for 30 epochs",
    expected="hours on one GPU",
    arms=conditions(PAPER_NETWORKS, SHORT_RECIPE, DataSpec("cifar10")),
    seeds=5,
    effort=_SHORT_EFFORT,
    deviations=("CIFAR-10 in place of CIFAR-100", "35 epochs in place of 305", "bf16 autocast"),
)

PAPER = Profile(
    name="paper",
    summary="CIFAR-100 with the paper's networks, recipe and 305 epochs",
    expected="GPU-days; shared among machines by one store",
    arms=conditions(PAPER_NETWORKS, PAPER_RECIPE, DataSpec("cifar100")),
    seeds=5,
    effort=_PAPER_EFFORT,
)

CIFAR100 = replace(
    PAPER,
    name="cifar100",
    summary="CIFAR-100 with the paper's networks and recipe for 30 epochs",
    expected="hours on one GPU",
    arms=conditions(PAPER_NETWORKS, SHORT_RECIPE, DataSpec("cifar100")),
    effort=_SHORT_EFFORT,
    deviations=("35 epochs in place of 305", "bf16 autocast"),
)

PROFILES: dict[str, Profile] = {profile.name: profile for profile in (SMOKE, CIFAR10_MICRO, CIFAR10, CIFAR100, PAPER)}


def find(name: str) -> Profile:
    """Return the profile of that name.

    Raises:
        VitworkError: there is none; the message names those that exist.
    """
    if name not in PROFILES:
        raise VitworkError(f"There is no profile {name!r}; choose one of {', '.join(PROFILES)}.")
    return PROFILES[name]
