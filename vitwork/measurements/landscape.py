"""The loss surface around a run's weights, and the path of the weights during training (paper, Fig. 1a and 1b)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from statistics import median
from typing import TYPE_CHECKING, ClassVar, Literal

from vitwork.design.arm import Arm
from vitwork.design.dataset import HELD_OUT
from vitwork.design.deviation import Lack, Missing
from vitwork.design.measurement import Counts, Measurement, Record
from vitwork.errors import VitworkError
from vitwork.language.quantity import columns, mean, quantity
from vitwork.measurements.errors import exact, jackknife
from vitwork.measurements.moments import epochs_of

if TYPE_CHECKING:
    from vitwork.measurements.trained_run import TrainedRun


@dataclass(frozen=True, slots=True, kw_only=True)
class Surface(Measurement):
    """NLL and L2 of augmented training data on planes through the weights, and their curvature.

    Every seed has other directions, so the spread over runs includes that over directions. Every plane has images of
    its own, so the spread over a run's planes includes all the variation that a repeated measurement would show.

    Attributes:
        when: the snapshot to measure at.
        batchnorm: ``fixed`` running statistics, or ``recalibrated`` at every point.
        planes: pairs of directions; the surface is the mean over them.
        images: number of training images, drawn and augmented once and divided among the planes; all if there are
            fewer.
        extent: largest coordinate, in units of the directions.
        points: grid points per axis, odd.
        radius: largest coordinate that the quadratic fit uses.
    """

    name: ClassVar[str] = "surface"
    figure: ClassVar[str] = "surface"

    when: str = "end"
    batchnorm: Literal["fixed", "recalibrated"] = "fixed"
    planes: int = 4
    images: int = 2000
    extent: float = 1.0
    points: int = 21
    radius: float = 0.3

    def passes(self, there: Counts) -> int:
        """Return the number of training images, each once per point of the grid."""
        return min(self.images, there.train) * self.points**2

    def lack(self, arm: Arm) -> Lack | None:
        """Return what an arm lacks to be measured: as many images as planes, or as for the base class."""
        images = arm.data.test if arm.data.source == HELD_OUT else arm.data.train
        if images is not None and images < self.planes:
            return Lack(Missing.UNFIT, arm.name, _shared_out(images, self.planes))
        return Measurement.lack(self, arm)  # `super()` without arguments does not work in dataclasses with slots

    def measure(self, run: TrainedRun) -> Record:
        """Return the loss at every point, its curvature at the weights and its rise to the border in each plane.

        Raises:
            VitworkError: the grid does not contain the weights and other points, has too few points for the fit, or
                there are fewer images than planes.
        """
        import torch

        from vitwork.analysis import landscape
        from vitwork.device.memory import Cost
        from vitwork.training.generators import derive

        if self.points < 3 or self.points % 2 == 0 or not self.extent > 0:
            raise VitworkError(
                f"a grid of {self.points} points to {self.extent:g} does not hold the weights in its middle: points is "
                "odd, from 3, and extent above 0"
            )
        images = min(self.images, len(run.splits.train))
        if not 1 <= self.planes <= images:
            raise VitworkError(_shared_out(images, self.planes))
        share = images // self.planes
        batches = -(-share // 250)
        batch_size = share // batches  # so that planes share no image
        drawn = run.training_batches(self.planes * batches, batch_size)
        found = [
            landscape.surface(
                run.model(self.when),
                drawn[plane * batches : (plane + 1) * batches],
                extent=self.extent,
                points=self.points,
                # Not the run's seed itself, from which the weights were drawn: a direction would resemble the weights.
                seeds=(derive(run.seed, f"surface {plane}"),),
                batchnorm=self.batchnorm,
            )
            for plane in range(self.planes)
        ]
        decay = run.arm.recipe.weight_decay
        nll, l2 = (torch.cat([getattr(plane, name) for plane in found]).mean(0) for name in ("nll", "l2"))
        return {
            **columns(found[0], "x", "y"),
            "nll": nll.tolist(),
            "l2": l2.tolist(),
            "weight_decay": decay,
            "moved": min(plane.moved for plane in found),
            "curvature": [plane.curvature(self.radius).mean for plane in found],
            "rise": {
                "nll": [to_border(plane.nll[0].tolist()) for plane in found],
                "nll + l2": [to_border((plane.nll[0] + decay * plane.l2[0]).tolist()) for plane in found],
            },
            "cost": asdict(Cost.of_all([plane.cost for plane in found])),
        }


def _shared_out(images: int, planes: int) -> str:
    return f"{images} images cannot be shared out among {planes} planes"


def to_border(surface: Sequence[Sequence[float]]) -> float:
    """Return the median of a surface over its border minus its value in the middle."""
    size = len(surface)
    ends = (0, size - 1)

    def loss(row: int, column: int) -> float:
        value = surface[row][column]
        return math.inf if math.isnan(value) else value  # the network overflows there

    border = [loss(row, column) for row in range(size) for column in range(size) if row in ends or column in ends]
    return median(border) - loss(size // 2, size // 2)


def _over_planes(values: Sequence[float]) -> float:
    return mean(values, "plane")


def _between_planes(values: Sequence[float]) -> float:
    """Return the standard error of a mean over planes; NaN for a single plane."""
    return jackknife(lambda planes: _over_planes([value for plane in planes for value in plane]), [[v] for v in values])


@quantity(
    Surface,
    name="curvature of the NLL",
    scale="log-ratio",
    error=lambda record: _between_planes(record["curvature"]),
    drawn=True,
)
def curvature(record: Record) -> float:
    """Return the mean second derivative of the NLL along the directions, by a quadratic fit near the weights."""
    return _over_planes(record["curvature"])


@quantity(
    Surface,
    name="rise of the NLL to the border",
    unit="nats",
    scale="log-ratio",
    error=lambda record: _between_planes(record["rise"]["nll"]),
    drawn=True,
)
def nll_rise(record: Record) -> float:
    """Return how far the NLL alone rises to the border of the planes."""
    return _over_planes(record["rise"]["nll"])


@quantity(
    Surface,
    name="rise of NLL + L2 to the border",
    unit="nats",
    scale="log-ratio",
    error=lambda record: _between_planes(record["rise"]["nll + l2"]),
    drawn=True,
)
def rise(record: Record) -> float:
    """Return how far NLL + L2, the paper's picture, rises to the border; most of it is L2."""
    return _over_planes(record["rise"]["nll + l2"])


