"""The plotting surface and the words of numbers."""

from __future__ import annotations

import json
import math
import random
import xml.etree.ElementTree as ET
from itertools import pairwise
from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.report import synthetic
from vitwork.report import paper_values, words
from vitwork.report.axis import Scale, label, number, span
from vitwork.report.figures import (
    SHOWN_IN,
    attention,
    corruptions,
    cue_conflict,
    effect,
    reliability,
    structure,
    surface,
)
from vitwork.report.figures.base import Palette, View, figures
from vitwork.report.figures.colours import colour
from vitwork.report.figures.spectra import smooth
from vitwork.report.figures.surface import project
from vitwork.report.svg import OUTLINES, Plot, mark, straightened


def parse(svg):
    """Return the root of a drawing that this test made itself."""
    return ET.fromstring(svg)  # noqa: S314 - ours


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


@given(st.floats(allow_nan=True, allow_infinity=True) | st.none())
def test_numbers_in_words_never_fail(value):
    """NaN, infinities and None are dashes."""
    text = words.quantity(value)
    assert (text == "–") is (value is None or not math.isfinite(value))
    assert "-" not in text.replace("e-", "")


def test_ticks_are_round_numbers():
    """Steps of 1, 2 or 5 times a power of ten; decades on a logarithmic axis."""
    assert Scale(0, 1, 0, 1).ticks() == pytest.approx([0, 0.2, 0.4, 0.6, 0.8, 1.0])
    assert Scale(0.5, 2000, 0, 1, log=True).ticks() == pytest.approx([1, 10, 100, 1000])
    assert [label(tick) for tick in (0, -2.5, 1e6, 1e-5)] == ["0", "−2.5", "1e6", "1e−5"]
    assert [number(value) for value in (0.04, 3.0, 2.25)] == ["0", "3", "2.2"]


def test_effects_are_said_on_the_scale_of_the_claim():
    """Ratios as factors, differences with sign and unit, where percentages differ by points."""
    ratio = {"estimate": math.log(0.5), "low": math.log(0.25), "high": 0.0, "scale": "log-ratio"}
    assert words.effect(ratio, "nats") == "×0.50 [0.25, 1.0]"
    difference = {"estimate": 2.0, "low": -1.0, "high": None, "scale": "difference"}
    assert words.effect(difference, "%") == "+2 [−1, ∞] pp"
    assert words.effect(difference, "nats") == "+2 [−1, ∞] nats"
    assert words.effect({"estimate": 0.5, "low": None, "high": 0.9, "scale": "ratio"}, "nats") == "×0.5 [0, 0.9]"
    assert words.effect({"estimate": 0.9, "low": 0.6, "high": None, "scale": "probability"}) == "P 0.9 [0.6, 1]"


@pytest.mark.parametrize(
    ("seconds", "said"), [(None, "–"), (0.5, "0.5 s"), (75, "75 s"), (600, "10.0 min"), (9000, "2.5 h")]
)
def test_durations_choose_their_unit(seconds, said):
    """Seconds, minutes, hours."""
    assert words.duration(seconds) == said


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


def test_the_interval_is_drawn_on_the_paper_side_where_it_lies_there():
    """In the small drawing of the matrix, right of the line is the paper's side, whichever sign that has."""
    for alternative, sign in (("less", -1), ("greater", 1)):
        found = {
            "estimate": 2.0 * sign,
            "low": 1.0 * sign,
            "high": 3.0 * sign,
            "alternative": alternative,
            "verdict": "reproduced",
        }
        found["low"], found["high"] = sorted((found["low"], found["high"]))
        root = parse(effect.tiny([found]))
        assert float(next(root.iter("circle")).attrib["cx"]) > 48
    unbounded = {"estimate": -1.0, "low": None, "high": 0.5, "alternative": "less", "verdict": "inconclusive"}
    path = next(p for p in parse(effect.tiny([unbounded])).iter("path") if "interval" in p.attrib["class"])
    left, right = (float(part) for part in path.attrib["d"][1:].replace("H", " ").split()[0::2])
    assert left < 48 < right > 90


