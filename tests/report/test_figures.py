"""Figures made of records, and the drawing of an effect."""

from __future__ import annotations

import dataclasses
import json
import math
import random
import re
from itertools import pairwise
from statistics import NormalDist
from typing import Any

import numpy as np
import pytest
from msgspec.structs import replace

from tests.report import synthetic
from tests.report.reading import parse, texts
from vitwork.language.document import Hypothesis, MeasurementResult, Sample
from vitwork.report import paper_values, words
from vitwork.report.figures import (
    FIGURES,
    attention,
    corruptions,
    cue_conflict,
    draw,
    effect,
    reliability,
    spectrum,
    structure,
    surface,
)
from vitwork.report.figures.base import Entry, Palette, View, figures
from vitwork.report.figures.colours import colour
from vitwork.report.figures.spectrum import smooth
from vitwork.report.figures.surface import project
from vitwork.statistics.effect import Effect, Verdict

ARMS = ("vit-1-head", "vit-2-heads", "vit-4-heads")


def found(**changed: Any) -> Effect:
    return dataclasses.replace(Effect(1.0, 0.5, 1.5, 3, 3, 0.01, Verdict.REPRODUCED, "greater"), **changed)


def hypothesis(arms=ARMS, effect=None, **more: Any) -> Hypothesis:
    """Return a trend over arms, or another sentence about them."""
    sides = [
        Sample(arm=arm, label=arm, seeds=(0, 1, 2), values=(place + 1.0, place + 1.5, None))
        for place, arm in enumerate(arms)
    ]
    given = {"id": "c:1", "claim": "c", "form": "trend", "statement": "error rises", "parameters": {}, "unit": "%"}
    effect = effect or found(scale="slope")
    return Hypothesis(**{**given, "quantity": "error", "sides": tuple(sides), "effect": effect, **more})


def drawn(svg: str) -> tuple[list[str], list[str]]:
    """Return the texts and the paths' classes of a drawing."""
    root = parse(svg)
    return ["".join(t.itertext()) for t in root.iter("text")], [p.get("class", "") for p in root.iter("path")]


def _measured(arm: str, values: dict[str, Any] | None, figure: str = "") -> MeasurementResult:
    empty = {"parameters": {}, "seconds": None, "joules": None}
    return MeasurementResult(key="m", run="r", arm=arm, seed=0, name="own", figure=figure, values=values, **empty)


def test_a_record_is_drawn_by_the_figure_that_its_measurement_names():
    """Whatever the measurement is called; without a figure, values, or a claim that rests on it, nothing is drawn."""
    results = synthetic.results(seeds=1, claims=3, grid=5)
    claim = replace(results.claims[0], measurements=("m",))
    values = next(entry.values for entry in results.measurements if entry.name == "lesion")
    assert [figure.title for figure in draw(claim, [_measured("vit", values, "lesion")], Palette())] == [
        "Accuracy when one unit is removed"
    ]
    for record, user in (
        (_measured("vit", values), claim),
        (_measured("vit", None, "lesion"), claim),
        (_measured("vit", {"something": "else"}, "lesion"), claim),
        (_measured("vit", values, "lesion"), results.claims[1]),
    ):
        assert not draw(user, [record], Palette())


def test_every_figure_draws_the_records_that_name_it(full):
    """Each key of the table makes at least one figure with data behind it, of well-formed drawings."""
    for name in FIGURES:
        keys = tuple(entry.key for entry in full.measurements if entry.figure == name)
        made = draw(replace(full.claims[0], measurements=keys), full.measurements, Palette.of(full))
        assert len(made) == len(FIGURES[name])
        for figure in made:
            assert figure.rows
            assert all(len(row) == len(figure.header) for row in figure.rows)
            for panel in figure.panels:
                parse(panel.svg)


@pytest.fixture(scope="module")
def full():
    return synthetic.results(seeds=2, claims=1, grid=5)


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
    return Entry(arm, seed, {"when": "end", **parameters}, values)


@pytest.fixture
def dice():
    return random.Random(0)


