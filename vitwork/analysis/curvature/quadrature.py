"""Whole-spectrum estimates from random probes: the density of the Hessian's eigenvalues, and its trace."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from vitwork.analysis.curvature.batchnorm import BatchNorm
from vitwork.analysis.curvature.lanczos import Krylov
from vitwork.analysis.curvature.operator import Batch, HessianOperator, Select, trainable
from vitwork.analysis.observe import device_of
from vitwork.analysis.plain import as_written
from vitwork.device.memory import Cost, Meter
from vitwork.errors import VitworkError, at_least


@dataclass(frozen=True, slots=True)
class Density:
    """Spectral density as raw quadrature: eigenvalue mass ``weights`` at ``nodes``, unsmoothed.

    Attributes:
        nodes: (probes, steps) float64, Ritz values, ascending.
        weights: (probes, steps) float64, each row sums to 1.
        size: number of parameters, hence of eigenvalues.
        noise: nodes closer to zero than this are zero to the arithmetic's precision.
        products: number of Hessian-vector products computed.
        cost: images, time and memory of the computation.
    """

    nodes: Tensor
    weights: Tensor
    size: int
    noise: float
    products: int
    cost: Cost = field(compare=False)

    def share_below(self, threshold: float) -> tuple[float, float]:
        """Return the share of eigenvalues below a threshold, and its standard error over the probes."""
        return _mean(torch.where(self.nodes < threshold, self.weights, 0.0).sum(dim=1))

    @property
    def negative_share(self) -> float:
        """Share of eigenvalues that are negative beyond the noise."""
        return self.share_below(-self.noise)[0]

    def moment(self, power: int) -> tuple[float, float]:
        """Return the mean of the eigenvalues' powers (the first times ``size`` is the trace), and its standard error."""
        return _mean((self.weights * self.nodes**power).sum(dim=1))


@dataclass(frozen=True, slots=True)
class Trace:
    """Trace of the Hessian.

    Attributes:
        value: the estimate.
        standard_error: standard error of the random part; 0 when the trace is exact, NaN from a single sample.
        products: number of Hessian-vector products computed.
        cost: images, time and memory of the computation.
    """

    value: float
    standard_error: float
    products: int
    cost: Cost = field(compare=False)


def _mean(samples: Tensor) -> tuple[float, float]:
    error = samples.std() / len(samples) ** 0.5 if len(samples) > 1 else torch.tensor(float("nan"))
    return float(samples.mean()), float(error)


@as_written()
def density(
    model: nn.Module,
    batches: Iterable[Batch],
    weight_decay: float = 0.0,
    *,
    steps: int = 32,
    probes: int = 4,
    batchnorm: BatchNorm = "eval",
    select: Select = trainable,
    micro_batch: int | None = None,
    seed: int = 0,
) -> Density:
    """Return the spectral density of the Hessian of the mean loss over all batches, by stochastic Lanczos quadrature.

    Ubaru, Chen & Saad 2017; Ghorbani, Krishnan & Xiao 2019. Each Gaussian probe gives a Gauss quadrature rule of the
    density, whose negative share needs no smoothing.

    Args:
        model: a classifier from images to logits; left exactly as found.
        batches: ``(images, targets)``; every example weighs the same.
        weight_decay: adds its value to every eigenvalue.
        steps: Lanczos steps per probe; memory holds as many vectors of the model's size.
        probes: independent probes; two or more give standard errors.
        batchnorm: as in `vitwork.analysis.hessian.SpectrumOptions`, like the arguments that follow.
        select: parameters to differentiate by.
        micro_batch: most examples in one pass with gradients.
        seed: seed of the probes.

    Raises:
        VitworkError: as for `top_eigenvalues`, or ``probes`` or ``steps`` is below one.
    """
    at_least(1, steps=steps, probes=probes, micro_batch=micro_batch)
    at_least(0, seed=seed)
    meter = Meter(device_of([model]))
    operator = HessianOperator(
        model, batches, weight_decay, select=select, batchnorm=batchnorm, micro_batch=micro_batch
    )
    generator = torch.Generator(operator.device).manual_seed(seed)
    nodes, weights = [], []
    for _ in range(probes):
        probe = torch.randn(operator.size, generator=generator, device=operator.device, dtype=operator.dtype)
        space = Krylov(operator.arranged(probe), steps, generator)
        while space.steps < space.capacity:
            space.grow(operator(space.direction))
        values, _, vectors = space.ritz()
        nodes.append(values)
        weights.append(vectors[0].square())
    found = torch.stack(nodes)
    # The rounding of a product, about eps·‖H‖, moves an eigenvalue by at most as much.
    noise = 10 * torch.finfo(operator.dtype).eps * float(found.abs().max())
    cost = meter.cost(operator.examples)
    return Density(found, torch.stack(weights), operator.size, noise, probes * found.shape[1], cost)


@as_written()
def trace(
    model: nn.Module,
    batches: Iterable[Batch],
    weight_decay: float = 0.0,
    *,
    products: int = 30,
    batchnorm: BatchNorm = "eval",
    select: Select = trainable,
    micro_batch: int | None = None,
    seed: int = 0,
) -> Trace:
    """Return the trace of the Hessian of the mean loss over all batches, by Hutch++ (Meyer et al. 2021, Algorithm 1).

    A third of the products finds the directions that carry most of the trace, a third computes their part exactly, and
    the last third estimates the rest from random signs. The standard error is that of the rest.

    Args:
        model: a classifier from images to logits; left exactly as found.
        batches: ``(images, targets)``; every example weighs the same.
        weight_decay: adds its value times the number of parameters.
        products: number of Hessian-vector products to compute, six or more for a standard error.
        batchnorm: as in `vitwork.analysis.hessian.SpectrumOptions`, like the arguments that follow.
        select: parameters to differentiate by.
        micro_batch: most examples in one pass with gradients.
        seed: seed of the random signs.

    Raises:
        VitworkError: as for `top_eigenvalues`, or there are fewer than three products.
    """
    at_least(1, products=products, micro_batch=micro_batch)
    at_least(0, seed=seed)
    if products < 3:
        raise VitworkError("an estimate of the trace needs at least three Hessian products")
    meter = Meter(device_of([model]))
    operator = HessianOperator(
        model, batches, weight_decay, select=select, batchnorm=batchnorm, micro_batch=micro_batch
    )
    generator = torch.Generator(operator.device).manual_seed(seed)

    def signs() -> Tensor:
        bits = torch.randint(2, (operator.size,), generator=generator, device=operator.device)
        return operator.arranged(bits.to(operator.dtype).mul_(2).sub_(1))

    third = min(products // 3, operator.size)
    sketch = torch.stack([operator(signs()) for _ in range(third)], dim=1)
    main = torch.linalg.qr(sketch).Q
    exact = sum(float(column @ operator(column)) for column in main.T)
    samples = []
    if third < operator.size:
        for _ in range(third):
            rest = signs()
            rest -= main @ (main.T @ rest)
            samples.append(rest @ operator(rest))
    value, error = _mean(torch.stack(samples).double()) if samples else (0.0, 0.0)
    if not torch.isfinite(torch.tensor(exact + value)):
        raise VitworkError("a Hessian product is not finite at these weights, so curvature is not defined there")
    return Trace(exact + value, error, 2 * third + len(samples), meter.cost(operator.examples))
