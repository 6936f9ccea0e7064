"""Convexity: what suppresses a ViT's negative Hessian eigenvalues? (Section 2, Appendix C and F)."""

from __future__ import annotations

import math

import pytest

from vitwork.language.claim import Paper, claim
from vitwork.language.measure import Measure
from vitwork.language.quantity import Quantity
from vitwork.language.sentence import control
from vitwork.language.structured import falling, rising
from vitwork.measurements import hessian, landscape

NO_NUMBERS = "no numbers known"
DENSITIES = "integrals of the plotted densities"
CONFOUNDS = ("NEP counts only negative values among the five largest magnitudes of a mini-batch",)
LESS_OF_BOTH = pytest.mark.parametrize("bad", [hessian.nep, hessian.ape], ids=["nep", "ape"])


convexifies = claim(
    "more-data-convexifies",
    "More training data suppresses a ViT's negative eigenvalues early in training.",
    paper=Paper(
        "Fig. 4",
        "NEP after warm-up 33.7 % with 6 % of CIFAR-100, 9.0 % with all of it",
        read_from=DENSITIES,
        effect=24.7,
        section=2,
        figures=("4",),
    ),
    contradicted_by="a negative eigenvalue proportion that is not higher on small data",
    confounds=(*CONFOUNDS, "fewer images are fewer steps at equal epochs; hence a control of as many steps"),
    examined=(
        (
            "cifar10-micro: NEP is 9.9 % on small data, 11.0 % there in as many steps and 12.7 % on all, with "
            "errors of 2.3 to 2.8 over mini-batches. One ViT of 25 % makes more than half of the difference. "
            "After warm-up they have hardly trained (mean loss 2.15 in that epoch on all data; chance is 2.30), "
            "and negative eigenvalues come later (`nonconvexity-early`)"
        ),
    ),
)


@convexifies
def test_more_data_suppresses_negative_eigenvalues(measure: Measure) -> None:
    nep = measure(hessian.nep, when="warmup")
    assert nep("vit-small-data") > nep("vit")


@convexifies
@pytest.mark.parametrize("condition", ["in as many steps"])
def test_more_data_suppresses_negative_eigenvalues_in_as_many_steps(measure: Measure, condition: str) -> None:
    nep = measure(hessian.nep, when="warmup")
    assert control(nep("vit-small-data-as-many-steps") > nep("vit"), condition)


@claim(
    "resnet-indifferent-to-data",
    "A ResNet, nearly convex already, gains little convexity from more data.",
    paper=Paper("Section 2", "none", read_from="description", section=2),
    contradicted_by="a negative eigenvalue proportion that is higher on small data by more than five percentage points",
    deviations=("little is taken as less than five percentage points; the ViT's gain in the paper is 25",),
    confounds=(*CONFOUNDS, "fewer images are fewer steps at equal epochs"),
    examined=(
        (
            "cifar10-micro: NEP is taken at the end of warm-up, which is 15 steps on a quarter of 4,000 images and 62 on all of them, where three "
            "ResNets have 9 % on average and 0 % one epoch later; at initialisation they have 28 %. The ResNet on small data has hardly left "
            "its initialisation, so that steps and not data may be what is seen"
        ),
    ),
)
def test_resnet_gains_little_from_data(measure: Measure) -> None:
    nep = measure(hessian.nep, when="warmup")
    assert nep("resnet-small-data") < nep("resnet") + 5


@claim(
    "gap-suppresses-nep",
    "Global average pooling in place of the class token suppresses negative eigenvalues.",
    paper=Paper("Fig. 6", NO_NUMBERS, read_from="description", section=2, figures=("6",)),
    contradicted_by="a negative eigenvalue proportion with pooling at or above that with a class token",
    confounds=CONFOUNDS,
    examined=(
        (
            "cifar10-micro: nothing was found at fault. NEP is 12.7 % with pooling and 21.7 % with a token, and "
            "lower whichever seed is left out (by 7.7 to 11.0 points). NEP is plainly skewed over the arms: p is "
            "0.015 by Welch's test alone and 1 with the guard against skewness. Some 30 seeds would be needed"
        ),
    ),
)
def test_pooling_suppresses_negative_eigenvalues(measure: Measure) -> None:
    nep = measure(hessian.nep, when="warmup")
    assert nep("vit") < nep("vit-cls")


@claim(
    "heads-reduce-nep-ape",
    "More heads make a ViT's loss more convex and flatter.",
    paper=Paper("Fig. C.5", NO_NUMBERS, read_from="description", section=2, figures=("C.5",)),
    contradicted_by="an NEP or APE that does not fall with the number of heads",
    deviations=(
        "half the depth, as in the paper; heads of the usual width, though the paper's rule is not fully clear",
    ),
    confounds=(*CONFOUNDS, "more heads of equal width are more parameters"),
    examined=(
        (
            "cifar10-micro: with 1, 3 and 12 heads NEP is 6.9, 5.9 and 6.4 % and APE 6.2, 6.0 and 6.2. The error "
            "of NEP over mini-batches (2.2 to 2.4) is much of its spread (1.8 to 3.6), and after warm-up these "
            "networks have hardly trained (mean loss 2.16 to 2.17 in that epoch; chance is 2.30). Their training "
            "NLL does fall with heads by the end (1.71, 1.69, 1.67)"
        ),
    ),
)
@LESS_OF_BOTH
def test_more_heads_are_flatter_and_more_convex(measure: Measure, bad: Quantity) -> None:
    value = measure(bad, when="warmup")
    heads = (1, 3, 12)
    assert falling(*(value(f"vit-heads-{count}") for count in heads), levels=[math.log(count) for count in heads])