def test_a_density_integrates_to_one_and_matches_the_normal_kernel():
    """The curve for the eye is a density: against the mean of normal distributions of the same width."""
    values = np.random.default_rng(0).normal(3, 2, 400)
    grid = np.linspace(-8, 14, 500)
    density = smooth(values, grid)
    assert np.trapezoid(density, grid) == pytest.approx(1.0, abs=1e-3)
    spread = min(values.std(), np.subtract(*np.quantile(values, (0.75, 0.25))) / 1.34)
    normal = [NormalDist(value, 0.9 * spread * 400**-0.2) for value in values]
    expected = [sum(one.pdf(x) for one in normal) / 400 for x in grid[::25]]
    assert np.allclose(density[::25], expected)


def test_colours_rise_in_lightness():
    """The ramp reads the same in grey."""
    channels = [[int(colour(part)[k : k + 2], 16) for k in (1, 3, 5)] for part in np.linspace(0, 1, 20)]
    light = [0.2126 * r + 0.7152 * g + 0.0722 * b for r, g, b in channels]
    assert all(after > before for before, after in pairwise(light))


def test_a_turned_surface_keeps_lengths_in_depth_and_plane():
    """The projection is a rotation: squared lengths before scaling are the same at every angle."""
    for turn, tilt in ((0, 90), (35, 30), (120, 10)):
        origin, other = project(0, 0, 0.25, turn, tilt), project(0.3, 0.4, 0.25, turn, tilt)
        across, down, depth = ((b - a) for a, b in zip(origin, other, strict=True))
        assert (across / 105) ** 2 + (down / 105) ** 2 + depth**2 == pytest.approx(0.25)


def _record(arm, seed, values, **parameters):
    return {"arm": arm, "seed": seed, "parameters": {"when": "end", **parameters}, "values": values}


@pytest.fixture
def dice():
    return random.Random(0)


def test_nll_and_l2_are_drawn_apart_and_together(dice):
    """Heights to be turned are those of the record, L2 as the training weighs it; a scalar L2 leaves the NLL alone."""
    values = {**synthetic._surface(dice, "vit", 5), "weight_decay": 0.5}
    figure = surface.draw(View("Fig. 1a", (_record("vit", 0, values),), Palette()))
    nll, l2 = np.array(values["nll"], dtype=float), 0.5 * np.array(values["l2"])
    turned = [np.array(json.loads(panel.surface), dtype=float) for panel in figure.panels if panel.surface]
    for drawn, expected in zip(turned, (nll, l2, nll + l2), strict=True):
        rise = expected - np.nanmin(expected)
        assert np.allclose(drawn, rise / np.nanmax(rise), atol=6e-4, equal_nan=True)
    assert [row[-1] for row in figure.rows] == pytest.approx(l2.ravel().tolist())
    for panel in figure.panels:
        parse(panel.svg)
    old = surface.draw(View("Fig. 1a", (_record("vit", 0, {**values, "l2": 38.0}),), Palette()))
    assert len(old.panels) == 2


def test_fine_surfaces_are_thinned_and_different_settings_are_named(dice):
    """41 points per side are drawn as 21, ends included; all of them are in the table."""
    entries = tuple(
        _record("vit", 0, synthetic._surface(dice, "vit", 41), batchnorm=mode) for mode in ("fixed", "recalibrated")
    )
    figure = surface.draw(View("Fig. 1a", entries, Palette()))
    assert {len(json.loads(panel.surface)) for panel in figure.panels if panel.surface} == {21}
    assert len(figure.rows) == 2 * 41 * 41
    assert {"batchnorm fixed", "batchnorm recalibrated"} <= {
        part for panel in figure.panels for part in panel.heading.replace(":", ",").split(", ")
    }


