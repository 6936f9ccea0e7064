"""Attention as an average: what holds for every softmax attention, whatever was trained (Section 3)."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from vitwork.language.claim import Paper, claim

ROUNDING = 1e-12


@claim(
    "msa-averages-values",
    "Self-attention averages feature-map points with positive, data-specific weights; repeated, it makes them all equal.",
    paper=Paper("Eq. (1), Section 3", "none: the property behind the low-pass claim", "any queries, keys and values"),
    contradicted_by="queries, keys and values whose attention leaves the convex hull of the values",
    deviations=("a theorem checked on drawn examples, not a statistical comparison",),
)
@settings(deadline=None, max_examples=60, derandomize=True, database=None)
@given(
    tokens=st.integers(2, 24),
    channels=st.integers(1, 8),
    temperature=st.floats(0.0, 4.0),
    seed=st.integers(0, 2**31 - 1),
)
def test_softmax_attention_is_an_average(tokens: int, channels: int, temperature: float, seed: int) -> None:
    import torch

    from vitwork.analysis.attention import contraction, hull_excess, ranges, stochastic_error

    generator = torch.Generator().manual_seed(seed)
    queries, keys, values = torch.randn(3, tokens, channels, generator=generator, dtype=torch.float64)
    weights = torch.softmax(temperature * queries @ keys.T / channels**0.5, dim=-1)
    assert stochastic_error(weights) < ROUNDING

    directions = torch.randn(50, channels, generator=generator, dtype=torch.float64)
    assert hull_excess(values, weights @ values, directions).max() < 1e3 * ROUNDING

    width, shrinks = ranges(weights, values, steps=8), contraction(weights)
    assert (width[1:] <= shrinks * width[:-1] + ROUNDING).all()
    # an average in which every weight is positive shrinks strictly, so that repetition ends in a constant
    assert shrinks < 1 - tokens * weights.min() + ROUNDING