def test_nll_and_l2_are_drawn_apart_and_together(dice):
    """Heights to be turned are those of the record, L2 as the training weighs it."""
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
    """One panel per number of a block, one line per block and frequency."""
    entries = tuple(_record("vit", seed, synthetic._attention(dice)) for seed in range(2))
    figure = attention.draw(View("Section 3", entries, Palette()))
    assert len(figure.panels) == 4
    lines = [path for path in parse(figure.panels[-1].svg).iter("path") if path.attrib["class"] == "line s0"]
    assert len(lines) == len(entries[0].values["blocks"])
    values = entries[0].values
    assert figure.rows[0][4:] == ("mean distance (tokens)", None, values["distance"][0])
    gains = [row[-2:] for row in figure.rows if row[:2] == ("vit", 0) and row[4] == "gain"]
    assert gains == [
        pair for x, y in zip(values["frequencies"], values["gain"], strict=True) for pair in zip(x, y, strict=True)
    ]


def test_reliability_leaves_out_empty_bins_and_keeps_them_in_the_table(dice):
    """A bin without predictions has no accuracy to draw; shares of predictions add up to all of them."""
    entries = tuple(_record("vit", seed, synthetic._evaluation(dice, "vit")) for seed in range(2))
    figure = reliability.draw(View("Fig. F.1a", entries, Palette()))
    drawn, shares = (parse(panel.svg) for panel in figure.panels)
    assert len(list(drawn.iter("title"))) == 8
    assert len([mark for mark in shares.iter("path") if mark.attrib["class"].startswith("faint")]) == 2 * 10
    counts = [row[-1] for row in figure.rows if row[1] == 0]
    assert counts == entries[0].values["bins"]["count"]


def test_shape_bias_is_a_point_per_network_against_one_half(dice):
    """A network that never decides for either cue has no point and stays in the table."""
    entries = (_record("vit", 0, synthetic._cue_conflict(dice)), _record("resnet", 0, synthetic._cue_conflict(dice)))
    entries[1].values["shape_bias"] = None
    figure = cue_conflict.draw(View("Section 3", entries, Palette()))
    strip = parse(figure.panels[0].svg)
    bias = 100 * entries[0].values["shape_bias"]
    assert [tip.text.split(" %")[0] for tip in strip.iter("title")] == [f"vit, seed 0: {words.quantity(bias)}"]
    assert any(path.attrib["class"] == "dashrule" for path in strip.iter("path"))
    assert [row[0] for row in figure.rows] == ["vit", "resnet"]


def test_figure_numbers_are_found_in_places_of_the_paper():
    """One place may name several figures."""
    assert figures("Fig. 1c, 4") == ("1c", "4")
    assert figures("Fig. C.4b") == ("C.4b",)
    assert figures("Section 2") == ()


def test_settings_are_told_apart_by_what_varies_in_order_of_time():
    """Snapshots from first to last, then other parameters."""
    entries = [
        Entry("vit", 0, {"when": when, "batchnorm": mode, "k": 5}, {})
        for mode in ("train", "eval")
        for when in ("end", 100, "warmup")
    ]
    names = [name for name, _ in View("", tuple(entries), Palette()).settings()]
    assert names[0].startswith("after warm-up")
    assert names[2].startswith("at epoch 100")
    assert names[4].startswith("at the end")
    assert {name.split(", ")[1] for name in names} == {"batchnorm eval", "batchnorm train"}


def test_an_arm_that_knows_one_setting_is_drawn_next_to_either_setting_of_another():
    """A ViT without BatchNorm stands in both panels of a ResNet, at the same moment only."""
    entries = [
        Entry(arm, 0, {"when": when, "batchnorm": mode}, {})
        for arm, modes in (("resnet", ("eval", "train")), ("vit", ("eval",)))
        for mode in modes
        for when in ("warmup", "end")
    ]
    parts = View("", tuple(entries), Palette()).settings()
    assert len(parts) == 4
    for name, part in parts:
        assert part.arms == ["resnet", "vit"]
        assert len(part.entries) == 2
        assert {words.snapshot(entry.parameters["when"]) for entry in part.entries} == {name.split(", ")[0]}


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
        structure.draw("net", [_measured("net", values) for values in found]) for found in ([lesion], [lesion, full])
    ]
    assert [[tip.text for tip in parse(svg).iter("title")] for svg in drawn] == [
        ["a: conv", "b: msa"],
        ["s: stem", "a: conv", "b: msa, lowers the resolution"],
    ]
    assert structure.draw("other", [_measured("net", full)]) == ""


def test_the_paper_s_networks_are_named_off_marks_and_off_each_other():
    """Fig. 12b has eight networks close to each other, one at the right edge."""
    drawn = texts(corruptions.published(Palette()))
    named = [span for span in drawn if not span[0].replace(".", "").isdigit() and "(" not in span[0]]
    assert len(named) == 8
    assert all(start >= 0 and stop <= 340 for _, start, stop, _ in named)
    for place, (_, start, stop, base) in enumerate(named):
        for _, begin, end, other in named[place + 1 :]:
            assert abs(base - other) > 10 or start > end or stop < begin


