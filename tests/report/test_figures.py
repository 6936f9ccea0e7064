"""Figures made of records, and the drawing of an effect."""

from __future__ import annotations

import dataclasses
import json
import math
import random
from itertools import pairwise
from statistics import NormalDist
from typing import Any

import numpy as np
import pytest
from msgspec.structs import replace

from tests.language.examples import error, reference
from tests.report import synthetic
from tests.report.reading import parse, texts
from vitwork.facts.claims import Hypothesis, Sample
from vitwork.facts.document import MeasurementResult
from vitwork.language.structured import interacting
from vitwork.report import paper_values, words
from vitwork.report.figures import (
    OTHERS,
    PAPER,
    _controls,
    attention,
    corruptions,
    cue_conflict,
    effect,
    evaluation,
    gallery,
    lesion,
    log_amplitude,
    noise_bands,
    reliability,
    spectrum,
    structure,
    surface,
    training,
    trajectory,
)
from vitwork.report.figures.base import DrawnRecord, Palette, View
from vitwork.report.figures.colours import colour
from vitwork.report.figures.points import SIZE, STEP, cloud, clouds, nested
from vitwork.report.figures.spectrum import mode, smooth
from vitwork.report.figures.surface import profile
from vitwork.report.svg import SERIES, mark
from vitwork.statistics.effect import Effect, Test, Verdict

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


def _resting(results, record, figures=()):
    """Return results whose one claim rests on one record and names figures of the paper."""
    paper = dataclasses.replace(results.claims[0].paper, figures=figures)
    claim = replace(results.claims[0], measurements=("m",), paper=paper)
    return replace(results, claims=(claim,), measurements=(record,))


def test_a_record_is_drawn_by_the_figure_that_its_measurement_names():
    """In the paper's figure that the claim names, or else by its kind; nothing without a figure, values or a claim."""
    results = synthetic.results(seeds=1, claims=1, grid=5)
    values = next(entry.values for entry in results.measurements if entry.name == "lesion")
    for figures, expected in (((), ("lesion", False)), (("10b",), ("10b", True)), (("9",), ("lesion", False))):
        (shown,) = gallery(_resting(results, _measured("vit", values, "lesion"), figures), Palette())
        assert (shown.name, shown.of_paper) == expected
        assert shown.claims == (results.claims[0].id,)
    for record in (
        _measured("vit", values),
        _measured("vit", None, "lesion"),
        _measured("vit", {"something": "else"}, "lesion"),
    ):
        assert not gallery(_resting(results, record, ("10b",)), Palette())
    unused = replace(results, claims=(replace(results.claims[0], measurements=()),))
    assert not gallery(unused, Palette())


def test_every_figure_of_the_paper_is_drawn_in_its_order(full):
    """Each has a title, data behind it, and well-formed drawings whose axes have names; others come after."""
    whole = synthetic.results(seeds=2, grid=5)
    keys = tuple(entry.key for entry in whole.measurements)
    every = replace(
        whole.claims[0],
        measurements=keys,
        paper=dataclasses.replace(whole.claims[0].paper, figures=tuple(PAPER)),
    )
    shown = gallery(replace(whole, claims=(every,)), Palette.of(whole))
    names = [plate.name for plate in shown]
    assert names == [*PAPER, "attention", "cue_conflict", "corruptions"]
    for name, _, figure, _ in shown:
        assert words.TITLES[name]
        assert figure.rows
        assert all(len(row) == len(figure.header) for row in figure.rows)
        for panel in (*figure.panels, *figure.turnable):
            parse(panel.svg)
            named = panel.svg.count('class="name"')
            assert named == 2 or name in ("1b", "E.1", "cue_conflict", "corruptions")
    alone = replace(every, paper=dataclasses.replace(every.paper, figures=()))
    drawn = [plate.name for plate in gallery(replace(whole, claims=(alone,)), Palette.of(whole))]
    assert drawn == [*OTHERS, "corruptions"]


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