@claim(
    "headdim-reduces-nep-ape",
    "Wider heads make a ViT's loss more convex and flatter.",
    paper=Paper("Fig. C.6", NO_NUMBERS, read_from="description", section=2, figures=("C.6",)),
    contradicted_by="an NEP or APE that does not fall with the width of a head",
    deviations=("half the depth, three heads of a quarter of, once and four times the usual width",),
    confounds=(*CONFOUNDS, "wider heads are more parameters"),
    examined=(
        (
            "cifar10-micro: both lean against the claim: by width of heads NEP is 4.2, 5.9 and 11.0 % and APE "
            "5.9, 6.0 and 6.5 (p 0.017 and 0.055 without the guard against skewness, 1 with it). It is the widest "
            "heads that differ, whichever seed is left out; they also fit worst (training NLL 1.75; 1.69 the "
            "others). Some 26 and 40 seeds would be needed"
        ),
    ),
)
@LESS_OF_BOTH
def test_wider_heads_are_flatter_and_more_convex(measure: Measure, bad: Quantity) -> None:
    value = measure(bad, when="warmup")
    assert falling(*(value(arm) for arm in ("vit-narrow-heads", "vit-heads-3", "vit-wide-heads")))


@claim(
    "patch-flat-vs-convex",
    "Smaller patches make a ViT's loss flatter and less convex.",
    paper=Paper("Fig. C.2b", NO_NUMBERS, read_from="description", section=2, figures=("C.2b",)),
    contradicted_by="an APE that does not rise, or an NEP that does not fall, with the size of patches",
    confounds=CONFOUNDS,
    examined=(
        (
            "cifar10-micro: by size of patches APE is 8.1, 7.9 and 6.5, against the claim, and NEP 10.9, 12.7 and "
            "9.3 %, without order. A network each of the smaller two has an APE of 13.5 and 15.9, by one or two "
            "of twenty mini-batches above 100 (medians 7.0 and 7.5); without these two the means are 7.4 and 6.9. "
            "Some 45 and 354 seeds would be needed"
        ),
    ),
)
def test_smaller_patches_are_flatter_and_less_convex(measure: Measure) -> None:
    by_size = ("vit-small-patch", "vit", "vit-large-patch")
    ape, nep = measure(hessian.ape, when="warmup"), measure(hessian.nep, when="warmup")
    assert rising(*map(ape, by_size))
    assert falling(*map(nep, by_size))


@claim(
    "size-flat-early-sharp-late",
    "A larger ViT starts flatter.",
    paper=Paper("Fig. C.7", NO_NUMBERS, read_from="description", section=2, figures=("C.7",)),
    contradicted_by="an average positive eigenvalue of ViT-S after warm-up that is not below that of ViT-Ti",
    deviations=("only the start: what the paper says of late training is ambiguous",),
    examined=(
        (
            "cifar10-micro: ViT-S starts less flat (11.1 against 7.9 on average); eight of nine ViTs have 6.2 to 8.3, below every ViT-S, "
            "and one has 15.9, for which the guard against skewness was made: by Welch's test alone p is 0.004. Both "
            "have a training NLL of 1.69 in the end, so that width brings no better fit here"
        ),
    ),
)
def test_larger_vit_starts_flatter(measure: Measure) -> None:
    ape = measure(hessian.ape, when="warmup")
    assert ape("vit-s") < ape("vit")


@claim(
    "vit-s-below-resnet50",
    "Even a ViT of the ResNet's size has smaller eigenvalues.",
    paper=Paper("Fig. C.7c", NO_NUMBERS, read_from="description", section=2, figures=("C.7c",)),
    contradicted_by="an average positive eigenvalue of ViT-S at or above the ResNet's",
    confounds=("LayerNorm against BatchNorm, whose mode alone changes the eigenvalues several times",),
    examined=(
        (
            "cifar10-micro: after warm-up as claimed, 11 against 213 on average, in every network. At the end 73 against 131, "
            "and one ViT-S has 169, as much as the ResNet of the largest; by Welch's test alone p is 0.002. Some 18 seeds would be needed"
        ),
    ),
)
@pytest.mark.parametrize("when", ["warmup", "end"])
def test_vit_of_equal_size_has_smaller_eigenvalues(measure: Measure, when: str) -> None:
    ape = measure(hessian.ape, when=when)
    assert ape("vit-s") < ape("resnet")


