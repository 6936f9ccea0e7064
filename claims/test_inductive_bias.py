"""Inductive bias: do networks with weak bias overfit, or do they fit badly? (Section 2, Fig. 5)."""

from __future__ import annotations

import math

import pytest

from vitwork.language.claim import Paper, claim
from vitwork.language.measure import Measure
from vitwork.language.quantity import Quantity
from vitwork.language.sentence import control
from vitwork.language.structured import correlated, rising
from vitwork.measurements import accuracy
from vitwork.profiles.arms import BY_BIAS

READ_AS = pytest.mark.parametrize("bad", [accuracy.error, accuracy.training_nll], ids=["error", "nll"])
AUGMENTED = "the training NLL is that of augmented training images"


@claim(
    "bias-lowers-error-and-nll",
    "The stronger the inductive bias, the lower both test error and training NLL: weak bias is not overfitting.",
    paper=Paper(
        "Fig. 5a",
        "error 17.7 % (ResNeXt-50), 17.3 % (ResNet-50), 22.4 % (Twins-S), 23.3 % (Swin-Ti), 24.0 % (PiT-Ti), 33.5 % (ViT-Ti), "
        "35.4 % (Mixer-Ti); training NLL 2.10, 2.09, 2.17, 2.23, 2.30, 2.52, 2.57",
        read_from="vector plot",
        section=2,
        figures=("5a",),
    ),
    contradicted_by="a rank correlation of error or training NLL with the weakness of the bias that is not positive",
    deviations=(
        "Convs, local MSAs, global MSAs and an MLP-Mixer, of those that a profile trains; a ViT with local attention is one",
        AUGMENTED,
    ),
    confounds=("sizes differ", "the strength of a bias is an informal order"),
    examined=(
        (
            "cifar10-micro: it is the Convs that make the correlation positive; behind them the order turns "
            "round. Errors are 51 and 50 % (ResNet, ResNeXt), 65 and 66 (Swin, local ViT), 56 and 65 (PiT, "
            "ViT), 59 (Mixer), and Spearman's correlation is −0.37 to −0.95 over seeds among the last five. "
            "The ViT is far from trained: 34.8 % right after 9 epochs, 42.3 after 25"
        ),
        (
            "cifar100-micro: of the Convs ResNeXt alone leads (84 % errors, training NLL 3.13); the ResNet (88 and "
            "3.56) is level with the Mixer (87 and 3.56) and PiT (88 and 3.55). Behind the Convs the order turns "
            "round as on CIFAR-10: Spearman's correlation is −0.58 to −0.95 over seeds among the last five"
        ),
    ),
)
@READ_AS
def test_stronger_bias_has_lower_error_and_nll(measure: Measure, bad: Quantity) -> None:
    value, (convs, local, *others) = measure(bad), [measure.present(*group) for group in BY_BIAS]
    local = local or ("vit-local-3",)  # without local MSAs this is `cnn-beats-vit-small-data`
    assert correlated(*([value(arm) for arm in group] for group in (convs, local, *others)))


@claim(
    "bias-cifar10-imagenet",
    "On CIFAR-10, too, stronger inductive bias goes with lower test error and training NLL.",
    paper=Paper(
        "Fig. C.1", "no numbers known", "CIFAR-10, and ImageNet-1K", "description", section=2, figures=("C.1",)
    ),
    contradicted_by="a rank correlation of error or training NLL with the weakness of the bias that is not positive",
    deviations=(
        "on ImageNet, the paper's other data, this is `bias-lowers-error-and-nll` under the profile `imagenet`",
    ),
    confounds=("sizes differ", "the strength of a bias is an informal order"),
)
@READ_AS
def test_stronger_bias_has_lower_error_and_nll_on_cifar10(measure: Measure, bad: Quantity) -> None:
    value = measure(bad)
    assert correlated(*([value(f"{arm}-cifar10") for arm in group] for group in BY_BIAS))