def _record(arm, seed, values, **parameters):
    return DrawnRecord(arm, seed, {"when": "end", **parameters}, values)


@pytest.fixture
def dice():
    return random.Random(0)


def test_nll_l2_and_their_sum_are_three_panels_by_distance(dice):
    """Whatever the number of networks and settings; heights to be turned are those of the record's whole loss."""
    values = {**synthetic._surface(dice, "vit", 5), "weight_decay": 0.5}
    entries = tuple(_record("vit", seed, values, batchnorm=mode) for mode in ("fixed", "other") for seed in range(3))
    figure = surface.draw(View(entries, Palette(), number="1a"))
    assert [panel.heading for panel in figure.panels] == ["NLL", "L2", "NLL + L2"]
    assert len(figure.rows) == 6 * 25
    nll, l2 = np.array(values["nll"], dtype=float), 0.5 * np.array(values["l2"])
    (panel,) = figure.turnable
    rise = nll + l2 - np.nanmin(nll + l2)
    drawn = np.array(json.loads(panel.surface), dtype=float)
    assert np.allclose(drawn, rise / np.nanmax(rise), atol=6e-4, equal_nan=True)
    assert [row[-1] for row in figure.rows[:25]] == pytest.approx(l2.ravel().tolist())
    tips = [tip.text for tip in parse(figure.panels[0].svg).iter("title")]
    assert tips[-1] == "ViT-Ti in the paper: 2.61"
    assert not any("paper" in tip.text for panel in figure.panels[1:] for tip in parse(panel.svg).iter("title"))


def test_a_profile_of_a_bowl_is_its_parabola():
    """Means over points of one distance, above the centre, within the circle that the plane holds."""
    axis = np.linspace(-1, 1, 9)
    x, y = np.meshgrid(axis, axis)
    found = profile(list(axis), list(axis), 3.0 + 2.0 * (x**2 + y**2))
    assert max(found) == pytest.approx(1.0)
    assert found[0.0] == 0.0
    assert all(rise == pytest.approx(2.0 * at**2, abs=1e-5) for at, rise in found.items())


def test_fine_surfaces_are_thinned(dice):
    """41 points per side are drawn as 21, ends included; all of them are in the table."""
    figure = surface.draw(View((_record("vit", 0, synthetic._surface(dice, "vit", 41)),), Palette()))
    assert {len(json.loads(panel.surface)) for panel in figure.turnable} == {21}
    assert len(figure.rows) == 41 * 41


def test_robustness_stands_beside_the_papers(dice):
    """A mark per network, one for their mean, and the paper's eight; by kind, means in per cent."""
    values = synthetic._corruptions(dice, "vit")
    view = View(tuple(_record("vit", seed, values) for seed in range(3)), Palette({"vit": 0}), number="12b")
    found = np.array(values["accuracy"])
    panels = corruptions.robustness(view).panels
    tips = [tip.text for panel in panels for tip in parse(panel.svg).iter("title")]
    mean = f"{words.quantity(100 * values['clean'])}, {words.quantity(100 * found.mean())}"
    assert tips[:4] == ["vit, seed 0", "vit, seed 1", "vit, seed 2", f"vit: {mean}"]
    assert len(tips) == 4 + len(paper_values.ACCURACY_ROBUSTNESS)
    by_severity, by_kind = (parse(panel.svg) for panel in corruptions.by_kind(view).panels)
    drawn = [tip.text for tip in by_severity.iter("title")]
    assert drawn[0] == f"vit: {words.quantity(100 * values['clean'])}"
    assert drawn[5] == f"vit: {words.quantity(100 * found[:, 4].mean())}"
    assert {tip.text for tip in by_kind.iter("title")} == {
        f"vit, {name}: {words.quantity(100 * row.mean())} %" for name, row in zip(values["names"], found, strict=True)
    }
    assert len(corruptions.robustness(view).rows) == 3 * found.size