def test_names_of_arms_fit_next_to_their_points():
    """A margin as wide as the longest name, up to a limit; what is longer is cut."""
    arms = ("alternet-model-end", "an-arm-with-a-name-that-no-margin-can-hold")
    spans = texts(effect.seeds(hypothesis(arms), Palette()))
    assert all(start >= 0 for _, start, _, _ in spans)
    assert arms[0] in {span[0] for span in spans}


def test_shares_below_zero_stand_above_the_curves(dice):
    """No curve reaches the notes of a spectrum, whatever its height."""
    entries = tuple(
        Entry(arm, seed, {}, synthetic._spectrum(dice, arm, "end")) for arm in ("vit", "resnet") for seed in range(3)
    )
    svg = spectrum.draw(View("Section 3", entries, Palette())).panels[0].svg
    notes = [span for span in texts(svg) if span[0].endswith("below 0")]
    curves = re.findall(r'class="(?:line|thin) s\d" d="([^"]+)"', svg)
    top = min(float(y) for curve in curves for y in re.findall(r"[ML]\S+ ([\d.]+)", curve))
    assert len(notes) == 2
    assert max(base for *_, base in notes) < top


def test_the_interval_is_drawn_on_the_paper_side_where_it_lies_there():
    """In the small drawing of the matrix, right of the line is the paper's side, whichever sign that has."""
    for alternative, sign in (("less", -1), ("greater", 1)):
        low, high = sorted((1.0 * sign, 3.0 * sign))
        root = parse(effect.tiny([found(estimate=2.0 * sign, low=low, high=high, alternative=alternative)]))
        assert float(next(root.iter("circle")).attrib["cx"]) > 48
    unbounded = found(estimate=-1.0, low=-math.inf, high=0.5, alternative="less")
    path = next(p for p in parse(effect.tiny([unbounded])).iter("path") if "interval" in p.attrib["class"])
    left, right = (float(part) for part in path.attrib["d"][1:].replace("H", " ").split()[0::2])
    assert left < 48 < right > 90
    assert effect.tiny([found(estimate=math.nan, low=-math.inf, high=math.inf)]) == ""


def test_two_intervals_share_an_axis():
    """The later interval, shifted to the right, is drawn to the right; what has no estimate is not drawn."""
    old, new = found(estimate=0.0, low=-1.0, high=1.0), found(estimate=3.0, low=2.0, high=math.inf)
    at = [float(part.split('"')[0]) for part in effect.pair(old, new).split('cx="')[1:]]
    assert at[0] < at[1]
    assert effect.pair(None, found(estimate=math.nan)) == ""
    assert effect.pair(None, new).count("<circle") == 1


def test_every_arm_of_a_trend_has_its_row():
    """Each arm is named and has a mark for its mean, also the one between the first and the last."""
    said, classes = drawn(effect.seeds(hypothesis(), Palette({arm: place for place, arm in enumerate(ARMS)})))
    assert set(ARMS) <= set(said)
    assert sum(name.startswith("mean") for name in classes) == 3


def test_a_trend_is_drawn_per_level():
    """The axis of a slope says what its number is."""
    said, _ = drawn(effect.interval(hypothesis(levels=(1.0, 2.0, 4.0))))
    assert "change of the mean per level (%)" in said


@pytest.mark.parametrize(
    ("scale", "within", "edges"), [("difference", 2.0, [-2.0, 2.0]), ("log-ratio", 1.25, [0.8, 1.25])]
)
def test_a_claim_of_no_difference_shows_both_edges(scale: str, within: float, edges: list[float]):
    """A band has two dashed edges and the paper's side between them; a margin has one."""
    outcome = found(estimate=0.01, low=-0.1, high=0.1, alternative="two-sided", scale=scale)
    entry = hypothesis(within=within, effect=outcome)
    said, classes = drawn(effect.interval(entry))
    assert classes.count("dashrule") == 2
    assert "paper’s side" in said
    assert effect._band(entry, 1.0 if scale == "log-ratio" else 0.0, log=scale == "log-ratio") == pytest.approx(edges)
    assert drawn(effect.interval(hypothesis()))[1].count("dashrule") == 1