no_overfit = claim(
    "vit-no-overfit-small-data",
    "As data shrink, a ViT's error and its training NLL both rise: it does not overfit even 2 % of CIFAR-100.",
    paper=Paper(
        "Fig. 5b", "both rise as data shrink; no numbers known", read_from="description", section=2, figures=("5b",)
    ),
    contradicted_by="a training NLL that falls as data shrink",
    deviations=(AUGMENTED, "the smallest share is the profile's: 14.5 % of 4,000 images at the micro profiles"),
    confounds=(
        "the strong augmentation, which the authors credit; hence a control without it",
        "fewer images are fewer steps at equal epochs; hence a control of as many steps",
    ),
    examined=(
        (
            "cifar10-micro: it is steps that small data lack. In as many steps the training NLL is 1.46 on a "
            "quarter of the images and 1.69 on all of them, in every seed, while the test NLL is 1.84 and "
            "1.77: there the ViT does overfit. The recipe has no strong augmentation, so that the control "
            "without it repeats a part of the claim"
        ),
        (
            "cifar100-micro: as on CIFAR-10 it is steps that small data lack: in as many of them the training NLL is 2.85 on a quarter "
            "of the images and 3.67 on all of them, in every seed, while the error is 1.0 points higher: there the ViT does overfit"
        ),
    ),
)


@no_overfit
@READ_AS
def test_vit_does_not_overfit_small_data(measure: Measure, bad: Quantity) -> None:
    value = measure(bad)
    arms = ("vit", "vit-small-data", "vit-least-data")
    assert rising(*map(value, arms), levels=[-math.log(measure.share(arm)) for arm in arms])


@no_overfit
@pytest.mark.parametrize("condition", ["in as many steps"])
def test_vit_does_not_overfit_small_data_in_as_many_steps(measure: Measure, condition: str) -> None:
    nll = measure(accuracy.training_nll)
    assert control(nll("vit-small-data-as-many-steps") > nll("vit"), condition)


@no_overfit
@pytest.mark.parametrize("condition", ["without strong augmentation"])
def test_vit_does_not_overfit_small_data_without_strong_augmentation(measure: Measure, condition: str) -> None:
    nll = measure(accuracy.training_nll)
    small, full = nll("vit-small-data-weak-augmentation"), nll("vit-weak-augmentation")
    assert control(small > full, condition)


@claim(
    "long-training-no-rescue",
    "On small data, longer training does not bring a ViT to the level of a ResNet.",
    paper=Paper("Fig. C.3", "no numbers known", read_from="description", section=2, figures=("C.3",)),
    contradicted_by="a ViT that reaches the ResNet with more epochs",
    deviations=("all of the data, and three times the ResNet's epochs; the paper's number is unknown",),
    confounds=("the ResNet is trained for the profile's epochs, after which it need not have converged",),
    examined=(
        (
            "cifar100-micro: the ResNet has not come to a level of its own. After nine epochs its training NLL is 3.56 and still "
            "falls (3.73, 3.67 and 3.65 in the last epochs of seed 0), and the ViT, after 25, is at 3.14; errors are 88 and 86 %. On CIFAR-10, "
            "where the ResNet is further (51 % errors), the ViT stays behind it (58 %)"
        ),
    ),
)
def test_longer_training_does_not_rescue_vit(measure: Measure) -> None:
    error = measure(accuracy.error)
    assert error("vit-longer") > error("resnet")


@claim(
    "gap-improves-accuracy",
    "Global average pooling in place of the class token raises a ViT's accuracy.",
    paper=Paper("Section 2", "2.7 percentage points", read_from="memory of the text", effect=2.7, section=2),
    contradicted_by="pooling that lowers accuracy",
    examined=(
        (
            "cifar10-micro: the fit agrees: the training NLL is 1.654 with the token and 1.695 pooled "
            "(errors 0.008 and 0.009), the test NLL 1.71 and 1.77. The token is ahead in 17 of 18 seeds. "
            "Training is nine epochs long; the paper's is 300"
        ),
        (
            "cifar100-micro: as on CIFAR-10 the token is ahead, by 0.9 points in the mean, and a little on training images, too (NLL "
            "3.648 and 3.671, errors 0.007); the test NLL is 3.84 and 3.86"
        ),
    ),
)
def test_pooling_improves_accuracy(measure: Measure) -> None:
    percent = measure(accuracy.accuracy)
    assert percent("vit") > percent("vit-cls")


