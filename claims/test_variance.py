"""Variance: do MSAs aggregate feature maps while Convs diversify them? (Section 3, Fig. 9)."""

from __future__ import annotations

from vitwork.claim import Paper, claim
from vitwork.court import Measure
from vitwork.measurements import feature_maps

CONFOUNDS = ("the change is taken on the residual stream, whose variance grows with anything added to it",)
DEVIATIONS = ("read as the change of the logarithm, so that blocks with large feature maps do not decide alone",)


@claim(
    "msa-reduces-variance",
    "MSA sub-layers lower the spatial variance of the feature map.",
    paper=Paper("Fig. 9", "12 of 12 MSAs of ViT-Ti lower it, by 0.0003 to 0.0098", read_from="vector plot"),
    contradicted_by="a mean change across MSAs that is not negative",
    deviations=DEVIATIONS,
    confounds=CONFOUNDS,
)
def test_msas_lower_variance(measure: Measure) -> None:
    assert measure(feature_maps.msa_variance_change)("vit") < 0


@claim(
    "conv-mlp-raise-variance",
    "Convs and MLPs raise the spatial variance of the feature map.",
    paper=Paper("Fig. 9", "8 of 12 MLPs of ViT-Ti and most Convs of ResNet-50 raise it", read_from="vector plot"),
    contradicted_by="a mean change across Convs or MLPs that is not positive",
    deviations=DEVIATIONS,
    confounds=CONFOUNDS,
)
def test_convs_and_mlps_raise_variance(measure: Measure) -> None:
    assert measure(feature_maps.conv_variance_change)("resnet") > 0
    assert measure(feature_maps.mlp_variance_change)("vit") > 0
