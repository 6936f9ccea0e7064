"""Loss landscape: what properties of MSAs improve optimisation (Section 2)."""

from __future__ import annotations

import pytest

from vitwork.language.claim import Paper, claim
from vitwork.language.measure import Measure
from vitwork.language.sentence import control
from vitwork.measurements import hessian, landscape

RECALIBRATED = "with BatchNorm recalibrated"
SPECTRUM_CONFOUNDS = (
    "LayerNorm against BatchNorm, whose mode alone changes the eigenvalues several times",
    "the networks do not fit the training data equally well",
)


smaller = claim(
    "hessian-vit-smaller",
    "The top Hessian eigenvalues of a ViT are smaller in magnitude than those of a ResNet throughout training.",
    paper=Paper(
        "Fig. 1c, 4",
        "average positive eigenvalue (APE) after warm-up 47 for ViT-Ti, at least 489 for ResNet-50",
        read_from="integrals of the plotted densities",
        section=2,
        figures=("1c", "4"),
    ),
    contradicted_by="an average positive eigenvalue of the ViT at or above the ResNet's at any stage",
    deviations=(
        "read after warm-up and at the end, of the stages between which the paper shows two more",
        "by Lanczos' method to a known accuracy; the paper's power iteration is a control: the largest eigenvalue of two mini-batches",
        "as a control, where the training loss of either network has fallen to three quarters of chance's",
    ),
    confounds=SPECTRUM_CONFOUNDS,
)


@smaller
@pytest.mark.parametrize("when", ["warmup", "end"])
def test_vit_has_smaller_eigenvalues(measure: Measure, when: str) -> None:
    ape = measure(hessian.ape, when=when)
    assert ape("vit") < ape("resnet")


@smaller
@pytest.mark.parametrize("when", ["warmup", "end"])
@pytest.mark.parametrize("condition", ["with BatchNorm in train mode"])
def test_vit_has_smaller_eigenvalues_in_train_mode(measure: Measure, when: str, condition: str) -> None:
    ape, of_batch = measure(hessian.ape, when=when), measure(hessian.ape, when=when, batchnorm="train")
    assert control(ape("vit") < of_batch("resnet"), condition)  # the ViT has no BatchNorm


@smaller
@pytest.mark.parametrize("condition", ["by PyHessian"])
def test_vit_has_smaller_eigenvalues_by_power_iteration(measure: Measure, condition: str) -> None:
    ape = measure(hessian.ape, when="warmup", solver="pyhessian", batches=2, k=1)
    assert control(ape("vit") < ape("resnet"), condition)


@smaller
@pytest.mark.parametrize("condition", ["at one training loss"])
def test_vit_has_smaller_eigenvalues_at_one_loss(measure: Measure, condition: str) -> None:
    ape = measure(hessian.ape_at_loss)
    assert control(ape("vit") < ape("resnet"), condition)


@claim(
    "hessian-vit-smaller-when-published",
    "Of published networks, the top Hessian eigenvalues of ViTs are smaller in magnitude than those of ResNets.",
    paper=Paper(
        "Fig. 1c",
        "modes of the positive eigenvalues after 300 epochs: 433 for ViT-Ti, about 840 for ResNet-50",
        "CIFAR-100",
        "plot",
        effect=0.515,
        section=2,
        figures=("1c",),
    ),
    contradicted_by="an average positive eigenvalue of published ViTs at or above published ResNets'",
    deviations=(
        "beyond the paper, which follows the eigenvalues through its own trainings: networks as they were published",
        "on test images as they are, by the NLL alone",
    ),
    confounds=SPECTRUM_CONFOUNDS,
    ours=True,
)
def test_published_vits_have_smaller_eigenvalues(measure: Measure) -> None:
    ape = measure(hessian.ape, when="end")
    assert ape("vit-published") < ape("resnet-published")
    of_batch = measure(hessian.ape, when="end", batchnorm="train")
    assert control(ape("vit-published") < of_batch("resnet-published"), "with BatchNorm in train mode")


more_negative = claim(
    "hessian-vit-negative",
    "A ViT has many negative Hessian eigenvalues and a ResNet nearly none.",
    paper=Paper(
        "Fig. 1c, 4",
        "negative eigenvalue proportion (NEP) after warm-up 9.0 % for ViT-Ti, 0 % for ResNet-50",
        read_from="integrals of the plotted densities",
        effect=9.0,
        section=2,
        figures=("1c", "4"),
    ),
    contradicted_by="a negative eigenvalue proportion of the ViT at or below the ResNet's, or of the ResNet above 1 %",
    deviations=(
        "a control reads the signed extremes of the spectrum, as |λmin|/λmax",
        "nearly none is taken as less than one per cent; it is none in the paper",
    ),
    confounds=("NEP counts only negative values among the five largest magnitudes of a mini-batch",),
)


@more_negative
@pytest.mark.parametrize("when", ["warmup", "end"])
def test_vit_has_more_negative_eigenvalues(measure: Measure, when: str) -> None:
    nep = measure(hessian.nep, when=when)
    assert nep("vit") > nep("resnet")
    assert nep("resnet") < 1


@more_negative
@pytest.mark.parametrize("when", ["warmup", "end"])
@pytest.mark.parametrize("condition", ["by its signed extremes"])
def test_vit_reaches_further_below_zero(measure: Measure, when: str, condition: str) -> None:
    negativity = measure(hessian.negativity, when=when)
    assert control(negativity("vit") > negativity("resnet"), condition)


