"""PositionRng-based random numbers: distribution, independence, reproducibility."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import stats

from vitwork.data.position_rng import PositionRng


def test_numbers_depend_on_position_only():
    """A batch that starts later holds the same numbers for the same images; a second call holds others."""
    whole, part = PositionRng(5).uniform(10, 7), PositionRng(5, first=4).uniform(3, 7)
    assert torch.equal(whole[4:7], part)
    random = PositionRng(5)
    assert torch.equal(random.uniform(10, 7), whole)
    assert not torch.equal(random.uniform(10, 7), whole)


def test_distributions():
    """Uniform, normal, sign and integer numbers pass tests of fit at 100,000 draws."""
    random = PositionRng(1)
    uniform, normal = random.uniform(100, 1000).flatten().numpy(), random.normal(100, 1000).flatten().numpy()
    assert stats.kstest(uniform, "uniform").pvalue > 1e-3
    assert stats.kstest(normal, "norm").pvalue > 1e-3
    assert random.signs(100, 1000).mean().item() == pytest.approx(0, abs=4e-3 * 3)
    counts = np.bincount(random.integers(-2, 3, 100, 1000).flatten().numpy() + 2)
    assert stats.chisquare(counts).pvalue > 1e-3


@pytest.mark.parametrize("axis", ["image", "place", "seed", "use"])
def test_rows_are_uncorrelated(axis):
    """No pair among 100 images, places, seeds or calls correlates more than chance allows."""
    random = PositionRng(2)
    rows = {
        "image": lambda: PositionRng(2).normal(100, 2000),
        "place": lambda: PositionRng(2).normal(2000, 100).T,
        "seed": lambda: torch.stack([PositionRng(seed).normal(1, 2000)[0] for seed in range(100)]),
        "use": lambda: torch.stack([random.normal(1, 2000)[0] for _ in range(100)]),
    }[axis]()
    correlation = torch.corrcoef(rows.double()).fill_diagonal_(0).abs().max().item()
    assert correlation < 5.5 / 2000**0.5


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_a_gpu_counts_alike():
    """The same words on both devices."""
    assert torch.equal(PositionRng(3).words(50, 100), PositionRng(3, device="cuda").words(50, 100).cpu())
