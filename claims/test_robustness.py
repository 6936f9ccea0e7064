"""Robustness: which frequencies hurt which network? (Section 3)."""

from __future__ import annotations

import pytest

from vitwork.language.claim import IMAGENET, OtherImages, Paper, claim
from vitwork.language.measure import Measure
from vitwork.language.quantity import Quantity
from vitwork.language.sentence import control
from vitwork.measurements import accuracy, cues, robustness
from vitwork.measurements.robustness import HIGH, LOW

SETUP = "ImageNet-1K, one checkpoint each"
ONE_RECIPE = "in published networks of one recipe"
OTHER_CNNS = {
    "convnext": ("with ConvNeXts in place of ResNets", "vit"),
    "cnn-large-kernel": ("with CNNs of large kernels", "vit"),
    "convnext-more-data": ("with ConvNeXts and ViTs pre-trained on more data", "vit-more-data"),
}
EQUAL_POWER, RELATIVE = "with noise of equal power", "relative to the clean accuracy"
DEVIATIONS = (
    OtherImages("networks trained on the profile's images; the paper's on ImageNet-1K", IMAGENET),
    "noise amplitude 0.7 on normalised images; the paper's is unknown",
    "half-width 0.1 π; whether the paper's window of 0.1 π is half or full width is unknown",
    "on 16 pixels frequencies are multiples of 0.125 π: the bands at 0.1 and 0.2 π hold the mean of the image, and bands overlap",
    "a control is relative to the clean accuracy, since a network near chance has little to lose",
    "a control has noise of equal power in every band, since the paper's grows with the frequency",
)


hf = claim(
    "noise-hf-hurts-resnet",
    "High-frequency noise hurts a ResNet more than a ViT.",
    paper=Paper(
        "Fig. 2b",
        "at 0.7, 0.8, 0.9 π: ResNet −9.7, −13.6, −15.4 pp; ViT −6.3, −4.3, −4.8 pp",
        SETUP,
        "vector plot",
        effect=-7.7,
        section=3,
        figures=("2b",),
    ),
    contradicted_by="a loss of the ViT that is not smaller at 0.7 π and above",
    deviations=DEVIATIONS,
)


@hf
def test_high_frequency_noise_hurts_resnet_more(measure: Measure) -> None:
    change, relative = measure(robustness.change, between=HIGH), measure(robustness.relative_change, between=HIGH)
    assert change("resnet") < change("vit")
    assert control(relative("resnet") < relative("vit"), RELATIVE)


@hf
@pytest.mark.parametrize("condition", [EQUAL_POWER])
def test_high_frequency_noise_hurts_resnet_more_at_one_power(measure: Measure, condition: str) -> None:
    change = measure(robustness.change, between=HIGH, power="equal")
    assert control(change("resnet") < change("vit"), condition)


@hf
@pytest.mark.parametrize("condition", [ONE_RECIPE])
def test_high_frequency_noise_hurts_resnet_more_at_one_recipe(measure: Measure, condition: str) -> None:
    change = measure(robustness.change, between=HIGH)
    assert control(change("resnet-one-recipe") < change("vit-one-recipe"), condition)


@hf
@pytest.mark.parametrize("cnn", OTHER_CNNS)
def test_high_frequency_noise_hurts_other_cnns_more(measure: Measure, cnn: str) -> None:
    change, (condition, vit) = measure(robustness.change, between=HIGH), OTHER_CNNS[cnn]
    assert control(change(cnn) < change(vit), condition)


lf = claim(
    "noise-lf-hurts-vit",
    "Low-frequency noise hurts a ViT more than a ResNet.",
    paper=Paper(
        "Fig. 2b",
        "at 0.2 to 0.5 π: ViT −11.6 to −14.9 pp, ResNet −8.8 to −12.7 pp",
        SETUP,
        "vector plot",
        effect=-2.3,
        section=3,
        figures=("2b",),
    ),
    contradicted_by="a loss of the ViT that is not larger between 0.2 π and 0.5 π",
    deviations=DEVIATIONS,
)