def test_the_paper_s_values_are_on_our_axes_in_our_quantity(dice):
    """Every seed is a thin line, their mean a thick one, the paper's dashed: in figures of curves."""
    made = {
        "2b": (noise_bands.draw, lambda arm: synthetic._noise(dice)),
        "2a": (log_amplitude.draw, lambda arm: synthetic._log_amplitude(dice, arm)),
        "8": (log_amplitude.changes, lambda arm: synthetic._log_amplitude(dice, arm)),
        "1b": (trajectory.draw, lambda arm: synthetic._trajectory(dice, arm)),
        "1c": (spectrum.over_time, lambda arm: synthetic._spectrum(dice, arm, "end")),
    }
    for number, (draw, values) in made.items():
        entries = tuple(_record("vit", seed, values("vit")) for seed in range(3))
        svg = draw(View(entries, Palette({"vit": 0}), number=number)).panels[0].svg
        assert svg.count('class="thin s0"') == 3, number
        assert svg.count('class="line s0"') == 1, number
        assert svg.count('class="dash s0"') == 1, number
        assert "in the paper: " in svg, number


def test_changes_across_blocks_are_steps_of_the_depth_profile(dice):
    """The paper's twelve MSAs sum up to what it prints; blocks that lower the resolution are left out."""
    values = synthetic._log_amplitude(dice, "resnet")
    figure = log_amplitude.changes(View((_record("resnet", 0, values),), Palette({"resnet": 0}), number="D.2"))
    (panel,) = figure.panels
    assert panel.heading == "Change across each Conv"
    marks = [tip.text for tip in parse(panel.svg).iter("title")]
    kept = [at for at, down in enumerate(values["downsamples"]) if at and not down]
    highest = [row[-1] for row in values["delta"]]
    assert marks == [f"resnet: {words.quantity(highest[at] - highest[at - 1])}" for at in kept]


def test_the_mode_is_where_positive_eigenvalues_are_densest():
    """Negative ones and an outlier do not move it; one value is its own mode, and none has none."""
    values = np.random.default_rng(3).normal(30, 2, 200).tolist()
    entry = _record("vit", 0, {"eigenvalues": [[*values, -500.0, 400.0]]})
    assert mode(entry) == pytest.approx(30, abs=1.5)
    assert mode(_record("vit", 0, {"eigenvalues": [[7.0, -1.0]]})) == 7.0
    assert mode(_record("vit", 0, {"eigenvalues": [[-1.0]]})) is None


def test_the_build_up_stands_at_the_number_of_msas(dice):
    """Which the network's own options tell, whatever the arm is called."""
    entries = tuple(_record(arm, 0, synthetic._evaluation(dice, "alternet")) for arm in ("a", "b"))
    options = {"a": {"msas": [0, 1, 1, 2]}, "b": {}}
    ours, paper = evaluation.build_up(View(entries, Palette(), options, "12a")).panels
    plotted = parse(ours.svg)
    marks = [path for path in plotted.iter("path") if path.attrib["class"].startswith("mark")]
    left = [float(path.attrib["d"][1:].split(" ")[0].split("L")[0]) for path in marks]
    assert left[1] < left[0]  # none of b, four of a
    steps = [path for path in parse(paper.svg).iter("path") if path.attrib["class"].startswith("other")]
    assert len(steps) == len(paper_values.BUILD_UP)


