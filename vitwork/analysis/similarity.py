"""Similarity of representations: linear centred kernel alignment (CKA), exact and by unbiased mini-batches.

`cka` follows Kornblith et al. (2019), the mini-batch form Nguyen et al. (2021), which the paper uses for Fig. 10a.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from vitwork.analysis.observe import Batch, Reducer, observe
from vitwork.device.memory import Cost
from vitwork.device.parts import ELEMENTS_AT_ONCE
from vitwork.errors import UnfitError, VitworkError
from vitwork.models.blocks.block import Block

SMALLEST = 4  # the unbiased estimator divides by n (n − 3)
GROUPS = 10
"""Number of parts of a mini-batch that are left out in turn for standard errors."""


def gram(x: Tensor) -> Tensor:
    """Return the inner products of the centred rows of (n, …), (n, n) in double precision.

    Features are processed in slices, so that the centred copy stays small. They are centred first, because single
    precision would otherwise lose a variation that is small compared with the mean.
    """
    features = x.detach().flatten(1)
    if not features.is_floating_point() or features.element_size() < 4:
        features = features.float()
    total = torch.zeros(len(x), len(x), dtype=torch.float64, device=x.device)
    for part in torch.split(features, max(1, ELEMENTS_AT_ONCE // max(1, len(x))), dim=1):
        centred = part - part.mean(0)
        total += centred @ centred.T
    return total


def cka(x: Tensor, y: Tensor) -> float:
    """Return the linear CKA of two representations of the same examples.

    CKA = ‖YᵀX‖² / (‖XᵀX‖ ‖YᵀY‖) with centred columns and Frobenius norms, computed through the examples' inner products.

    Args:
        x: (n, …), an example per row.
        y: (n, …), the same examples in the same order; the features may differ in number.

    Returns:
        A number in [0, 1]; NaN where a representation is the same for all examples.

    Raises:
        ValueError: the numbers of examples differ.
    """
    if len(x) != len(y):
        raise ValueError(f"CKA compares the same examples, not {len(x)} with {len(y)}")
    k, m = gram(x), gram(y)
    scale = k.norm() * m.norm()
    return float((k * m).sum() / scale) if scale > 0 else math.nan


def u_centred(k: Tensor) -> Tensor:
    """Return (…, n, n) inner products with a zero diagonal and rows and columns that sum to zero.

    The inner product of two such matrices over n (n − 3) is the unbiased estimator HSIC₁ (Song et al. 2012) of the
    Hilbert–Schmidt independence criterion.
    """
    n = k.shape[-1]
    k = k - torch.diag_embed(k.diagonal(dim1=-2, dim2=-1))
    rows = k.sum(-1) / (n - 2)
    centre = rows.sum(-1)[..., None, None] / (n - 1)
    k = k - rows[..., :, None] - rows[..., None, :] + centre
    return k - torch.diag_embed(k.diagonal(dim1=-2, dim2=-1))


class MinibatchCKA:
    """Linear CKA between several representations, accumulated over mini-batches without bias.

    CKA_ij = Σ_b n_b HSIC₁(K_i, K_j) / √(Σ_b n_b HSIC₁(K_i, K_i) · Σ_b n_b HSIC₁(K_j, K_j)). The weight n_b is the
    number of examples in mini-batch b; it keeps a short last batch from counting like a full one and changes nothing
    otherwise. The ratio may leave [0, 1] slightly. Mini-batches of fewer than four examples have no unbiased estimate
    and are left out.

    Attributes:
        examples: number of examples that were compared.
        left_out: number of examples that were not.
    """

    def __init__(self) -> None:
        self._total: Tensor | None = None
        self._changes: list[Tensor] = []
        self.examples = 0
        self.left_out = 0

    def update(self, *representations: Tensor) -> None:
        """Take in the representations (n, …) of one mini-batch, always in the same order."""
        self.update_grams([gram(x) for x in representations])

    def update_grams(self, grams: Sequence[Tensor]) -> None:
        """Take in the inner products (n, n) of one mini-batch."""
        n = len(grams[0])
        if n < SMALLEST:
            self.left_out += n
            return
        stacked = torch.stack(list(grams))
        inner = _weighted_hsic(stacked)
        self._total = inner if self._total is None else self._total + inner
        self._changes += [_weighted_hsic(stacked[:, kept][:, :, kept]) - inner for kept in _without_each_group(n)]
        self.examples += n

    def matrix(self) -> Tensor:
        """Return CKA between all pairs, (representations, representations); NaN where the estimate is undefined."""
        return _normalised(self._sums()).cpu()

    def jackknife(self) -> Tensor:
        """Return the same with each group of examples left out, (groups, representations, representations).

        A group is a tenth of a mini-batch, or the whole mini-batch if it has fewer than twenty examples.
        """
        return _normalised(self._sums() + torch.stack(self._changes)).cpu()

    def _sums(self) -> Tensor:
        if self._total is None:
            raise VitworkError("CKA needs a mini-batch of at least four images.")
        return self._total


def _weighted_hsic(grams: Tensor) -> Tensor:
    """Return n HSIC₁ between all pairs of (representations, n, n) inner products; 0 without examples."""
    n = grams.shape[-1]
    flat = u_centred(grams).flatten(1) if n else grams.flatten(1)
    return flat @ flat.T / (n - 3)


def _without_each_group(n: int) -> list[Tensor]:
    """Return, for each group that is left out, which of n examples are kept."""
    number = GROUPS if n >= 2 * GROUPS else 1
    groups = torch.arange(n) * number // n
    return [(groups != group).nonzero().flatten() for group in range(number)]


def _normalised(sums: Tensor) -> Tensor:
    """Return CKA from sums of n HSIC₁ (…, representations, representations)."""
    scale = sums.diagonal(dim1=-2, dim2=-1).sqrt()
    return sums / (scale[..., :, None] * scale[..., None, :])


@dataclass(frozen=True)
class Similarity:
    """CKA between all pairs of blocks.

    Attributes:
        blocks: the blocks' names; blocks with logits are left out.
        kinds: their kinds.
        stages: their stages.
        cka: (blocks, blocks).
        jackknife: the same with each group of images left out, (groups, blocks, blocks).
        left_out: number of images in mini-batches of fewer than four, which were passed but not compared.
        cost: images, time and memory of the pass.
    """

    blocks: tuple[str, ...]
    kinds: tuple[str, ...]
    stages: tuple[int, ...]
    cka: Tensor
    jackknife: Tensor
    left_out: int
    cost: Cost

    def within_minus_across(self, stages: Sequence[int] | None = None, *, same_distance: bool = False) -> float:
        """Return how much more alike blocks of one stage are than blocks of two stages.

        Args:
            stages: stages to use instead of the model's, one per block: pseudo-stages for a single-stage network. Blocks
                of stage 0 (the stem) do not count.
            same_distance: compare only pairs that lie the same number of blocks apart, and average over distances,
                weighted by their number of pairs. Neighbours are alike in any network and mostly share a stage, so the
                plain score is positive even without stages; this score is not.

        Returns:
            Mean CKA of pairs within a stage minus that of pairs across stages; NaN where either kind is missing.
        """
        return _block_structure(self.cka, self.stages if stages is None else stages, same_distance=same_distance)

    def standard_error(self, stages: Sequence[int] | None = None, *, same_distance: bool = False) -> float:
        """Return the standard error of `within_minus_across` over images, from leaving out each group of them.

        Args:
            stages: as for `within_minus_across`.
            same_distance: as for `within_minus_across`.

        Returns:
            √((g − 1) / g · Σ (sᵢ − s̄)²) of the scores sᵢ without each of g groups; NaN for a single group.
        """
        stages = self.stages if stages is None else stages
        scores = [_block_structure(cka, stages, same_distance=same_distance) for cka in self.jackknife]
        n, centre = len(scores), sum(scores) / len(scores)
        return math.sqrt((n - 1) / n * sum((score - centre) ** 2 for score in scores)) if n > 1 else math.nan


def _block_structure(cka: Tensor, stages: Sequence[int], *, same_distance: bool) -> float:
    pairs = [
        (j - i, stages[i] == stages[j], float(cka[i, j]))
        for j in range(len(stages))
        for i in range(j)
        if stages[i] > 0 and stages[j] > 0
    ]
    if not same_distance:
        return _gap([(within, value) for _, within, value in pairs])
    weighted, weights = 0.0, 0
    for distance in {distance for distance, _, _ in pairs}:
        here = [(within, value) for d, within, value in pairs if d == distance]
        gap = _gap(here)
        if not math.isnan(gap):
            weighted += gap * len(here)
            weights += len(here)
    return weighted / weights if weights else math.nan


def _gap(pairs: Sequence[tuple[bool, float]]) -> float:
    """Return the mean value of the pairs within a stage minus that of the other pairs."""
    within = [value for same, value in pairs if same]
    across = [value for same, value in pairs if not same]
    if not within or not across:
        return math.nan
    return sum(within) / len(within) - sum(across) / len(across)


def pseudo_stages(blocks: int, stages: int, stem: int = 1) -> tuple[int, ...]:
    """Return stage numbers that cut ``blocks`` blocks after the first ``stem`` (stage 0) into equal consecutive stages."""
    rest = blocks - stem
    return (0,) * stem + tuple(1 + i * stages // rest for i in range(rest))


def _as_handed_on(block: Block, leaving: Tensor) -> Tensor | None:
    """Return a block's whole output, class token included; None for logits."""
    return None if block.layout == "vector" else leaving


