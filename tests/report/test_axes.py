"""Texts in drawings: ticks of one notation that keep apart, names inside the drawing, notes off the curves."""

from __future__ import annotations

import random
import re
import xml.etree.ElementTree as ET
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.report import synthetic
from vitwork.report.axis import labels
from vitwork.report.figures import corruptions, effect, spectra
from vitwork.report.figures.base import Palette, View
from vitwork.report.svg import LETTER, Plot, fitted

STARTS = {"start": 0.0, "middle": 0.5, "end": 1.0}


def texts(svg):
    """Return text, left end, right end and base line of every level text of a drawing that this test made itself."""
    found = [text for text in ET.fromstring(svg).iter("text") if "transform" not in text.attrib]  # noqa: S314 - ours
    spans = []
    for text in found:
        length = float(text.get("textLength", LETTER * len(text.text)))
        start = float(text.attrib["x"]) - STARTS[text.get("text-anchor", "start")] * length
        spans.append((text.text, start, start + length, float(text.attrib["y"])))
    return spans


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


@given(st.floats(1e-6, 1e6), st.floats(0.1, 1e5), st.booleans(), st.integers(120, 340))
def test_ticks_keep_apart_and_inside(low, factor, log, width):
    """Whatever the interval, the numbers of the horizontal axis do not touch, and stay in the drawing."""
    found = texts(Plot("", (low, low * (1 + factor)), (0, 1), log_x=log, width=width).render(grid=False))
    assert all(start >= 0 and stop <= width for _, start, stop, _ in found)
    assert all(b[1] - a[2] >= 2 for a, b in pairwise(found))


def test_numbers_of_the_vertical_axis_leave_room_for_its_name():
    """The panel begins further right where its numbers are long."""
    short, long = Plot("", (0, 1), (0, 8), ylabel="density"), Plot("", (0, 1), (0, 0.0012), ylabel="density")
    assert short.margin[0] == 46
    numbers = [span for span in texts(long.render()) if span[0].startswith("0.0")]
    assert numbers
    assert all(start > 10 + 4 for _, start, _, _ in numbers)


@pytest.mark.parametrize("name", ["ResNet-50", "a very long name of a network"])
def test_names_stay_inside_the_drawing(name):
    """Also where marks and other names leave no free place at the edge."""
    plot = Plot("", (0, 1), (0, 1))
    plot.marks([(1 - dx / 20, 1 - dy / 10, "") for dx in range(8) for dy in range(3)], 0)
    for _ in range(7):
        plot.tag(1, 1, name)
    assert all(start >= 0 and stop <= plot.width for start, stop, _ in plot.tagged)


def test_the_paper_s_networks_are_named_off_marks_and_off_each_other():
    """Fig. 12b has eight networks close to each other, one at the right edge."""
    drawn = texts(corruptions.published(Palette()))
    named = [span for span in drawn if not span[0].replace(".", "").isdigit() and "(" not in span[0]]
    assert len(named) == 8
    assert all(start >= 0 and stop <= 340 for _, start, stop, _ in named)
    for place, (_, start, stop, base) in enumerate(named):
        for _, begin, end, other in named[place + 1 :]:
            assert abs(base - other) > 10 or start > end or stop < begin


def test_names_of_arms_fit_beside_their_points():
    """A margin as wide as the longest name, up to a limit; what is longer is cut."""
    arms = ("alternet-model-end", "an-arm-with-a-name-that-no-margin-can-hold")
    sides = [{"arm": arm, "label": arm, "seeds": [0, 1], "values": [1.0, 2.0]} for arm in arms]
    entry = {"statement": "", "quantity": "error", "unit": "%", "a": sides[0], "b": sides[1], "effect": {}}
    spans = texts(effect.seeds(entry, Palette()))
    assert all(start >= 0 for _, start, _, _ in spans)
    assert arms[0] in {span[0] for span in spans}
    assert fitted("abc", 3 * LETTER + 1) == "abc"
    assert fitted("abcd", 3 * LETTER + 1) == "ab…"


def test_shares_below_zero_stand_above_the_curves():
    """No curve reaches the notes of a spectrum, whatever its height."""
    dice = random.Random(0)
    entries = tuple(
        {"arm": arm, "seed": seed, "parameters": {}, "values": synthetic._spectrum(dice, arm, "end")}
        for arm in ("vit", "resnet")
        for seed in range(3)
    )
    svg = spectra.draw(View("Section 3", entries, Palette())).panels[0].svg
    notes = [span for span in texts(svg) if span[0].endswith("below 0")]
    curves = re.findall(r'class="(?:line|thin) s\d" d="([^"]+)"', svg)
    top = min(float(y) for curve in curves for y in re.findall(r"[ML]\S+ ([\d.]+)", curve))
    assert len(notes) == 2
    assert max(base for *_, base in notes) < top
