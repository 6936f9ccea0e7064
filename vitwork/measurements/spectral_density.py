"""The density of the Hessian eigenvalues of a run's training loss, and their sum (the trace)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from vitwork.design.measurement import Record
from vitwork.language.quantity import columns, mean, quantity
from vitwork.measurements.errors import Batches, jackknife
from vitwork.measurements.hessian import HessianMeasurement, negative

if TYPE_CHECKING:
    from vitwork.measurements.trained_run import TrainedRun


@dataclass(frozen=True, slots=True, kw_only=True)
class Density(HessianMeasurement):
    """The density of all eigenvalues of NLL + L2, as nodes and weights.

    Attributes:
        steps: number of Lanczos steps per probe.
        probes: number of random vectors per mini-batch.
    """

    name: ClassVar[str] = "density"

    steps: int = 32
    probes: int = 4

    def measure(self, run: TrainedRun) -> Record:
        """Return nodes and weights, which represent the density."""
        from vitwork.analysis import hessian

        found = hessian.density(**self._loss(run), steps=self.steps, probes=self.probes)
        return columns(found, "nodes", "weights", "size", "products")


@dataclass(frozen=True, slots=True, kw_only=True)
class HessianTrace(HessianMeasurement):
    """The trace of the Hessian of NLL + L2, estimated from Hessian-vector products.

    Attributes:
        products: number of products.
    """

    name: ClassVar[str] = "trace"

    products: int = 30

    def measure(self, run: TrainedRun) -> Record:
        """Return the estimate with its standard error."""
        from vitwork.analysis import hessian

        found = hessian.trace(**self._loss(run), products=self.products)
        return columns(found, "value", "standard_error", "products")


def _shares_below(record: Record) -> list[list[float]]:
    """Return each probe's share of negative eigenvalues."""
    largest = max(abs(node) for probe in record["nodes"] for node in probe)
    return [
        [sum(weight for node, weight in zip(*probe, strict=True) if negative(node, largest))]
        for probe in zip(record["nodes"], record["weights"], strict=True)
    ]


def _share(probes: Batches) -> float:
    return 100.0 * mean((share for probe in probes for share in probe), "probe")


@quantity(
    Density,
    name="share of negative eigenvalues",
    unit="%",
    error=lambda record: jackknife(_share, _shares_below(record)),
    drawn=True,
)
def negative_share(record: Record) -> float:
    """Return the share of all eigenvalues that are negative."""
    return _share(_shares_below(record))


@quantity(HessianTrace, name="trace of the Hessian", error=lambda record: float(record["standard_error"]), drawn=True)
def hessian_trace(record: Record) -> float:
    """Return the sum of all eigenvalues."""
    return float(record["value"])