@pytest.mark.parametrize(("loss", "apart"), [(0.02, False), (0.2, True)])
def test_the_papers_lesions_have_a_scale_on_which_they_can_be_read(dice, loss, apart):
    """That of ours where it leaves them a quarter of the panel, else their own, and the figure says so."""
    entries = tuple(_record(arm, 0, synthetic._lesion(dice, arm)) for arm in ("resnet", "vit"))
    for entry in entries:
        change = [-loss * dice.uniform(0.5, 1.0) for _ in entry.values["accuracy_change"]]
        entry.values["accuracy_change"] = change
    figure = lesion.draw(View(entries, Palette(), number="10b"))
    own = ", on a scale of its own" if apart else ""
    headings = [panel.heading for panel in figure.panels]
    assert headings == ["resnet (n = 1)", "vit (n = 1)", f"The paper’s Swin-Ti (n = 1{own})"]
    assert ("flat" in figure.note) is apart
    ticks = [
        [text for text in drawn(panel.svg)[0] if text.strip("−").replace(".", "").isdigit()] for panel in figure.panels
    ]
    assert ticks[0] == ticks[1] != []
    assert (ticks[1] != ticks[2]) is apart
    bars = [float(bar.get("height", "0")) for bar in parse(figure.panels[2].svg).iter("rect")]
    assert max(bars) > 25
    assert [name for _, name in figure.legend] == ["Conv", "MSA", "MLP"]


def test_means_at_one_place_are_all_seen():
    """The mark drawn first is the largest, and marks apart have one size."""
    assert nested([(0, 0), (100, 0), None, (1, 1), (2, 0)]) == [SIZE + 2 * STEP, SIZE, SIZE, SIZE + STEP, SIZE]
    arms = {arm: [(1.0, 2.0, arm)] for arm in ARMS}
    svg = cloud("", ("x", "y"), {**arms, "apart": [(5.0, 9.0, "apart")]}, Palette())
    marks = [path.get("d") for path in parse(svg).iter("path") if path.get("class", "").startswith("mark")]
    assert len(set(marks)) == len(marks) == 4


def _times(value: Any, factor: float) -> Any:
    if isinstance(value, dict):
        return {key: _times(item, factor) for key, item in value.items()}
    if isinstance(value, list):
        return [_times(item, factor) for item in value]
    return value * factor if isinstance(value, float) else value


def test_numbers_too_large_to_be_drawn_are_left_out_by_name(full):
    """Without a warning of a library, which would be an error here, and the networks are named where others are drawn."""
    claim = replace(
        full.claims[0],
        measurements=tuple(entry.key for entry in full.measurements),
        paper=dataclasses.replace(full.claims[0].paper, figures=tuple(PAPER)),
    )
    plain = {plate.name: plate.figure for plate in gallery(replace(full, claims=(claim,)), Palette.of(full))}
    wild = tuple(
        replace(entry, values=_times(entry.values, 1e300)) if (entry.arm, entry.seed) == ("vit", 1) else entry
        for entry in full.measurements
    )
    odd = replace(full, claims=(claim,), measurements=wild)
    shown = {plate.name: plate.figure for plate in gallery(odd, Palette.of(odd))}
    assert list(shown) == list(plain)
    for name, figure in shown.items():
        parse(figure.panels[0].svg)
        assert ("vit", 1) not in {row[:2] for row in figure.rows}
        left = ("vit", 1) in {row[:2] for row in plain[name].rows}
        assert figure.note.endswith("Left out, with numbers beyond 1e+100: vit, seed 1.") is left
    every = replace(
        odd, measurements=tuple(replace(entry, values=_times(entry.values, 1e300)) for entry in full.measurements)
    )
    assert not gallery(every, Palette.of(every))


def test_a_strip_counts_the_values_that_it_leaves_out():
    """In the name of its axis; the effect itself stands in words."""
    sides = (Sample(arm="vit", label="vit", seeds=(0, 1, 2), values=(1.0, 2.0, 3e300)),)
    huge = hypothesis(form="level", sides=sides, effect=found(estimate=1e300, low=1e300, high=1e300))
    texts, classes = drawn(effect.seeds(huge, Palette()))
    assert "error (%), one point per network; 1 beyond 1e+100 left out" in texts
    assert sum(name.startswith("mark") for name in classes) == 2
    assert effect.interval(huge) == ""
    whole = hypothesis(form="level", sides=sides, effect=found(high=1e300))
    assert "interval" in " ".join(drawn(effect.interval(whole))[1])