@claim(
    "small-patch-hurts",
    "Very small patches hurt a ViT.",
    paper=Paper(
        "Fig. C.2a",
        "patches of 2 pixels on CIFAR; no numbers known",
        read_from="description",
        section=2,
        figures=("C.2a",),
    ),
    contradicted_by="an error with patches of half the usual side at or below that with the usual ones",
    confounds=("four times as many tokens may take more epochs to fit",),
    examined=(
        (
            "cifar10-micro: the small patches also fit less well in the same nine epochs (training NLL 1.81 "
            "and 1.69), so that slower training explains it as well as the paper's reason"
        ),
        (
            "cifar100-micro: both have 9.5 % of 100 classes, with spreads of 0.3 over seeds; the small patches fit a "
            "little better (training NLL 3.65 and 3.67). On CIFAR-10, where networks are further from chance, they "
            "hurt. Nothing was found at fault, and no number of seeds is foreseen for a difference of 0.03 points"
        ),
    ),
)
def test_small_patches_hurt(measure: Measure) -> None:
    error = measure(accuracy.error)
    assert error("vit-small-patch") > error("vit")


@claim(
    "sam-helps-vit",
    "Optimisers that smooth the loss, such as SAM, help a ViT.",
    paper=Paper("Section 2", "none of its own: the paper cites Chen et al. (2022)", section=2),
    contradicted_by="an accuracy with SAM that is not higher",
    deviations=("radius 0.05",),
    confounds=("SAM takes two gradients per step",),
    examined=(
        (
            "cifar10-micro: with SAM the ViT fits less well in the same nine epochs, in every seed (training "
            "NLL 1.724 and 1.695, errors 0.008 and 0.009), and the test NLL is higher, too (1.786 and "
            "1.767). Whether it only trains more slowly was not measured"
        ),
    ),
)
def test_sam_helps_vit(measure: Measure) -> None:
    percent = measure(accuracy.accuracy)
    assert percent("vit-sam") > percent("vit")


@claim(
    "augmentation-underconfident",
    "Strong augmentation makes predictions under-confident, weak augmentation over-confident.",
    paper=Paper(
        "Fig. F.1a",
        "the reliability diagrams lie on opposite sides of the diagonal",
        read_from="memory of the plot",
        section=2,
        figures=("F.1a",),
    ),
    contradicted_by="a signed calibration error under strong augmentation that is not negative",
    examined=(
        (
            "cifar10-micro: three of four sentences are reproduced. The fourth contradicts, which is not among "
            "what was registered as a contradiction: the ViT under weak augmentation is under-confident by "
            "0.60 ± 0.66 points. All networks share the 2,000 test images, whose error of 1.0 points the "
            "interval over networks leaves out. In nine epochs the ViT has not overfitted (NLL 1.69 in "
            "training, 1.77 in test). Trained for 25 it is over-confident by 3.4 points"
        ),
        (
            "cifar100-micro: strong augmentation makes both under-confident (−2.7 and −2.3 points), as claimed. Under "
            "weak augmentation neither is over-confident: the ViT by −0.1 ± 0.5 points over seeds and the ResNet by "
            "−0.8 ± 0.8, p 0.035 with the guard. After nine epochs neither has begun to overfit (NLL 3.67 in training "
            "and 3.86 in test, 3.56 and 3.73). For the ResNet some 15 seeds would be needed"
        ),
    ),
)
@pytest.mark.parametrize("arm", ["vit", "resnet"])
def test_strong_augmentation_makes_underconfident(measure: Measure, arm: str) -> None:
    excess = measure(accuracy.overconfidence)
    assert excess(f"{arm}-weak-augmentation") > 0
    assert excess(f"{arm}-strong-augmentation") < 0
