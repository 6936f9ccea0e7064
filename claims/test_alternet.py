"""AlterNet: are Convs and MSAs complementary, and where does attention belong? (Section 4)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from vitwork.language.claim import Paper, claim
from vitwork.language.measure import Measure
from vitwork.language.quantity import Quantity
from vitwork.language.sentence import control
from vitwork.language.structured import ordered
from vitwork.measurements import accuracy, hessian, robustness

beats = claim(
    "alternet-beats-cnn-small-data",
    "AlterNet, a ResNet whose stages end in MSAs, is more accurate than the ResNet.",
    paper=Paper(
        "Fig. 12b",
        "test accuracy 84.0 % for AlterNet-50, 82.5 % for ResNet-50",
        read_from="vector plot",
        effect=1.54,
        section=4,
        figures=("12b",),
    ),
    contradicted_by="a ResNet that is more accurate",
    confounds=(
        "the paper's AlterNet has 33.0 million parameters, its ResNet of 82.5 % (where the build-up starts) 28.2",
        "hence a parameter-matched ResNet as a control",
    ),
    examined=(
        (
            "cifar10-micro: both fit alike (training NLL 1.29 and 1.31), and AlterNet is ahead whichever network is "
            "left out (by 0.2 to 0.4 points), which is little beside spreads of 1.1 in both arms. This AlterNet has "
            "108,700 parameters and the ResNet 175,066, where the paper's AlterNet is the larger one; at equal size "
            "it is 1.5 points ahead"
        ),
        (
            "cifar100-micro: AlterNet is ahead whichever seed is left out (by 0.1 to 0.4 points) and fits as well "
            "(training NLL 3.54 and 3.56), with 114,550 parameters against 180,916; at equal size it is 0.8 "
            "points ahead. The effect is small beside the spreads of 0.3 and 0.7 and would need some 96 seeds"
        ),
    ),
)


@beats
def test_alternet_is_more_accurate(measure: Measure) -> None:
    percent = measure(accuracy.accuracy)
    assert percent("alternet") > percent("resnet")


@beats
@pytest.mark.parametrize("condition", ["against a ResNet of as many parameters"])
def test_alternet_is_more_accurate_at_equal_size(measure: Measure, condition: str) -> None:
    percent = measure(accuracy.accuracy)
    assert control(percent("alternet") > percent("resnet-matched"), condition)


@claim(
    "alternet-imagenet",
    "On ImageNet, AlterNet is competitive with the ResNet.",
    paper=Paper("Fig. E.1", "no numbers known", "ImageNet-1K", "memory of the plot", section=4, figures=("E.1",)),
    contradicted_by="an accuracy more than half a point below the ResNet's",
    deviations=("competitive is taken as at most half a percentage point less accurate",),
)
def test_alternet_is_competitive_on_imagenet(measure: Measure) -> None:
    percent = measure(accuracy.accuracy)
    assert percent("alternet-imagenet") > percent("resnet-imagenet") - 0.5


@claim(
    "alternet-flatter",
    "MSAs in AlterNet suppress large Hessian eigenvalues early in training.",
    paper=Paper(
        "Fig. 12c",
        "average positive eigenvalue (APE) after warm-up 431 for AlterNet-50, 572 for ResNet-50",
        read_from="integrals of the plotted densities",
        effect=0.754,
        section=4,
        figures=("12c",),
    ),
    contradicted_by="an average positive eigenvalue of AlterNet that is not below the ResNet's",
    confounds=("the networks differ in size; in the paper AlterNet has more parameters",),
    examined=(
        (
            "cifar10-micro: networks differ widely and the arms do not: the APE is 136 to 357 for AlterNet and 65 to "
            "341 for the ResNet, with a mean of 195 in both and errors of 11 and 12 over mini-batches. The ratio of "
            "1.03 is 0.97 without one ResNet (65), which trains like the others"
        ),
        (
            "cifar100-micro: networks differ widely and the arms do not: the APE is 89 to 255 for AlterNet and 64 "
            "to 374 for the ResNet, with a median of 178 in both and errors of 16 and 14 over mini-batches. A "
            "ratio of 0.92 would need some 731 seeds"
        ),
    ),
)
def test_alternet_is_flatter(measure: Measure) -> None:
    ape = measure(hessian.ape, when="warmup")
    assert ape("alternet") < ape("resnet")


BUILD_UP = Paper(
    "Fig. 12a",
    "accuracy 82.5 % without MSA, 83.5, 83.7, 83.8, 84.0 % with one to four; 83.5 % with a second one in c3 in place of the "
    "fourth; 83.4 and 83.8 % with a fifth in c2 and c1",
    read_from="vector plot",
    section=4,
    figures=("12a",),
)
SELECTED = ("the paper chose its steps by test accuracy",)


@claim(
    "buildup-rule",
    "Replacing Convs by MSAs from the end of the last stage on, and then at the end of earlier ones, keeps raising accuracy.",
    paper=BUILD_UP,
    contradicted_by="an accepted step that lowers accuracy",
    deviations=("arms are named by their MSAs per stage",),
    confounds=SELECTED,
    examined=(
        (
            "cifar10-micro: steps are 0.0, +0.2, +0.7 and −0.1 points beside spreads of 0.8 to 1.4; the first and the "
            "last change their sign with single networks left out. The training NLL (1.51 to 1.53) hardly differs. "
            "Here MSAs have fewer parameters than the Convs they replace (166,002 fall to 131,078; the paper's rise), "
            "and a window of four places, in the last stage the whole map"
        ),
        (
            "cifar100-micro: the order is the reverse of the claimed one, by steps of −0.1, −0.1, −0.1 and −0.3 "
            "points beside spreads of 0.7 to 1.2 over seeds, of which only the last keeps its sign whichever seed is "
            "left out. All five fit badly and alike (training NLL 3.88 to 3.92; the ResNet of three stages has 3.56) "
            "and have 7 to 8 % of 100 classes. Some 527 seeds would be needed"
        ),
    ),
)
def test_each_accepted_msa_helps(measure: Measure) -> None:
    percent = measure(accuracy.accuracy)
    steps = ("alternet-0000", "alternet-0001", "alternet-0002", "alternet-0012", "alternet-0112")
    assert ordered(*map(percent, steps))


@claim(
    "buildup-c3-extra-hurts",
    "A further MSA inside the third stage lowers accuracy.",
    paper=replace(BUILD_UP, effect=-0.25),
    contradicted_by="a further MSA in the third stage that does not hurt",
    deviations=(
        "that one at the end of the second stage raises it is the last step of `buildup-rule`, which states it",
    ),
    confounds=SELECTED,
    examined=(
        (
            "cifar10-micro: the effect has the other sign, +0.4 points beside spreads of 0.9 and 0.8, whichever "
            "network is left out, and the network with the extra MSA fits a little better (training NLL 1.50 and "
            "1.52, spreads of 0.02). In the first sample the effect had the claimed sign (−0.24 points)"
        ),
        (
            "cifar100-micro: the effect has the other sign, +0.5 points beside spreads of 0.6 and 0.7, whichever seed "
            "is left out, and the network with the extra MSA fits a little better (training NLL 3.87 and 3.91). Some "
            "47 seeds would be needed"
        ),
    ),
)
def test_extra_msa_in_third_stage_hurts(measure: Measure) -> None:
    percent = measure(accuracy.accuracy)
    assert percent("alternet-0022") < percent("alternet-0012")


@claim(
    "buildup-stops-at-four",
    "A fifth MSA lowers accuracy wherever it goes.",
    paper=replace(BUILD_UP, effect=-0.63),
    contradicted_by="a fifth MSA that helps",
    confounds=SELECTED,
    examined=(
        (
            "cifar10-micro: a fifth MSA changes accuracy by +0.1 points in either place, with a sign that depends on "
            "single networks, and fits alike (training NLL 1.50 in the second stage, 1.52 in the first; 1.51 of four "
            "MSAs). Networks of four MSAs have 39.8 to 45.2 %. In the first sample a fifth MSA was ahead by 0.9 and "
            "0.4 points"
        ),
        (
            "cifar100-micro: a fifth MSA is ahead by 1.0 (second stage) and 0.9 points (first), whichever seed is "
            "left out, and fits better (training NLL 3.85 and 3.86; 3.92 of four MSAs), of which three networks have "
            "8.4 to 9.1 % and six 5.6 to 7.2. Some 23 and 26 seeds would be needed"
        ),
    ),
)
@pytest.mark.parametrize("five", ["alternet-0212", "alternet-1112"])
def test_fifth_msa_hurts(measure: Measure, five: str) -> None:
    percent = measure(accuracy.accuracy)
    assert percent(five) < percent("alternet-0112")


late = claim(
    "late-heads-rule",
    "MSAs of late stages should have more heads: that beats as many heads in every stage.",
    paper=Paper(
        "Section 4, third rule", "none of its own: it rests on Fig. C.5 and C.6", read_from="description", section=4
    ),
    contradicted_by="an accuracy that is not higher, or an APE or NEP that is not lower, with heads that grow by stage",
    deviations=("heads that double from stage to stage, against as many in each, with about as many parameters",),
    examined=(
        (
            "cifar10-micro: only the last two stages have an MSA, so that growing heads are 2 and 4, even ones 3 and "
            "3. Growing ones are less accurate whichever network is left out, at the same fit (training NLL 1.29). "
            "NEP (11 ± 8 and 12 ± 10) and APE (195 ± 55 and 227 ± 84) differ as claimed, but by less than their "
            "spreads; in the first sample the APE was 1.64 times as high with growing heads"
        ),
    ),
)


@late
def test_heads_that_grow_by_stage_are_more_accurate(measure: Measure) -> None:
    percent = measure(accuracy.accuracy)
    assert percent("alternet") > percent("alternet-even-heads")


@late
@pytest.mark.parametrize("bad", [hessian.nep, hessian.ape], ids=["nep", "ape"])
def test_heads_that_grow_by_stage_are_flatter_and_more_convex(measure: Measure, bad: Quantity) -> None:
    value = measure(bad, when="warmup")
    assert value("alternet") < value("alternet-even-heads")


shares = claim(
    "msa-shares-blur-properties",
    "A fixed blur before subsampling improves a ResNet's accuracy, calibration and robustness, and so do MSAs.",
    paper=Paper(
        "Appendix B",
        "none here: an analogy to spatial smoothing (Park & Kim, 2021)",
        read_from="description",
        section=4,
    ),
    contradicted_by="a blur, or MSAs, with which one of the four is not better",
    deviations=(
        "the blur is the paper's: soft clip, ReLU and 2×2 mean before each subsampling",
        "calibration is the NLL and the ECE of test images",
        "MSAs' accuracy and robustness are `alternet-beats-cnn-small-data` and `alternet-robust`, which state them",
    ),
    examined=(
        (
            "cifar10-micro: the blur is behind in all four measures and under each of 15 corruptions, which cost it "
            "as much as the ResNet (7.7 ± 1.3 and 7.6 ± 1.1 points). Two of its networks fit less well (training NLL "
            "1.39 and 1.41; 1.32 on average, 1.31 without blur); without them corruptions leave it 1.3 points behind. "
            "Its means over 2×2 places are taken of maps of 16 and 8 pixels. Any of six sentences can contradict, "
            "corrected for six"
        ),
        (
            "cifar100-micro: the blur fits less well here (training NLL 3.60 and 3.56) and is behind in accuracy "
            "(−0.8 points), under corruptions (−1.0) and in NLL (+1.4 %; p 0.032, 0.018 and 0.009 by Welch's test "
            "alone). Any of six sentences can contradict, with a correction for six; some 14 to 21 seeds would be "
            "needed. MSAs leave the NLL as it is (× 1.00)"
        ),
    ),
)
CALIBRATION = pytest.mark.parametrize("bad", [accuracy.nll, accuracy.calibration_error], ids=["nll", "ece"])


@shares
@pytest.mark.parametrize("good", [accuracy.accuracy, robustness.corrupted_accuracy], ids=["clean", "corrupted"])
def test_blur_improves_accuracy_and_robustness(measure: Measure, good: Quantity) -> None:
    percent = measure(good)
    assert percent("resnet-blur") > percent("resnet")


@shares
@CALIBRATION
@pytest.mark.parametrize("smoothing", ["resnet-blur", "alternet"])
def test_blur_and_msas_improve_calibration(measure: Measure, smoothing: str, bad: Quantity) -> None:
    value = measure(bad)
    assert value(smoothing) < value("resnet")
