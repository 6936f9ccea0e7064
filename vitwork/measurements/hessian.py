"""Top Hessian eigenvalues of a run's training loss (paper, Fig. 1c, 4 and 7b)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from vitwork.analysis.signs import ROUNDING
from vitwork.design.arm import Arm
from vitwork.design.deviation import Lack, Missing
from vitwork.design.measurement import Counts, Measurement, Record
from vitwork.errors import VitworkError
from vitwork.language.quantity import AbsentError, Quantity, columns, mean, quantity, ratio
from vitwork.measurements.errors import Batches, jackknife
from vitwork.measurements.moments import epochs_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from torch import nn

    from vitwork.measurements.trained_run import TrainedRun

Which = Literal["magnitude", "extremes"]
PRODUCTS = 18
"""Typical number of Hessian products per mini-batch: in reports/published, for trained networks at the end, the median
of an arm was 15 to 18."""

COLUMNS = ("eigenvalues", "residuals", "products", "converged", "which")


@dataclass(frozen=True, slots=True, kw_only=True)
class HessianMeasurement(Measurement):
    """Base class of measurements on mini-batches of augmented training data, each with a Hessian of its own.

    Attributes:
        when: the snapshot to measure at.
        batchnorm: ``eval`` for running statistics, ``train`` for those of the mini-batch.
        batches, batch_size: number of mini-batches, and of images in each.
    """

    when: str = "end"
    batchnorm: Literal["eval", "train"] = "eval"
    batches: int = 8
    batch_size: int = 16

    def passes(self, there: Counts) -> int:
        """Return the number of images in the mini-batches."""
        return min(self.batches * self.batch_size, there.train)

    def _loss(self, run: TrainedRun, *, clean: bool = False) -> dict[str, Any]:
        """Return the arguments that define the loss for an analysis: NLL + L2, on augmented images unless `clean`."""
        drawn = run.clean_batches if clean else run.training_batches
        return {
            "model": run.model(self.when),
            "batches": drawn(self.batches, self.batch_size),
            "weight_decay": run.arm.recipe.weight_decay,
            "batchnorm": self.batchnorm,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class EigenvalueMeasurement(HessianMeasurement):
    """Base class of measurements of single eigenvalues.

    Attributes:
        k: number of eigenvalues per mini-batch.
        max_products: number of Hessian products after which to give up on a mini-batch.
    """

    k: int = 5
    max_products: int = 500

    def passes(self, there: Counts) -> int:
        """Return the number of images in the mini-batches, times the products that each will probably need."""
        return HessianMeasurement.passes(self, there) * min(self.max_products, PRODUCTS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Spectrum(EigenvalueMeasurement):
    """The top eigenvalues of NLL + L2, and those of the NLL alone, from one computation.

    Attributes:
        which: by ``magnitude`` as in the paper (both signs), or signed ``extremes``.
        tolerance: relative accuracy of each eigenvalue.
        examples: ``augmented``, or as a control ``clean`` for the same images without augmentation, with their classes.
        solver: ours (Lanczos' method), or the paper's: ``pyhessian``, power iteration at its default tolerance, which does
            not report which eigenvalues converged.
    """

    name: ClassVar[str] = "spectrum"
    figure: ClassVar[str] = "spectrum"

    which: Which = "magnitude"
    tolerance: float = 1e-3
    examples: Literal["augmented", "clean"] = "augmented"
    solver: Literal["lanczos", "pyhessian"] = "lanczos"

    def lack(self, arm: Arm) -> Lack | None:
        """Return what an arm lacks to be measured: strong augmentation for ``clean``, or as for the base class."""
        augmentation = arm.recipe.augmentation
        strong = augmentation.randaugment or augmentation.mixup or augmentation.cutmix
        if self.examples == "clean" and not strong:
            why = f"needs strong augmentation, which the recipe of {arm.name} lacks: clean images would hardly differ from its own"
            return Lack(Missing.UNFIT, arm.name, why)
        return HessianMeasurement.lack(self, arm)  # `super()` without arguments does not work in dataclasses with slots

    def measure(self, run: TrainedRun) -> Record:
        """Return the eigenvalues of every mini-batch, and whether they converged.

        With ``magnitude``, the record also holds the eigenvalues of the NLL alone (``nll``) and the two ends of the
        spectrum (``ends``).

        Raises:
            VitworkError: the options need more than PyHessian can compute.
        """
        from vitwork.analysis import hessian

        loss = self._loss(run, clean=self.examples == "clean")
        if self.solver == "pyhessian":
            return {**self._by_pyhessian(**loss), "batch_size": self.batch_size}
        surveyed = self.which == "magnitude"
        found = hessian.top_eigenvalues(
            **loss,
            k=self.k,
            which="survey" if surveyed else self.which,
            tolerance=self.tolerance,
            max_products=self.max_products,
        )
        record = {**columns(found, *COLUMNS), "batch_size": self.batch_size, "which": self.which}
        if not surveyed:
            return record
        # The penalty adds its coefficient to every eigenvalue, so eigenvalues without it need no separate search.
        alone = found.eigenvalues[:, self.k : -2] - loss["weight_decay"]
        return {
            **record,
            "eigenvalues": found.eigenvalues[:, : self.k].tolist(),
            "residuals": found.residuals[:, : self.k].tolist(),
            "nll": alone.tolist(),
            "ends": found.eigenvalues[:, -2:].tolist(),
        }

    def _by_pyhessian(self, model: nn.Module, batches: Iterable[Any], weight_decay: float, batchnorm: str) -> Record:
        """Return a spectrum computed with the paper's tool, PyHessian; the model is not changed."""
        from vitwork.measurements.power_iteration import top_eigenvalues

        if self.which != "magnitude" or batchnorm != "eval":
            raise VitworkError("PyHessian finds eigenvalues of largest magnitude, with BatchNorm's running statistics")
        return {
            "eigenvalues": [top_eigenvalues(model, batch, self.k, weight_decay) for batch in batches],
            "converged": None,
            "which": self.which,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class MatchedSpectrum(EigenvalueMeasurement):
    """The spectra at the two snapshots between which the training loss crosses a level, to compare at equal loss.

    Attributes:
        level: the loss, in units of the loss at chance (the logarithm of the number of classes). Every network can
            reach it.
        images: number of augmented training images that the loss is averaged over.
        tolerance: as for `Spectrum`.
    """

    name: ClassVar[str] = "matched_spectrum"

    level: float = 0.75
    images: int = 500
    tolerance: float = 1e-3

    def lack(self, arm: Arm) -> Lack | None:
        """Return what an arm lacks to be measured: enough snapshots to follow the loss down to the level."""
        kept = arm.recipe.snapshots
        return None if "end" in kept and len(kept) > 3 else Lack(Missing.SNAPSHOT, arm.name, "during training")

    def measure(self, run: TrainedRun) -> Record:
        """Return the losses down to the level, and the spectra at the last snapshot above it and the first below it."""
        epochs = epochs_of(run.arm.recipe)
        order = sorted(epochs, key=lambda when: epochs[when])
        level = self.level * math.log(len(run.splits.train.classes))
        losses: list[float] = []
        while len(losses) < len(order) and (not losses or losses[-1] > level):
            losses.append(self._training_nll(run, order[len(losses)]))
        below = len(losses) - 1 if losses[-1] <= level else 0
        spectra = [self._spectrum(run, order[place]) for place in (below - 1, below)] if below else []
        return {
            "snapshots": [str(when) for when in order],
            "nll": losses,
            "level": level,
            "below": below,
            "spectra": spectra,
        }

    def _training_nll(self, run: TrainedRun, when: str | int) -> float:
        import torch
        from torch.nn import functional as F

        from vitwork.device.parts import in_parts

        model, total, count = run.model(when), 0.0, 0
        with torch.inference_mode():
            for images, targets in run.augmented(-(-self.images // 250), min(250, self.images)):
                total += float(F.cross_entropy(in_parts(model, images), targets, reduction="sum"))
                count += len(images)
        return total / count

    def _spectrum(self, run: TrainedRun, when: str | int) -> Record:
        from vitwork.analysis import hessian

        found = hessian.top_eigenvalues(
            **{**self._loss(run), "model": run.model(when)},
            k=self.k,
            tolerance=self.tolerance,
            max_products=self.max_products,
        )
        return columns(found, *COLUMNS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Blockwise(EigenvalueMeasurement):
    """The top eigenvalues of each diagonal block of the Hessian, one block per kind of layer."""

    name: ClassVar[str] = "blockwise"

    def measure(self, run: TrainedRun) -> Record:
        """Return a spectrum for each kind of layer."""
        from vitwork.analysis import hessian

        found = hessian.blockwise(**self._loss(run), k=self.k, max_products=self.max_products)
        return {kind: columns(of_kind, *COLUMNS) for kind, of_kind in found.items()}


def _by_batch(record: Record, of: str = "eigenvalues") -> Batches:
    """Return each mini-batch's eigenvalues, or those of the loss alone (``nll``), or the ``ends`` of the spectrum.

    Raises:
        AbsentError: they were not chosen by magnitude, or some mini-batches did not converge, so no claim can use them.
    """
    if record["which"] != "magnitude":
        raise AbsentError("eigenvalues chosen by magnitude")
    if of not in record:
        raise AbsentError("eigenvalues of Lanczos' method")
    batches: Batches = record[of]
    converged = record["converged"]  # None for a solver that does not report it
    if converged is not None and (failed := len(batches) - sum(converged)):
        raise AbsentError(f"eigenvalues that converged in {failed} of {len(batches)} mini-batches")
    return batches


def negative(eigenvalue: float, largest: float) -> bool:
    """Return whether an eigenvalue is below zero beyond rounding, relative to the largest magnitude in its batch."""
    return eigenvalue < -ROUNDING * largest


def _signs(batches: Batches) -> list[tuple[float, bool]]:
    """Return all eigenvalues, each with whether it is negative."""
    return [(value, negative(value, max(map(abs, batch)))) for batch in batches for value in batch]


def _ape(batches: Batches) -> float:
    positive = [value for value, below in _signs(batches) if value > 0 and not below]
    return sum(positive) / len(positive) if positive else math.nan


def _nep(batches: Batches) -> float:
    return 100.0 * mean((below for _, below in _signs(batches)), "eigenvalue")


def _reach(batches: Batches) -> float:
    """Return the mean over mini-batches of −λmin / λmax, with 0 for λmin if it is not negative."""
    return mean(
        (
            ratio(-min(batch) if negative(min(batch), max(map(abs, batch))) else 0.0, max(0.0, *batch))
            for batch in batches
        ),
        "mini-batch",
    )


@quantity(Spectrum, name="APE", scale="log-ratio", error=lambda record: jackknife(_ape, _by_batch(record)), drawn=True)
def ape(record: Record) -> float:
    """Return the average positive eigenvalue: sharpness; NaN when none is positive."""
    return _ape(_by_batch(record))


def _nep_quantity(name: str, of: str) -> Quantity:
    """Return the quantity of the share of negative eigenvalues among the pooled eigenvalues of a loss."""

    def value(record: Record) -> float:
        """Return the negative eigenvalue proportion: the share of the pooled eigenvalues below zero."""
        return _nep(_by_batch(record, of))

    return quantity(
        Spectrum,
        name=name,
        unit="%",
        error=lambda record: jackknife(_nep, _by_batch(record, of)),
        trials=lambda spectrum: spectrum.batches * spectrum.k,
        drawn=True,
    )(value)


nep = _nep_quantity("NEP", "eigenvalues")
nep_of_nll = _nep_quantity("NEP of the NLL alone", "nll")


@quantity(
    Spectrum,
    name="|λmin|/λmax",
    scale="log-ratio",
    error=lambda record: jackknife(_reach, _by_batch(record, "ends")),
    drawn=True,
)
def negativity(record: Record) -> float:
    """Return how far the spectrum extends below zero relative to above zero: |λmin| / λmax, mean over mini-batches.

    NaN where a mini-batch has no eigenvalue above zero.
    """
    return _reach(_by_batch(record, "ends"))


def _at_loss(record: Record) -> tuple[tuple[float, Record], ...]:
    """Return the spectra at the two snapshots between which the training loss crosses the level, each with its weight.

    Raises:
        AbsentError: the loss never crosses it.
    """
    below, level = record["below"], record["level"]
    if not below:
        raise AbsentError(f"snapshots on both sides of a training loss of {level:.2f}")
    above, under = record["nll"][below - 1 : below + 1]
    share = (above - level) / (above - under)
    return tuple(zip((1.0 - share, share), record["spectra"], strict=True))


def _log_ape(batches: Batches) -> float:
    return math.log(_ape(batches))


def _ape_at_loss_error(record: Record) -> float:
    """Return an upper bound on the error of `ape_at_loss` over mini-batches: both spectra use the same images."""
    logs = sum(weight * jackknife(_log_ape, _by_batch(spectrum)) for weight, spectrum in _at_loss(record))
    return logs * ape_at_loss.value(record)


@quantity(MatchedSpectrum, name="APE at one training loss", scale="log-ratio", error=_ape_at_loss_error, drawn=True)
def ape_at_loss(record: Record) -> float:
    """Return the APE where the training loss crosses the level: its logarithm interpolated between two snapshots.

    Raises:
        AbsentError: the loss never crosses it.
    """
    return math.exp(sum(weight * _log_ape(_by_batch(spectrum)) for weight, spectrum in _at_loss(record)))


@quantity(Blockwise, name="APE of one kind of layer", scale="log-ratio")
def ape_of(record: Record, kind: str) -> float:
    """Return the average positive eigenvalue of a diagonal block: ``stem``, ``conv``, ``msa``, ``mlp``, ``head``, …."""
    if kind not in record:
        raise AbsentError(f"{kind} block")
    return ape.value(record[kind])
