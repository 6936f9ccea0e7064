"""The plotting surface: shapes, lines, and texts that stay inside the drawing and off each other."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.report.reading import parse, texts
from vitwork.report.paper_values import ACCURACY_ROBUSTNESS
from vitwork.report.svg import LETTER, OUTLINES, Plot, fitted, mark, straightened


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


def test_every_outline_is_closed_and_centred():
    """Marks differ in shape but not in place."""
    for shape in range(1, len(OUTLINES)):
        points = np.array(OUTLINES[shape])
        assert np.abs(points.mean(axis=0)).max() < 0.3
        assert mark(10, 10, shape).endswith("z")


def test_a_plot_is_well_formed_and_escapes_its_words():
    """Titles, tips and names are text, whatever they contain."""
    plot = Plot("<&>", (0, 1), (0, 1), "<x>", "y & z")
    plot.marks([(0.5, 0.5, "<tip>"), (None, 1, "none"), (math.nan, 1, "none")], 0)
    plot.line([(0, 0), (None, 1), (1, 1)], 9)
    plot.bar(0.5, 0.7, 1, 5, "<bar>")
    plot.tag(0.5, 0.5, "<b>")
    root = parse(plot.render())
    assert root.attrib["aria-label"] == "<&>"
    assert [title.text for title in root.iter("title")] == ["<tip>", "<bar>"]
    broken = next(path.attrib["d"] for path in root.iter("path") if path.attrib["class"] == "line s1")
    assert broken.count("M") == 2


@given(st.lists(st.tuples(st.floats(0, 300), st.floats(0, 200)), max_size=30))
def test_a_straightened_line_passes_every_point_it_leaves_out(path):
    """Ends stay, order stays, and no point that was left out lies farther than a tenth of a pixel from the line."""
    kept = straightened(path)
    assert kept[:1] == path[:1]
    assert kept[-1:] == path[-1:]
    rest = iter(path)
    assert all(point in rest for point in kept)
    for x, y in path:
        near = [math.hypot(x - a, y - b) for a, b in kept]
        for (ax, ay), (bx, by) in pairwise(kept):
            t = np.linspace(0, 1, 2001)
            near.append(np.hypot(ax + t * (bx - ax) - x, ay + t * (by - ay) - y).min())
        assert min(near) <= 0.1 + 0.2


def test_a_smooth_curve_needs_few_points():
    """A straight line of 50 points needs seven, a parabola of 200 a fifth of them."""
    assert len(straightened([(float(x), 2.0 * x) for x in range(50)])) <= 7
    assert len(straightened([(float(x), 0.004 * x * x) for x in range(200)])) <= 40


def test_names_of_near_points_do_not_cover_each_other():
    """Two points at one place are named at two."""
    plot = Plot("", (0, 1), (0, 1))
    for name in ("one", "two", "three"):
        plot.tag(0.5, 0.5, name)
    boxes = plot.tagged
    for place, (start, stop, base) in enumerate(boxes):
        for begin, end, other in boxes[place + 1 :]:
            assert abs(base - other) > 10 or stop < begin or end < start


def test_names_of_many_near_points_keep_apart():
    """The paper's eight networks on an axis that ours make wide: farther names have a line to their point."""
    plot = Plot("", (20, 95), (20, 72), "accuracy (%)", "robustness (%)", height=250)
    for x, y in ACCURACY_ROBUSTNESS.values():
        plot.marks([(x, y, "")], 0)
    for network, (x, y) in ACCURACY_ROBUSTNESS.items():
        plot.tag(x, y, network)
    boxes = plot.tagged
    for place, (start, stop, base) in enumerate(boxes):
        assert start >= plot.margin[0]
        assert stop <= plot.width
        assert 10 <= base <= plot.height - plot.margin[3]
        for begin, end, other in boxes[place + 1 :]:
            assert abs(base - other) > 10 or stop < begin or end < start
    assert any('class="zero"' in part for part in plot.parts)


def test_long_names_of_axes_stay_inside_the_drawing():
    """A name longer than the drawing is squeezed, a shorter one is moved until it fits."""
    for length in (10, 50, 90):
        drawn = parse(Plot("", (0, 1), (0, 1), "x" * length, margin=(150, 8, 10, 36)).render())
        (name,) = (text for text in drawn.iter("text") if text.get("class") == "name")
        middle, half = float(name.attrib["x"]), float(name.attrib.get("textLength", 5.8 * length)) / 2
        assert middle - half >= 0
        assert middle + half <= 340


def test_what_is_too_long_is_cut():
    """A name with its last letters replaced, where it needs more room than there is."""
    assert fitted("abc", 3 * LETTER + 1) == "abc"
    assert fitted("abcd", 3 * LETTER + 1) == "ab…"
