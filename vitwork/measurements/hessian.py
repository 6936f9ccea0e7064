"""Curvature of a run's training loss: the paper's Hessian max-eigenvalue spectra (Fig. 1c, 4, 7b)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from vitwork.design.arm import Arm
from vitwork.design.deviation import Lack, Missing
from vitwork.design.measurement import Measurement, Record
from vitwork.language.quantity import AbsentError, columns, mean, quantity, ratio

if TYPE_CHECKING:
    from vitwork.measurements.trained_run import TrainedRun

Which = Literal["magnitude", "extremes"]
COLUMNS = ("eigenvalues", "residuals", "products", "converged", "which")


@dataclass(frozen=True, slots=True, kw_only=True)
class Curvature(Measurement):
    """What the analyses of second derivatives share: mini-batches of augmented training data, each with its Hessian.

    Attributes:
        when: at which snapshot.
        batchnorm: ``eval`` for running statistics, ``train`` for those of the mini-batch.
        batches, batch_size: how many mini-batches of how many images.
    """

    when: str = "end"
    batchnorm: Literal["eval", "train"] = "eval"
    batches: int = 8
    batch_size: int = 16

    def _loss(self, run: TrainedRun, *, l2: bool = True, clean: bool = False) -> dict[str, Any]:
        """Return the arguments by which every analysis knows the loss: NLL + L2 on augmented images unless asked."""
        drawn = run.clean_batches if clean else run.training_batches
        return {
            "model": run.model(self.when),
            "batches": drawn(self.batches, self.batch_size),
            "weight_decay": run.arm.recipe.weight_decay if l2 else 0.0,
            "batchnorm": self.batchnorm,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Spectrum(Curvature):
    """The top eigenvalues of NLL + L2; controls take the NLL alone, or images that are not augmented.

    Attributes:
        k: eigenvalues per mini-batch.
        which: by ``magnitude`` as the paper (signs mix), or signed ``extremes``.
        max_products: products with the Hessian after which a mini-batch is given up.
        loss: with the L2 penalty or without.
        examples: ``clean`` for the same images as they are, with their classes.
    """

    name: ClassVar[str] = "spectrum"
    figure: ClassVar[str] = "spectrum"

    k: int = 5
    which: Which = "magnitude"
    max_products: int = 500
    loss: Literal["nll + l2", "nll"] = "nll + l2"
    examples: Literal["augmented", "clean"] = "augmented"

    def lack(self, arm: Arm) -> Lack | None:
        """Say where clean images would hardly differ from the recipe's own, besides what every measurement lacks."""
        augmentation = arm.recipe.augmentation
        strong = augmentation.randaugment or augmentation.mixup or augmentation.cutmix
        if self.examples == "clean" and not strong:
            why = f"needs strong augmentation, which the recipe of {arm.name} lacks: clean images would hardly differ from its own"
            return Lack(Missing.UNFIT, arm.name, why)
        return Curvature.lack(self, arm)  # `super()` without arguments does not work in dataclasses with slots

    def measure(self, run: TrainedRun) -> Record:
        """Return the eigenvalues of every mini-batch, and whether they converged."""
        from vitwork.analysis import hessian

        loss = self._loss(run, l2=self.loss == "nll + l2", clean=self.examples == "clean")
        found = hessian.top_eigenvalues(**loss, k=self.k, which=self.which, max_products=self.max_products)
        return {**columns(found, *COLUMNS), "batch_size": self.batch_size}


