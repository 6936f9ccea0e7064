"""Spectral density and trace against dense float64 Hessians."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from vitwork.analysis.hessian import density, hvp, trace
from vitwork.errors import VitworkError


@pytest.fixture(scope="module")
def problem():
    torch.manual_seed(0)
    layers = [nn.Conv2d(3, 1, 3), nn.BatchNorm2d(1), nn.Tanh(), nn.Flatten(), nn.Linear(4, 3)]
    model = nn.Sequential(*layers).double().eval()
    x, y = torch.randn(9, 3, 4, 4, dtype=torch.float64), torch.randint(3, (9,))
    batches = [(x, y)]
    size = sum(p.numel() for p in model.parameters())
    dense = torch.stack([hvp(model, batches, row) for row in torch.eye(size, dtype=torch.float64)])
    return model, batches, dense


def test_a_complete_quadrature_is_exact_in_its_moments(problem):
    """Weights sum to one, and moments agree with the dense Hessian within the standard error over probes."""
    model, batches, dense = problem
    found = density(model, batches, steps=24, probes=24)
    torch.testing.assert_close(found.weights.sum(1), torch.ones(24).double())
    for power, expected in ((1, dense.trace()), (2, dense.square().sum())):
        mean, error = found.moment(power)
        assert abs(mean - float(expected) / len(dense)) < 3.5 * error
        assert error < 0.25 * abs(float(expected)) / len(dense)


def test_the_negative_share_is_that_of_the_eigenvalues(problem):
    """The raw weights below zero estimate the share of negative eigenvalues, zeros not counted."""
    model, batches, dense = problem
    found = density(model, batches, steps=len(dense), probes=24)
    values = torch.linalg.eigvalsh(dense)
    expected = float((values < -1e-9).double().mean())
    assert 0.05 < expected < 0.45
    _, error = found.share_below(-found.noise)
    assert abs(found.negative_share - expected) < 3.5 * error
    assert error < 0.04


def test_weight_decay_moves_the_density(problem):
    """A large penalty makes every eigenvalue positive."""
    model, batches, _ = problem
    assert density(model, batches, 100.0, steps=16, probes=2).negative_share == 0


def test_one_probe_has_no_standard_error(problem):
    """A single probe says that its error is unknown."""
    model, batches, _ = problem
    assert math.isnan(density(model, batches, steps=8, probes=1).share_below(0)[1])


def test_the_trace_and_its_error(problem):
    """Over repetitions Hutch++ is unbiased and its standard error is honest."""
    model, batches, dense = problem
    found = [trace(model, batches, products=24, seed=seed) for seed in range(40)]
    z = torch.tensor([(t.value - float(dense.trace())) / t.standard_error for t in found])
    assert abs(float(z.mean())) < 0.6
    assert 0.7 < float(z.std()) < 1.6
    assert all(t.products == 24 for t in found)


def test_the_trace_of_few_parameters_is_exact(problem):
    """When the sketch spans everything the trace is exact, penalty included."""
    model, batches, dense = problem
    found = trace(model, batches, 0.5, products=3 * len(dense))
    assert found.value == pytest.approx(float(dense.trace()) + 0.5 * len(dense), rel=1e-9)
    assert found.standard_error == 0
    with pytest.raises(VitworkError, match="three Hessian products"):
        trace(model, batches, products=2)


@pytest.mark.parametrize("nothing", ["probes", "steps"])
def test_a_density_needs_a_probe_and_a_step(problem, nothing):
    """Without either there is no number to give, which is said in one sentence."""
    model, batches, _ = problem
    with pytest.raises(VitworkError, match=f"{nothing} is 1 or more, not 0"):
        density(model, batches, **{nothing: 0})
