"""Profiles for a GPU: the paper's networks on CIFAR at full size, for 35 epochs or for the paper's 305."""

from __future__ import annotations

from dataclasses import replace

from vitwork.design.arm import Arm
from vitwork.design.dataset import DataSpec
from vitwork.design.deviation import declared
from vitwork.design.profile import Profile
from vitwork.design.recipe import Recipe
from vitwork.design.recipes import DEIT_300, WEAK
from vitwork.measurements.hessian import Spectrum
from vitwork.measurements.landscape import Surface
from vitwork.measurements.robustness import Corruptions
from vitwork.profiles.arms import ACCEPTED, Networks, Variants, all_conditions, elsewhere

PAPER_NETWORKS = Networks(
    cnn=("preresnet_50", {}),
    alternet=("alternet_50", {"heads": (3, 6, 12, 24), "head_dim": 64, "window_size": 4}),
    vit=("vit_ti", {"image_size": 32, "patch_size": 4, "head": "gap"}),
    msas=ACCEPTED,
)
"""The paper's networks at 32×32, with patch 4 as in its comparison of local with global attention (Fig. 7)."""

PAPER_VARIANTS = Variants(
    larger_vit=("vit_s", PAPER_NETWORKS.vit[1]),
    pit=("pit_ti", {}),
    swin=("swin_t", {}),
    resnext=("resnext_50", {}),
    mixer=("mixer_ti", {"patch_size": 4}),
    fewer_blocks=6,
    patches=(2, 8),
    head_dims=(16, 64, 256),
    even_heads=(20, 20, 20, 20),
    built_up=PAPER_NETWORKS.alternet,
    shares=(0.06, 0.02),
    weak={name: getattr(WEAK, name) for name in ("name", "label_smoothing", "clip", "augmentation")},
    strong={},
)

PAPER_RECIPE = replace(DEIT_300, snapshots=("init", "warmup", 20, 50, 100, 150, 200, 250, "end"))
SHORT_RECIPE = replace(
    PAPER_RECIPE, epochs=30, precision="bf16", snapshots=("init", "warmup", 2, 5, 10, 15, 20, 25, "end")
)
SHORT_EFFORT = (Spectrum(batches=32), Corruptions(images=2000))

OTHER_NETWORKS = (
    "a ViT of patches of 4 pixels and pooling in place of patches of 2 and a class token (Fig. 1, 4 and 9)",
    "a pre-activation ResNet-50, from which AlterNet is built, in place of one with activations last (Fig. 1, 4 and 9)",
)
SHORTER = ("35 epochs in place of 305", "bf16 autocast")


def _with_cifar10(recipe: Recipe) -> dict[str, Arm]:
    """Return the arms on CIFAR-100, and on CIFAR-10 those of the claim that the paper repeats there."""
    arms = all_conditions(PAPER_NETWORKS, PAPER_VARIANTS, recipe, DataSpec("cifar100"))
    return arms | elsewhere(arms, DataSpec("cifar10"), "cifar10")


CIFAR10 = Profile(
    name="cifar10",
    summary="CIFAR-10 at full size, the paper's networks and recipe for 35 epochs",
    expected="hours on one GPU",
    arms=all_conditions(PAPER_NETWORKS, PAPER_VARIANTS, SHORT_RECIPE, DataSpec("cifar10")),
    seeds=5,
    effort=SHORT_EFFORT,
    deviations=declared("CIFAR-10 in place of the paper's images", *OTHER_NETWORKS, *SHORTER),
)

CIFAR100 = Profile(
    name="cifar100",
    summary="CIFAR-100 with the paper's networks and recipe for 35 epochs",
    expected="hours on one GPU",
    arms=_with_cifar10(SHORT_RECIPE),
    seeds=5,
    effort=SHORT_EFFORT,
    deviations=declared(*OTHER_NETWORKS, *SHORTER),
)

PAPER = Profile(
    name="paper",
    summary="CIFAR-100 with the paper's networks, recipe and 305 epochs",
    expected="GPU-days; shared among machines by one store",
    arms=_with_cifar10(PAPER_RECIPE),
    seeds=5,
    effort=(Spectrum(batches=313), Surface(images=10_000)),
    deviations=declared(*OTHER_NETWORKS),
)
