"""From values to pixels, and the text of ticks."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vitwork.report.axis import Scale, label, labels, number, span

finite = st.floats(-1e9, 1e9)


@given(st.lists(finite, min_size=1, max_size=20), st.booleans())
def test_a_span_holds_every_value_and_its_ticks_lie_within(values, log):
    """Axes show everything that is drawn on them."""
    if log:
        values = [abs(value) + 1e-6 for value in values]
    low, high = span(values, log=log)
    assert low < min(values) <= max(values) < high
    scale = Scale(low, high, 0.0, 100.0, log)
    assert all(-1e-3 <= scale(value) <= 100.001 for value in values)
    ticks = scale.ticks()
    assert all(low - 1e-6 * abs(low) <= tick <= high + 1e-6 * abs(high) for tick in ticks)
    assert len(ticks) <= 14


def test_ticks_are_round_numbers():
    """Steps of 1, 2 or 5 times a power of ten; decades on a logarithmic axis."""
    assert Scale(0, 1, 0, 1).ticks() == pytest.approx([0, 0.2, 0.4, 0.6, 0.8, 1.0])
    assert Scale(0.5, 2000, 0, 1, log=True).ticks() == pytest.approx([1, 10, 100, 1000])
    assert [label(tick) for tick in (0, -2.5, 1e6, 1e-5)] == ["0", "−2.5", "1e6", "1e−5"]
    assert [number(value) for value in (0.04, 3.0, 2.25)] == ["0", "3", "2.2"]


@pytest.mark.parametrize(
    ("ticks", "log", "said"),
    [
        ((0.0, 0.0005, 0.001, 0.0015), False, ["0", "0.0005", "0.0010", "0.0015"]),
        ((0.0, 0.005, 0.01), False, ["0", "0.005", "0.010"]),
        ((-0.5, -1e-17, 0.5), False, ["−0.5", "0", "0.5"]),
        ((0.0, 1e-5, 2.5e-5), False, ["0", "1e−5", "2.5e−5"]),
        ((50_000.0, 100_000.0), False, ["5e4", "1e5"]),
        ((0.1, 1.0, 10.0), True, ["0.1", "1", "10"]),
        ((), False, []),
    ],
)
def test_an_axis_has_one_notation(ticks, log, said):
    """Exponents for all numbers or for none, and as many decimals for all where steps are equal."""
    assert labels(ticks, log=log) == said
