"""Lanczos on matrices whose eigenvalues are known."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from vitwork.analysis.curvature.lanczos import Krylov, carry_out, search, wanted
from vitwork.errors import VitworkError


def rotated(values: list[float] | Tensor, seed: int = 0) -> Tensor:
    values = torch.as_tensor(values, dtype=torch.float64)
    basis = torch.linalg.qr(
        torch.randn(len(values), len(values), generator=torch.Generator().manual_seed(seed)).double()
    ).Q
    return basis @ values.diag() @ basis.T


def start(n: int, seed: int = 1) -> Tensor:
    return torch.randn(n, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def eigenpairs(apply, start, k, **options):
    """Carry out one search by itself."""
    return carry_out(lambda vectors: [apply(vectors[0])], [search(start, k, **options)])[0]


@pytest.mark.parametrize("which", ["magnitude", "extremes"])
def test_a_known_spectrum_is_found_with_its_signs_and_order(which):
    """The wanted eigenvalues of a rotated diagonal come out signed, in the documented order."""
    matrix = rotated([9.0, 5.0, 4.0, -7.0, -3.0, *torch.linspace(-1, 1, 60).tolist()])
    found = eigenpairs(lambda v: matrix @ v, start(65), 5, which=which, tolerance=1e-8)
    expected = [9.0, -7.0, 5.0, 4.0, -3.0] if which == "magnitude" else [9.0, 5.0, 4.0, -3.0, -7.0]
    assert found.converged
    torch.testing.assert_close(found.values, torch.tensor(expected, dtype=torch.float64), rtol=1e-7, atol=0)


def test_a_survey_finds_both_magnitudes_and_both_ends():
    """One search gives the largest with and without a shift, in their orders, and the ends of the spectrum."""
    matrix = rotated([9.0, 5.0, 4.0, -3.9, *torch.linspace(-3.5, 3, 60).tolist()])
    found = eigenpairs(lambda v: matrix @ v, start(64), 3, which="survey", shift=0.2, tolerance=1e-8)
    expected = torch.tensor([9.0, 5.0, 4.0, 9.0, 5.0, -3.9, 9.0, -3.9], dtype=torch.float64)
    assert found.converged
    torch.testing.assert_close(found.values, expected, rtol=1e-7, atol=0)


def test_a_survey_restarts():
    """A survey whose basis is full goes on from what it has, and one of a small operator is complete."""
    matrix = rotated(torch.cat([torch.linspace(-6, 6, 300).double(), torch.tensor([6.5, -6.4, 6.3]).double()]))
    found = eigenpairs(lambda v: matrix @ v, start(303), 2, which="survey", capacity=12, tolerance=1e-6)
    assert found.products > 12
    expected = torch.tensor([6.5, -6.4, 6.5, -6.4, 6.5, -6.4]).double()
    torch.testing.assert_close(found.values, expected, rtol=1e-5, atol=0)
    small = eigenpairs(lambda v: rotated([2.0, -1.0]) @ v, start(2), 2, which="survey")
    torch.testing.assert_close(small.values, torch.tensor([2.0, -1.0] * 3).double(), rtol=1e-9, atol=0)


def test_residuals_are_those_of_the_vectors():
    """The reported residual is ‖Av − θv‖ of the unit vector that comes with it."""
    matrix = rotated(torch.linspace(-3, 10, 80))
    found = eigenpairs(lambda v: matrix @ v, start(80), 4, tolerance=1e-3)
    torch.testing.assert_close(found.vectors.norm(dim=1), torch.ones(4).double())
    true = (found.vectors @ matrix - found.values[:, None] * found.vectors).norm(dim=1)
    torch.testing.assert_close(found.residuals, true, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize(
    ("values", "k", "expected"),
    [
        ([3.0, 3.0, 3.0, 1.0] + [0.0] * 20, 3, [3.0, 3.0, 3.0]),
        ([2.0] * 12, 4, [2.0] * 4),
        ([0.0] * 12, 3, [0.0] * 3),
        ([5.0, -4.0] + [0.0] * 30, 5, [5.0, -4.0, 0.0, 0.0, 0.0]),
        ([1.0, -2.0], 2, [-2.0, 1.0]),
        ([4.0], 1, [4.0]),
    ],
)
def test_multiple_vanishing_and_few_eigenvalues(values, k, expected):
    """Repeated eigenvalues are all found, a low rank ends in zeros, and the smallest sizes work."""
    matrix = rotated(values)
    found = eigenpairs(lambda v: matrix @ v, start(len(values)), k)
    assert found.converged
    torch.testing.assert_close(found.values, torch.tensor(expected).double(), rtol=1e-9, atol=1e-9)


def test_a_small_capacity_restarts_and_finds_the_same():
    """Thick restarts bound the basis and change no eigenvalue."""
    matrix = rotated(torch.cat([torch.linspace(-5, 5, 150), torch.tensor([6.0, -6.5, 7.0])]))
    small, large = (
        eigenpairs(lambda v: matrix @ v, start(153), 3, tolerance=1e-9, capacity=capacity) for capacity in (8, 100)
    )
    assert small.products > 8
    assert small.converged
    torch.testing.assert_close(small.values, large.values, rtol=1e-8, atol=0)
    torch.testing.assert_close(small.values, torch.tensor([7.0, -6.5, 6.0]).double(), rtol=1e-8, atol=0)


def test_the_basis_stays_orthonormal_in_single_precision():
    """Full re-orthogonalisation keeps the basis orthonormal where plain Lanczos loses it."""
    matrix = rotated(torch.cat([torch.tensor([1e4, 3e3, 1e3]), torch.linspace(-1, 1, 200)])).float()
    space = Krylov(start(203).float(), 80, torch.Generator().manual_seed(0))
    for _ in range(80):
        space.grow(matrix @ space.direction)
    gram = space.basis[:80] @ space.basis[:80].T
    assert (gram - torch.eye(80)).abs().max() < 1e-5


def test_giving_up_is_said():
    """Too few products leave `converged` False and a residual that shows it."""
    matrix = rotated(torch.linspace(1, 2, 200))
    found = eigenpairs(lambda v: matrix @ v, start(200), 5, tolerance=1e-10, max_products=8)
    assert not found.converged
    assert found.products == 8
    assert found.residuals.max() > 1e-3


def test_bad_requests_are_refused():
    """More eigenvalues than there are, and products that are not finite, raise."""
    with pytest.raises(ValueError, match="3 eigenvalues"):
        eigenpairs(lambda v: v, start(2), 3)
    with pytest.raises(VitworkError, match="not finite"):
        eigenpairs(lambda v: v * float("nan"), start(9), 2)


def test_wanted_takes_each_side_once():
    """Signed extremes never name the same eigenvalue twice."""
    values = torch.tensor([1.0, 2.0, 3.0])
    assert wanted(values, 5, "extremes").tolist() == [2, 1, 0]
    assert wanted(values, 2, "extremes").tolist() == [2, 0]


@settings(max_examples=30, deadline=None)
@given(n=st.integers(2, 40), seed=st.integers(0, 10_000), scale=st.floats(1e-3, 1e3))
def test_any_symmetric_matrix(n, seed, scale):
    """On random matrices the values agree with a dense solver, at every scale."""
    generator = torch.Generator().manual_seed(seed)
    matrix = torch.randn(n, n, generator=generator, dtype=torch.float64)
    matrix = scale * (matrix + matrix.T)
    k = min(3, n)
    found = eigenpairs(lambda v: matrix @ v, start(n, seed), k, tolerance=1e-9)
    dense = torch.linalg.eigvalsh(matrix)
    torch.testing.assert_close(
        found.values.abs(), dense[wanted(dense, k, "magnitude")].abs(), rtol=1e-6, atol=1e-9 * scale
    )


def test_memory_is_taken_as_the_basis_grows(monkeypatch):
    """A search that needs many vectors grows its basis; where memory ends it restarts instead, and finds the same."""
    matrix = rotated(torch.linspace(-3, 10, 150).square())
    roomy = eigenpairs(lambda v: matrix @ v, start(150), 4, tolerance=1e-6)
    assert roomy.products > 16
    asked = []

    def scarce(self):
        asked.append(self.steps)
        self.capacity = self.steps

    monkeypatch.setattr(Krylov, "_make_room", scarce)
    tight = eigenpairs(lambda v: matrix @ v, start(150), 4, tolerance=1e-6)
    assert asked == [16]
    assert tight.converged
    torch.testing.assert_close(tight.values, roomy.values, rtol=1e-5, atol=0)


def test_no_memory_for_a_larger_basis(monkeypatch):
    """The allocation that fails is noticed, and only that one."""
    space = Krylov(start(100), 40, torch.Generator().manual_seed(0))
    space.steps = 16

    def fails(*_):
        raise torch.OutOfMemoryError("no")

    with monkeypatch.context() as patched:
        patched.setattr(torch.Tensor, "new_empty", fails)
        space._make_room()
    assert space.capacity == 16
    assert len(space.basis) == 17


def test_a_wanted_eigenvalue_is_seldom_missed():
    """Of 400 starts, in at most six one of the five largest has not appeared yet when the search ends.

    The spectrum is a network's: a few large eigenvalues of both signs, close ones among them, and a broad bulk.
    """
    bulk = torch.randn(391, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    values = torch.cat([torch.tensor([43.4, -43.2, 28.7, -25.9, 12.2, -11.4, 9.9, -8.0, 7.0]).double(), bulk])
    largest = values[wanted(values, 5, "magnitude")]
    found = [eigenpairs(lambda v: values * v, start(400, seed), 5) for seed in range(400)]
    missed = [pairs for pairs in found if not torch.allclose(pairs.values, largest, rtol=2e-3)]
    assert len(missed) <= 6
    assert sum(pairs.products for pairs in found) / len(found) < 14


def test_searches_side_by_side_are_those_alone():
    """Searches that share their products end with the values, residuals and products of each by itself."""
    matrices = [rotated(torch.linspace(-1, last, 40), seed) for seed, last in enumerate((5.0, 9.0, 2.0))]
    found = carry_out(
        lambda vectors: [matrix @ v for matrix, v in zip(matrices, vectors, strict=True)],
        [search(start(40, seed), 3, tolerance=1e-6) for seed in range(3)],
    )
    for seed, (matrix, pairs) in enumerate(zip(matrices, found, strict=True)):
        alone = eigenpairs(lambda v, matrix=matrix: matrix @ v, start(40, seed), 3, tolerance=1e-6)
        assert torch.equal(pairs.values, alone.values)
        assert pairs.products == alone.products