def test_a_loss_too_large_to_be_drawn_is_left_out_by_name(full):
    """The curves of the other networks keep their scale."""
    wild = replace(full.runs[0], history=({"epoch": 1, "loss": 1e300},))
    figure = training.draw((wild, *full.runs[1:]))
    assert figure.note.endswith(f"Left out, with numbers beyond 1e+100: {wild.arm}, seed {wild.seed}.")
    assert figure.panels == training.draw(full.runs[1:]).panels


def test_a_training_curve_has_the_colour_of_its_model(full):
    """Forty arms have no forty colours: the legend names the models."""
    models = dict.fromkeys(run.model for run in full.runs)
    assert [name for _, name in training.draw(full.runs).legend] == list(models)


def test_no_two_arms_share_colour_and_mark(dice):
    """Later series repeat the colours, each with another mark than before."""
    drawn = {(series % SERIES, mark(0, 0, series)) for series in range(SERIES**2)}
    assert len(drawn) == SERIES**2


@pytest.mark.parametrize(("far", "panels"), [(0.0, 1), (50.0, 2)])
def test_the_papers_values_have_a_panel_of_their_own_where_they_squeeze_ours(far, panels):
    """Differences between our arms would be a spot in the corner."""
    ours = {arm: [(place, place, arm)] for arm, place in (("vit", 1.0), ("resnet", 3.0))}
    paper = {arm: [(place + far, place + far, arm)] for arm, place in (("vit", 1.0), ("resnet", 3.0))}
    assert len(clouds("Error", ("x", "y"), ours, Palette(), paper)) == panels


def test_what_decides_is_drawn_above_its_controls(full):
    """A control that lies where its claim's arm does would hide it."""
    entries = tuple(_record(arm, 0, {}) for arm in ("vit", "vit-no-positions"))
    palette = Palette({"vit": 0, "vit-no-positions": 1})
    assert View(entries, palette, controls=frozenset({"vit-no-positions"})).layers == ["vit-no-positions", "vit"]
    plain = full.hypotheses[0]
    control = replace(plain, id="own", control="c", sides=(replace(plain.sides[0], arm="own"), *plain.sides[1:]))
    claim = replace(full.claims[0], hypotheses=(plain.id, "own"))
    assert _controls(replace(full, hypotheses=(plain, control)), [claim]) == {"own"}


def test_a_plane_of_single_networks_speaks_of_no_means():
    """There is one mark of each arm."""
    one, two = (View(tuple(_record("vit", seed, {}) for seed in range(n)), Palette()) for n in (1, 2))
    assert evaluation.explained(one) == "One network per arm."
    assert "the mean of an arm (n = 2 networks per arm)" in evaluation.explained(two)


def test_a_row_is_named_without_the_margin_that_its_values_lack():
    """Points of `NEP(vit)` are not those of `NEP(vit) + 5`; a minus within a name stays."""
    for label, said in (
        ("NEP(vit) + 5", "NEP(vit)"),
        ("APE(vit, end)", "APE(vit, end)"),
        ("0.5 · APE(vit)", "APE(vit)"),
    ):
        assert effect._unshifted(label) == said


def test_small_intervals_name_every_margin_where_they_differ():
    """One margin stands there once, several in the order of the rows."""
    first, second = found(margin=5.0), found(margin=0.0)
    assert "5" in drawn(effect.tiny([first, first]))[0]
    assert "5, 0" in drawn(effect.tiny([first, second]))[0]


def test_attention_is_drawn_by_depth_and_by_frequency(dice):
    """One panel per number of a block, one line per block and frequency."""
    entries = tuple(_record("vit", seed, synthetic._attention(dice)) for seed in range(2))
    figure = attention.draw(View(entries, Palette()))
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
    figure = reliability.draw(View(entries, Palette()))
    drawn, shares = (parse(panel.svg) for panel in figure.panels)
    assert len(list(drawn.iter("title"))) == 8
    assert len([line for line in shares.iter("path") if line.attrib["class"].startswith("thin")]) == 2
    counts = [row[-1] for row in figure.rows if row[1] == 0]
    assert counts == entries[0].values["bins"]["count"]


