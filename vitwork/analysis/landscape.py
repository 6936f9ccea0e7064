"""The loss surface on planes through the weights, and its curvature (paper Fig. 1a)."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vitwork.analysis.curvature.batchnorm import evaluation_mode, recalibrate
from vitwork.analysis.curvature.repeatable import check_stateless, check_weights, unwritten
from vitwork.analysis.directions import Direction, random_pair
from vitwork.analysis.numbers import check_number
from vitwork.analysis.observe import Batch, device_of, filled, precision_of
from vitwork.analysis.plain import as_written
from vitwork.analysis.targets import as_taken, check_examples, check_finite, check_targets, fitting, logits_at
from vitwork.device.memory import Cost, Meter
from vitwork.device.parts import check_repeatable, in_parts
from vitwork.errors import VitworkError, at_least, choice
from vitwork.models.blocks.unwrapping import unwrapped

Statistics = Literal["fixed", "recalibrated"]


@dataclass(frozen=True, slots=True)
class Curvature:
    """Second derivatives of a quadratic fit to the middle of a surface.

    Attributes:
        along: (pairs, 2) float64, along the first and the second direction.
        cross: (pairs,) float64, mixed derivative.
        errors: (pairs, 2) float64, standard errors of ``along`` from the residuals of the quadratic fit.
    """

    along: Tensor
    cross: Tensor
    errors: Tensor

    @property
    def mean(self) -> float:
        """Mean over all directions."""
        return float(self.along.mean())

    @property
    def standard_error(self) -> float:
        """Standard error of the mean over pairs of directions; with one pair, from the residuals of the fit alone."""
        if len(self.along) > 1:
            return float(self.along.mean(dim=1).std() / len(self.along) ** 0.5)
        return float(self.errors.square().sum().sqrt() / 2)


@dataclass(frozen=True, slots=True)
class Surface:
    """Loss on a grid around the weights, in one or more planes.

    Attributes:
        x, y: (points,) float64 coordinates along the first and the second direction.
        nll: (pairs, points, points) float64, mean negative log-likelihood over all examples, in nats; [pair, row of y,
            column of x]. Infinite or NaN where the network overflows.
        l2: (pairs, points, points) float64, ½·|w|² over all trainable parameters; the training loss is
            ``nll + weight_decay·l2``. With ``official``, the sum of the parameters' unsquared norms.
        batchnorm: statistics that BatchNorm used.
        official: whether directions and L2 are those of the paper's code.
        moved: share of the trainable weights that the directions move, the smallest over all pairs. Biases, norms and
            weights behind a parametrisation are not moved.
        cost: images, time and memory of the computation.
    """

    x: Tensor
    y: Tensor
    nll: Tensor
    l2: Tensor
    batchnorm: Statistics
    official: bool
    moved: float
    cost: Cost

    def curvature(self, radius: float = 0.3, weight_decay: float = 0.0) -> Curvature:
        """Return a fit to the loss ``nll + weight_decay·l2`` where both coordinates are at most ``radius``."""
        return fit(self.x, self.y, self.nll + weight_decay * self.l2, radius)


def fit(x: Tensor, y: Tensor, surface: Tensor, radius: float) -> Curvature:
    """Return the curvature of quadratics that are fitted to surfaces by least squares.

    Args:
        x: coordinates of columns.
        y: coordinates of rows.
        surface: (pairs, rows, columns); values that are not finite are left out.
        radius: largest absolute coordinate that counts.

    Raises:
        VitworkError: there are fewer than seven finite values within the radius (six coefficients and one for the
            error).
    """
    rows, columns = torch.meshgrid(y.double(), x.double(), indexing="ij")
    inside = (rows.abs() <= radius + 1e-9) & (columns.abs() <= radius + 1e-9)
    fits = [_fit_one(rows[inside], columns[inside], values[inside].double()) for values in surface]
    along, cross, errors = (torch.stack(parts) for parts in zip(*fits, strict=True))
    return Curvature(along, cross, errors)


def _fit_one(y: Tensor, x: Tensor, values: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    finite = torch.isfinite(values)
    x, y, values = x[finite], y[finite], values[finite]
    if len(values) < 7:
        raise VitworkError(
            f"a quadratic fit needs seven finite values near the middle of the surface, not {len(values)}"
        )
    terms = torch.stack([x.square() / 2, y.square() / 2, x * y, x, y, torch.ones_like(x)], dim=1)
    coefficients = torch.linalg.lstsq(terms, values[:, None]).solution[:, 0]
    variance = (values - terms @ coefficients).square().sum() / (len(values) - terms.shape[1])
    errors = (variance * torch.linalg.inv(terms.T @ terms).diagonal()).sqrt()
    return coefficients[:2], coefficients[2], errors[:2]


@as_written()
def surface(
    model: nn.Module,
    batches: Iterable[Batch],
    *,
    extent: float = 1.0,
    points: int = 21,
    seeds: Sequence[int] = (0,),
    directions: Sequence[tuple[Direction, Direction]] | None = None,
    batchnorm: Statistics = "fixed",
    official: bool = False,
) -> Surface:
    """Return the loss on a grid in planes through the weights (paper Fig. 1a; Li et al. 2018).

    Args:
        model: a classifier from images to logits; left exactly as found.
        batches: ``(images, targets)``, targets as class indices or soft targets. Draw the augmentation once: then every
            point sees the same data. Every example weighs the same.
        extent: largest coordinate, in units of the directions.
        points: grid points per axis; odd numbers include the weights themselves.
        seeds: one pair of random filter-normalised directions each (see `vitwork.analysis.directions.random_pair`).
        directions: pairs to use instead, for example of `vitwork.analysis.directions.principal_pair`.
        batchnorm: ``fixed`` keeps the running statistics of the middle (as in the paper; this puts networks with
            BatchNorm at a disadvantage); ``recalibrated`` estimates them again at every point, on the batches.
        official: normalise directions and sum L2 as the paper's code does.

    Raises:
        VitworkError: a model, batch, direction or option does not suit, in one of these ways.
            Data: the batches hold no example, or a target is not a class. Model: nothing is trainable, weights are
            complex, have less than single precision or have no values, or the loss does not repeat. Directions: there
            are none, or one does not fit the model, is not finite, moves frozen weights, or moves nothing. Options: a
            seed occurs twice, there are too few points, the extent is not finite, or ``batchnorm`` has another value.
    """
    choice("batchnorm", batchnorm, Statistics)
    check_number("extent", extent, math.isfinite, "a finite number")
    at_least(2 if extent else 1, points=points)  # a single point would be a corner of the plane, not its middle
    given, model = model, unwrapped(model)
    check_stateless(model)
    parameters = {name: value.detach() for name, value in model.named_parameters()}
    trained = [name for name, value in model.named_parameters() if value.requires_grad]
    if not trained:
        raise VitworkError("the model has no trainable parameter, so there is no loss surface")
    check_weights((name, parameters[name]) for name in trained)
    device = device_of([model])
    meter = Meter(device)
    data = list(_checked(filled(batches), device, precision_of(model)))
    examples = sum(len(targets) for _, targets in data)
    pairs = _random_pairs(model, seeds, official=official) if directions is None else _own(given, model, directions)
    _check_directions(pairs, parameters, trained)
    share = _share_moved(pairs, parameters, sum(parameters[name].numel() for name in trained))
    _check_loss(model, parameters, data)
    axis = torch.linspace(-extent, extent, points, dtype=torch.float64)
    found: list[Tensor] = []
    with torch.no_grad():
        for pair, y, x in itertools.product(pairs, axis.tolist(), axis.tolist()):
            moved = _moved(parameters, pair, (x, y))
            l2 = _l2([moved[name] for name in trained], official=official)
            found.append(torch.stack([_loss(model, moved, data, batchnorm), l2]))
    # Values are read at the end, so that no point waits for the GPU.
    nll, l2 = torch.stack(found).cpu().view(len(pairs), points, points, 2).unbind(-1)
    return Surface(
        axis, axis.clone(), nll.contiguous(), l2.contiguous(), batchnorm, official, share, meter.cost(examples)
    )


def _checked(batches: Iterable[Batch], device: torch.device, precision: torch.dtype | None) -> Iterator[Batch]:
    for images, targets in batches:
        check_examples(images, targets)
        x = images.to(device, precision)
        check_finite(x)
        yield x, as_taken(targets.to(device), precision)


def _random_pairs(model: nn.Module, seeds: Sequence[int], *, official: bool) -> list[tuple[Direction, Direction]]:
    for seed in seeds:
        at_least(0, seed=seed)
    if len(set(seeds)) < len(seeds):
        raise VitworkError(f"a seed occurs twice in {list(seeds)}, so the same plane would count as two")
    return [random_pair(model, seed, official=official) for seed in seeds]


def _own(
    given: nn.Module, model: nn.Module, pairs: Sequence[tuple[Direction, Direction]]
) -> list[tuple[Direction, Direction]]:
    """Return directions with the parameter names of the given model replaced by those of the unwrapped model."""
    names = {id(value): name for name, value in model.named_parameters()}
    own = {name: names[id(value)] for name, value in given.named_parameters()}

    def renamed(direction: Direction) -> Direction:
        return {own.get(name, name): value for name, value in direction.items()}

    return [(renamed(first), renamed(second)) for first, second in pairs]


def _share_moved(pairs: Sequence[tuple[Direction, Direction]], parameters: Mapping[str, Tensor], size: int) -> float:
    """Return the share of ``size`` weights that a pair of directions moves, the smallest over all pairs.

    Raises:
        VitworkError: a pair moves no weight.
    """
    shares = []
    for pair in pairs:
        names = {name for direction in pair for name in direction.keys() & parameters.keys()}
        moving = (sum(direction[name].abs() for direction in pair if name in direction) for name in names)
        shares.append(sum(int(torch.count_nonzero(torch.as_tensor(by))) for by in moving) / size)
    if not min(shares):
        raise VitworkError(
            "the directions are zero, or those of weights that are zero, so nothing would move along them"
        )
    return min(shares)


def _check_directions(
    pairs: Sequence[tuple[Direction, Direction]], parameters: Mapping[str, Tensor], trained: Sequence[str]
) -> None:
    if not pairs:
        raise VitworkError("a loss surface needs a seed or a pair of directions")
    for direction in itertools.chain.from_iterable(pairs):
        common = direction.keys() & parameters.keys()
        if not common:
            raise VitworkError("a direction names none of the model's parameters, so nothing would move along it")
        for name in sorted(common):
            if direction[name].shape != parameters[name].shape:
                shapes = f"{tuple(direction[name].shape)}, the parameter {tuple(parameters[name].shape)}"
                raise VitworkError(f"a direction does not fit the model: its {name} is {shapes}")
            if direction[name].is_complex() or not direction[name].isfinite().all():
                raise VitworkError(f"a direction is not of finite real numbers: its {name}")
            if name not in trained and direction[name].any():
                raise VitworkError(
                    f"a direction moves {name}, which is frozen: a surface is over the trainable weights"
                )


@torch.no_grad()
def _check_loss(model: nn.Module, parameters: Mapping[str, Tensor], data: Sequence[Batch]) -> None:
    with evaluation_mode(model), unwritten(parameters.items()):
        state = {**parameters, **{name: value.clone() for name, value in model.named_buffers()}}
        with fitting(data[0][0]):
            classes = logits_at(model, state, data[0][0][:1]).shape[1]
    for _, targets in data:
        check_targets(targets, classes)
    check_repeatable(*(_loss(model, parameters, data[:1], "fixed") for _ in range(2)))


def _moved(
    parameters: Mapping[str, Tensor], pair: tuple[Direction, Direction], at: tuple[float, float]
) -> dict[str, Tensor]:
    moved = dict(parameters)
    for direction, distance in zip(pair, at, strict=True):
        for name in direction.keys() & parameters.keys():
            moved[name] = moved[name] + distance * direction[name].to(moved[name])
    return moved


def _loss(model: nn.Module, parameters: Mapping[str, Tensor], data: Sequence[Batch], batchnorm: Statistics) -> Tensor:
    state = {**parameters, **{name: value.clone() for name, value in model.named_buffers()}}
    if batchnorm == "recalibrated":
        recalibrate(model, state, [images for images, _ in data])
    logits = partial(logits_at, model, state)
    with evaluation_mode(model):
        totals = [F.cross_entropy(in_parts(logits, x), targets, reduction="sum").double() for x, targets in data]
    return torch.stack(totals).sum() / sum(len(targets) for _, targets in data)


def _l2(parameters: Sequence[Tensor], *, official: bool) -> Tensor:
    norms = torch.stack([torch.linalg.vector_norm(value) for value in parameters]).double()
    return norms.sum() if official else norms.square().sum() / 2