class Similarities(Reducer):
    """Reducer that computes `matrix`'s result, for passes shared with other reducers."""

    def __init__(
        self, blocks: Sequence[Block], select: Callable[[Block, Tensor], Tensor | None] = _as_handed_on
    ) -> None:
        self.blocks = blocks
        self.select = select
        self.accumulator = MinibatchCKA()
        self._grams: dict[int, Tensor] = {}

    def see(self, index: int, block: Block, entering: Tensor, leaving: Tensor) -> None:  # noqa: ARG002 - the base's signature
        """Keep the inner products of one block's output; see the base class."""
        chosen = self.select(block, leaving)
        if chosen is not None:
            self._grams[index] = gram(chosen)

    def end_batch(self) -> None:
        """Compare the mini-batch's blocks; see the base class."""
        if not self._grams:
            raise UnfitError("No block of this model gives a representation to compare.")
        self.accumulator.update_grams(list(self._grams.values()))

    def result(self, cost: Cost) -> Similarity:
        """Return the result of the passes so far."""
        chosen = [self.blocks[index] for index in self._grams]
        return Similarity(
            blocks=tuple(block.name for block in chosen),
            kinds=tuple(block.kind for block in chosen),
            stages=tuple(block.stage for block in chosen),
            cka=self.accumulator.matrix(),
            jackknife=self.accumulator.jackknife(),
            left_out=self.accumulator.left_out,
            cost=cost,
        )


def matrix(
    blocks: Sequence[Block],
    batches: Iterable[Batch],
    *,
    select: Callable[[Block, Tensor], Tensor | None] = _as_handed_on,
) -> Similarity:
    """Measure the mini-batch CKA between all pairs of a model's blocks (paper, Fig. 10a).

    Args:
        blocks: the model.
        batches: (images, targets) pairs of at least four images; the estimate's spread falls with the batch size.
        select: returns the part of a block's output (b, …) to compare, or None to leave the block out. By default the
            whole output is compared, class token included, and logits are left out.

    Returns:
        The matrix, and the score of stage-aligned block structure.

    Raises:
        VitworkError: there are no images, or no block or no mini-batch can be compared.
    """
    reducer = Similarities(blocks, select)
    return reducer.result(observe(blocks, batches, reducer))
