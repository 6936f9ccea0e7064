"""Frequency: do MSAs act like low-pass filters and Convs like high-pass filters? (Section 3)."""

from __future__ import annotations

import pytest

from vitwork.language.claim import Paper, claim
from vitwork.language.measure import Measure
from vitwork.measurements import attention, feature_maps

SETUP = "checkpoints pre-trained on ImageNet-1K; how many images is not said, the released notebook reads one"
RELATIVE_TO = pytest.mark.parametrize("relative_to", ["DC", "first frequency"])
DEVIATIONS = (
    "networks trained on the profile's images; the paper's on ImageNet-1K",
    "read at the highest frequency of the map's diagonal: 0.75 π on 8×8 positions, 0.86 π on 14×14, of the paper's 1.0 π",
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


@claim(
    "early-msa-act-like-conv",
    "The earliest MSAs are the exception: they raise high frequencies, as Convs do.",
    paper=Paper(
        "Fig. 8", "the second and third of 12 MSAs change Δ log amplitude by +0.48 and +0.37", SETUP, "vector plot"
    ),
    contradicted_by="early MSAs that do not raise high frequencies",
    deviations=(*DEVIATIONS, "early is from the second MSA to a quarter of the depth; of four MSAs, the second"),
)
@RELATIVE_TO
def test_early_msas_raise_high_frequencies(measure: Measure, relative_to: str) -> None:
    change = measure(feature_maps.early_msa_change, relative_to=relative_to)
    assert change("vit") > 0


@claim(
    "vit-reduces-hf",
    "From the embedding to its deep layers, a ViT lowers the high-frequency share of the feature map.",
    paper=Paper("Fig. 2a", "−1.8 after the embedding, at least −2.7, −2.3 after the last block", SETUP, "vector plot"),
    contradicted_by="deep layers that are not below the embedding",
    deviations=(*DEVIATIONS, "deep is the second half of the sub-layers, on average"),
)
@RELATIVE_TO
def test_vit_lowers_high_frequencies_with_depth(measure: Measure, relative_to: str) -> None:
    change = measure(feature_maps.deep_minus_stem, relative_to=relative_to)
    assert change("vit") < 0


@claim(
    "pit-swin-lowpass",
    "In PiT and Swin, too, MSAs lower high frequencies and MLPs raise them.",
    paper=Paper("Fig. D.2", "the same signs as in ViT; no numbers known", SETUP, "description"),
    contradicted_by="a mean change across MSAs that is not negative, or across MLPs that is not positive",
    deviations=DEVIATIONS,
)
@RELATIVE_TO
@pytest.mark.parametrize("arm", ["pit", "swin"])
def test_multi_stage_transformers_filter_alike(measure: Measure, arm: str, relative_to: str) -> None:
    assert measure(feature_maps.msa_change, relative_to=relative_to)(arm) < 0
    assert measure(feature_maps.mlp_change, relative_to=relative_to)(arm) > 0


@claim(
    "attention-matrix-lowpass",
    "A trained attention matrix is itself a low-pass filter: it passes high frequencies less than low ones.",
    paper=Paper("Section 3", "none: the paper reads filters from feature maps, not from the weights", "any ViT"),
    contradicted_by="a gain at the highest frequency that is not below the gain at the lowest",
    deviations=(
        "beyond the paper: the gain of the matrix at each frequency of the token grid, mean over blocks and heads",
    ),
    confounds=("softmax weights that are merely close to uniform let no frequency but zero pass",),
)
def test_attention_weights_pass_low_frequencies(measure: Measure) -> None:
    assert measure(attention.gain_slope)("vit") < 0
