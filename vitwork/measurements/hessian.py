"""Curvature of a run's training loss: the paper's Hessian max-eigenvalue spectra (Fig. 1c, 4, 7b)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

from vitwork.language.quantity import AbsentError, Record, columns, mean, measurement, quantity, ratio

if TYPE_CHECKING:
    from vitwork.analysis.hessian import Spectrum
    from vitwork.design.arm import Arm
    from vitwork.measurements.trained_run import TrainedRun

Statistics = Literal["eval", "train"]
Which = Literal["magnitude", "extremes"]
Loss = Literal["nll + l2", "nll"]
Examples = Literal["augmented", "clean"]


def _hardly_augmented(arm: Arm, parameters: Mapping[str, Any]) -> str:
    strong = arm.recipe.augmentation.randaugment or arm.recipe.augmentation.mixup or arm.recipe.augmentation.cutmix
    if parameters.get("examples") != "clean" or strong:
        return ""
    return f"needs strong augmentation, which the recipe of {arm.name} lacks: clean images would hardly differ from its own"


@partial(measurement, lacks=_hardly_augmented)
def spectrum(
    run: TrainedRun,
    *,
    when: str = "end",
    batchnorm: Statistics = "eval",
    batches: int = 8,
    batch_size: int = 16,
    k: int = 5,
    which: Which = "magnitude",
    max_products: int = 500,
    loss: Loss = "nll + l2",
    examples: Examples = "augmented",
) -> Record:
    """Return the top eigenvalues of NLL + L2 on mini-batches of augmented training data (claim sheet 3.1).

    Controls take the NLL alone, or the same images as they are, with their classes.
    """
    from vitwork.analysis import hessian

    found = hessian.top_eigenvalues(
        **_loss(run, when, batches, batch_size, loss, examples),
        k=k,
        which=which,
        batchnorm=batchnorm,
        max_products=max_products,
    )
    return {**_spectrum(found), "batch_size": batch_size}


def _loss(  # noqa: PLR0917  # the first four are what every caller passes on
    run: TrainedRun,
    when: str,
    batches: int,
    batch_size: int,
    loss: Loss = "nll + l2",
    examples: Examples = "augmented",
) -> dict[str, Any]:
    """Return what every analysis of curvature is told of the loss: NLL + L2 on augmented training data unless asked."""
    drawn = run.training_batches if examples == "augmented" else run.clean_batches
    return {
        "model": run.model(when),
        "batches": drawn(batches, batch_size),
        "weight_decay": run.arm.recipe.weight_decay if loss == "nll + l2" else 0.0,
    }


def _spectrum(found: Spectrum) -> Record:
    return columns(found, "eigenvalues", "residuals", "products", "converged", "which")


@measurement
def blockwise(
    run: TrainedRun,
    *,
    when: str = "end",
    batchnorm: Statistics = "eval",
    batches: int = 8,
    batch_size: int = 16,
    k: int = 5,
    max_products: int = 500,
) -> Record:
    """Return what `spectrum` does for each diagonal block of the Hessian, one per kind of layer."""
    from vitwork.analysis import hessian

    found = hessian.blockwise(
        **_loss(run, when, batches, batch_size),
        k=k,
        batchnorm=batchnorm,
        max_products=max_products,
    )
    return {kind: _spectrum(of_kind) for kind, of_kind in found.items()}


@measurement
def density(
    run: TrainedRun,
    *,
    when: str = "end",
    batchnorm: Statistics = "eval",
    batches: int = 8,
    batch_size: int = 16,
    steps: int = 32,
    probes: int = 4,
) -> Record:
    """Return the density of all eigenvalues of NLL + L2 on augmented training data, as nodes and weights."""
    from vitwork.analysis import hessian

    found = hessian.density(
        **_loss(run, when, batches, batch_size),
        steps=steps,
        probes=probes,
        batchnorm=batchnorm,
    )
    return columns(found, "nodes", "weights", "size", "noise", "products", "negative_share")


@measurement
def trace(
    run: TrainedRun,
    *,
    when: str = "end",
    batchnorm: Statistics = "eval",
    batches: int = 8,
    batch_size: int = 16,
    products: int = 30,
) -> Record:
    """Return the trace of the Hessian of NLL + L2 on augmented training data, estimated from some products."""
    from vitwork.analysis import hessian

    found = hessian.trace(
        **_loss(run, when, batches, batch_size),
        products=products,
        batchnorm=batchnorm,
    )
    return columns(found, "value", "standard_error", "products")


def _by_batch(record: Record, which: Which = "magnitude") -> list[list[float]]:
    """Return each mini-batch's eigenvalues.

    Raises:
        AbsentError: they were chosen otherwise, or some are not known well enough for a claim.
    """
    if record["which"] != which:
        raise AbsentError(f"no eigenvalues chosen by {which}")
    batches: list[list[float]] = record["eigenvalues"]
    if failed := len(batches) - sum(record["converged"]):
        raise AbsentError(f"{failed} of {len(batches)} mini-batches whose eigenvalues did not converge")
    return batches


def _pooled(record: Record) -> list[float]:
    return [value for batch in _by_batch(record) for value in batch]


@quantity(spectrum, name="APE", scale="log-ratio")
def ape(record: Record) -> float:
    """Return the average positive eigenvalue: sharpness; NaN when none is positive."""
    positive = [value for value in _pooled(record) if value > 0]
    return sum(positive) / len(positive) if positive else math.nan


@quantity(spectrum, name="NEP", unit="%")
def nep(record: Record) -> float:
    """Return the negative eigenvalue proportion: the share of the pooled eigenvalues below zero."""
    pooled = _pooled(record)
    return 100.0 * sum(value < 0 for value in pooled) / len(pooled)


@quantity(spectrum, name="|λmin|/λmax", scale="difference")
def negativity(record: Record) -> float:
    """Return how far the spectrum reaches below zero, relative to above, for a spectrum with ``which="extremes"``.

    NaN where a mini-batch has no eigenvalue above zero.
    """
    reach = [ratio(max(0.0, -min(batch)), max(0.0, *batch)) for batch in _by_batch(record, "extremes")]
    return mean(reach, "mini-batch")


@quantity(blockwise, name="APE of one kind of layer", scale="log-ratio")
def ape_of(record: Record, kind: str) -> float:
    """Return the average positive eigenvalue of a diagonal block: ``stem``, ``conv``, ``msa``, ``mlp``, ``head``, …."""
    if kind not in record:
        raise AbsentError(f"no {kind} block")
    return ape.value(record[kind])


@quantity(density, name="share of negative eigenvalues", unit="%")
def negative_share(record: Record) -> float:
    """Return the share of all eigenvalues that are negative beyond the arithmetic's precision."""
    return 100.0 * float(record["negative_share"])


@quantity(trace, name="trace of the Hessian")
def hessian_trace(record: Record) -> float:
    """Return the sum of all eigenvalues."""
    return float(record["value"])
