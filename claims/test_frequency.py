"""Frequency: do MSAs act like low-pass filters and Convs like high-pass filters? (Section 3)."""

from __future__ import annotations

import pytest

from vitwork.language.claim import IMAGENET, OtherImages, Paper, claim
from vitwork.language.measure import Measure
from vitwork.language.sentence import control
from vitwork.measurements import attention, feature_maps

SETUP = "checkpoints pre-trained on ImageNet-1K; how many images is not said, the released notebook reads one"
DC, FIRST = "DC", "first frequency"
BY_FIRST = "relative to the first frequency"
OTHERS = {"vit-more-data": "in published networks pre-trained on more data", "vit-distilled": "in distilled ones"}
DEVIATIONS = (
    OtherImages("networks trained on the profile's images; the paper's on ImageNet-1K", IMAGENET),
    "read at the highest frequency of the map's diagonal, of the paper's 1.0 π: 0.5 π on 4×4, 0.75 π on 8×8, 0.86 π on 14×14",
    "a control reads relative to the first non-zero frequency, since relative to DC a change of the mean suffices",
)


lowpass = claim(
    "msa-lowpass",
    "MSA sub-layers, but for the earliest, lower the high-frequency share of the feature map.",
    paper=Paper(
        "Fig. 8",
        "9 of 12 MSAs of ViT-Ti lower Δ log amplitude at 1.0 π; the last nine change it by −0.10 on average",
        SETUP,
        "vector plot",
        effect=-0.1,
        section=3,
        figures=("8",),
    ),
    contradicted_by="a mean change across the MSAs after the first quarter that is not negative",
    deviations=(*DEVIATIONS, "MSAs after the first quarter: `early-msa-act-like-conv` is about the others"),
)


@lowpass
def test_msas_lower_high_frequencies(measure: Measure) -> None:
    later, every = feature_maps.later_msa_change, feature_maps.msa_change
    assert measure(later, relative_to=DC)("vit") < 0
    assert control(measure(every, relative_to=DC)("vit") < 0, "over all MSAs")
    assert control(measure(later, relative_to=FIRST)("vit") < 0, BY_FIRST)


@lowpass
@pytest.mark.parametrize("condition", ["without positional encoding"])
def test_msas_lower_high_frequencies_without_positions(measure: Measure, condition: str) -> None:
    change = measure(feature_maps.later_msa_change, relative_to=DC)
    assert control(change("vit-no-positions") < 0, condition)


@lowpass
@pytest.mark.parametrize("arm", OTHERS)
def test_msas_of_other_published_networks_lower_high_frequencies(measure: Measure, arm: str) -> None:
    change = measure(feature_maps.later_msa_change, relative_to=DC)
    assert control(change(arm) < 0, OTHERS[arm])


@claim(
    "mlp-highpass",
    "MLP sub-layers behind the first blocks raise the high-frequency share of the feature map.",
    paper=Paper(
        "Fig. 8",
        "8 of 12 MLPs of ViT-Ti raise Δ log amplitude at 1.0 π; mean change +0.12 after the first third, −0.03 over all",
        SETUP,
        "vector plot",
        effect=0.12,
        section=3,
        figures=("8",),
    ),
    contradicted_by="a mean change across the MLPs after the first third that is not positive",
    deviations=(*DEVIATIONS, "MLPs after the first third, since over all of them the paper's own numbers are negative"),
)
def test_mlps_raise_high_frequencies(measure: Measure) -> None:
    later, every = feature_maps.later_mlp_change, feature_maps.mlp_change
    assert measure(later, relative_to=DC)("vit") > 0
    assert control(measure(every, relative_to=DC)("vit") > 0, "over all MLPs")
    assert control(measure(later, relative_to=FIRST)("vit") > 0, BY_FIRST)


@claim(
    "resnet-amplifies-hf",
    "From its stem to its end, a ResNet raises the high-frequency share of the feature map.",
    paper=Paper(
        "Fig. 2a",
        "from −6.6 at the stem to −1.0 in stage 4, nearly all of it at changes of resolution; within stages "
        "+0.41, −0.15, +0.04, 0.00",
        SETUP,
        "vector plot",
        effect=4.53,
        section=3,
        figures=("2a",),
    ),
    contradicted_by="deep layers that are not above the stem",
    deviations=(
        *DEVIATIONS,
        "deep is the second half of the blocks, on average",
        "within stages, where the paper's own numbers are +0.41, −0.15, +0.04 and 0.00, is a control",
    ),
    confounds=(
        "stages differ in resolution, and so in what their highest frequency is; hence a control at one frequency",
    ),
)
def test_resnet_raises_high_frequencies_with_depth(measure: Measure) -> None:
    rise, within = feature_maps.deep_minus_stem, feature_maps.conv_change
    assert measure(rise, relative_to=DC)("resnet") > 0
    assert control(measure(rise, relative_to=FIRST)("resnet") > 0, BY_FIRST)
    assert control(measure(within, relative_to=DC)("resnet") > 0, "within stages")
    assert control(measure(feature_maps.deep_minus_stem_at, frequency=0.5)("resnet") > 0, "at one frequency, 0.5 π")


