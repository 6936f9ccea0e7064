"""Locality: is long-range dependency what makes MSAs work? (Section 2, Fig. 7)."""

from __future__ import annotations

import pytest

from vitwork.language.claim import Paper, claim
from vitwork.language.measure import Measure
from vitwork.language.structured import interacting
from vitwork.measurements import accuracy, hessian

LOCAL = pytest.mark.parametrize("local", ["vit-local-3", "vit-local-5"])
DEVIATIONS = ("padded positions are masked; in the official code they leak attention to zeros",)


@claim(
    "local-msa-error",
    "Attention restricted to a local window gives a lower test error than global attention.",
    paper=Paper(
        "Fig. 7a",
        "test error 27.9 % (3×3), 28.1 % (5×5), 28.9 % (8×8, global)",
        read_from="vector plot",
        effect=-1.05,
        section=2,
        figures=("7a",),
    ),
    contradicted_by="a test error of 3×3 or 5×5 attention that is not below that of global attention",
    deviations=DEVIATIONS,
    examined=(
        (
            "cifar10-micro: nothing was found at fault; the map has the paper's 8×8 places. Whichever "
            "network is left out, 3×3 has more errors than global attention (by 0.6 to 0.8 points) and 5×5 "
            "fewer (by 0.1 to 0.3). The NLL has another order: 1.754 (3×3), 1.721 (5×5), 1.767 (global) in "
            "test and 1.692, 1.671, 1.695 in training, with spreads of 0.01 to 0.02"
        ),
        (
            "cifar100-micro: errors are 90.7, 90.7 and 90.5 % (3×3, 5×5, global), a difference of 0.1 to 0.3 "
            "points with any seed left out, beside spreads of 0.3 to 0.5. The fit has the same order (NLL 3.77, "
            "3.71, 3.67 in training, 3.91, 3.89, 3.86 in test): a wider window is better here. Some 116 and 96 "
            "seeds would be needed"
        ),
    ),
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
        effect=-0.3,
        section=2,
        figures=("7b",),
    ),
    contradicted_by="a negative eigenvalue proportion of local attention that is not below that of global attention",
    deviations=DEVIATIONS,
    examined=(
        (
            "cifar10-micro: NEP is 9.1 ± 5.0 % (3×3), 8.1 ± 4.2 (5×5) and 11.1 ± 6.0 (global), lower with a "
            "window whichever network is left out (by 1.5 to 3.6 points); the errors over mini-batches are "
            "2.2 to 2.5. After warm-up none has trained much (mean loss 2.15 to 2.16 in that epoch; chance 2.30)"
        ),
    ),
)
@LOCAL
def test_local_attention_has_fewer_negative_eigenvalues(measure: Measure, local: str) -> None:
    nep = measure(hessian.nep, when="warmup")
    assert nep(local) < nep("vit")


@claim(
    "local-msa-nll",
    "Attention over 5×5 places fits the training data best: better than over 3×3 and better than global attention.",
    paper=Paper(
        "Fig. 7a",
        "training NLL 2.451 (3×3), 2.406 (5×5), 2.473 (8×8, global)",
        read_from="vector plot",
        effect=0.982,
        section=2,
        figures=("7a",),
    ),
    contradicted_by="a training NLL of 5×5 attention that is not the lowest",
    deviations=DEVIATIONS,
    examined=(
        (
            "cifar100-micro: 5×5 fits better than 3×3, as claimed (3.712 and 3.765), and less well than global "
            "attention (3.671), whichever seed is left out. The latter nearly contradicts the claim: p is 0.006 "
            "by Welch's test alone, 0.030 for two sentences with the guard, q 0.082. The wider the window, the "
            "better the fit, and the test NLL with it (3.91, 3.89, 3.86)"
        ),
    ),
)
@pytest.mark.parametrize("other", ["vit-local-3", "vit"])
def test_medium_window_fits_training_data_best(measure: Measure, other: str) -> None:
    nll = measure(accuracy.training_nll)
    assert nll("vit-local-5") < nll(other)


