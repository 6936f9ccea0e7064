"""Frequency: do MSAs act like low-pass filters and Convs like high-pass filters? (Section 3)."""

from __future__ import annotations

import pytest

from vitwork.claim import Paper, claim
from vitwork.court import Measure
from vitwork.measurements import feature_maps

SETUP = "one image, checkpoints pre-trained on ImageNet-1K"
RELATIVE_TO = pytest.mark.parametrize("relative_to", ["DC", "first frequency"])
DEVIATIONS = (
    "small maps: the highest frequency of the diagonal is 0.75 π on 8×8 positions",
    "also read relative to the first non-zero frequency, since relative to DC a change of the mean suffices",
)


@claim(
    "msa-lowpass",
    "MSA sub-layers lower the high-frequency share of the feature map.",
    paper=Paper(
        "Fig. 8", "9 of 12 MSAs of ViT-Ti lower Δ log amplitude at 1.0 π, by 0.02 to 0.21", SETUP, "vector plot"
    ),
    contradicted_by="a mean change across MSAs that is not negative",
    deviations=DEVIATIONS,
)
@RELATIVE_TO
def test_msas_lower_high_frequencies(measure: Measure, relative_to: str) -> None:
    change = measure(feature_maps.msa_change, relative_to=relative_to)
    assert change("vit") < 0


@claim(
    "mlp-highpass",
    "MLP sub-layers raise the high-frequency share of the feature map.",
    paper=Paper(
        "Fig. 8", "8 of 12 MLPs of ViT-Ti raise Δ log amplitude at 1.0 π, by 0.01 to 0.30", SETUP, "vector plot"
    ),
    contradicted_by="a mean change across MLPs that is not positive",
    deviations=DEVIATIONS,
)
@RELATIVE_TO
def test_mlps_raise_high_frequencies(measure: Measure, relative_to: str) -> None:
    change = measure(feature_maps.mlp_change, relative_to=relative_to)
    assert change("vit") > 0


@claim(
    "resnet-amplifies-hf",
    "The Convs of a ResNet raise the high-frequency share of the feature map, within stages too.",
    paper=Paper(
        "Fig. 2a",
        "from −6.6 at the stem to −1.0 in stage 4, nearly all of it at changes of resolution; within stages "
        "+0.41, −0.15, +0.04, 0.00",
        SETUP,
        "vector plot",
    ),
    contradicted_by="a mean change within stages that is not positive",
    deviations=DEVIATIONS,
)
@RELATIVE_TO
def test_convs_raise_high_frequencies(measure: Measure, relative_to: str) -> None:
    change = measure(feature_maps.conv_change, relative_to=relative_to)
    assert change("resnet") > 0