@claim(
    "landscape-vit-flatter",
    "The loss surface of a ViT is flatter than that of a ResNet, at the weights and to the border of the plane.",
    paper=Paper(
        "Fig. 1a",
        "from the weights to radius 1 the loss rises by 2.6 NLL + 10.0 L2 for ViT-Ti, 3.7 NLL + 16.8 L2 for ResNet-50; "
        "curvature of the NLL 15.2 and 22.1 against 21.8 and 35.4",
        read_from="the surfaces released with the code",
        effect=0.65,
        section=2,
        figures=("1a",),
    ),
    contradicted_by="a ViT whose NLL alone is not flatter at the weights, or rises no less to the border",
    deviations=(
        "directions normalised filter by filter and drawn anew for every seed; the released code normalises otherwise",
        "the NLL alone decides; with L2, which is most of the paper's surface, the rise is a control",
        "L2 is ½·|w|² times the weight decay; in the released code it is a sum of norms",
        "that it is most visible near the border, as the paper says, is not tested",
        "at the micro profiles a plane is 7×7 points on 42 images, and 36 planes are averaged; the paper's is 21×21 on all images",
    ),
    confounds=(
        "both directions are as long as the weights, so the larger network moves farther",
        "the networks do not fit the training data equally well",
    ),
)
def test_vit_surface_is_flatter(measure: Measure) -> None:
    curvature, rise, with_l2 = map(measure, (landscape.curvature, landscape.nll_rise, landscape.rise))
    assert curvature("vit") < curvature("resnet")
    assert rise("vit") < rise("resnet")
    assert control(with_l2("vit") < with_l2("resnet"), "with L2")
    # The ViT has no BatchNorm.
    curvature_, rise_ = (measure(of, batchnorm="recalibrated") for of in (landscape.curvature, landscape.nll_rise))
    assert control(curvature("vit") < curvature_("resnet"), f"at the weights {RECALIBRATED}")
    assert control(rise("vit") < rise_("resnet"), f"at the border {RECALIBRATED}")


@claim(
    "trajectory-vit-smooth",
    "A ViT moves to its optimum along a smooth path; a ResNet's path is irregular and first leads away from it.",
    paper=Paper(
        "Fig. 1b",
        "ResNet-50 is at 1.41 times its initial distance after warm-up and at most at 1.53; ViT-Ti comes steadily closer",
        read_from="plot",
        section=2,
        figures=("1b",),
    ),
    contradicted_by="a ViT that moves away from its optimum, or whose path is as long or turns as much as the ResNet's",
    deviations=("a path through a few snapshots, which hides what happens between them",),
    confounds=("scaling the weights before a BatchNorm changes the path and not the network",),
)
def test_vit_path_is_smooth_and_resnet_path_is_not(measure: Measure) -> None:
    assert measure(landscape.largest_retreat)("vit") < 0
    assert measure(landscape.farthest)("resnet") > 1
    length, turning = measure(landscape.length), measure(landscape.turning)
    assert length("vit") < length("resnet")
    assert turning("vit") < turning("resnet")


@claim(
    "nonconvexity-early",
    "A ViT's loss is less convex early in training than at its end.",
    paper=Paper(
        "Fig. 1c",
        "the mass of negative eigenvalues falls visibly from warm-up to epoch 300",
        read_from="plot",
        section=2,
        figures=("1c",),
    ),
    contradicted_by="a negative eigenvalue proportion that does not fall from warm-up to the end",
    confounds=("NEP counts only negative values among the five largest magnitudes of a mini-batch",),
)
def test_negative_eigenvalues_belong_to_early_training(measure: Measure) -> None:
    assert measure(hessian.nep, when="warmup")("vit") > measure(hessian.nep, when="end")("vit")


needed = claim(
    "need-l2-and-augmentation",
    "The Hessian of the NLL alone, or on images without augmentation, misleads.",
    paper=Paper("README of the code", "none", read_from="description", section=2),
    contradicted_by="an NEP that L2 moves by less than five points, or clean images that put ViT and ResNet in the order of augmented ones",
    deviations=(
        "misleading is taken as five percentage points of NEP, and as the opposite order of ViT and ResNet",
        "L2 can move no NEP by more than it is without: below five points this alone contradicts",
        "the order on augmented images is read after warm-up, where the paper reads it, and at the end, as on clean images, by a control",
    ),
    confounds=("L2 adds its coefficient to every eigenvalue and can change no more than that",),
)


@needed
def test_hessian_without_l2_or_augmentation_misleads(measure: Measure) -> None:
    alone, usual = (measure(of, when="warmup") for of in (hessian.nep_of_nll, hessian.nep))
    assert alone("vit") > usual("vit") + 5
    assert alone("vit") > 5
    augmented, clean = measure(hessian.ape, when="warmup"), measure(hessian.ape, examples="clean")
    assert augmented("vit-strong-augmentation") < augmented("resnet-strong-augmentation")
    assert clean("vit-strong-augmentation") > clean("resnet-strong-augmentation")


@needed
@pytest.mark.parametrize("condition", ["augmented, at the end"])
def test_the_order_on_augmented_images_lasts(measure: Measure, condition: str) -> None:
    ape = measure(hessian.ape)
    assert control(ape("vit-strong-augmentation") < ape("resnet-strong-augmentation"), condition)
