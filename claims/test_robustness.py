"""Robustness: which frequencies hurt which network? (Section 3)."""

from __future__ import annotations

import pytest

from vitwork.language.claim import Paper, claim
from vitwork.language.measure import Measure
from vitwork.language.quantity import Quantity
from vitwork.measurements import accuracy, robustness
from vitwork.measurements.robustness import HIGH, LOW

SETUP = "ImageNet-1K, one checkpoint each"
DEVIATIONS = (
    "networks trained on the profile's images; the paper's on ImageNet-1K",
    "noise amplitude 0.7 on normalised images; the paper's is unknown",
    "half-width 0.1 π; whether the paper's window of 0.1 π is half or full width is unknown",
    "also read relative to the clean accuracy, since a network near chance has little to lose",
    "also with noise of equal power in every band, since the paper's grows with the frequency",
)
EQUALLY_STRONG = pytest.mark.parametrize("power", ["equal"])
READ_AS = pytest.mark.parametrize("loss", [robustness.change, robustness.relative_change], ids=["absolute", "relative"])


high = claim(
    "noise-hf-hurts-resnet",
    "High-frequency noise hurts a ResNet more than a ViT.",
    paper=Paper(
        "Fig. 2b", "at 0.7, 0.8, 0.9 π: ResNet −9.7, −13.6, −15.4 pp; ViT −6.3, −4.3, −4.8 pp", SETUP, "vector plot"
    ),
    contradicted_by="a loss of the ViT that is not smaller at 0.7 π and above",
    deviations=DEVIATIONS,
)


@high
@READ_AS
def test_high_frequency_noise_hurts_resnet_more(measure: Measure, loss: Quantity) -> None:
    change = measure(loss, between=HIGH)
    assert change("resnet") < change("vit")


@high
@EQUALLY_STRONG
def test_equally_strong_high_frequency_noise_hurts_resnet_more(measure: Measure, power: str) -> None:
    change = measure(robustness.change, between=HIGH, power=power)
    assert change("resnet") < change("vit")


low = claim(
    "noise-lf-hurts-vit",
    "Low-frequency noise hurts a ViT more than a ResNet.",
    paper=Paper("Fig. 2b", "at 0.2 to 0.5 π: ViT −11.6 to −14.9 pp, ResNet −8.8 to −12.7 pp", SETUP, "vector plot"),
    contradicted_by="a loss of the ViT that is not larger between 0.2 π and 0.5 π",
    deviations=DEVIATIONS,
)


@low
@READ_AS
def test_low_frequency_noise_hurts_vit_more(measure: Measure, loss: Quantity) -> None:
    change = measure(loss, between=LOW)
    assert change("vit") < change("resnet")


@low
@EQUALLY_STRONG
def test_equally_strong_low_frequency_noise_hurts_vit_more(measure: Measure, power: str) -> None:
    change = measure(robustness.change, between=LOW, power=power)
    assert change("vit") < change("resnet")


@claim(
    "shape-vs-texture",
    "A ViT decides by shape, a ResNet by texture.",
    paper=Paper("Section 3", "none: inferred from Fig. 2"),
    contradicted_by="a shape bias of the ViT that is not above the ResNet's on the same data",
    deviations=("measured on drawn images whose outline and texture are of different classes",),
    confounds=("the textures are of high and the outlines of low frequency by design",),
)
def test_vit_decides_more_by_shape(measure: Measure) -> None:
    bias = measure(robustness.shape_bias)
    assert bias("vit") > bias("resnet")


CORRUPTED = ("fifteen corruptions drawn by this project, with the strengths of the published sets",)


@claim(
    "cnn-beats-vit-small-data",
    "On small data a CNN is more accurate and more robust than a ViT.",
    paper=Paper(
        "Fig. 12b",
        "accuracy 82.5 % and robustness 65.0 % for ResNet-50; 66.5 % and 51.9 % for ViT-Ti",
        read_from="vector plot",
    ),
    contradicted_by="a ViT at or above the ResNet in accuracy or robustness",
    deviations=CORRUPTED,
    confounds=("the ResNet has several times the ViT's parameters in the paper",),
)
@pytest.mark.parametrize("good", [accuracy.accuracy, robustness.corrupted_accuracy], ids=["clean", "corrupted"])
def test_resnet_beats_vit(measure: Measure, good: Quantity) -> None:
    percent = measure(good)
    assert percent("resnet") > percent("vit")


@claim(
    "alternet-robust",
    "AlterNet is more robust to corruptions than the ResNet, beyond what its accuracy explains.",
    paper=Paper("Fig. 12b", "robustness 66.7 % for AlterNet-50, 65.0 % for ResNet-50", read_from="vector plot"),
    contradicted_by="no gain, or one that the clean accuracy explains",
    deviations=(*CORRUPTED, "also read as a share of the clean accuracy, in which the paper's networks hardly differ"),
)
@pytest.mark.parametrize(
    "robust", [robustness.corrupted_accuracy, robustness.kept_accuracy], ids=["absolute", "relative"]
)
def test_alternet_is_more_robust(measure: Measure, robust: Quantity) -> None:
    percent = measure(robust)
    assert percent("alternet") > percent("resnet")
