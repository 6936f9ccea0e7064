"""Targets that are no classes are refused by every analysis that uses them, and ties favour no metric."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from tests.analysis.hand_made import batches, conv_net
from vitwork.analysis import calibration, hessian, landscape, lesion, robustness
from vitwork.errors import VitworkError


def network():
    torch.manual_seed(0)
    return nn.Sequential(nn.Flatten(), nn.Linear(3 * 16 * 16, 5))


def with_label(label):
    (images, labels), *rest = batches(8, 4)
    labels = labels.clone()
    labels[1] = label
    return [*rest, (images, labels)]


@pytest.mark.parametrize(("label", "message"), [(-100, "a label is -100"), (5, "a label is 5")])
@pytest.mark.parametrize(
    "measure",
    [
        lambda data: landscape.surface(network(), data, points=3),
        lambda data: robustness.noise_bands(network(), data),
        lambda data: lesion.study(conv_net(), data),
    ],
    ids=["surface", "noise", "lesion"],
)
def test_labels_that_are_no_classes_are_refused(measure, label, message):
    """Examples to be ignored would fall out of a sum and stay in its denominator."""
    with pytest.raises(VitworkError, match=message):
        measure(with_label(label))


def test_soft_targets_of_other_classes_are_refused():
    """Soft targets have an entry per logit."""
    images = batches(4, 4)[0][0]
    with pytest.raises(VitworkError, match=r"targets \(4, 3\) of float32 do not fit 5 logits"):
        landscape.surface(network(), [(images, torch.ones(4, 3) / 3)], points=3)


@pytest.mark.parametrize(
    "measure",
    [
        lambda data: hessian.top_eigenvalues(network(), data, k=1),
        lambda data: landscape.surface(network(), data, points=3),
        lambda data: lesion.study(conv_net(), data),
    ],
    ids=["hessian", "surface", "lesion"],
)
def test_kinds_of_targets(measure):
    """Labels may be small integers and soft targets of another precision; shares that are none are refused."""
    images, labels = batches(4, 4)[0]
    for kind in (torch.int8, torch.uint8, torch.uint16, torch.uint32, torch.uint64):
        measure([(images, labels.to(kind))])
    measure([(images, torch.eye(5, dtype=torch.float64)[labels])])
    with pytest.raises(VitworkError, match="a label is 9223372036854775809, which is no class"):
        measure([(images, torch.tensor([2**63 + 1, *labels[1:].tolist()], dtype=torch.uint64))])
    with pytest.raises(VitworkError, match="a label is 65535, but the model has 5 logits"):
        measure([(images, torch.tensor([2**16 - 1, *labels[1:].tolist()], dtype=torch.uint16))])
    for wrong in (torch.nan, -1.0, 2.0):
        soft = torch.eye(5)[labels]
        soft[1, 0] += wrong
        with pytest.raises(VitworkError, match="soft targets are shares of the classes"):
            measure([(images, soft)])


@pytest.mark.parametrize("kind", [torch.uint8, torch.uint16, torch.uint32, torch.uint64])
def test_unsigned_labels_are_counted_as_others_are(kind):
    """Torch compares no unsigned numbers of several bytes."""
    images, labels = batches(8, 4)[0]
    model, unsigned = network(), labels.to(kind)
    wanted, found = (robustness.cue_conflict(model, [(images, y)], y, y.flip(0)) for y in (labels, unsigned))
    assert (found.shape, found.texture) == (wanted.shape, wanted.texture)
    logits = torch.eye(5)[labels]
    assert str(calibration.evaluate(logits, unsigned)) == str(calibration.evaluate(logits, labels))  # NaN is not itself
    with pytest.raises(ValueError, match="a label is none of the 5 classes"):
        calibration.evaluate(logits, (labels + 5).to(kind))


@pytest.mark.parametrize("official", [False, True])
def test_top_five_counts_ties_by_order(official):
    """Of equal scores the first five count, the predicted one always."""
    labels = torch.arange(10)
    found = calibration.evaluate(torch.zeros(10, 10), labels, official=official)
    assert found["top_5"] == pytest.approx(0.5)
    assert found["top_5"] >= found["acc"]


def test_surfaces_say_which_share_of_the_weights_moves():
    """Weights of layers move; biases do not; parametrised ones do not, and where nothing does, there is no surface."""
    data = batches(8, 4)
    weights, biases = 3 * 16 * 16 * 5, 5
    assert landscape.surface(network(), data, points=3).moved == pytest.approx(weights / (weights + biases))
    two = nn.Sequential(nn.Flatten(), nn.Linear(768, 4), nn.Linear(4, 5))
    nn.utils.parametrizations.spectral_norm(two[1])
    assert landscape.surface(two, data, points=3).moved == pytest.approx(20 / (768 * 4 + 4 + 20 + 5))
    alone = network()
    nn.utils.parametrizations.spectral_norm(alone[1])
    with pytest.raises(VitworkError, match="nothing would move"):
        landscape.surface(alone, data, points=3)
    zero = network()
    nn.init.zeros_(zero[1].weight)
    with pytest.raises(VitworkError, match="nothing would move"):
        landscape.surface(zero, data, points=3)


@pytest.mark.parametrize(
    ("images", "targets", "sentence"),
    [
        (torch.zeros(4, 3, 8, 8), torch.zeros(3, dtype=torch.long), "not one target for each image"),
        (torch.zeros(3, 8, 8), torch.zeros(1, dtype=torch.long), "not one target for each image"),
        (torch.zeros(4, 3, 8, 8), torch.tensor(1), r"targets \(\) of int64 do not fit"),
        (torch.zeros(4, 3, 8, 8), torch.zeros(4, dtype=torch.complex64), r"targets \(4,\) of complex64 do not fit"),
        (torch.zeros(4, 3, 8, 8), torch.zeros(4, 5, dtype=torch.long), r"targets \(4, 5\) of int64 do not fit"),
        (torch.zeros(4, 3, 8, 8), torch.zeros(4, dtype=torch.bool), r"targets \(4,\) of bool do not fit"),
        (torch.zeros(4, 3, 8, 8), [0, 1, 2, 3], r"the targets of a batch are a list, not a torch\.Tensor"),
        (np.zeros((4, 3, 8, 8)), torch.zeros(4, dtype=torch.long), "the images of a batch are a ndarray"),
        (torch.zeros(4, 3, 8, 8, dtype=torch.complex64), torch.zeros(4).long(), "the images are complex numbers"),
        (torch.full((4, 3, 8, 8), torch.inf), torch.zeros(4).long(), "images that are not finite"),
    ],
)
def test_targets_are_one_for_each_image(images, targets, sentence):
    """Too few labels, a scalar, complex numbers, no tensor or an image without its batch end in one sentence, not in torch's."""
    net = nn.Sequential(nn.Flatten(), nn.LazyLinear(5))
    net(torch.zeros(1, 3, 8, 8))
    with pytest.raises(VitworkError, match=sentence):
        hessian.top_eigenvalues(net, [(images, targets)])


def test_logits_are_numbers_with_a_point():
    """A model that returns its decisions, not its logits, has no loss."""

    class Decided(nn.Linear):
        def forward(self, x):
            return super().forward(x).argmax(1, keepdim=True).expand(-1, 5)

    with pytest.raises(VitworkError, match=r"returns a tensor \(4, 5\) of int64"):
        hessian.top_eigenvalues(Decided(3, 5), [(torch.zeros(4, 3), torch.zeros(4, dtype=torch.long))])
