"""Calibration metrics: golden numbers of the official code, torchmetrics, and closed forms."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from vitwork.analysis.calibration import evaluate
from vitwork.errors import VitworkError

CASES = json.loads((Path(__file__).parent / "golden" / "metrics.json").read_text())
NAMES = {"ecse": "signed_ece"}


def golden(case):
    noise = np.random.RandomState(case["seed"]).standard_normal((case["n"], case["classes"]))
    return (noise * case["scale"]).astype(np.float32), np.array(case["labels"])


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"n{case['n']}")
def test_official_variant_matches_the_official_code(case):
    """Every number of the released evaluation is met to 1e-6, quirks included."""
    found = evaluate(*golden(case), official=True)
    expected = {NAMES.get(name, name): value for name, value in case["expected"].items()}
    for name in ("count", "acc", "conf"):
        full = {"acc": "accuracy", "conf": "confidence"}.get(name, name)
        assert found["bins"][full] == pytest.approx(expected.pop(f"bin_{name}"), abs=1e-6)
    assert {name: found[name] for name in expected} == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"n{case['n']}")
def test_own_variant_differs_from_the_official_one_in_nll_only(case):
    """Away from confidence 1 the two variants agree, but for the mean of batch means."""
    logits, labels = golden(case)
    own, official = evaluate(logits, labels), evaluate(logits, labels, official=True)
    for name in set(own) - {"nll", "bins"}:
        assert own[name] == pytest.approx(official[name], abs=1e-6), name
    exact = -np.log(np.exp(logits.astype(float)) / np.exp(logits.astype(float)).sum(1, keepdims=True))
    assert own["nll"] == pytest.approx(exact[np.arange(len(labels)), labels].mean(), abs=1e-12)


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"n{case['n']}")
def test_torchmetrics_agrees(case):
    """An independent library gives the same accuracy, ECE, IoU and top-5."""
    from torchmetrics.functional.classification import (  # three seconds, which every worker would spend
        multiclass_accuracy,
        multiclass_calibration_error,
        multiclass_jaccard_index,
    )

    logits, labels = (torch.as_tensor(part) for part in golden(case))
    found, probabilities, k = evaluate(logits, labels), logits.double().softmax(1), case["classes"]
    options = {"num_classes": k}
    assert found["acc"] == pytest.approx(multiclass_accuracy(probabilities, labels, average="micro", **options).item())
    assert found["ece"] == pytest.approx(
        multiclass_calibration_error(probabilities, labels, n_bins=10, **options).item()
    )
    assert found["iou"] == pytest.approx(multiclass_jaccard_index(probabilities, labels, **options).item())
    top = multiclass_accuracy(probabilities, labels, average="micro", top_k=5, **options)
    assert found["top_5"] == pytest.approx(top.item())


def test_certain_and_right_is_perfectly_calibrated():
    """Confidence 1.0 belongs to the last bin; the official code counts it as confidence 0."""
    labels = torch.arange(8) % 4
    logits = 1000.0 * torch.nn.functional.one_hot(labels, 4)
    own, official = evaluate(logits, labels), evaluate(logits, labels, official=True)
    assert (own["ece"], own["nll"], own["brier"], own["acc_90"], own["iou_90"]) == (0, 0, 0, 1, 1)
    assert own["bins"]["count"] == [0] * 9 + [8]
    assert official["ece"] == pytest.approx(1)


def test_underflow_keeps_the_nll_finite():
    """A probability below the smallest float costs its logit, not infinity."""
    logits, labels = torch.tensor([[0.0, 900.0], [0.0, 0.0]]), torch.tensor([0, 1])
    assert evaluate(logits, labels)["nll"] == pytest.approx((900 + math.log(2)) / 2)
    assert evaluate(logits, labels, official=True)["nll"] == math.inf


def test_signed_error_tells_over_from_under_confidence():
    """With a constant confidence the signed error is confidence minus accuracy."""
    logits = torch.log(torch.tensor([[0.8, 0.2]])).repeat(10, 1)
    for right in (5, 10):
        labels = torch.cat([torch.zeros(right), torch.ones(10 - right)])
        found = evaluate(logits, labels)
        assert found["signed_ece"] == pytest.approx(0.8 - right / 10)
        assert found["ece"] == pytest.approx(abs(0.8 - right / 10))


def test_few_classes_and_empty_ratios():
    """Top-5 of three classes is certain, and a ratio over no example is NaN (0 in the official variant)."""
    logits, labels = torch.zeros(6, 3), torch.zeros(6)
    found = evaluate(logits, labels)
    assert found["top_5"] == 1
    assert math.isnan(found["acc_90"])
    assert math.isnan(found["iou_90"])
    assert math.isnan(evaluate(logits, labels)["unc_90"])
    assert evaluate(logits, labels, official=True)["acc_90"] == 0


def test_soft_targets_enter_the_nll_only():
    """Soft targets change the NLL to a cross-entropy; other metrics take their largest entry."""
    logits = 8 * torch.randn(20, 5, generator=torch.Generator().manual_seed(0))
    soft = torch.softmax(torch.randn(20, 5, generator=torch.Generator().manual_seed(1)), 1)
    found, hard = evaluate(logits, soft), evaluate(logits, soft.argmax(1))
    assert found["nll"] == pytest.approx(-(soft * logits.log_softmax(1)).sum(1).mean().item(), abs=1e-6)
    assert {**found, "nll": 0} == {**hard, "nll": 0}


@settings(max_examples=25, deadline=None)
@given(st.integers(2, 40), st.integers(2, 7), st.integers(0, 10_000))
def test_order_of_examples_does_not_matter(n, classes, seed):
    """A permutation of the examples, with ragged counts, changes nothing; the binned errors are consistent."""
    random = np.random.default_rng(seed)
    logits, labels, order = random.normal(size=(n, classes)) * 3, random.integers(0, classes, n), random.permutation(n)
    found, shuffled = evaluate(logits, labels), evaluate(logits[order], labels[order])
    numbers = [name for name in found if name != "bins"]
    assert [found[name] for name in numbers] == pytest.approx([shuffled[name] for name in numbers], nan_ok=True)
    assert abs(found["signed_ece"]) <= found["ece"] + 1e-12
    assert sum(found["bins"]["count"]) == n


def test_bad_shapes_are_refused():
    """Logits and labels of different lengths, or none at all, are an error."""
    with pytest.raises(ValueError, match="do not belong together"):
        evaluate(torch.zeros(3, 2), torch.zeros(4))
    with pytest.raises(ValueError, match="do not belong together"):
        evaluate(torch.zeros(0, 2), torch.zeros(0))


@pytest.mark.parametrize("official", [False, True])
@pytest.mark.parametrize(
    ("labels", "words"),
    [
        (torch.tensor([0, 1, 2]), "none of the 2 classes"),
        (torch.tensor([0, -100, 1]), "none of the 2 classes"),
        (torch.tensor([[0], [1], [1]]), r"labels \(3, 1\) do not belong together"),
        (torch.full((3, 4), 0.25), r"labels \(3, 4\) do not belong together"),
        (torch.tensor(1), r"labels \(\) do not belong together"),
    ],
)
def test_labels_that_do_not_fit_the_logits_are_refused(labels, words, official):
    """A label beyond the classes, a column of labels, and soft targets of another width are one sentence each."""
    with pytest.raises(ValueError, match=words):
        evaluate(torch.zeros(3, 2), labels, official=official)


@pytest.mark.parametrize("official", [False, True])
@pytest.mark.parametrize("broken", [math.nan, math.inf])
def test_predictions_that_are_no_numbers_are_refused(broken, official):
    """A row without a largest probability is no vote for the first class; a class that is ruled out (-inf) is fine."""
    logits = torch.zeros(3, 2)
    logits[1, 1] = broken
    with pytest.raises(VitworkError, match="the logits of the model are not finite"):
        evaluate(logits, torch.zeros(3, dtype=torch.long), official=official)
    logits[1, 1] = -math.inf
    assert evaluate(logits, torch.zeros(3, dtype=torch.long), official=official)["acc"] == pytest.approx(1)


def test_labels_are_whole_numbers():
    """Half a class is an error, not the class below it."""
    with pytest.raises(ValueError, match="whole numbers"):
        evaluate(torch.zeros(3, 2), torch.tensor([0.0, 0.5, 1.0]))


def test_truth_values_and_complex_numbers_are_refused():
    """Labels that are true or false, complex logits, and soft targets that are no shares have no metrics."""
    logits = torch.randn(4, 2, generator=torch.Generator().manual_seed(0))
    labels = torch.tensor([0, 1, 1, 0])
    for wrong in (labels.bool(), labels.to(torch.complex64), torch.eye(2)[labels].bool()):
        with pytest.raises(ValueError, match="labels are whole numbers"):
            evaluate(logits, wrong)
    with pytest.raises(ValueError, match="logits are real numbers"):
        evaluate(logits.to(torch.complex64), labels)
    for wrong in (torch.nan, -1.0, 2.0):
        with pytest.raises(VitworkError, match="soft targets are shares of the classes"):
            evaluate(logits, torch.full((4, 2), wrong))


def test_a_diagram_has_a_bin():
    """No bin is an error; one bin is the whole data set."""
    with pytest.raises(ValueError, match="one bin or more, not 0"):
        evaluate(torch.zeros(3, 2), torch.zeros(3), bins=0)
    assert evaluate(torch.zeros(3, 2), torch.zeros(3), bins=1)["bins"]["count"] == [3]