@claim(
    "early-msa-act-like-conv",
    "The earliest MSAs are the exception: they raise high frequencies, as Convs do.",
    paper=Paper(
        "Fig. 8",
        "the first three of 12 MSAs change it by −0.11, +0.48 and +0.37",
        SETUP,
        "vector plot",
        effect=0.25,
        section=3,
        figures=("8",),
    ),
    contradicted_by="early MSAs that do not raise high frequencies",
    deviations=(
        *DEVIATIONS,
        "early is the first quarter: of four MSAs the first, and the paper's own first of twelve lowers high frequencies",
    ),
)
def test_early_msas_raise_high_frequencies(measure: Measure) -> None:
    early = feature_maps.early_msa_change
    assert measure(early, relative_to=DC)("vit") > 0
    assert control(measure(early, relative_to=FIRST)("vit") > 0, BY_FIRST)


reduces = claim(
    "vit-reduces-hf",
    "From the embedding to its deep layers, a ViT lowers the high-frequency share of the feature map.",
    paper=Paper(
        "Fig. 2a",
        "−1.8 after the embedding, at least −2.7, −2.3 after the last block",
        SETUP,
        "vector plot",
        effect=-0.7,
        section=3,
        figures=("2a",),
    ),
    contradicted_by="deep layers that are not below the embedding",
    deviations=(*DEVIATIONS, "deep is the second half of the sub-layers, on average"),
)


@reduces
def test_vit_lowers_high_frequencies_with_depth(measure: Measure) -> None:
    fall = feature_maps.deep_minus_stem
    assert measure(fall, relative_to=DC)("vit") < 0
    assert control(measure(fall, relative_to=FIRST)("vit") < 0, BY_FIRST)


@reduces
@pytest.mark.parametrize("condition", ["without positional encoding"])
def test_vit_lowers_high_frequencies_without_positions(measure: Measure, condition: str) -> None:
    fall = measure(feature_maps.deep_minus_stem, relative_to=DC)
    assert control(fall("vit-no-positions") < 0, condition)


@claim(
    "pit-swin-lowpass",
    "In PiT and Swin, too, MSAs lower high frequencies and MLPs raise them.",
    paper=Paper(
        "Fig. D.2", "the same signs as in ViT; no numbers known", SETUP, "description", section=3, figures=("D.2",)
    ),
    contradicted_by="a mean change across MSAs that is not negative, or across MLPs that is not positive",
    deviations=(*DEVIATIONS, "of the parts of the depth in which ViT-Ti's MSAs and MLPs do so"),
)
@pytest.mark.parametrize("arm", ["pit", "swin"])
def test_multi_stage_transformers_filter_alike(measure: Measure, arm: str) -> None:
    msas, mlps = feature_maps.later_msa_change, feature_maps.later_mlp_change
    assert measure(msas, relative_to=DC)(arm) < 0
    assert measure(mlps, relative_to=DC)(arm) > 0
    assert control(measure(msas, relative_to=FIRST)(arm) < 0, f"for MSAs {BY_FIRST}")
    assert control(measure(mlps, relative_to=FIRST)(arm) > 0, f"for MLPs {BY_FIRST}")


@claim(
    "attention-matrix-lowpass",
    "A trained attention matrix is itself a low-pass filter: it passes high frequencies less than low ones.",
    paper=Paper(
        "Section 3", "none: the paper reads filters from feature maps, not from the weights", "any ViT", section=3
    ),
    contradicted_by="a gain at the highest frequency that is not below the gain at the lowest",
    deviations=(
        "beyond the paper: the gain of the matrix at each frequency of the token grid, mean over blocks and heads",
    ),
    confounds=("softmax weights that are merely close to uniform let no frequency but zero pass",),
    ours=True,
)
def test_attention_weights_pass_low_frequencies(measure: Measure) -> None:
    assert measure(attention.gain_slope)("vit") < 0
