"""Loss landscape: what properties of MSAs improve optimisation (Section 2)."""

from __future__ import annotations

import pytest

from vitwork.claim import Paper, claim
from vitwork.court import Measure
from vitwork.measurements import hessian

SPECTRUM_CONFOUNDS = (
    "LayerNorm against BatchNorm, whose mode alone changes the eigenvalues several times",
    "the networks do not fit the training data equally well",
)


@claim(
    "hessian-vit-smaller",
    "The top Hessian eigenvalues of a ViT are smaller in magnitude than those of a ResNet throughout training.",
    paper=Paper(
        "Fig. 1c, 4",
        "average positive eigenvalue (APE) after warm-up 47 for ViT-Ti, at least 489 for ResNet-50",
        read_from="integrals of the plotted densities",
    ),
    contradicted_by="an average positive eigenvalue of the ViT at or above the ResNet's at any stage",
    confounds=SPECTRUM_CONFOUNDS,
)
@pytest.mark.parametrize("when", ["warmup", "end"])
@pytest.mark.parametrize("batchnorm", ["eval", "train"])
def test_vit_has_smaller_eigenvalues(measure: Measure, when: str, batchnorm: str) -> None:
    vit = measure(hessian.ape, when=when)("vit")  # which has no BatchNorm
    resnet = measure(hessian.ape, when=when, batchnorm=batchnorm)("resnet")
    assert vit < resnet


@claim(
    "hessian-vit-negative",
    "A ViT has many negative Hessian eigenvalues and a ResNet nearly none.",
    paper=Paper(
        "Fig. 1c, 4",
        "negative eigenvalue proportion (NEP) after warm-up 9.0 % for ViT-Ti, 0 % for ResNet-50",
        read_from="integrals of the plotted densities",
    ),
    contradicted_by="a negative eigenvalue proportion of the ViT at or below the ResNet's",
    confounds=("NEP counts only negative values among the five largest magnitudes of a mini-batch",),
)
@pytest.mark.parametrize("when", ["warmup", "end"])
def test_vit_has_more_negative_eigenvalues(measure: Measure, when: str) -> None:
    nep = measure(hessian.nep, when=when)
    assert nep("vit") > nep("resnet")
