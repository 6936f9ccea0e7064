"""The profile for many GPUs: the paper's networks and recipe on ImageNet-1K."""

from __future__ import annotations

from dataclasses import replace

from vitwork.design.dataset import DataSpec
from vitwork.design.deviation import declared
from vitwork.design.profile import Profile
from vitwork.design.recipes import IMAGENET as IMAGENET_RECIPE
from vitwork.measurements.cues import PhaseConflict
from vitwork.measurements.hessian import Spectrum
from vitwork.measurements.landscape import Surface
from vitwork.measurements.lesion import Lesion
from vitwork.measurements.robustness import Corruptions, NoiseBands
from vitwork.measurements.similarity import Similarity
from vitwork.profiles.arms import ACCEPTED, Networks, as_large_as_alternet, conditions, local_conditions
from vitwork.profiles.cifar import PAPER_RECIPE

IMAGENET_NETWORKS = Networks(
    cnn=("preresnet_50", {"image_size": 224}),
    alternet=("alternet_50", {"image_size": 224, "heads": (3, 6, 12, 24), "head_dim": 64, "window_size": 7}),
    vit=("vit_ti", {"image_size": 224, "patch_size": 16, "head": "gap"}),
    msas=ACCEPTED,
)
"""The same networks at 224 pixels: 14×14 tokens, maps of 56, 28, 14 and 7 pixels."""

SCALE = (
    IMAGENET_NETWORKS,
    replace(IMAGENET_RECIPE, precision="bf16", snapshots=PAPER_RECIPE.snapshots),
    DataSpec("imagenet", size=224),
)

ARMS = conditions(*SCALE) | local_conditions(*SCALE) | as_large_as_alternet(*SCALE)

IMAGENET = Profile(
    name="imagenet",
    summary="ImageNet-1K at 224 pixels, the paper's networks and its ImageNet recipe of 305 epochs",
    expected="GPU-months; by torchrun, shared among machines by one store, or some arms of it (vitwork train --arms)",
    # The same runs under the names in claims about ImageNet or about strong augmentation.
    arms=ARMS
    | {
        f"{name}-{kind}": replace(ARMS[name], name=f"{name}-{kind}")
        for name, kind in (
            ("resnet", "imagenet"),
            ("alternet", "imagenet"),
            ("vit", "strong-augmentation"),
            ("resnet", "strong-augmentation"),
        )
    },
    seeds=5,
    effort=(
        Spectrum(batches=32),
        Surface(),
        Lesion(images=5000),
        NoiseBands(images=5000),
        Corruptions(images=2000),
        PhaseConflict(images=5000),
        Similarity(images=2000),
    ),
    deviations=declared(
        "pooling in place of the ViT's class token",
        "a pre-activation ResNet-50, from which AlterNet is built, in place of one with activations last",
        "test images are the whole central square, shrunk by areas, in place of its middle 7/8",
        "bf16 autocast",
    ),
)
