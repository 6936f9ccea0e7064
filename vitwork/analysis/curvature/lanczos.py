"""Eigenvalues of a symmetric operator from matrix-vector products, by Lanczos with full re-orthogonalisation."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal

import torch
from torch import Tensor

from vitwork.device.memory import is_out_of_memory
from vitwork.errors import VitworkError

Which = Literal["magnitude", "extremes", "survey"]

Choose = Callable[[Tensor, int], Tensor]

_ROUGHLY = 0.1  # relative accuracy of the two values after the wanted ones
_CAUTION = 2  # number of residuals by which a Ritz value that has not converged may still move


@dataclass(frozen=True, slots=True)
class Eigenpairs:
    """Ritz approximations of wanted eigenpairs.

    Attributes:
        values: (k,) float64; by magnitude, largest first; for ``extremes`` the largest, then the smallest, descending; for
            ``survey`` (2 k + 2,), see `wanted`.
        residuals: as many, float64, ‖A y − θ y‖ of the unit Ritz vectors; an eigenvalue lies within this distance of
            each value.
        vectors: as many rows of n, unit Ritz vectors in the operator's precision.
        products: number of operator products computed.
        converged: whether every value met the tolerance.
    """

    values: Tensor
    residuals: Tensor
    vectors: Tensor
    products: int
    converged: bool


def wanted(values: Tensor, k: int, which: Which, shift: float = 0.0) -> Tensor:
    """Return the indices of the ``k`` eigenvalues that ``which`` selects, in the order in which they are reported.

    A ``survey`` selects several sets at once, most of which coincide: the ``k`` largest in magnitude, the ``k`` largest
    in magnitude of the operator minus ``shift`` times the identity, the largest and the smallest.
    """
    if which == "magnitude":
        return values.abs().argsort(descending=True, stable=True)[:k]
    if which == "survey":
        largest = (wanted(at, k, "magnitude") for at in (values, values - shift))
        return torch.cat([*largest, values.argmax()[None], values.argmin()[None]])
    order = values.argsort(descending=True, stable=True)
    top = min((k + 1) // 2, len(order))
    low = min(k // 2, len(order) - top)
    return torch.cat([order[:top], order[len(order) - low :]])


def _once(indices: Tensor) -> Tensor:
    return torch.tensor(list(dict.fromkeys(indices.tolist())), dtype=torch.long)


class Krylov:
    """An orthonormal basis of a Krylov space, with the operator's projection on it.

    Each new product is orthogonalised against the whole basis twice, and its coefficients are the new column of the
    projection. After `restart` the basis holds Ritz vectors and the recurrence goes on from them (thick restart, Wu &
    Simon 2000): the same step serves both, because nothing relies on the projection being tridiagonal.

    Args:
        start: first direction, any length above zero.
        capacity: most basis vectors held at once, fewer if memory runs out. The memory is allocated as the basis grows.
        least: number of basis vectors to allocate memory for at the start.
        generator: draws a fresh direction when the space is exhausted (an eigenvalue may be multiple).
    """

    def __init__(self, start: Tensor, capacity: int, generator: torch.Generator, least: int = 16) -> None:
        self.generator = generator
        self.capacity = min(capacity, start.numel())
        self.basis = start.new_empty(min(least, self.capacity) + 1, start.numel())
        self.basis[0] = start / torch.linalg.vector_norm(start)
        self.projection = torch.zeros(self.capacity, self.capacity, dtype=torch.float64)
        self.steps = 0
        self.products = 0
        self.since_break = 0
        self.exhausted = False
        self.coupling = 0.0
        self.eps = torch.finfo(start.dtype).eps

    def _orthogonalise(self, vector: Tensor, recent: int = 0) -> Tensor:
        """Remove the basis from a vector in place; return what was removed, as coefficients.

        A first pass, over the basis vectors from index ``recent`` on, removes the large components. A second pass, over
        all vectors, removes what rounding has left.
        """
        first = self.basis[recent : self.steps]
        removed = first @ vector
        vector.addmv_(first.t(), removed, alpha=-1)
        basis = self.basis[: self.steps]
        coefficients = basis @ vector
        vector.addmv_(basis.t(), coefficients, alpha=-1)
        coefficients[recent:] += removed
        return coefficients

    @property
    def direction(self) -> Tensor:
        """The unit vector to multiply by the operator next."""
        return self.basis[self.steps]

    def grow(self, vector: Tensor) -> None:
        """Add one vector to the basis, from the operator's product with `direction`; the product is overwritten.

        Raises:
            VitworkError: the product is not finite.
        """
        self.steps += 1
        self.products += 1
        # By symmetry a new product has components along the last two basis vectors only, but along all of them just
        # after a restart.
        column = self._orthogonalise(vector, 0 if self.since_break == 0 else max(0, self.steps - 2))
        norm = torch.linalg.vector_norm(vector)
        found = torch.cat([column, norm[None]]).cpu().double()  # the one wait for the device per product
        if not torch.isfinite(found).all():
            raise VitworkError("a Hessian product is not finite at these weights, so curvature is not defined there")
        last = self.steps - 1
        self.projection[: self.steps, last] = self.projection[last, : self.steps] = found[:-1]
        self.coupling = float(found[-1])
        scale = float(self.projection[: self.steps, : self.steps].abs().max())
        self.since_break += 1
        if self.coupling <= 10 * self.eps * scale:
            # If a random direction is itself an eigenvector, so is every direction that is left.
            self.exhausted |= self.since_break == 1
            self._begin_anew(vector)
        else:
            self.basis[self.steps] = vector / norm
        if self.steps == len(self.basis) - 1 and self.steps < self.capacity:
            self._make_room()

    def _make_room(self) -> None:
        """Enlarge the basis by half; where memory does not suffice, set the capacity to the present size."""
        rows = min(self.capacity, 3 * self.steps // 2) + 1
        try:
            larger = self.basis.new_empty(rows, self.basis.shape[1])
        except RuntimeError as error:
            if not is_out_of_memory(error):
                raise
            self.capacity = self.steps
            return
        larger[: len(self.basis)] = self.basis
        self.basis = larger

    def _begin_anew(self, vector: Tensor) -> None:
        self.coupling, self.since_break = 0.0, 0
        if self.steps < vector.numel():
            fresh = torch.randn(vector.shape, generator=self.generator, dtype=vector.dtype, device=vector.device)
            self._orthogonalise(fresh)
            self.basis[self.steps] = fresh / torch.linalg.vector_norm(fresh)

    def ritz(self) -> tuple[Tensor, Tensor, Tensor]:
        """Return all Ritz values (ascending), their residuals and their coefficients (columns)."""
        values, vectors = torch.linalg.eigh(self.projection[: self.steps, : self.steps])
        return values, self.coupling * vectors[-1].abs(), vectors

    def combine(self, coefficients: Tensor) -> Tensor:
        """Return the Ritz vectors (rows) that columns of coefficients give."""
        return coefficients.T.to(self.basis) @ self.basis[: self.steps]

    def restart(self, choose: Choose, k: int) -> None:
        """Reduce the basis to the ``k`` Ritz vectors that ``choose`` selects, and continue from the last direction."""
        values, _, vectors = self.ritz()
        keep = _once(choose(values, k))
        kept = self.combine(vectors[:, keep])
        self.basis[len(keep)] = self.basis[self.steps]
        self.basis[: len(keep)] = kept
        self.steps = len(keep)
        self.since_break = 0
        self.projection.zero_()
        self.projection[: self.steps, : self.steps] = values[keep].diag()


def _errors(values: Tensor, residuals: Tensor, keep: Tensor) -> Tensor:
    """Return bounds on the errors of the kept Ritz values.

    An error is at most the residual r, and at most r² over the gap to the rest of the spectrum (Parlett 1998, §11.7).
    The gap is estimated from the other Ritz values.
    """
    distance = (values[keep][:, None] - values[None, :]).abs()
    distance[torch.arange(len(keep)), keep] = float("inf")
    return torch.minimum(residuals[keep], residuals[keep].square() / distance.amin(dim=1))


def _settled(space: Krylov, k: int, choose: Choose, tolerance: float) -> bool:
    """Return whether the wanted Ritz values are known to the relative tolerance, and no wanted eigenvalue is missing.

    A missing eigenvalue shows first as one of the other Ritz values, which then moves until it has converged. So two of
    these must be roughly known, and none may still be able to move past a wanted one. No such rule is certain: the
    start vector may have no component along an eigenvector.
    """
    values, residuals, _ = space.ritz()
    chosen = _once(choose(values, k))
    known = torch.cat([chosen, choose(values, k + 2)])
    tolerances = torch.full((len(known),), _ROUGHLY, dtype=torch.float64)
    tolerances[: len(chosen)] = tolerance
    # Values as small as the rounding error (from a Hessian of low rank) cannot reach a relative accuracy.
    noise = 50 * space.eps * values.abs().max()
    if (residuals[chosen] <= noise).all():  # more products would not help; a small basis may never resolve the others
        return True
    met = _errors(values, residuals, known) <= tolerances * values[known].abs()
    reach = _CAUTION * (residuals - torch.maximum(noise, tolerance * values[chosen].abs().min())).clamp_(min=0)
    reach[chosen] = 0
    places = [_once(choose(values + way * reach, k)) for way in (1, -1)]
    unchallenged = all(torch.equal(place.sort().values, chosen.sort().values) for place in places)
    return unchallenged and bool((met | (residuals[known] <= noise)).all())


def search(
    start: Tensor,
    k: int,
    *,
    which: Which = "magnitude",
    shift: float = 0.0,
    tolerance: float = 1e-3,
    capacity: int = 40,
    max_products: int = 500,
    generator: torch.Generator | None = None,
) -> Generator[Tensor, Tensor, Eigenpairs]:
    """Find the wanted ``k`` eigenpairs of a symmetric operator whose products the caller computes.

    The generator yields the vectors to multiply, is sent their products (which it overwrites), and returns the
    `Eigenpairs`. So several searches can share one computation of all their products.

    Args:
        start: (n,) start vector. It should be random, since eigenvectors orthogonal to it cannot be found.
        k: eigenpairs wanted, at most n.
        which: ``magnitude``, signed ``extremes``, or both in one ``survey``; see `Eigenpairs`.
        shift: shift of the survey, see `wanted`.
        tolerance: relative accuracy of the eigenvalues.
        capacity: basis vectors held before a restart; at least ``2 k + 2`` are used, in a survey ``4 k + 4``.
        max_products: number of products after which to stop, converged or not.
        generator: draws fresh directions; None for one with a fixed seed.

    Raises:
        ValueError: ``k`` is not between 1 and n.
    """
    if not 1 <= k <= start.numel():
        raise ValueError(f"{k} eigenvalues of an operator on {start.numel()} numbers")
    generator = generator or torch.Generator(start.device).manual_seed(0)
    choose = partial(wanted, which=which, shift=shift)
    fewest_held = 4 * k + 4 if which == "survey" else 2 * k + 2
    space = Krylov(start, max(capacity, fewest_held), generator, least=max(16, 2 * k + 2))
    fewest = min(k + 2, start.numel())
    while True:
        space.grow((yield space.direction))
        complete = space.steps == start.numel()  # then the projection is the whole operator
        # After a break, a multiple eigenvalue appears only at the second step from the fresh direction.
        enough = space.steps >= fewest and (space.since_break > 1 or space.exhausted)
        settled = complete or (enough and _settled(space, k, choose, tolerance))
        if settled or space.products >= max(max_products, k):
            break
        if space.steps == space.capacity:
            space.restart(choose, min(2 * k, space.capacity - 1))
    values, residuals, vectors = space.ritz()
    keep = choose(values, k)
    chosen = vectors[:, keep]
    return Eigenpairs(values[keep], residuals[keep], space.combine(chosen), space.products, settled)


def carry_out(
    apply: Callable[[list[Tensor]], Sequence[Tensor]], searches: Sequence[Generator[Tensor, Tensor, Eigenpairs]]
) -> list[Eigenpairs]:
    """Run searches side by side until the last has ended, and return their results.

    Args:
        apply: maps the vectors of all searches to their products; products for searches that have ended are not used.
        searches: the searches, one per vector.
    """
    vectors = [next(search) for search in searches]
    found: dict[int, Eigenpairs] = {}
    while len(found) < len(searches):
        for number, product in enumerate(apply(vectors)):
            if number not in found:
                try:
                    vectors[number] = searches[number].send(product)
                except StopIteration as end:
                    found[number] = end.value
    return [found[number] for number in range(len(searches))]
