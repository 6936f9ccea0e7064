"""What spoils a run's predictions: noise of one band, corruptions, conflicting cues (paper, Fig. 2b and 12b)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

from vitwork.design.arm import Arm
from vitwork.language.quantity import Record, columns, mean, measurement, quantity, ratio

if TYPE_CHECKING:
    from vitwork.measurements.trained_run import TrainedRun

HIGH, LOW = (0.7, 0.9), (0.2, 0.5)
"""Bands in which the claim sheet places the paper's two claims, in units of π."""


@measurement
def noise_bands(
    run: TrainedRun, *, when: str = "end", power: Literal["fixed", "equal"] = "fixed", images: int = 500
) -> Record:
    """Return the change of test accuracy under noise of each band; amplitude 0.7, the author's later remark."""
    from vitwork.analysis import robustness
    from vitwork.data.noise_bands import Band

    band = Band(robustness.PAPER_FREQUENCIES[0], eps=0.7 if power == "fixed" else 0.3, power=power)
    found = robustness.noise_bands(run.model(when), run.test_batches(limit=images), band=band, seed=run.seed)
    return columns(found, "frequencies", "clean", "accuracy_change", "standard_error", "rms", "cost")


@quantity(noise_bands, name="accuracy change under noise", unit="pp")
def change(record: Record, between: tuple[float, float]) -> float:
    """Return the mean change of accuracy over the bands with centres in a range."""
    return 100.0 * _mean(record, between)


@quantity(noise_bands, name="relative accuracy change under noise", unit="%")
def relative_change(record: Record, between: tuple[float, float]) -> float:
    """Return the mean change of accuracy over the bands in a range, as a share of the clean accuracy."""
    return 100.0 * ratio(_mean(record, between), record["clean"])


def _mean(record: Record, between: tuple[float, float]) -> float:
    low, high = between
    chosen = [
        found
        for frequency, found in zip(record["frequencies"], record["accuracy_change"], strict=True)
        if low - 1e-9 <= frequency <= high + 1e-9
    ]
    return mean(chosen, f"band between {low:g}π and {high:g}π")


@measurement
def corruptions(
    run: TrainedRun, *, when: str = "end", images: int = 10_000, severities: tuple[int, ...] = (1, 2, 3, 4, 5)
) -> Record:
    """Return the accuracy under each of the fifteen corruptions; every run sees the same corrupted images.

    Args:
        run: what is measured.
        when: at which snapshot.
        images: number of test images, from the first on.
        severities: from 1 to 5.
    """
    from vitwork.analysis import robustness
    from vitwork.data.corruptions.corrupt import CORRUPTIONS
    from vitwork.data.images import normalise

    test = run.splits.test
    found = robustness.corruptions(
        run.model(when),
        test.images[:images].to(run.device),
        test.labels[:images].to(run.device),
        lambda pixels: normalise(pixels, test.mean, test.std),
        severities=severities,
    )
    return {
        "names": list(CORRUPTIONS),
        "severities": list(severities),
        "accuracy": [[found.metrics[name, severity]["acc"] for severity in severities] for name in CORRUPTIONS],
        "clean": found.clean["acc"],
        **columns(found, "cost"),
    }


@quantity(corruptions, name="accuracy under corruptions", unit="%")
def corrupted_accuracy(record: Record) -> float:
    """Return the unweighted mean accuracy over corruptions and severities, the paper's robustness."""
    found = [value for severities in record["accuracy"] for value in severities]
    return 100.0 * mean(found, "corruption")


@quantity(corruptions, name="share of the accuracy kept under corruptions", unit="%")
def kept_accuracy(record: Record) -> float:
    """Return the mean accuracy under corruptions as a share of the clean accuracy."""
    return ratio(corrupted_accuracy.value(record), record["clean"])


def _not_drawn(arm: Arm, parameters: Mapping[str, Any]) -> str:
    del parameters
    return "" if arm.data.source == "embedded" else "needs images whose cues can be set against each other: drawn ones"


@partial(measurement, lacks=_not_drawn)
def cue_conflict(run: TrainedRun, *, when: str = "end", images: int = 900) -> Record:
    """Return how often the outline and how often the texture decides on drawn images where the two disagree."""
    import torch

    from vitwork.analysis import robustness
    from vitwork.data.drawn.embedded import conflict

    test = run.splits.test
    drawn = conflict(images, size=test.images.shape[-1])
    shapes, textures = torch.from_numpy(drawn.shapes), torch.from_numpy(drawn.textures)
    against = replace(test, images=torch.from_numpy(drawn.images), labels=shapes)
    found = robustness.cue_conflict(run.model(when), run.batches(against), shapes, textures)
    agreeing = run.test_batches(limit=images)
    with torch.inference_mode():
        right = sum(int((run.model(when)(x).argmax(1) == labels).sum()) for x, labels in agreeing)
    return {
        "shape_bias": found.bias,
        "shape_share": found.shape,
        "texture_share": found.texture,
        "accuracy": right / sum(len(labels) for _, labels in agreeing),
        "n": found.decided,
        **columns(found, "cost"),
    }


@quantity(cue_conflict, name="shape bias", unit="%")
def shape_bias(record: Record) -> float:
    """Return the share of decisions for the outline among those for the outline or the texture (Geirhos et al. 2019)."""
    return 100.0 * float(record["shape_bias"])
