"""Curvature of the loss: eigenvalues, density and trace of the Hessian (paper section 2, Fig. 1c and 4).

The loss is the mean cross-entropy over the examples plus ``(weight_decay / 2)·|w|²``. Draw the augmentation once and pass
the augmented batches: every product then sees the same loss.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from vitwork.analysis.batchnorm import BatchNorm
from vitwork.analysis.lanczos import Eigenpairs, Which, eigenpairs
from vitwork.analysis.operator import Batch, HessianOperator, Select, trainable


@dataclass(frozen=True, slots=True)
class Spectrum:
    """Extreme eigenvalues of each mini-batch's Hessian.

    Attributes:
        eigenvalues: (n_batches, k) float64, signed; largest magnitude first, or for ``extremes`` the ⌈k/2⌉ largest and
            then the ⌊k/2⌋ smallest, descending.
        residuals: (n_batches, k) float64, ‖Hv − λv‖ for the unit vector v behind each eigenvalue λ.
        batch_sizes: examples in each mini-batch.
        products: Hessian-vector products spent on each mini-batch.
        converged: whether each mini-batch met the tolerance.
        which: how the eigenvalues were chosen.
        batchnorm: statistics that BatchNorm used.
    """

    eigenvalues: Tensor
    residuals: Tensor
    batch_sizes: tuple[int, ...]
    products: tuple[int, ...]
    converged: tuple[bool, ...]
    which: Which
    batchnorm: BatchNorm

    @property
    def nep(self) -> float:
        """Negative eigenvalue proportion: the share of the pooled eigenvalues below zero (paper Fig. 4)."""
        return float((self.eigenvalues < 0).double().mean())

    @property
    def ape(self) -> float:
        """Average positive eigenvalue of the pooled eigenvalues (paper Fig. 4); NaN when none is positive."""
        positive = self.eigenvalues[self.eigenvalues > 0]
        return float(positive.mean()) if len(positive) else float("nan")


def top_eigenvalues(
    model: nn.Module,
    batches: Iterable[Batch],
    k: int = 5,
    weight_decay: float = 0.0,
    *,
    which: Which = "magnitude",
    batchnorm: BatchNorm = "eval",
    tolerance: float = 1e-3,
    select: Select = trainable,
    micro_batch: int | None = None,
    capacity: int = 64,
    max_products: int = 500,
    seed: int = 0,
) -> Spectrum:
    """Return the top eigenvalues of the Hessian on each mini-batch (paper Fig. 1c: batches of 16, k = 5).

    Args:
        model: a classifier from images to logits; left exactly as found.
        batches: mini-batches ``(images, targets)``; targets are class indices or soft targets (b, classes).
        k: eigenvalues per mini-batch.
        weight_decay: λ of the penalty ``(λ/2)·|w|²``, which adds λ to every eigenvalue.
        which: ``magnitude`` as the paper (signs mix), or signed ``extremes``.
        batchnorm: ``eval`` for running statistics (as the paper), ``train`` for those of the mini-batch.
        tolerance: relative accuracy of each eigenvalue.
        select: parameters to differentiate by; the Hessian of a block keeps only the block's own.
        micro_batch: most examples in one pass, to bound memory; None passes whole mini-batches.
        capacity: Krylov vectors held at once (each as large as the model).
        max_products: products per mini-batch after which to give up; see `Spectrum.converged`.
        seed: of the start vectors, the same for every mini-batch.

    Raises:
        VitworkError: no batch, no trainable parameter, a loss that is not finite or does not repeat.
        ValueError: ``k`` exceeds the number of parameters.
    """
    found: list[Eigenpairs] = []
    sizes: list[int] = []
    for batch in batches:
        operator = HessianOperator(
            model, [batch], weight_decay, select=select, batchnorm=batchnorm, micro_batch=micro_batch
        )
        generator = torch.Generator(operator.device).manual_seed(seed)
        pairs = eigenpairs(
            operator,
            _start(operator, generator),
            k,
            which=which,
            tolerance=tolerance,
            capacity=capacity,
            max_products=max_products,
            generator=generator,
        )
        found.append(pairs)
        sizes.append(operator.examples)
    return Spectrum(
        torch.stack([pairs.values for pairs in found]),
        torch.stack([pairs.residuals for pairs in found]),
        tuple(sizes),
        tuple(pairs.products for pairs in found),
        tuple(pairs.converged for pairs in found),
        which,
        batchnorm,
    )


def _start(operator: HessianOperator, generator: torch.Generator) -> Tensor:
    return torch.randn(operator.size, generator=generator, device=operator.device, dtype=operator.dtype)