def test_shape_bias_is_a_point_per_network_against_one_half(dice):
    """A network that never decides for either cue has no point and stays in the table."""
    entries = (_record("vit", 0, synthetic._cue_conflict(dice)), _record("resnet", 0, synthetic._cue_conflict(dice)))
    entries[1].values["shape_bias"] = None
    figure = cue_conflict.draw(View(entries, Palette()))
    strip = parse(figure.panels[0].svg)
    bias = 100 * entries[0].values["shape_bias"]
    assert [tip.text.split(" %")[0] for tip in strip.iter("title")] == [f"vit, seed 0: {words.quantity(bias)}"]
    assert any(path.attrib["class"] == "dashrule" for path in strip.iter("path"))
    assert [row[0] for row in figure.rows] == ["vit", "resnet"]


def test_a_plain_view_has_one_setting_per_arm_at_every_moment():
    """The setting that comes first, which decides; moments are in the order of the training."""
    entries = [
        DrawnRecord(arm, 0, {"when": when, "batchnorm": mode, "k": 5}, {})
        for arm, modes in (("resnet", ("eval", "train")), ("vit", ("eval",)))
        for mode in modes
        for when in ("end", 100, "init", "warmup")
    ]
    plain = View(tuple(entries), Palette()).plain()
    assert plain.moments() == ["init", "warmup", 100, "end"]
    assert {(entry.arm, entry.parameters["batchnorm"]) for entry in plain.entries} == {
        ("resnet", "eval"),
        ("vit", "eval"),
    }
    assert {entry.parameters["when"] for entry in plain.last().entries} == {"end"}
    assert View(tuple(entries), Palette()).setting(entries[0]) == "at the end, batchnorm eval"


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


def test_the_paper_s_networks_are_named_off_marks_and_off_each_other(dice):
    """Fig. 12b has eight networks close to each other, one at the right edge."""
    view = View((_record("vit", 0, synthetic._corruptions(dice, "vit")),), Palette(), number="12b")
    drawn = texts(corruptions.robustness(view).panels[0].svg)
    networks = {paper_values.NETWORKS.get(arm, arm) for arm in paper_values.ACCURACY_ROBUSTNESS}
    named = [span for span in drawn if span[0] in networks]
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


def test_shares_below_zero_are_said_beside_the_density(dice):
    """For every arm, the mean over its networks."""
    entries = tuple(
        DrawnRecord(arm, seed, {}, synthetic._spectrum(dice, arm, "end"))
        for arm in ("vit", "resnet")
        for seed in range(3)
    )
    panels = spectrum.over_time(View(entries, Palette())).panels
    svg = next(panel.svg for panel in panels if panel.heading == "Density at the end")
    assert [span[0].partition(":")[0] for span in texts(svg) if span[0].endswith("below 0")] == ["vit", "resnet"]
    assert "resnet: 0 % below 0" in svg


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


def spoilt(values: Any, draw: random.Random, share: float) -> Any:
    """Return a record with a share of its numbers replaced by NaN; places on axes stay."""
    if isinstance(values, dict):
        return {name: part if name in {"x", "y"} else spoilt(part, draw, share) for name, part in values.items()}
    if isinstance(values, list):
        return [spoilt(part, draw, share) for part in values]
    return math.nan if isinstance(values, float) and draw.random() < share else values