@dataclass(frozen=True, slots=True, kw_only=True)
class Trajectory(Measurement):
    """The path of the weights in polar coordinates around its end, over all snapshots of the recipe."""

    name: ClassVar[str] = "trajectory"
    figure: ClassVar[str] = "trajectory"

    def lack(self, arm: Arm) -> Lack | None:
        """Return what an arm lacks to be measured: enough snapshots for a path."""
        kept = arm.recipe.snapshots
        enough = "init" in kept and "end" in kept and len(kept) > 3
        return None if enough else Lack(Missing.SNAPSHOT, arm.name, "during training")

    def measure(self, run: TrainedRun) -> Record:
        """Return radius and angle at every snapshot, and how straight the path is."""
        from vitwork.analysis.trajectory import polar

        epochs = epochs_of(run.arm.recipe)
        order = sorted(epochs, key=lambda when: epochs[when])
        states = (run.state(when) for when in order)
        found = polar(states, run.state("init"), run.state("end"))
        return {
            "epochs": [epochs[when] for when in order],
            **columns(found, "radius", "angle", "length", "turning", "cost"),
        }


@quantity(Trajectory, name="length of the path", scale="log-ratio", error=exact)
def length(record: Record) -> float:
    """Return the length of the path divided by the distance of its ends; 1 for a straight path."""
    return float(record["length"])


@quantity(Trajectory, name="turning of the path", unit="rad", scale="log-ratio", error=exact)
def turning(record: Record) -> float:
    """Return the sum of the angles between successive steps; 0 for a straight path."""
    return float(record["turning"])


@quantity(Trajectory, name="largest distance from the end on the way", scale="log-ratio", error=exact)
def farthest(record: Record) -> float:
    """Return the largest distance from the final weights after the start, relative to the distance at the start."""
    return float(max(record["radius"][1:]))


@quantity(Trajectory, name="largest step away from the end", error=exact)
def largest_retreat(record: Record) -> float:
    """Return the largest increase of the distance to the final weights between snapshots; negative if it only falls."""
    return float(max(after - before for before, after in pairwise(record["radius"])))
