"""Eigenvalues, density and trace of the Hessian of the loss, and its products (paper section 2, Fig. 1c and 4).

The loss is the mean cross-entropy over the examples plus ``(weight_decay / 2)·|w|²``. Draw the augmentation once and pass
the augmented batches: every product then sees the same loss.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from numbers import Integral
from typing import Any

import torch
from torch import Tensor, nn

from vitwork.analysis.curvature.batchnorm import BatchNorm
from vitwork.analysis.curvature.lanczos import Eigenpairs, Which, search
from vitwork.analysis.curvature.minibatches import AT_ONCE, Search, each
from vitwork.analysis.curvature.operator import Batch, HessianOperator, Select, trainable
from vitwork.analysis.curvature.quadrature import Density, Trace, density, trace
from vitwork.analysis.curvature.repeatable import check_stateless
from vitwork.analysis.numbers import check_number
from vitwork.analysis.observe import device_of
from vitwork.analysis.plain import as_written
from vitwork.analysis.signs import ROUNDING
from vitwork.analysis.targets import paired
from vitwork.device.memory import Cost, Meter
from vitwork.errors import VitworkError, at_least, choice
from vitwork.models.blocks.unwrapping import unwrapped

__all__ = [
    "Density",
    "Spectrum",
    "SpectrumOptions",
    "Trace",
    "blockwise",
    "density",
    "hvp",
    "kinds",
    "top_eigenvalues",
    "trace",
]


@dataclass(frozen=True, slots=True)
class Spectrum:
    """Extreme eigenvalues of each mini-batch's Hessian.

    Attributes:
        eigenvalues: (n_batches, k) float64, signed; largest magnitude first, or for ``extremes`` the ⌈k/2⌉ largest and
            then the ⌊k/2⌋ smallest, descending. For a ``survey`` (n_batches, 2 k + 2): the k of largest magnitude, the
            k that have the largest magnitude without the penalty (which adds λ to every eigenvalue), then the largest
            and the smallest.
        residuals: as many, float64, ‖Hv − λv‖ for the unit Ritz vector v of each eigenvalue λ.
        batch_sizes: examples in each mini-batch.
        products: number of Hessian-vector products computed for each mini-batch.
        converged: whether each mini-batch met the tolerance. An eigenvalue may occur several times to the last digit,
            for example where the last layer's weights are zero; then some of its copies may be missing.
        which: how the eigenvalues were chosen.
        batchnorm: statistics that BatchNorm used.
        cost: images, time and memory of the computation.
    """

    eigenvalues: Tensor
    residuals: Tensor
    batch_sizes: tuple[int, ...]
    products: tuple[int, ...]
    converged: tuple[bool, ...]
    which: Which
    batchnorm: BatchNorm
    cost: Cost = field(compare=False)

    @property
    def nep(self) -> float:
        """Negative eigenvalue proportion: the share of the pooled eigenvalues below zero (paper Fig. 4).

        Eigenvalues that are zero up to rounding (`vitwork.analysis.signs`) do not count as below zero.

        Raises:
            VitworkError: the eigenvalues are not the largest in magnitude.
        """
        return float((self._largest() < -self._rounding).double().mean())

    @property
    def ape(self) -> float:
        """Average positive eigenvalue of the pooled eigenvalues (paper Fig. 4); NaN when none is positive.

        Raises:
            VitworkError: the eigenvalues are not the largest in magnitude.
        """
        positive = self._largest()[self.eigenvalues > self._rounding]
        return float(positive.mean()) if len(positive) else float("nan")

    @property
    def _rounding(self) -> Tensor:
        return ROUNDING * self.eigenvalues.abs().amax(1, keepdim=True)

    def _largest(self) -> Tensor:
        if self.which != "magnitude":
            raise VitworkError(
                'NEP and APE are those of the eigenvalues of largest magnitude: which="extremes" takes about as many from '
                "the lower end as from the upper one, whatever their signs"
            )
        return self.eigenvalues


@dataclass(frozen=True, slots=True, kw_only=True)
class SpectrumOptions:
    """Options of `top_eigenvalues`.

    Attributes:
        which: ``magnitude`` as in the paper (both signs), signed ``extremes``, or both in one ``survey``, see
            `Spectrum`.
        batchnorm: ``eval`` for running statistics (as in the paper), ``train`` for those of the mini-batch.
        tolerance: relative accuracy of each eigenvalue.
        select: parameters to differentiate by; the Hessian of a block keeps only the block's own.
        micro_batch: most examples in one pass with gradients, to bound memory; None passes whole mini-batches.
        at_once: number of mini-batches of equal size whose products are computed at once, fewer where memory does not
            suffice. None means one on a CPU; on a GPU it means several where that is possible and was faster in a trial
            on the first mini-batches.
        capacity: Krylov vectors held at once (each as large as the model).
        max_products: products per mini-batch after which to give up; see `Spectrum.converged`.
        seed: seed of the start vectors, the same for every mini-batch.

    Raises:
        VitworkError: an option has an unknown value, a number is below one, the seed is below zero, or the tolerance is
            not between 0 and 1.
    """

    which: Which = "magnitude"
    batchnorm: BatchNorm = "eval"
    tolerance: float = 1e-3
    select: Select = trainable
    micro_batch: int | None = None
    at_once: int | None = None
    capacity: int = 40
    max_products: int = 500
    seed: int = 0

    def __post_init__(self) -> None:
        choice("which", self.which, Which)
        at_least(1, micro_batch=self.micro_batch, at_once=self.at_once, capacity=self.capacity)
        at_least(1, max_products=self.max_products)
        at_least(0, seed=self.seed)
        check_number("tolerance", self.tolerance, lambda value: 0 < value < 1, "a number between 0 and 1")

    def begin(self, operator: HessianOperator, k: int) -> Search:
        """Start the search for an operator's eigenpairs.

        Raises:
            VitworkError: the operator has fewer than ``k`` eigenvalues.
        """
        if k > operator.size:
            raise VitworkError(f"k is {k}, but the Hessian in these parameters has {operator.size} eigenvalues")
        generator = torch.Generator(operator.device).manual_seed(self.seed)
        # The start is random. Starting from the gradient, the Jacobian or the last mini-batch's eigenvectors saves a
        # product or two, but in tests some searches then stopped before an eigenvalue had appeared that the start
        # hardly contains.
        start = torch.randn(operator.size, generator=generator, device=operator.device, dtype=operator.dtype)
        return search(
            operator.arranged(start),
            k,
            which=self.which,
            shift=operator.weight_decay,
            tolerance=self.tolerance,
            capacity=self.capacity,
            max_products=self.max_products,
            generator=generator,
        )


@as_written()
def top_eigenvalues(
    model: nn.Module, batches: Iterable[Batch], k: int = 5, weight_decay: float = 0.0, **options: Any
) -> Spectrum:
    """Return the top eigenvalues of the Hessian on each mini-batch (paper Fig. 1c: batches of 16, k = 5).

    Args:
        model: a classifier from images to logits; left exactly as found.
        batches: mini-batches ``(images, targets)``; targets are class indices or soft targets (b, classes).
        k: eigenvalues per mini-batch.
        weight_decay: λ of the penalty ``(λ/2)·|w|²``, which adds λ to every eigenvalue.
        **options: those of `SpectrumOptions`.

    Raises:
        VitworkError: there is no batch or no trainable parameter, the loss is not finite or does not repeat, or ``k``
            is not a positive integer or exceeds the number of parameters. Or as for `SpectrumOptions` and
            `HessianOperator`.
    """
    _check_k(k)
    how = SpectrumOptions(**options)
    device = device_of([model])
    meter = Meter(device)
    found: list[Eigenpairs] = []
    sizes: list[int] = []

    def operator_of(batch: Batch) -> HessianOperator:
        return HessianOperator(
            model,
            [batch],
            weight_decay,
            select=how.select,
            batchnorm=how.batchnorm,
            micro_batch=how.micro_batch,
            probe=not found,
        )

    suits = AT_ONCE if device.type == "cuda" else 1
    many = 1 if how.micro_batch else how.at_once or suits
    for pairs, batch in each(batches, operator_of, partial(how.begin, k=k), many, forced=how.at_once is not None):
        found.append(pairs)
        sizes.append(len(batch[1]))
    if not found:
        raise VitworkError("there is no batch to measure the Hessian on")
    return Spectrum(
        torch.stack([pairs.values for pairs in found]),
        torch.stack([pairs.residuals for pairs in found]),
        tuple(sizes),
        tuple(pairs.products for pairs in found),
        tuple(pairs.converged for pairs in found),
        how.which,
        how.batchnorm,
        meter.cost(sum(sizes)),
    )


@as_written()
def hvp(
    model: nn.Module,
    batches: Iterable[Batch],
    vector: Tensor,
    weight_decay: float = 0.0,
    *,
    batchnorm: BatchNorm = "eval",
    select: Select = trainable,
    micro_batch: int | None = None,
) -> Tensor:
    """Return the Hessian of the mean loss over all batches times a vector, exactly.

    Args:
        model: a classifier from images to logits; left exactly as found.
        batches: ``(images, targets)``; every example has the same weight, in whichever batch it is.
        vector: (P,), in the order of the model's parameters, each flattened row by row.
        weight_decay: as in `top_eigenvalues`.
        batchnorm: statistics that BatchNorm uses, as in `SpectrumOptions`, like the arguments that follow.
        select: parameters to differentiate by.
        micro_batch: most examples in one pass with gradients.

    Returns:
        (P,) the product. For several products with one loss, keep a `HessianOperator`.

    Raises:
        VitworkError: as for `top_eigenvalues`, or the vector has another size or does not hold finite real numbers.
    """
    at_least(1, micro_batch=micro_batch)
    operator = HessianOperator(
        model, batches, weight_decay, select=select, batchnorm=batchnorm, micro_batch=micro_batch
    )
    if not isinstance(vector, Tensor) or vector.is_complex():
        raise VitworkError("the vector that a Hessian is multiplied with is a tensor of real numbers")
    moved = operator.arranged(vector.to(operator.device, operator.dtype))
    if not moved.isfinite().all():
        raise VitworkError("the vector that a Hessian is multiplied with is not finite")
    return operator.by_rows(operator(moved))


def _check_k(k: object) -> None:
    if not isinstance(k, Integral) or k < 1:
        raise VitworkError(f"k is a whole number of eigenvalues, 1 or more, not {k!r}")


def kinds(model: nn.Module) -> dict[str, list[str]]:
    """Group the names of a model's trainable parameters by the kind of block that holds them.

    Returns:
        ``stem``, ``conv``, ``msa``, ``mlp``, ``pool`` and ``head`` as far as they occur; ``other`` for parameters that
        belong to no block.
    """
    from vitwork.models import as_blocks

    owner: dict[int, str] = {}
    for block in as_blocks(model):
        for parameter in block.module.parameters():
            owner.setdefault(id(parameter), block.kind)
    groups: dict[str, list[str]] = {}
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            groups.setdefault(owner.get(id(parameter), "other"), []).append(name)
    return groups


def _member(names: Collection[str], name: str, parameter: nn.Parameter) -> bool:
    del parameter
    return name in names


def blockwise(
    model: nn.Module,
    batches: Iterable[Batch],
    k: int = 5,
    weight_decay: float = 0.0,
    *,
    groups: Mapping[str, Collection[str]] | None = None,
    **options: Any,
) -> dict[str, Spectrum]:
    """Return the spectrum of each diagonal block of the Hessian (Zhang et al. 2024: where Transformers differ).

    Args:
        model: a classifier from images to logits; left exactly as found.
        batches: mini-batches, as for `top_eigenvalues`.
        k: eigenvalues per mini-batch; fewer where a group has fewer parameters.
        weight_decay: as for `top_eigenvalues`.
        groups: parameter names of each block; `kinds` of the model when None.
        **options: those of `SpectrumOptions` except ``select``.

    Raises:
        VitworkError: as for `top_eigenvalues`, or there is no group, a group is empty, or it names something that is
            not a parameter.
    """
    _check_k(k)
    check_stateless(unwrapped(model))
    kept = list(paired(batches))
    spectra = {}
    sizes = {name: value.numel() for name, value in model.named_parameters()}
    blocks = kinds(model) if groups is None else groups
    if not blocks:
        raise VitworkError("there is no group of trainable parameters, so there is no diagonal block of the Hessian")
    for group, names in blocks.items():
        unknown = [names] if isinstance(names, str) else [name for name in names if name not in sizes]
        if unknown or not names:
            what = ", ".join(map(str, unknown)) or "nothing"
            raise VitworkError(f"the group {group} is to be a list of the model's parameters, but names {what}")
    for group, names in blocks.items():
        members = frozenset(names)
        size = sum(sizes[name] for name in members)
        spectra[group] = top_eigenvalues(
            model, kept, min(k, size), weight_decay, select=partial(_member, members), **options
        )
    return spectra