@dataclass(frozen=True, slots=True, kw_only=True)
class Blockwise(Curvature):
    """What `Spectrum` is, for each diagonal block of the Hessian, one per kind of layer.

    Attributes:
        k, max_products: as for `Spectrum`.
    """

    name: ClassVar[str] = "blockwise"

    k: int = 5
    max_products: int = 500

    def measure(self, run: TrainedRun) -> Record:
        """Return a spectrum by kind of layer."""
        from vitwork.analysis import hessian

        found = hessian.blockwise(**self._loss(run), k=self.k, max_products=self.max_products)
        return {kind: columns(of_kind, *COLUMNS) for kind, of_kind in found.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class Density(Curvature):
    """The density of all eigenvalues of NLL + L2, as nodes and weights.

    Attributes:
        steps: of Lanczos' method, per probe.
        probes: random vectors per mini-batch.
    """

    name: ClassVar[str] = "density"

    steps: int = 32
    probes: int = 4

    def measure(self, run: TrainedRun) -> Record:
        """Return nodes, weights and the share of eigenvalues below zero."""
        from vitwork.analysis import hessian

        found = hessian.density(**self._loss(run), steps=self.steps, probes=self.probes)
        return columns(found, "nodes", "weights", "size", "noise", "products", "negative_share")


@dataclass(frozen=True, slots=True, kw_only=True)
class HessianTrace(Curvature):
    """The trace of the Hessian of NLL + L2, estimated from some products with it.

    Attributes:
        products: how many.
    """

    name: ClassVar[str] = "trace"

    products: int = 30

    def measure(self, run: TrainedRun) -> Record:
        """Return the estimate with its standard error."""
        from vitwork.analysis import hessian

        found = hessian.trace(**self._loss(run), products=self.products)
        return columns(found, "value", "standard_error", "products")


def _by_batch(record: Record, which: Which = "magnitude") -> list[list[float]]:
    """Return each mini-batch's eigenvalues.

    Raises:
        AbsentError: they were chosen otherwise, or some are not known well enough for a claim.
    """
    if record["which"] != which:
        raise AbsentError(f"eigenvalues chosen by {which}")
    batches: list[list[float]] = record["eigenvalues"]
    if failed := len(batches) - sum(record["converged"]):
        raise AbsentError(f"eigenvalues that converged in {failed} of {len(batches)} mini-batches")
    return batches


def _pooled(record: Record) -> list[float]:
    return [value for batch in _by_batch(record) for value in batch]


@quantity(Spectrum, name="APE", scale="log-ratio")
def ape(record: Record) -> float:
    """Return the average positive eigenvalue: sharpness; NaN when none is positive."""
    positive = [value for value in _pooled(record) if value > 0]
    return sum(positive) / len(positive) if positive else math.nan


@quantity(Spectrum, name="NEP", unit="%")
def nep(record: Record) -> float:
    """Return the negative eigenvalue proportion: the share of the pooled eigenvalues below zero."""
    pooled = _pooled(record)
    return 100.0 * sum(value < 0 for value in pooled) / len(pooled)


@quantity(Spectrum, name="|λmin|/λmax", scale="difference")
def negativity(record: Record) -> float:
    """Return how far the spectrum reaches below zero, relative to above, for a spectrum with ``which="extremes"``.

    NaN where a mini-batch has no eigenvalue above zero.
    """
    reach = [ratio(max(0.0, -min(batch)), max(0.0, *batch)) for batch in _by_batch(record, "extremes")]
    return mean(reach, "mini-batch")


@quantity(Blockwise, name="APE of one kind of layer", scale="log-ratio")
def ape_of(record: Record, kind: str) -> float:
    """Return the average positive eigenvalue of a diagonal block: ``stem``, ``conv``, ``msa``, ``mlp``, ``head``, …."""
    if kind not in record:
        raise AbsentError(f"{kind} block")
    return ape.value(record[kind])


@quantity(Density, name="share of negative eigenvalues", unit="%")
def negative_share(record: Record) -> float:
    """Return the share of all eigenvalues that are negative beyond the arithmetic's precision."""
    return 100.0 * float(record["negative_share"])


@quantity(HessianTrace, name="trace of the Hessian")
def hessian_trace(record: Record) -> float:
    """Return the sum of all eigenvalues."""
    return float(record["value"])
