"""Variance: do MSAs aggregate feature maps while Convs diversify them? (Section 3, Fig. 9)."""

from __future__ import annotations

import pytest

from vitwork.language.claim import Paper, claim
from vitwork.language.measure import Measure
from vitwork.measurements import feature_maps

CONFOUNDS = ("the change is taken on the residual stream, whose variance grows with anything added to it",)
DEVIATIONS = ("read as the change of the logarithm, so that blocks with large feature maps do not decide alone",)


@claim(
    "msa-reduces-variance",
    "MSA sub-layers lower the spatial variance of the feature map.",
    paper=Paper(
        "Fig. 9",
        "12 of 12 MSAs of ViT-Ti lower it, by 0.0003 to 0.0098",
        read_from="vector plot",
        effect=-0.057,
        section=3,
        figures=("9",),
    ),
    contradicted_by="a mean change across MSAs that is not negative",
    deviations=DEVIATIONS,
    confounds=CONFOUNDS,
)
def test_msas_lower_variance(measure: Measure) -> None:
    assert measure(feature_maps.msa_variance_change)("vit") < 0


@claim(
    "conv-mlp-raise-variance",
    "Convs and MLPs raise the spatial variance of the feature map.",
    paper=Paper(
        "Fig. 9",
        "8 of 12 MLPs of ViT-Ti and most Convs of ResNet-50 raise it",
        read_from="vector plot",
        effect=0.22,
        section=3,
        figures=("9",),
    ),
    contradicted_by="a mean change across Convs or MLPs that is not positive",
    deviations=DEVIATIONS,
    confounds=CONFOUNDS,
)
def test_convs_and_mlps_raise_variance(measure: Measure) -> None:
    assert measure(feature_maps.conv_variance_change)("resnet") > 0
    assert measure(feature_maps.mlp_variance_change)("vit") > 0


@claim(
    "variance-accumulates",
    "The spatial variance of the feature map tends to grow with depth.",
    paper=Paper(
        "Fig. 9",
        "ViT-Ti .017 after the embedding, .088 at most in the middle, .093 at the end",
        read_from="vector plot",
        effect=1.06,
        section=3,
        figures=("9",),
    ),
    contradicted_by="a variance without upward trend",
    deviations=("read as the slope of the logarithm over the depth, stem included",),
    confounds=("a residual stream does this almost by construction",),
)
@pytest.mark.parametrize("arm", ["vit", "resnet"])
def test_variance_grows_with_depth(measure: Measure, arm: str) -> None:
    assert measure(feature_maps.variance_trend)(arm) > 0


@claim(
    "resnet-variance-peaks-stage-end",
    "In a ResNet the variance peaks at the end of every stage and starts anew in the next.",
    paper=Paper(
        "Fig. 9",
        "ResNet-50 rises within stages 1 to 3 to .455, .765 and .836 and falls to .359, .371 and .170 after them",
        read_from="vector plot",
        effect=0.093,
        section=3,
        figures=("9",),
    ),
    contradicted_by="a stage whose largest variance is not at its end, or behind which it does not fall",
    deviations=(
        "read on the logarithm, in the stage where the last block leads by least, and the stage behind which it falls by least",
    ),
    confounds=("a residual stream accumulates variance within a stage almost by construction",),
)
def test_variance_peaks_at_stage_ends(measure: Measure) -> None:
    assert measure(feature_maps.lead_of_stage_end)("resnet") > 0
    assert measure(feature_maps.fall_between_stages)("resnet") > 0


@claim(
    "pit-swin-variance",
    "In PiT and Swin, MSAs lower the variance at the starts of stages rather than at their ends.",
    paper=Paper("Fig. D.1", "no numbers known", read_from="description", section=3, figures=("D.1",)),
    contradicted_by="a mean change across the first MSAs of the stages that is not negative, or not below the last ones'",
    deviations=DEVIATIONS,
    confounds=CONFOUNDS,
)
@pytest.mark.parametrize("arm", ["pit", "swin"])
def test_first_msas_of_stages_lower_variance(measure: Measure, arm: str) -> None:
    first, last = (measure(feature_maps.stage_msa_variance_change, place=place)(arm) for place in ("first", "last"))
    assert first < 0
    assert first < last
