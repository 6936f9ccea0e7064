"""Statistics of attention weights: distance, entropy, rank and frequency response (beyond the paper).

An attention matrix A maps a signal over tokens to averages of it. For a Fourier mode e_f of the token grid:

- ``gain``: √(mean over queries of |A e_f|²), from an input at f to the output at all frequencies;
- ``transfer``: |⟨e_f, A e_f⟩| / n, from an input at f to the output at f, the response of A's mean kernel;
- ``emitted``: √(mean over white inputs of |⟨e_f, A x⟩|²/n), from an input at all frequencies to the output at f.

Each is 1 for A = I. A low-pass filter has a gain that falls with f; rows that sum to one give the gain 1 at f = 0 and at
most 1 elsewhere, so attention never amplifies a frequency relative to the mean.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial

import torch
from torch import Tensor

from vitwork.analysis.fourier import frequencies, in_single, ring_weights
from vitwork.analysis.observe import Batch, Reducer, mean_and_error, observe
from vitwork.analysis.targets import are_shares
from vitwork.device.memory import Cost
from vitwork.device.parts import in_parts
from vitwork.errors import UnfitError, at_least
from vitwork.models.blocks.block import Block

ONE_NUMBER = ("distance", "entropy", "elsewhere", "effective_rank")
SPECTRA = ("gain", "transfer", "emitted")


def stochastic_error(weights: Tensor) -> float:
    """Return how far weights (…, queries, keys) are from non-negative rows that sum to one; 0 is exact."""
    below = (-weights).amax().clamp(min=0)
    return float(torch.maximum(below, (weights.sum(-1) - 1).abs().amax()))


def hull_excess(values: Tensor, outputs: Tensor, directions: Tensor) -> Tensor:
    """Return how far outputs lie outside the convex hull of the values, by direction.

    The hull's extent along a direction u is the largest ⟨u, v⟩ over the values v.

    Args:
        values: (…, keys, c).
        outputs: (…, queries, c).
        directions: (d, c).

    Returns:
        (…, d), the outputs' extent minus the hull's. It is never positive for averages of the values, and positive in
        some direction for a point outside.
    """
    return (outputs @ directions.T).amax(-2) - (values @ directions.T).amax(-2)


def contraction(weights: Tensor) -> Tensor:
    """Return Dobrushin's coefficient τ of row-stochastic weights (…, n, keys), (…).

    τ = ½ max over pairs of queries of Σ|difference of their rows|. Each application multiplies the range of any signal,
    max − min over tokens, by at most τ; so repeated attention with τ < 1 converges to a constant signal.
    """
    weights = in_single(weights)
    coefficient: Tensor = torch.cdist(weights, weights, p=1).amax((-2, -1)) / 2
    return coefficient


def ranges(weights: Tensor, x: Tensor, steps: int) -> Tensor:
    """Return the range over tokens of x (…, n, c) after 0 … ``steps`` applications of the weights, (steps + 1, …, c)."""
    found = [x.amax(-2) - x.amin(-2)]
    for _ in range(steps):
        x = weights @ x
        found.append(x.amax(-2) - x.amin(-2))
    return torch.stack(found)


def effective_rank(weights: Tensor) -> Tensor:
    """Return exp of the entropy of the normalised singular values (Roy & Vetterli 2007): (…, n, m) to (…).

    The singular values are square roots of the eigenvalues of W Wᵀ in double precision. In a benchmark this was faster
    than a singular value decomposition, and as exact.
    """
    weights = weights.double()
    squares: Tensor = torch.linalg.eigvalsh(weights @ weights.mT)
    singular = squares.clamp(min=0).sqrt()
    share = singular / singular.sum(-1, keepdim=True)
    rank: Tensor = torch.special.entr(share).sum(-1).exp()
    return rank


@lru_cache(maxsize=32)
def distances(side: int, device: torch.device | None = None) -> Tensor:
    """Return the Euclidean distances (n, n) between the n = side² places of a grid, in tokens; callers share the tensor."""
    place = torch.cartesian_prod(torch.arange(side), torch.arange(side)).float()
    return torch.cdist(place, place).to(device)


def _transform(rows: Tensor, side: int) -> Tensor:
    """Return the 2-d Fourier transform of each row (…, side²), its half-plane flattened."""
    transformed: Tensor = torch.fft.rfft2(rows.reshape(*rows.shape[:-1], side, side))
    return transformed.flatten(-2)


def grid_side(shape: Sequence[int], prefix: int) -> int | None:
    """Return the side of the grid that weights of this shape span, or None where `statistics` does not apply."""
    queries, keys = shape[-2:]
    n = queries - prefix
    side = math.isqrt(max(n, 0))
    return side if side * side == n and n > 0 and keys - queries in {0, 1} else None


def spectra(grid: Tensor) -> dict[str, Tensor]:
    """Return gain, transfer and emitted of attention between the places of a square grid, averaged over directions.

    Args:
        grid: (…, n, n) weights, n = side².

    Returns:
        Each (…, rings); ring r is at 2πr/side. A ring's number is the root of its mean power.
    """
    n, grid = grid.shape[-1], in_single(grid)
    side = math.isqrt(n)
    by_key, by_query = _transform(grid, side), _transform(grid.mT, side)
    # The inner product with e_f over queries multiplies each row's transform by the phase of the row's own place.
    turns = _transform(torch.eye(n, dtype=grid.dtype, device=grid.device), side).conj()
    rings = ring_weights(side, side, grid.device, grid.dtype)
    power = {
        "gain": by_key.abs().square().mean(-2),
        "transfer": ((turns * by_key).sum(-2) / n).abs().square(),
        "emitted": by_query.abs().square().mean(-2),
    }
    return {name: (value @ rings).sqrt() for name, value in power.items()}


def statistics(weights: Tensor, prefix: int = 0, *, rank: bool = True) -> dict[str, Tensor]:
    """Describe attention weights, head by head.

    Args:
        weights: (b, heads, queries, keys), rows sum to one. Queries are ``prefix`` tokens and a square grid; keys are the
            same tokens, followed by at most one more that stands for padding.
        prefix: leading tokens without a place; their rows count for the rank only.
        rank: whether to compute the effective rank, which costs more than the other statistics together; NaN if not.

    Returns:
        ``distance`` (b, heads): mean distance from query to key in tokens, by the weights among the grid's keys;
        ``entropy``: of a row over all keys, in nats; ``elsewhere``: share of weight on prefix and padding;
        ``effective_rank``: of the whole matrix; ``gain``, ``transfer``, ``emitted`` (b, heads, rings): see the module.
        These three use the grid's rows and columns without normalising them again.

    Raises:
        ValueError: the queries after the prefix do not form a square grid, or the keys are not the same tokens.
    """
    side = grid_side(weights.shape, prefix)
    if side is None:
        raise ValueError(f"weights {tuple(weights.shape)} with {prefix} prefix tokens do not span a square grid")
    n = side * side
    weights = in_single(weights)
    rows = weights[..., prefix:, :]
    grid = rows[..., prefix : prefix + n]
    share = grid.sum(-1)
    far = (grid * distances(side, grid.device).to(grid.dtype)).sum(-1)
    return {
        "distance": (far / share.clamp(min=torch.finfo(share.dtype).tiny)).mean(-1),
        "entropy": torch.special.entr(rows).sum(-1).mean(-1),
        "elsewhere": (rows.sum(-1) - share).mean(-1),
        "effective_rank": effective_rank(weights).to(share.dtype)
        if rank
        else torch.full_like(share[..., 0], float("nan")),
        **spectra(grid),
    }


@dataclass(frozen=True)
class AttentionStudy:
    """Attention statistics of every block that exposes its weights, one entry per block in model order.

    Errors are standard errors over images. Windowed attention is averaged over windows first.

    Attributes:
        blocks: the blocks' names.
        stages: their stages.
        sides: sides of the grids that attention spans (the window's, where windowed).
        frequencies: (k,), frequencies of the rings in units of π; the corners of the plane reach √2.
        distance: (heads,), mean distance of attention in tokens.
        distance_error: (heads,).
        uniform_distance: the distance of uniform attention over the grid, for comparison.
        entropy: (heads,), nats.
        entropy_error: (heads,).
        elsewhere: (heads,), share of weight on class tokens and padding.
        effective_rank: (heads,), over the first images only.
        effective_rank_error: (heads,).
        gain: (k,), mean over heads and images; see the module.
        gain_error: (k,).
        transfer: (k,).
        transfer_error: (k,).
        emitted: (k,).
        emitted_error: (k,).
        left_out: names of msa blocks that cannot be described. Some do not expose their weights. In some the weights
            are not between places (but between channels, or to reduced keys). In some the places do not form a square
            grid, or are not neighbours (MaxViT's grid attention takes every eighth place). In others the rows are not
            probabilities (for example where heads are mixed after the softmax).
        cost: images, time and memory of the pass.
    """

    blocks: tuple[str, ...]
    stages: tuple[int, ...]
    sides: tuple[int, ...]
    frequencies: tuple[Tensor, ...]
    distance: tuple[Tensor, ...]
    distance_error: tuple[Tensor, ...]
    uniform_distance: tuple[float, ...]
    entropy: tuple[Tensor, ...]
    entropy_error: tuple[Tensor, ...]
    elsewhere: tuple[Tensor, ...]
    effective_rank: tuple[Tensor, ...]
    effective_rank_error: tuple[Tensor, ...]
    gain: tuple[Tensor, ...]
    gain_error: tuple[Tensor, ...]
    transfer: tuple[Tensor, ...]
    transfer_error: tuple[Tensor, ...]
    emitted: tuple[Tensor, ...]
    emitted_error: tuple[Tensor, ...]
    left_out: tuple[str, ...]
    cost: Cost


def _packed(block: Block, rank: bool, x: Tensor) -> Tensor:
    """Return the statistics of a block's attention over images x, concatenated: (b, heads, 4 + 3·rings)."""
    assert block.attention is not None
    found = statistics(block.attention(x), block.prefix, rank=rank)
    packed = torch.cat([torch.stack([found[name] for name in ONE_NUMBER], -1), *(found[name] for name in SPECTRA)], -1)
    # Windows are folded into the first dimension, with the image index varying slowest. Weights that do not depend on
    # the image may have a first dimension of 1.
    per_image = packed.expand(len(x), -1, -1) if len(packed) == 1 else packed
    return per_image.reshape(len(x), -1, *packed.shape[1:]).mean(1)


def _side(block: Block, image: Tensor) -> int | None:
    """Return the side of the grid that a block's attention spans, or None where `statistics` does not apply.

    Args:
        block: any block.
        image: (1, …), the block's input. The attention rows of all heads and places for it are checked to be
            probabilities.
    """
    if block.attention is None:
        return None
    weights = in_parts(block.attention, image)
    side = grid_side(weights.shape, block.prefix)
    square = side is not None and block.window in {None, (side, side)}
    return side if square and are_shares(weights).all() else None


class Attentions(Reducer):
    """Reducer that computes `describe`'s result, for passes shared with other reducers."""

    def __init__(self, blocks: Sequence[Block], *, images_at_once: int = 16, rank_images: int = 16) -> None:
        at_least(1, images_at_once=images_at_once)
        self.blocks = blocks
        self.images_at_once = images_at_once
        self.rank_images = rank_images
        self._found: dict[int, list[Tensor]] = {}
        self._sides: dict[int, int | None] = {}

    def see(self, index: int, block: Block, entering: Tensor, leaving: Tensor) -> None:  # noqa: ARG002 - the base's signature
        """Describe one block's weights; see the base class."""
        if index not in self._sides:
            self._sides[index] = _side(block, entering[:1])
        if self._sides[index] is None:
            return
        seen = sum(len(found) for found in self._found.setdefault(index, []))
        ranked = min(len(entering), max(0, self.rank_images - seen))
        for part, rank in ((entering[:ranked], True), (entering[ranked:], False)):
            if len(part):
                packed = in_parts(partial(_packed, block, rank), part, self.images_at_once)
                self._found[index].append(packed)

    def result(self, cost: Cost) -> AttentionStudy:
        """Return the result of the passes so far."""
        if not self._found:
            raise UnfitError(
                "No block of this model tells its attention weights, or they are no probabilities between places of a square grid."
            )
        indices = list(self._found)
        single: list[dict[str, tuple[Tensor, Tensor]]] = []
        for index in indices:
            packed = torch.cat(self._found[index])
            count = len(ONE_NUMBER)
            numbers = dict(zip(ONE_NUMBER, packed[..., :count].unbind(-1), strict=True))
            numbers["effective_rank"] = numbers["effective_rank"][~numbers["effective_rank"].isnan().any(1)]
            curves = dict(zip(SPECTRA, packed[..., count:].mean(1).chunk(len(SPECTRA), -1), strict=True))
            single.append({name: mean_and_error(values) for name, values in (numbers | curves).items()})
        means = {name: tuple(found[name][0] for found in single) for name in ONE_NUMBER + SPECTRA}
        errors = {f"{name}_error": tuple(found[name][1] for found in single) for name in ONE_NUMBER + SPECTRA}
        del errors["elsewhere_error"]
        sides = tuple(side for side in self._sides.values() if side is not None)
        return AttentionStudy(
            blocks=tuple(self.blocks[index].name for index in indices),
            stages=tuple(self.blocks[index].stage for index in indices),
            sides=sides,
            frequencies=tuple(frequencies(side, len(gain)) for side, gain in zip(sides, means["gain"], strict=True)),
            uniform_distance=tuple(distances(side).mean().item() for side in sides),
            left_out=tuple(
                self.blocks[index].name
                for index, side in self._sides.items()
                if side is None and self.blocks[index].kind == "msa"
            ),
            cost=cost,
            **means,
            **errors,
        )


def describe(
    blocks: Sequence[Block], batches: Iterable[Batch], *, images_at_once: int = 16, rank_images: int = 16
) -> AttentionStudy:
    """Measure distance, entropy, frequency response and rank of a model's attention over images.

    Args:
        blocks: the model.
        batches: (images, targets) pairs.
        images_at_once: number of images whose weights are held at a time; one image needs heads · tokens² numbers.
        rank_images: number of images, from the first on, whose effective rank is computed. Each costs an eigenvalue
            problem per head.

    Returns:
        The statistics with standard errors over images.

    Raises:
        VitworkError: there are no images, or no block exposes attention weights that can be described.
    """
    reducer = Attentions(blocks, images_at_once=images_at_once, rank_images=rank_images)
    return reducer.result(observe(blocks, batches, reducer))
