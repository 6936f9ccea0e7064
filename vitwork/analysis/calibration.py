"""Classification and calibration metrics of one set of predictions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from vitwork.analysis.targets import as_taken, check_decisive, check_shares

CONFIDENT = 0.9
OFFICIAL_BATCH = 100  # images per batch in the official evaluation, whose NLL is a mean of batch means
OFFICIAL_EPSILON = 1e-7  # added to the denominators of the ratios in the official code

Array = Tensor | NDArray[Any]


@dataclass(frozen=True, slots=True)
class _Predictions:
    """Probabilities, labels and predicted classes that the metrics share, on the logits' device.

    Attributes:
        probabilities: softmax of the logits (n, classes).
        labels: true classes (n,).
        confidence: largest probability (n,).
        predicted: class of the largest probability (n,).
    """

    probabilities: Tensor
    labels: Tensor
    confidence: Tensor
    predicted: Tensor

    @property
    def right(self) -> Tensor:
        return self.predicted == self.labels


def evaluate(logits: Array, labels: Array, bins: int = 10, *, official: bool = False) -> dict[str, Any]:
    """Return classification and calibration metrics of predictions.

    Here c is the largest softmax probability of an example (its confidence):

    ====================  ==============================================================================================
    ``acc``, ``acc_90``   share of right predictions among all examples, and among those with c > 0.9
    ``nll``               mean over examples of -log p(label) in nats, computed from the logits and so finite
    ``ece``               Σ_b (n_b / n) |accuracy_b - confidence_b| over equal bins of c, each (low, high]
    ``signed_ece``        the same with confidence_b - accuracy_b: positive when over-confident
    ``iou``, ``iou_90``   intersection over union, averaged over the classes that occur (``iou_90``: among c > 0.9)
    ``unc_90``            P(c ≤ 0.9 | wrong)
    ``freq_90``           P(c > 0.9)
    ``top_5``             share of labels among the five largest logits (all of them where there are fewer classes)
    ``brier``             mean over examples of the squared distance of the probabilities to the one-hot label
    ``bins``              reliability diagram: ``edges`` (bins + 1), ``count``, ``accuracy``, ``confidence`` (bins each)
    ====================  ==============================================================================================

    A ratio over no example is NaN. The official variant follows the released code instead:

    - NLL is computed from the stored softmax, as the mean of the means over consecutive batches of 100; it is infinite
      where a probability underflows.
    - Mean confidences are taken over [low, high), counts over (low, high], so that confidence 1.0 counts as 0.
    - 1e-7 is added to denominators, and a ratio over no example is 0.

    Args:
        logits: (n, classes).
        labels: class indices (n,), or soft targets (n, classes). `nll` uses soft targets unchanged; the other metrics
            use the class of their largest entry.
        bins: number of bins of confidence.
        official: compute the released code's variant.

    Returns:
        The metrics by name: floats, and lists under ``bins``.

    Raises:
        ValueError: there is no example or no bin, the shapes do not fit, or a label is not a class or not an integer.
        VitworkError: soft targets are not shares of the classes, or a largest logit is not finite.
    """
    if bins < 1:
        raise ValueError(f"a reliability diagram has one bin or more, not {bins}")
    scores = torch.as_tensor(logits)
    if scores.is_complex():
        raise ValueError("logits are real numbers, not complex ones")
    # The released code works on single-precision probabilities; ours are exact to double precision.
    scores = scores.float() if official else scores.double()
    targets = torch.as_tensor(labels, device=scores.device)
    if scores.ndim != 2 or len(scores) == 0 or targets.shape not in {scores.shape[:1], scores.shape}:
        raise ValueError(f"logits {tuple(scores.shape)} and labels {tuple(targets.shape)} do not belong together")
    other = targets.is_complex() or targets.dtype == torch.bool
    if other or (targets.ndim == 1 and targets.is_floating_point() and bool((targets != targets.long()).any())):
        raise ValueError("labels are whole numbers, or soft targets with an entry per class")
    targets = as_taken(targets, targets.dtype)  # torch cannot compare wide unsigned integers
    if targets.ndim == 2:
        check_shares(targets)
    if targets.ndim == 1 and bool(((targets < 0) | (targets >= scores.shape[1])).any()):
        raise ValueError(f"a label is none of the {scores.shape[1]} classes, which are numbered from 0")
    hard = targets.argmax(dim=1) if targets.ndim == 2 else targets.long()
    check_decisive(scores)
    probabilities = scores.softmax(dim=1)
    confidence, predicted = probabilities.max(dim=1)
    found = _Predictions(probabilities, hard, confidence, predicted)
    nothing = 0.0 if official else float("nan")
    epsilon = OFFICIAL_EPSILON if official else 0.0
    diagram = _diagram(found, bins, official=official)
    metrics = {
        "nll": _official_nll(probabilities, targets) if official else _nll(scores, targets),
        **_shares(found, nothing, epsilon),
        "top_5": _top(found, 5) / (len(hard) + epsilon),
        "brier": _brier(probabilities, hard),
        **_errors(diagram, epsilon),
    }
    return {**metrics, "bins": diagram}


def _nll(scores: Tensor, targets: Tensor) -> float:
    soft = targets.to(scores) if targets.ndim == 2 else targets.long()
    return float(F.cross_entropy(scores, soft))


def _official_nll(probabilities: Tensor, targets: Tensor) -> float:
    parts = [slice(start, start + OFFICIAL_BATCH) for start in range(0, len(targets), OFFICIAL_BATCH)]
    means = [_nll(probabilities[part].log(), targets[part]) for part in parts]
    return sum(means) / (len(means) + OFFICIAL_EPSILON)


def _brier(probabilities: Tensor, labels: Tensor) -> float:
    of_label = probabilities.gather(1, labels[:, None]).squeeze(1)
    return float((probabilities.square().sum(dim=1) - 2 * of_label + 1).mean())


def _ratio(part: float, whole: float, nothing: float) -> float:
    return part / whole if whole else nothing


def _shares(found: _Predictions, nothing: float, epsilon: float) -> dict[str, float]:
    """Return the metrics that are ratios of counts."""
    sure, right = found.confidence > CONFIDENT, found.right
    n, confident, wrong = len(right), int(sure.sum()), int((~right).sum())
    unsure_wrong = int((~right & ~sure).sum())
    return {
        "acc": float(right.double().mean()),
        "acc_90": _ratio(int((right & sure).sum()), confident, nothing),
        "iou": _iou(found, torch.ones_like(sure), nothing),
        "iou_90": _iou(found, sure, nothing),
        "unc_90": _ratio(unsure_wrong, wrong + epsilon, nothing),
        "freq_90": confident / (n + epsilon),
    }


def _iou(found: _Predictions, kept: Tensor, nothing: float) -> float:
    """Return the mean over occurring classes of TP / (TP + FP + FN), among the examples `kept`."""
    classes = found.probabilities.shape[1]
    # The row sums, column sums and diagonal of the confusion matrix are enough.
    chosen = (found.labels[kept & found.right], found.labels[kept], found.predicted[kept])
    hits, true, guessed = (torch.bincount(each, minlength=classes).double() for each in chosen)
    occurs = true > 0
    if not bool(occurs.any()):
        return nothing
    return float((hits[occurs] / (true + guessed - hits)[occurs]).mean())


def _top(found: _Predictions, k: int) -> int:
    """Return how many labels are among the k most probable classes.

    Ties are ordered with the predicted class first, then by class index.
    """
    classes = torch.arange(found.probabilities.shape[1], device=found.labels.device)
    own = found.probabilities.gather(1, found.labels[:, None])
    ahead = (found.probabilities > own) | ((found.probabilities == own) & (classes < found.labels[:, None]))
    return int(((ahead.sum(dim=1) < k) | found.right).sum())


def _diagram(found: _Predictions, bins: int, *, official: bool) -> dict[str, list[float]]:
    """Return the reliability diagram."""
    edges = torch.linspace(0, 1, bins + 1, dtype=torch.double)
    inner = edges[1:-1].to(found.confidence.device)
    confidence = found.confidence.double()
    place = torch.bucketize(confidence, inner)  # (low, high]
    count = torch.bincount(place, minlength=bins).double()
    hits = torch.bincount(place, weights=found.right.double(), minlength=bins)
    if official:
        below = confidence < 1
        place = torch.bucketize(confidence, inner, right=True)  # [low, high)
        total = torch.bincount(place[below], weights=confidence[below], minlength=bins) / (count + OFFICIAL_EPSILON)
    else:
        total = torch.bincount(place, weights=confidence, minlength=bins) / count.clamp(min=1)
    return {
        "edges": edges.tolist(),
        "count": count.tolist(),
        "accuracy": (hits / count.clamp(min=1)).tolist(),
        "confidence": total.tolist(),
    }


def _errors(diagram: dict[str, list[float]], epsilon: float) -> dict[str, float]:
    """Return the expected calibration error and its signed form."""
    count, accuracy, confidence = (torch.tensor(diagram[key]).double() for key in ("count", "accuracy", "confidence"))
    weight, excess = count / (count.sum() + epsilon), confidence - accuracy
    return {"ece": float((weight * excess.abs()).sum()), "signed_ece": float((weight * excess).sum())}