def test_a_corruption_s_points_are_its_mean_accuracies(dice):
    """By severity from the clean accuracy on, by kind over severities, in per cent."""
    values = synthetic._corruptions(dice, "vit")
    entries = tuple(_record("vit", seed, values) for seed in range(3))
    figure = corruptions.draw(View("Fig. 12b", entries, Palette()))
    by_severity, by_kind, both, theirs = (parse(panel.svg) for panel in figure.panels)
    assert figure.panels[3].source == "paper"
    tips = [tip.text for tip in by_severity.iter("title")]
    found = np.array(values["accuracy"])
    assert tips[0] == f"vit, seed 0: {words.quantity(100 * values['clean'])}"
    assert tips[5] == f"vit, seed 0: {words.quantity(100 * found[:, 4].mean())}"
    kinds = {tip.text for tip in by_kind.iter("title")}
    assert kinds == {
        f"vit, {name}: {words.quantity(100 * row.mean())} %" for name, row in zip(values["names"], found, strict=True)
    }
    assert len(list(both.iter("title"))) == 3
    assert len(list(theirs.iter("title"))) == len(paper_values.ACCURACY_ROBUSTNESS)
    assert len(figure.rows) == 3 * found.size


def test_attention_is_drawn_by_depth_and_by_frequency(dice):
    """One panel per number of a block, one line per block and frequency; a record without ranks loses that panel only."""
    entries = tuple(_record("vit", seed, synthetic._attention(dice)) for seed in range(2))
    figure = attention.draw(View("Section 3", entries, Palette()))
    assert len(figure.panels) == 4
    lines = [path for path in parse(figure.panels[-1].svg).iter("path") if path.attrib["class"] == "line s0"]
    assert len(lines) == len(entries[0]["values"]["blocks"])
    values = entries[0]["values"]
    assert figure.rows[0][4:] == ("mean distance (tokens)", None, values["distance"][0])
    gains = [row[-2:] for row in figure.rows if row[:2] == ("vit", 0) and row[4] == "gain"]
    assert gains == [
        pair for x, y in zip(values["frequencies"], values["gain"], strict=True) for pair in zip(x, y, strict=True)
    ]
    for entry in entries:
        del entry["values"]["effective_rank"]
    assert len(attention.draw(View("Section 3", entries, Palette())).panels) == 3


def test_reliability_leaves_out_empty_bins_and_keeps_them_in_the_table(dice):
    """A bin without predictions has no accuracy to draw; shares of predictions add up to all of them."""
    entries = tuple(_record("vit", seed, synthetic._evaluation(dice, "vit")) for seed in range(2))
    figure = reliability.draw(View("Fig. F.1a", entries, Palette()))
    drawn, shares = (parse(panel.svg) for panel in figure.panels)
    assert len(list(drawn.iter("title"))) == 8
    assert len([mark for mark in shares.iter("path") if mark.attrib["class"].startswith("faint")]) == 2 * 10
    counts = [row[-1] for row in figure.rows if row[1] == 0]
    assert counts == entries[0]["values"]["bins"]["count"]
    del entries[0]["values"]["bins"]
    assert reliability.draw(View("Fig. F.1a", entries, Palette())) is None


def test_long_names_of_axes_stay_inside_the_drawing():
    """A name longer than the drawing is squeezed, a shorter one is moved until it fits."""
    for length in (10, 50, 90):
        drawn = parse(Plot("", (0, 1), (0, 1), "x" * length, margin=(150, 8, 10, 36)).render())
        (name,) = (text for text in drawn.iter("text") if text.get("class") == "name")
        middle, half = float(name.attrib["x"]), float(name.attrib.get("textLength", 5.8 * length)) / 2
        assert middle - half >= 0
        assert middle + half <= 340


def test_shape_bias_is_a_point_per_network_against_one_half(dice):
    """A network that never decides for either cue has no point and stays in the table."""
    entries = (_record("vit", 0, synthetic._cue_conflict(dice)), _record("resnet", 0, synthetic._cue_conflict(dice)))
    entries[1]["values"]["shape_bias"] = None
    figure = cue_conflict.draw(View("Section 3", entries, Palette()))
    strip = parse(figure.panels[0].svg)
    bias = 100 * entries[0]["values"]["shape_bias"]
    assert [tip.text.split(" %")[0] for tip in strip.iter("title")] == [f"vit, seed 0: {words.quantity(bias)}"]
    assert any(path.attrib["class"] == "dashrule" for path in strip.iter("path"))
    assert [row[0] for row in figure.rows] == ["vit", "resnet"]