@lf
def test_low_frequency_noise_hurts_vit_more(measure: Measure) -> None:
    change, relative = measure(robustness.change, between=LOW), measure(robustness.relative_change, between=LOW)
    assert change("vit") < change("resnet")
    assert control(relative("vit") < relative("resnet"), RELATIVE)


@lf
@pytest.mark.parametrize("condition", [EQUAL_POWER])
def test_low_frequency_noise_hurts_vit_more_at_one_power(measure: Measure, condition: str) -> None:
    change = measure(robustness.change, between=LOW, power="equal")
    assert control(change("vit") < change("resnet"), condition)


@lf
@pytest.mark.parametrize("condition", [ONE_RECIPE])
def test_low_frequency_noise_hurts_vit_more_at_one_recipe(measure: Measure, condition: str) -> None:
    change = measure(robustness.change, between=LOW)
    assert control(change("vit-one-recipe") < change("resnet-one-recipe"), condition)


shape = claim(
    "shape-vs-texture",
    "A ViT decides more by shape, a ResNet more by texture.",
    paper=Paper("Section 3", "none: inferred from Fig. 2", section=3),
    contradicted_by="a shape bias of the ViT that is not above the ResNet's on the same data",
    deviations=(
        "more than the other network, by whichever cue either of them decides more often",
        "measured on images with the phases of one class and the amplitudes of another, which stand for shape and texture",
        "a control is measured on drawn images whose outline and texture are of different classes",
    ),
    confounds=(
        "a network that has learned less follows either cue less, so that its bias lies nearer the 50 % of choices at random",
        "amplitudes hold more than texture",
        "drawn textures are of high and outlines of low frequency by design",
    ),
)


@shape
def test_vit_decides_more_by_phases(measure: Measure) -> None:
    bias = measure(cues.phase_bias)
    assert bias("vit") > bias("resnet")


@shape
@pytest.mark.parametrize("condition", [ONE_RECIPE])
def test_vit_decides_more_by_phases_at_one_recipe(measure: Measure, condition: str) -> None:
    bias = measure(cues.phase_bias)
    assert control(bias("vit-one-recipe") > bias("resnet-one-recipe"), condition)


@shape
@pytest.mark.parametrize("condition", ["on drawn cues"])
def test_vit_decides_more_by_drawn_outlines(measure: Measure, condition: str) -> None:
    bias = measure(cues.shape_bias)
    assert control(bias("vit") > bias("resnet"), condition)


CORRUPTED = (
    "fifteen corruptions drawn by this project, with the strengths of the published sets; at the micro profiles 1, 3 and 5 of five",
)


@claim(
    "cnn-beats-vit-small-data",
    "On small data a CNN is more accurate and more robust than a ViT.",
    paper=Paper(
        "Fig. 12b",
        "accuracy 82.5 % and robustness 65.0 % for ResNet-50; 66.5 % and 51.9 % for ViT-Ti",
        read_from="vector plot",
        effect=16.0,
        section=4,
        figures=("12b",),
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
    "AlterNet is more robust to corruptions than the ResNet.",
    paper=Paper(
        "Fig. 12b",
        "robustness 66.7 % for AlterNet-50, 65.0 % for ResNet-50",
        read_from="vector plot",
        effect=1.7,
        section=4,
        figures=("12b",),
    ),
    contradicted_by="a mean accuracy under corruptions that is not higher",
    deviations=(
        *CORRUPTED,
        "a control is the share of the clean accuracy, in which the paper's networks hardly differ",
    ),
)
def test_alternet_is_more_robust(measure: Measure) -> None:
    percent, kept = measure(robustness.corrupted_accuracy), measure(robustness.kept_accuracy)
    assert percent("alternet") > percent("resnet")
    assert control(kept("alternet") > kept("resnet"), "relative to the clean accuracy")
