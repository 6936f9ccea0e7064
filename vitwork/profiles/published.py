"""Profiles that train nothing: all networks in timm that fit an arm, and the paper's own networks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from vitwork.design.arm import Arm
from vitwork.design.dataset import HELD_OUT, DataSpec
from vitwork.design.deviation import declared
from vitwork.design.profile import Profile
from vitwork.design.published import LOADED, Family, Network
from vitwork.design.recipes import DEIT_300
from vitwork.measurements.attention import Attention
from vitwork.measurements.cues import PhaseConflict
from vitwork.measurements.feature_maps import LogAmplitude, Variance
from vitwork.measurements.hessian import Spectrum
from vitwork.measurements.landscape import Surface
from vitwork.measurements.lesion import Lesion
from vitwork.measurements.robustness import Corruptions, NoiseBands
from vitwork.measurements.similarity import Similarity
from vitwork.models.checkpoints.downloads import PUBLISHED as WEIGHTS

VIT = r"(vit|deit|deit3)_(tiny|small|base)_patch16"
CONVNEXT = r"convnext_(zepto|atto|femto|pico|nano|tiny|small|base)"
FAMILIES: Mapping[str, Family] = {
    "resnet": Family(r"resnet50"),
    "resnext": Family(r"resnext50_32x4d", asked=False),
    "vit": Family(VIT + r"_\d+", largest=384),
    "swin": Family(r"swin(v2|v2_cr|_s3)?_(tiny|small|base)(_ns)?(_patch4)?(_window\d+)?_\d+"),
    "pit": Family(r"pit_(ti|xs|s|b)_224"),
    "convnext": Family(CONVNEXT + r"(_rms)?(_ols|_hnf)?"),
    "mixer": Family(r"(mixer|gmixer|resmlp|gmlp)_.*", asked=False),
    "vit-more-data": Family(VIT + r"(_clip)?_\d+(_miil)?", data="more", largest=384),
    "convnext-more-data": Family(CONVNEXT.replace("convnext", "convnext(v2)?"), data="more"),
    "vit-distilled": Family(r"deit_(tiny|small|base)_distilled_patch16_\d+", distilled=True, largest=384),
    "cnn-large-kernel": Family(r"(inception_next|convmixer)_.*"),
    "resnet-one-recipe": Family(r"resnet50", tags=r"a[123]_in1k"),
    "vit-one-recipe": Family(r"deit3_(small|medium|base)_patch16_\d+", largest=384),
}
"""The families of the arms. The first seven stand for the networks that the paper compares. Controls follow: more data,
distillation, large kernels, and networks with the same recipe (DeiT III's is modelled on that of A1 to A3)."""

IMAGES = DataSpec(HELD_OUT, test=2000)
EFFORT = (
    LogAmplitude(images=250),
    Variance(images=250),
    Attention(images=100),
    NoiseBands(images=500),
    PhaseConflict(images=1000),
    Corruptions(images=250, severities=(3,)),
    Lesion(images=500),
    Similarity(images=500),
    Spectrum(batches=2),
    Surface(images=128, extent=0.6, points=7),
)
OBSERVED = (
    "published networks in place of networks that differ in one thing: those of two arms differ in recipe, size and year too",
    "curvature and loss surfaces on test images as they are, by the NLL alone: recipes are not known to the last detail",
    "loss surfaces to 0.6 of the weights' length in place of 1",
)

_ARMS = {name: Arm(name, "", recipe=LOADED, data=IMAGES, family=family) for name, family in FAMILIES.items()}

PUBLISHED = Profile(
    name="published",
    summary="every network of a family that timm publishes, on 2,000 of ImageNet's validation images; nothing is trained",
    expected="some hours on a GPU (an estimate), days on two CPU cores; the weights are 12 GB",
    # The same networks under the names in claims that are only about published ones.
    arms=_ARMS | {f"{name}-published": replace(_ARMS[name], name=f"{name}-published") for name in ("resnet", "vit")},
    seeds=20,
    effort=EFFORT,
    deviations=declared(*OBSERVED),
)


def _of_the_paper(model: str, **options: Any) -> Network:
    """Return one of the paper's CIFAR-100 networks."""
    return Network(model, model, options, classes=100, licence="apache-2.0", origin=WEIGHTS[model], year=2022)


OF_THE_PAPER: Mapping[str, Network] = {
    "resnet": _of_the_paper("resnet_50"),
    "vit": _of_the_paper("vit_ti", image_size=32, patch_size=2),
    "pit": _of_the_paper("pit_ti"),
    "swin": _of_the_paper("swin_t"),
}
ALONE = "one network per arm, which decides nothing: measured values stand beside the paper's"

PAPER_CHECKPOINTS = Profile(
    name="paper-checkpoints",
    summary="the paper's own four networks, on CIFAR-100; nothing is trained",
    expected="minutes on a GPU, some hours on two CPU cores",
    arms={
        name: Arm(
            name, "", recipe=replace(DEIT_300, snapshots=("end",)), data=DataSpec("cifar100"), networks=(network,)
        )
        for name, network in OF_THE_PAPER.items()
    },
    seeds=1,
    effort=(Spectrum(batches=32), Surface(images=2000, points=11), Corruptions(images=2000)),
    deviations=declared(ALONE),
)

PAPER_CHECKPOINTS_IMAGENET = Profile(
    name="paper-checkpoints-imagenet",
    summary="the two networks behind the paper's Fig. 2a and 8, on 2,000 of ImageNet's validation images; nothing is trained",
    expected="minutes on a GPU, an hour on two CPU cores",
    arms={
        "resnet": Arm("resnet", "", recipe=LOADED, data=IMAGES, family=Family(r"resnet50", tags="a1_in1k")),
        "vit": Arm(
            "vit", "", recipe=LOADED, data=IMAGES,
            family=Family(r"vit_tiny_patch16_224", tags="augreg_in21k_ft_in1k", data="more"),
        ),
    },
    seeds=1,
    effort=EFFORT,
    deviations=declared(ALONE, *OBSERVED[1:]),
)  # fmt: skip