def test_figure_numbers_are_found_in_places_of_the_paper():
    """One place may name several figures."""
    assert figures("Fig. 1c, 4") == ("1c", "4")
    assert figures("Fig. C.4b") == ("C.4b",)
    assert figures("Section 2") == ()
    assert {place for places in SHOWN_IN.values() for place in places} == {
        place for places in SHOWN_IN.values() for place in figures(f"Fig. {', '.join(places)}")
    }


def test_settings_are_told_apart_by_what_varies_in_order_of_time():
    """Snapshots from first to last, then other parameters."""
    entries = [
        {"arm": "vit", "seed": 0, "parameters": {"when": when, "batchnorm": mode, "k": 5}, "values": {}}
        for mode in ("train", "eval")
        for when in ("end", 100, "warmup")
    ]
    names = [name for name, _ in View("", tuple(entries), Palette()).settings()]
    assert names[0].startswith("after warm-up")
    assert names[2].startswith("at epoch 100")
    assert names[4].startswith("at the end")
    assert {name.split(", ")[1] for name in names} == {"batchnorm eval", "batchnorm train"}


def test_an_arm_that_knows_one_setting_is_drawn_beside_either_setting_of_another():
    """A ViT without BatchNorm stands in both panels of a ResNet, at the same moment only."""
    entries = [
        {"arm": arm, "seed": 0, "parameters": {"when": when, "batchnorm": mode}, "values": {}}
        for arm, modes in (("resnet", ("eval", "train")), ("vit", ("eval",)))
        for mode in modes
        for when in ("warmup", "end")
    ]
    parts = View("", tuple(entries), Palette()).settings()
    assert len(parts) == 4
    for name, part in parts:
        assert part.arms == ["resnet", "vit"]
        assert len(part.entries) == 2
        assert {words.snapshot(entry["parameters"]["when"]) for entry in part.entries} == {name.split(", ")[0]}


def test_blocks_are_drawn_from_whichever_record_names_them():
    """A record of all blocks comes before one of lesions, which leaves out the stem."""
    lesion = {"units": ["a", "b"], "kinds": ["conv", "msa"], "stages": [1, 2]}
    full = {
        "blocks": ["s", *"ab"],
        "kinds": ["stem", "conv", "msa"],
        "stages": [0, 1, 2],
        "downsamples": [False, False, True],
    }
    drawn = [
        structure.draw("net", [{"arm": "net", "values": values} for values in found])
        for found in ([lesion], [lesion, full])
    ]
    assert [[tip.text for tip in parse(svg).iter("title")] for svg in drawn] == [
        ["a: conv", "b: msa"],
        ["s: stem", "a: conv", "b: msa, lowers the resolution"],
    ]
    assert structure.draw("other", [{"arm": "net", "values": full}]) == ""


def test_the_paper_s_numbers_agree_with_each_other():
    """Readings of one network in several figures, and lengths of lists, against the claim sheet's own statements."""
    for numbers in (paper_values.LOG_AMPLITUDE, paper_values.VARIANCE):
        assert {arm: len(values) for arm, values in numbers.items()} == {
            arm: len(kinds) for arm, kinds in paper_values.KINDS.items()
        }
    changes = np.diff(paper_values.LOG_AMPLITUDE["vit"])
    assert (changes[0::2] < 0).sum() in (9, 8)
    assert (changes[1::2] > 0).sum() == 8
    assert changes[0::2].sum() == pytest.approx(-0.18, abs=0.02)
    assert changes[1::2].sum() == pytest.approx(-0.32, abs=0.02)
    variance = np.diff(paper_values.VARIANCE["vit"])
    assert (variance[0::2] < 0).all()
    assert paper_values.ACCURACY_ROBUSTNESS["alternet"][0] == paper_values.BUILD_UP[4][2]
    assert paper_values.ACCURACY_ROBUSTNESS["vit"][0] == pytest.approx(
        100 - paper_values.ERROR_NLL["5a"]["vit"][0], abs=0.05
    )