@claim(
    "local-5x5-fewer-negatives-than-3x3",
    "Attention over 5×5 places has fewer negative Hessian eigenvalues than over 3×3, since it averages more points.",
    paper=Paper(
        "Fig. 7b",
        "NEP after warm-up 3.9 % (5×5), 7.3 % (3×3)",
        read_from="integrals of the plotted densities",
        effect=-3.4,
        section=2,
        figures=("7b",),
    ),
    contradicted_by="a negative eigenvalue proportion of 5×5 attention that is not below that of 3×3",
    deviations=DEVIATIONS,
    examined=(
        (
            "cifar10-micro: 5×5 is lower by 0.5 to 1.5 points with any network left out, beside spreads of "
            "4.2 (5×5) and 5.0 (3×3) and errors of 2.3 and 2.2 over mini-batches; the paper's difference of "
            "3.4 lies inside the interval. After warm-up neither has trained much (mean loss 2.15 and 2.16 in "
            "that epoch; chance is 2.30)"
        ),
    ),
)
def test_medium_window_has_fewer_negative_eigenvalues(measure: Measure) -> None:
    nep = measure(hessian.nep, when="warmup")
    assert nep("vit-local-5") < nep("vit-local-3")


@claim(
    "data-specificity-not-range",
    "What makes MSAs work is that their weights depend on the data, not that they reach far.",
    paper=Paper(
        "Abstract, Section 2",
        "local attention is as good as global; no arm removes the dependence on data",
        effect=-1.05,
        section=2,
    ),
    contradicted_by="local attention that is worse than global, or no better than learned constant weights",
    deviations=(
        *DEVIATIONS,
        "not worse is taken as an error at most one point higher; in the paper it is one point lower",
        "learned constant weights over the same window stand against attention; the paper has none",
    ),
    confounds=("the network with constant weights has fewer parameters",),
    examined=(
        (
            "cifar10-micro: with any network left out the error is 0.6 to 0.8 points higher than with global "
            "attention, beside a margin of 1, and 0.0 to 0.2 lower than with constant weights. Attention "
            "fits the training images better than constant weights (NLL 1.692 and 1.736, errors 0.008) and "
            "has the lower test NLL (1.754 and 1.784), with more parameters (139 and 110 thousand)"
        ),
        (
            "cifar100-micro: local attention is 0.2 points behind global, not ahead as in the paper. Beside an accuracy of 9.5 % the margin of "
            "one point is wide: a class token and small patches lie within it as well"
        ),
    ),
)
def test_dependence_on_data_matters_and_range_does_not(measure: Measure) -> None:
    error = measure(accuracy.error)
    assert error("vit-local-3") < error("vit") + 1
    assert error("vit-local-3") < error("vit-static-3")


@claim(
    "long-range-needs-data",
    "Long range pays with data: the lead of local over global attention is larger on small data.",
    paper=Paper(
        "Section 2", "none: with one size of the data, the paper cannot tell whether range matters elsewhere", section=2
    ),
    contradicted_by="a lead of local attention that does not shrink with data",
    deviations=(*DEVIATIONS, "beyond the paper: a critique of the scale at which long range does not matter"),
    confounds=("fewer images are fewer steps at equal epochs",),
    examined=(
        (
            "cifar10-micro: global attention is 0.5 points ahead on small data and 0.7 on all, an "
            "interaction of 0.1 to 0.3 points with any network left out, beside spreads of about 1. On small "
            "data both have learned little in nine epochs (27 and 26 % right, training NLL 1.876 and 1.895), "
            "which leaves little room for a lead"
        ),
        (
            "cifar100-micro: global attention is 0.3 points ahead on small data and 0.2 on all, and single seeds "
            "change the sign (−1.7 to 0.7). On small data both are right in 5 to 6 % of 100 classes"
        ),
    ),
    ours=True,
)
def test_lead_of_local_attention_shrinks_with_data(measure: Measure) -> None:
    error = measure(accuracy.error)
    small = error("vit-small-data"), error("vit-local-3-small-data")
    assert interacting(small, (error("vit"), error("vit-local-3")))