@claim(
    "pit-suppresses-negatives",
    "The several stages of PiT lower the share of negative eigenvalues early in training.",
    paper=Paper("Fig. C.4b", NO_NUMBERS, read_from="description", section=2, figures=("C.4b",)),
    contradicted_by="a negative eigenvalue proportion of PiT at or above ViT's",
    confounds=CONFOUNDS,
    examined=(
        (
            "cifar10-micro: PiT has more negative eigenvalues than the ViT, 20.6 against 12.7 %, whichever seed "
            "is left out (by 4.3 to 9.6 points). One PiT has 49 %, although it trains like the others; without it "
            "p is 0.18 by Welch's test alone. In the epoch of warm-up both have a loss of 2.15, so that the fit "
            "does not explain it. Some 64 seeds would be needed"
        ),
    ),
)
def test_pit_suppresses_negative_eigenvalues(measure: Measure) -> None:
    nep = measure(hessian.nep, when="warmup")
    assert nep("pit") < nep("vit")


@claim(
    "swin-lowers-magnitude-keeps-negatives",
    "Swin's local attention has negative eigenvalues and yet much smaller magnitudes.",
    paper=Paper("Fig. C.4b", NO_NUMBERS, read_from="description", section=2, figures=("C.4b",)),
    contradicted_by="an average positive eigenvalue of Swin that is not below ViT's, or hardly a negative eigenvalue",
    deviations=("to have negative eigenvalues is taken as an NEP above one percent",),
    confounds=CONFOUNDS,
    examined=(
        (
            "cifar10-micro: only the magnitude contradicts; 26 % of Swin's eigenvalues are negative. At 16 pixels a window is the whole map in "
            "two of its three stages. Windows alone, in the ViT of one stage, do what the claim says, if little: the mean over seeds is 6.4 and "
            "6.4 with windows of 3 and 5 and 7.9 without (6.9 but for one seed), beside Swin's 20"
        ),
    ),
)
def test_swin_is_flat_and_not_convex(measure: Measure) -> None:
    ape, nep = measure(hessian.ape, when="warmup"), measure(hessian.nep, when="warmup")
    assert ape("swin") < ape("vit")
    assert nep("swin") > 1


@claim(
    "pit-swin-flatter-surface",
    "Several stages and local attention flatten a Transformer's loss surface.",
    paper=Paper(
        "Fig. C.4a", "surfaces of PiT-Ti and Swin-Ti beside ViT-Ti's", read_from="plot", section=2, figures=("C.4a",)
    ),
    contradicted_by="a surface of PiT or Swin that is not flatter",
    deviations=("read as the curvature of the NLL at the weights, in filter-normalised directions",),
    confounds=("directions are as long as the weights", "the networks do not fit the training data equally well"),
    examined=(
        (
            "cifar10-micro: the fit does not explain it. The mean curvature is 5.7 for the ResNet, 3.2 for PiT, 1.7 for Swin and 0.8 for "
            "the ViT, the last three in every seed in this order, and Swin fits the training images less well than the ViT (NLL 1.78 and 1.68), PiT "
            "better (1.51). The positive eigenvalues after warm-up have the same order. At 16 pixels a window is the whole map in two of "
            "Swin's three stages, so that little of its local attention is left"
        ),
        (
            "cifar100-micro: it is as on CIFAR-10. The mean curvature is 5.2 for the ResNet, 3.7 for PiT, 2.4 for "
            "Swin and 1.0 for the ViT, the last three in every seed in this order, and Swin fits less well than "
            "the ViT (training NLL 3.84 and 3.67), PiT better (3.55)"
        ),
    ),
)
@pytest.mark.parametrize("arm", ["pit", "swin"])
def test_multi_stage_transformers_are_flatter(measure: Measure, arm: str) -> None:
    curvature = measure(landscape.curvature)
    assert curvature(arm) < curvature("vit")


@claim(
    "augmentation-flattens-but-nonconvex",
    "Strong augmentation shrinks eigenvalues and creates many negative ones.",
    paper=Paper(
        "Fig. F.1b",
        NO_NUMBERS,
        "CIFAR-100, weak is padded crop and flip",
        "memory of the plot",
        section=2,
        figures=("F.1b",),
    ),
    contradicted_by="an APE that is not lower, or an NEP that is not higher, under strong augmentation",
    deviations=("measured after warm-up, each network on its own augmentation",),
    confounds=CONFOUNDS,
    examined=(
        (
            "cifar10-micro: sentences lie on both sides. Strong augmentation lowers the ViT's APE (× 0.63, all "
            "networks below the others) and NEP (3.9 against 12.7 %), and the ResNet's APE (× 0.51), and raises "
            "the ResNet's NEP (18.4 against 8.0 %); p is 0.001 to 0.056 by Welch's test, 0.16 to 1 with the guard "
            "against skewness. Warm-up leaves the strong ViT near chance (2.28 of 2.30)"
        ),
    ),
)
@pytest.mark.parametrize("arm", ["vit", "resnet"])
def test_strong_augmentation_is_flat_and_not_convex(measure: Measure, arm: str) -> None:
    ape, nep = measure(hessian.ape, when="warmup"), measure(hessian.nep, when="warmup")
    weak, strong = f"{arm}-weak-augmentation", f"{arm}-strong-augmentation"
    assert ape(strong) < ape(weak)
    assert nep(strong) > nep(weak)
