"""Locality: is long-range dependency what makes MSAs work? (Section 2, Fig. 7)."""

from __future__ import annotations

import pytest

from vitwork.claim import Paper, claim
from vitwork.court import Measure
from vitwork.measurements import accuracy, hessian

LOCAL = pytest.mark.parametrize("local", ["vit-local-3", "vit-local-5"])
DEVIATIONS = ("padded positions are masked; in the official code they leak attention to zeros",)


@claim(
    "local-msa-error",
    "Attention restricted to a local window gives a lower test error than global attention.",
    paper=Paper("Fig. 7a", "test error 27.9 % (3×3), 28.1 % (5×5), 28.9 % (8×8, global)", read_from="vector plot"),
    contradicted_by="a test error of 3×3 or 5×5 attention that is not below that of global attention",
    deviations=DEVIATIONS,
)
@LOCAL
def test_local_attention_has_lower_error(measure: Measure, local: str) -> None:
    error = measure(accuracy.error)
    assert error(local) < error("vit")


@claim(
    "local-msa-nep",
    "Locality of attention suppresses negative Hessian eigenvalues.",
    paper=Paper(
        "Fig. 7b",
        "NEP after warm-up 7.3 % (3×3), 3.9 % (5×5), 7.6 % (8×8, global)",
        read_from="integrals of the plotted densities",
    ),
    contradicted_by="a negative eigenvalue proportion of local attention that is not below that of global attention",
    deviations=DEVIATIONS,
)
@LOCAL
def test_local_attention_has_fewer_negative_eigenvalues(measure: Measure, local: str) -> None:
    nep = measure(hessian.nep, when="warmup")
    assert nep(local) < nep("vit")