@pytest.mark.parametrize("share", [1.0, 0.3])
def test_no_figure_has_a_path_to_nowhere(share):
    """Whatever numbers of records are not finite, no coordinate is: a browser would complain, and draw nothing."""
    draw, results = random.Random(0), synthetic.results(seeds=2, claims=40, grid=5)
    for name in {entry.name for entry in results.measurements}:
        changed = tuple(
            replace(entry, values=spoilt(entry.values, draw, share)) if entry.name == name else entry
            for entry in results.measurements
        )
        for shown in gallery(replace(results, measurements=changed), Palette()):
            for panel in shown.figure.panels if shown.figure else ():
                said = [
                    value
                    for node in parse(panel.svg).iter()
                    for key, value in node.attrib.items()
                    if key != "aria-label"
                ]
                assert not any("nan" in value for value in said), shown.name


def test_values_that_are_not_finite_leave_the_strip():
    """Of a sample without a finite value there is no strip; of one with some, the others are drawn and averaged."""
    nan = Sample(arm="vit", label="vit", seeds=(0, 1, 2), values=(math.nan,) * 3)
    assert effect.seeds(hypothesis(sides=(nan,)), Palette()) == ""
    some = replace(nan, values=(1.0, math.nan, math.inf))
    svg = effect.seeds(hypothesis(sides=(some, nan)), Palette())
    assert "nan" not in "".join(value for node in parse(svg).iter() for value in node.attrib.values())
    assert drawn(svg)[1].count("mean s0") == 1


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
    assert "change of the mean per level (pp)" in said
    said, _ = drawn(
        effect.interval(hypothesis(form="correlation", levels=(1.0, 2.0, 4.0), effect=found(test=Test.RANKS)))
    )
    assert "rank correlation" in said


def test_an_interaction_is_drawn_as_a_difference_of_differences():
    """Its levels are signs, of which nothing is per level; logarithms are ratios of ratios."""
    arms = (*ARMS, "mlp")
    a, b, c, d = (reference(error, arm) for arm in arms)
    levels = interacting((a, b), (c, d)).levels
    said, _ = drawn(effect.interval(hypothesis(arms, levels=levels)))
    assert "difference of differences of means (pp)" in said
    said, _ = drawn(effect.interval(hypothesis(arms, found(scale="log-ratio"), levels=levels)))
    assert "ratio of ratios of geometric means" in said


@pytest.mark.parametrize(
    ("scale", "within", "edges"), [("difference", 2.0, [-2.0, 2.0]), ("log-ratio", 1.25, [0.8, 1.25])]
)
def test_a_claim_of_no_difference_shows_both_edges(scale: str, within: float, edges: list[float]):
    """A band has two dashed edges and the claim's side between them; a margin has one."""
    outcome = found(estimate=0.01, low=-0.1, high=0.1, alternative="two-sided", scale=scale)
    entry = hypothesis(within=within, effect=outcome)
    said, classes = drawn(effect.interval(entry))
    assert classes.count("dashrule") == 2
    assert "claim’s side" in said
    assert effect._band(entry, 1.0 if scale == "log-ratio" else 0.0, log=scale == "log-ratio") == pytest.approx(edges)
    assert drawn(effect.interval(hypothesis()))[1].count("dashrule") == 1


def test_the_paper_s_effect_stands_on_the_axis_of_ours():
    """Where it gives a number for the comparison: a hollow mark right of an interval that excludes it."""
    entry = hypothesis(effect=found(scale="difference"))
    svg = effect.interval(entry, 9.0)
    assert "in the paper: 9" in svg
    (mark,) = (path for path in parse(svg).iter("path") if path.get("class", "").startswith("other"))
    (line,) = (path for path in parse(svg).iter("path") if path.get("class", "").startswith("interval"))
    assert float(mark.attrib["d"][1:].split()[0]) > float(line.attrib["d"].rpartition("H")[2])
    assert "in the paper" not in effect.interval(entry)


def test_a_kind_of_record_without_a_title_goes_by_its_name():
    """A measurement that somebody adds has a figure before anybody wrote what it shows."""
    assert words.figure_title("weight_norm") == "Weight norm"
    assert words.figure_title("1a") == words.TITLES["1a"]
