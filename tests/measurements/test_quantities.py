from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from vitwork.analysis import calibration
from vitwork.language.quantity import AbsentError, Quantity
from vitwork.measurements import (
    accuracy,
    attention,
    cues,
    feature_maps,
    hessian,
    landscape,
    lesion,
    robustness,
    spectral_density,
)
from vitwork.measurements.errors import binomial, jackknife, together


def spectrum(*batches: list[float], which: str = "magnitude") -> dict[str, Any]:
    ends = [[max(batch), min(batch)] for batch in batches]
    return {"eigenvalues": list(batches), "ends": ends, "converged": [True] * len(batches), "which": which}


def test_ape_and_nep_pool_all_batches() -> None:
    """APE is the mean of the positive eigenvalues and NEP the share of negative ones, over all mini-batches."""
    record = spectrum([4.0, -2.0], [2.0, 6.0])
    assert hessian.ape.value(record) == 4.0
    assert hessian.nep.value(record) == 25.0
    assert math.isnan(hessian.ape.value(spectrum([-1.0])))


def test_negativity_is_relative_to_the_largest() -> None:
    """The reach below zero is measured against the reach above, batch by batch."""
    assert hessian.negativity.value(spectrum([4.0, -2.0], [2.0, 1.0])) == 0.25
    assert math.isnan(hessian.negativity.value(spectrum([-1.0, -2.0])))


@pytest.mark.parametrize("of", [hessian.ape, hessian.nep, hessian.negativity], ids=lambda of: of.name)
def test_only_eigenvalues_that_are_known_and_meant_enter_a_claim(of: Quantity) -> None:
    """Eigenvalues chosen otherwise, or one mini-batch that did not converge, leave a quantity absent, with the reason."""
    record = spectrum([4.0, -2.0], [2.0, 6.0])
    assert of.value(record) >= 0
    with pytest.raises(AbsentError, match="eigenvalues that converged in 1 of 2 mini-batches"):
        of.value(record | {"converged": [True, False]})
    with pytest.raises(AbsentError, match=r"^eigenvalues chosen by magnitude"):
        of.value(record | {"which": "extremes"})


def test_the_nll_has_eigenvalues_of_its_own() -> None:
    """The share of negative ones without L2 is read from those of the NLL, which another instrument does not give."""
    record = spectrum([4.0, 1.0]) | {"nll": [[3.5, -0.5]]}
    assert hessian.nep.value(record) == 0.0
    assert hessian.nep_of_nll.value(record) == 50.0
    with pytest.raises(AbsentError, match=r"^eigenvalues of Lanczos' method"):
        hessian.nep_of_nll.value(spectrum([4.0, 1.0]))


def test_layers_are_read_by_kind() -> None:
    """A diagonal block's APE is that of its own eigenvalues; a network without such layers lacks it."""
    record = {"msa": spectrum([4.0, 2.0]), "mlp": spectrum([1.0, -9.0])}
    assert hessian.ape_of.value(record, kind="msa") == 3.0
    assert hessian.ape_of.value(record, kind="mlp") == 1.0
    with pytest.raises(AbsentError, match=r"^conv block"):
        hessian.ape_of.value(record, kind="conv")


def test_what_is_not_defined_is_no_number() -> None:
    """Shares of an accuracy of nothing, and logarithms of vanishing maps and gains, end in no fault."""
    assert math.isnan(robustness.kept_accuracy.value({"accuracy": [[0.0, 0.1]], "clean": 0.0}))
    noise = {"frequencies": [0.8], "accuracy_change": [0.0], "clean": 0.0}
    assert math.isnan(robustness.relative_change.value(noise, between=(0.7, 0.9)))
    uniform = {"frequencies": [[0, 0.5, 1.0]], "gain": [[1.0, 0.0, 0.0]]}
    assert math.isnan(attention.gain_slope.value(uniform))
    assert math.isnan(feature_maps.variance_trend.value({"variance": [1.0]}))
    dead = {"variance": [1.0, 1.0, 0.0], "error": [0.0] * 3, "stages": [0, 1, 2]}
    assert feature_maps.fall_between_stages.value(dead) == math.inf


def test_error_is_what_accuracy_misses() -> None:
    """Accuracy and error are percentages that add up."""
    assert accuracy.accuracy.value({"acc": 0.25}) == 25.0
    assert accuracy.error.value({"acc": 0.25}) == 75.0


def test_changes_are_read_within_a_resolution() -> None:
    """A stage's first Conv, blocks that change the resolution and other kinds of blocks do not enter a mean change."""
    names = ["stem", "first", "second", "third", "fourth", "fifth"]
    changes = [
        {"name": "first", "stage": 1, "kind": "conv", "jump": False, "value": 9.0},  # from the stem
        {"name": "second", "stage": 1, "kind": "conv", "jump": False, "value": 1.0},
        {"name": "third", "stage": 1, "kind": "conv", "jump": False, "value": 3.0},
        {"name": "fourth", "stage": 2, "kind": "conv", "jump": True, "value": 9.0},
        {"name": "fifth", "stage": 2, "kind": "msa", "jump": False, "value": -1.0},
    ]
    record = {"blocks": names, "stages": [0, 1, 1, 1, 2, 2], "changes": {"DC": changes, "first frequency": []}}
    assert feature_maps.conv_change.value(record, relative_to="DC") == 2.0
    assert feature_maps.msa_change.value(record, relative_to="DC") == -1.0
    with pytest.raises(AbsentError, match=r"^mlp block"):
        feature_maps.mlp_change.value(record, relative_to="DC")
    by_variance = record | {"changes": changes}
    assert feature_maps.msa_variance_change.value(by_variance) == -1.0
    assert feature_maps.conv_variance_change.value(by_variance) == 2.0


def test_lesions_are_read_by_place_in_the_stage() -> None:
    """First and last blocks of stages are told apart, and losses are positive percentage points."""
    record = {
        "stages": [1, 1, 2, 2, 2],
        "stage_end": [False, True, False, False, True],
        "accuracy_change": [-0.1, -0.02, -0.3, -0.5, -0.04],
    }
    assert lesion.loss_at_stage_start.value(record) == pytest.approx(20.0)
    assert lesion.loss_at_stage_end.value(record) == pytest.approx(3.0)
    assert lesion.loss_at_stage_end.value(record, first_stage=2) == pytest.approx(4.0)


def test_noise_is_read_in_its_range() -> None:
    """Only bands with centres in the range count, its ends included."""
    record = {"frequencies": [0.1, 0.7, 0.9], "accuracy_change": [-0.5, -0.1, -0.3], "clean": 0.5}
    assert robustness.change.value(record, between=(0.7, 0.9)) == pytest.approx(-20.0)
    assert robustness.relative_change.value(record, between=(0.7, 0.9)) == pytest.approx(-40.0)


def test_lesions_are_read_by_stage_and_kind() -> None:
    """A stage's start is set against the end before it, the first stage against the last, one kind against the other."""
    record = {
        "stages": [1, 1, 2, 2, 2],
        "kinds": ["msa", "mlp", "msa", "msa", "mlp"],
        "accuracy_change": [-0.1, -0.02, -0.3, -0.5, -0.04],
    }
    assert lesion.jump_between_stages.value(record) == pytest.approx(28.0)
    assert lesion.loss_in_stage.value(record, stage="first") == pytest.approx(6.0)
    assert lesion.loss_in_stage.value(record, stage="last") == pytest.approx(28.0)
    assert lesion.loss_of.value(record, kind="msa", place="first") == pytest.approx(20.0)
    assert lesion.loss_of.value(record, kind="msa", place="last") == pytest.approx(30.0)
    assert lesion.loss_of.value(record, kind="mlp", place="last") == pytest.approx(3.0)


@pytest.mark.parametrize(
    ("depth", "early", "later_msas", "later_mlps"),
    [
        (12, [1, 2, 3], range(4, 13), range(5, 13)),
        (8, [1, 2], range(3, 9), range(4, 9)),
        (4, [1], [2, 3, 4], [2, 3, 4]),
        (3, [1], [2, 3], [2, 3]),
    ],
)
def test_parts_of_the_depth_are_those_of_the_paper(
    depth: int, early: list[int], later_msas: list[int], later_mlps: list[int]
) -> None:
    """Of twelve MSAs the first three are early, as in the paper's figure, and eight MLPs lie behind the first third."""
    changes = [
        {"kind": kind, "value": number**2, "error": 0.1 * number, "jump": False}
        for number in range(1, depth + 1)
        for kind in ("msa", "mlp")
    ]
    record = {"changes": {"DC": changes}}
    for quantity, expected in (
        (feature_maps.early_msa_change, early),
        (feature_maps.later_msa_change, later_msas),
        (feature_maps.later_mlp_change, later_mlps),
        (feature_maps.msa_change, range(1, depth + 1)),
    ):
        value = quantity.value(record, relative_to="DC")
        assert value == pytest.approx(np.mean(np.square(expected)))
        assert quantity.error is not None
        assert quantity.error(record, relative_to="DC") == pytest.approx(0.1 * np.mean(expected))


def test_the_papers_own_numbers_hold_in_the_parts_that_claims_read() -> None:
    """Over all MLPs the paper's figure lowers high frequencies, behind the first third it raises them."""
    from vitwork.report.paper_values import LOG_AMPLITUDE

    path = LOG_AMPLITUDE["vit"]
    changes = [
        {"kind": "mlp" if place % 2 else "msa", "value": after - before, "error": 0.0, "jump": False}
        for place, (before, after) in enumerate(pairwise(path))
    ]
    found = {
        name: getattr(feature_maps, name).value({"changes": {"DC": changes}}, relative_to="DC")
        for name in ("mlp_change", "later_mlp_change", "later_msa_change", "early_msa_change")
    }
    assert found["mlp_change"] < 0 < found["later_mlp_change"]
    assert found["later_msa_change"] < 0 < found["early_msa_change"]


def test_deep_blocks_are_compared_with_the_stem() -> None:
    """The deeper half is averaged at its highest frequency, relative to what the claim names."""
    record = {"delta": [[0, -1.0], [0, 9.0], [0, -2.0], [0, -4.0]], "relative": [[0, 1.0], [0, 0], [0, 1.0], [0, 2.0]]}
    assert feature_maps.deep_minus_stem.value(record, relative_to="DC") == -2.0
    three = record | {"relative": [[0, 0, 1.0], [0, 0, 0], [0, 0, 1.0], [0, 0, 2.0]]}
    assert feature_maps.deep_minus_stem.value(three, relative_to="first frequency") == 0.5
    small = three | {"relative": [[0, 0, 1.0], [0, 0, 3.0], [0, 0, 5.0], [0, 0], [0, 0]]}
    assert (
        feature_maps.deep_minus_stem.value(small, relative_to="first frequency") == 4.0
    )  # two maps have no second one


def test_deep_blocks_are_set_against_the_stem_at_one_frequency() -> None:
    """Between a map's own frequencies the amplitude lies on the line that joins them; a map that ends below has none."""
    record = {
        "frequencies": [[0.0, 0.25, 0.5, 0.75], [0.0, 0.5], [0.0, 0.4, 0.8], [0.0, 0.25]],
        "delta": [[0.0, -1.0, -2.0, -3.0], [0.0, -4.0], [0.0, -2.0, -6.0], [0.0, -9.0]],
        "delta_error": [[0.0, 0.1, 0.3, 0.1], [0.0, 0.4], [0.0, 0.4, 0.4], [0.0, 9.0]],
    }
    assert feature_maps.deep_minus_stem_at.value(record, frequency=0.5) == pytest.approx(-3.0 + 2.0)
    assert error_of(feature_maps.deep_minus_stem_at, record, frequency=0.5) == pytest.approx(0.5)


def test_variance_is_read_by_depth_and_stage() -> None:
    """The slope matches numpy's fit; leads and resets follow their definitions on the logarithm."""
    logs = [0.0, 1.0, 2.0, 0.5, 3.0, 2.0]
    record = {"variance": [math.exp(value) for value in logs], "error": [0.0] * 6, "stages": [0, 1, 1, 2, 2, 2]}
    slope, _ = np.polyfit(np.linspace(0, 1, 6), logs, 1)
    assert feature_maps.variance_trend.value(record) == pytest.approx(slope)
    assert feature_maps.lead_of_stage_end.value(record) == pytest.approx(-1.0)
    assert feature_maps.fall_between_stages.value(record) == pytest.approx(1.5)
    flat = {
        "variance": [math.exp(value) for value in [0.0, 1.0, 2.0, 0.5, 3.0, 3.5]],
        "error": [0.0] * 6,
        "stages": [0, 1, 1, 2, 2, 3],
    }
    assert feature_maps.fall_between_stages.value(flat) == pytest.approx(-0.5)  # behind the stage where it least falls
    changes = [
        {"kind": "msa", "jump": False, "stage": stage, "value": value}
        for stage, value in ((1, -2.0), (1, 9.0), (2, 1.0))
    ]
    assert feature_maps.stage_msa_variance_change.value({"changes": changes}, place="first") == -0.5
    assert feature_maps.stage_msa_variance_change.value({"changes": changes}, place="last") == 5.0


def test_rise_is_read_on_the_border() -> None:
    """The median ignores a few overflows, and the middle is subtracted."""
    assert landscape.to_border([[5.0, 5.0, math.nan], [5.0, 1.0, 5.0], [5.0] * 3]) == 5.0 - 1.0


def test_planes_say_what_a_surface_s_numbers_are_worth() -> None:
    """A surface's numbers are means over its planes, whose differences give their standard error; one plane gives none."""
    record = {"curvature": [1.0, 2.0, 6.0], "rise": {"nll": [2.0, 4.0], "nll + l2": [7.0]}}
    assert landscape.curvature.value(record) == 3.0
    assert landscape.curvature.error is not None
    assert landscape.curvature.error(record) == pytest.approx(np.std([1.0, 2.0, 6.0], ddof=1) / math.sqrt(3))
    assert landscape.nll_rise.value(record) == 3.0
    assert landscape.rise.value(record) == 7.0
    assert landscape.rise.error is not None
    assert math.isnan(landscape.rise.error(record))


def test_paths_are_read_after_the_start() -> None:
    """The farthest point leaves the start out, and a retreat is the largest growth of the distance."""
    assert landscape.farthest.value({"radius": [1.0, 0.9, 0.95, 0.0]}) == 0.95
    assert landscape.largest_retreat.value({"radius": [1.0, 0.9, 0.95, 0.0]}) == pytest.approx(0.05)
    assert landscape.largest_retreat.value({"radius": [1.0, 0.7, 0.0]}) == pytest.approx(-0.3)


def test_gain_is_compared_at_the_ends_of_the_axis() -> None:
    """The gain at π counts, corners beyond it and the mean do not; a grid with one frequency does not enter."""
    record = {"frequencies": [[0, 0.5, 1.0, 1.5], [0, 1.0]], "gain": [[1.0, 0.5, 0.25, 9.0], [1.0, 0.1]]}
    assert attention.gain_slope.value(record) == pytest.approx(-math.log(2))


def test_robustness_is_a_plain_mean() -> None:
    """All corruptions and severities weigh the same, and what is kept is relative to the clean accuracy."""
    record = {"accuracy": [[0.8, 0.4], [0.6, 0.2]], "clean": 0.8}
    assert robustness.corrupted_accuracy.value(record) == pytest.approx(50.0)
    assert robustness.kept_accuracy.value(record) == pytest.approx(62.5)
    assert cues.shape_bias.value({"shape_bias": 0.25}) == 25.0


def test_what_is_zero_but_for_rounding_is_neither_negative_nor_positive() -> None:
    """NEP, APE, the reach below zero and the density's share have one definition of a negative eigenvalue."""
    rounding = spectrum([4.0, -1e-7], [-1e-3, 2e-8])
    assert hessian.nep.value(rounding) == 25.0
    assert hessian.ape.value(spectrum([4.0, 1e-7, -4e-7])) == pytest.approx(2.0, rel=1e-6)
    assert hessian.negativity.value(spectrum([4.0, -1e-7])) == 0.0
    density = {"nodes": [[-1e-7, 4.0], [-1.0, 4.0]], "weights": [[0.9, 0.1], [0.5, 0.5]]}
    assert spectral_density.negative_share.value(density) == 25.0
    torch_side = pytest.importorskip("vitwork.analysis.hessian").ROUNDING
    assert torch_side == hessian.ROUNDING


def test_an_instrument_that_does_not_say_what_converged_is_taken_as_it_is() -> None:
    """PyHessian's eigenvalues enter a claim, and a spectrum that says that it failed does not."""
    record = spectrum([4.0, -2.0])
    assert hessian.ape.value(record | {"converged": None}) == 4.0
    with pytest.raises(AbsentError):
        hessian.ape.value(record | {"converged": [False]})


def test_eigenvalues_at_one_loss_lie_between_two_snapshots() -> None:
    """The logarithm of the APE is interpolated where the loss crosses the level, and absent where it never does."""
    record = {"nll": [2.3, 2.0, 1.0], "level": 1.5, "below": 2, "spectra": [spectrum([1.0]), spectrum([100.0])]}
    assert hessian.ape_at_loss.value(record) == pytest.approx(10.0)
    with pytest.raises(AbsentError, match=r"^snapshots on both sides of a training loss of 1\.50"):
        hessian.ape_at_loss.value(record | {"below": 0})
    spectra = [spectrum([1.0], [4.0], [16.0]), spectrum([5.0], [5.0], [5.0])]
    logs = jackknife(lambda batches: math.log(np.mean(batches)), [[1.0], [4.0], [16.0]])
    mixed = {**record, "spectra": spectra}
    weight = math.log(hessian.ape_at_loss.value(mixed) / 5.0) / math.log(7.0 / 5.0)
    assert error_of(hessian.ape_at_loss, mixed) == pytest.approx(weight * logs * hessian.ape_at_loss.value(mixed))


def test_standard_errors_follow_their_definitions() -> None:
    """Shares are binomial, errors on one set of images add up, and the jackknife of a mean is its standard error."""
    assert binomial(0.5, 100) == 0.05
    assert math.isnan(binomial(0.5, 0))
    assert together([1.0, 3.0]) == 2.0
    values = [[1.0], [2.0], [4.0], [7.0]]
    mean = lambda batches: sum(batch[0] for batch in batches) / len(batches)  # noqa: E731
    assert jackknife(mean, values) == pytest.approx(np.std([1, 2, 4, 7], ddof=1) / 2)
    assert math.isnan(jackknife(mean, values[:1]))


def error_of(quantity: Any, record: dict[str, Any], **options: Any) -> float:
    assert quantity.error is not None
    return float(quantity.error(record, **options))


def test_quantities_know_their_own_errors() -> None:
    """Each quantity's error is in its own unit, from what its record holds."""
    assert error_of(accuracy.error, {"acc": 0.5, "images": 100}) == 5.0
    assert error_of(hessian.nep, spectrum([4.0, -2.0], [2.0, 6.0])) == pytest.approx(25.0)
    noise = {"frequencies": [0.1, 0.8], "standard_error": [0.5, 0.01], "clean": 0.5}
    assert error_of(robustness.change, noise, between=(0.7, 0.9)) == pytest.approx(1.0)
    assert error_of(robustness.relative_change, noise, between=(0.7, 0.9)) == pytest.approx(2.0)
    corrupted = {"accuracy": [[0.5, 0.5]], "clean": 0.8, "images": 100}
    assert error_of(robustness.corrupted_accuracy, corrupted) == pytest.approx(5.0)
    assert error_of(robustness.kept_accuracy, corrupted) == pytest.approx(6.25)
    units = {"stages": [1, 2], "stage_end": [True, True], "accuracy_error": [0.01, 0.03]}
    assert error_of(lesion.loss_at_stage_end, units) == pytest.approx(2.0)
    assert error_of(lesion.loss_at_stage_end, units, first_stage=2) == pytest.approx(3.0)
    assert error_of(lesion.jump_between_stages, units) == pytest.approx(4.0)
    maps = {"variance": [1.0, 2.0], "error": [0.1, 0.2], "stages": [1, 2]}
    assert error_of(feature_maps.variance_trend, maps) == pytest.approx(0.2)
    assert error_of(feature_maps.fall_between_stages, maps) == pytest.approx(0.2)
    gains = {"frequencies": [[0, 0.5, 1.0]], "gain": [[1.0, 0.5, 0.25]], "gain_error": [[0, 0.05, 0.05]]}
    assert error_of(attention.gain_slope, gains) == pytest.approx(0.3)


def test_the_error_of_a_path_is_none() -> None:
    """A path follows from the weights alone: nothing of it is sampled."""
    for quantity in (landscape.length, landscape.turning, landscape.farthest, landscape.largest_retreat):
        assert error_of(quantity, {"radius": [1.0, 0.5, 0.0], "length": 1.2, "turning": 0.3}) == 0.0


def test_the_error_of_a_lead_is_that_of_both_blocks() -> None:
    """In the stage whose last block leads by least, against its highest other block."""
    variance = np.exp([0.0, 1.0, 3.0, 4.0, 2.0, 4.5])
    maps = {"variance": variance.tolist(), "error": (variance * [0.1, 0.2, 0.3, 0.4, 0.5, 0.6]).tolist()}
    maps["stages"] = [1, 1, 1, 2, 2, 2]
    assert feature_maps.lead_of_stage_end.value(maps) == pytest.approx(0.5)
    assert error_of(feature_maps.lead_of_stage_end, maps) == pytest.approx(0.4 + 0.6)


def test_the_error_of_an_ece_is_that_of_other_images() -> None:
    """Samples of images of one miscalibrated model spread as the error of each says."""
    rng, n = np.random.default_rng(0), 2000
    found, errors = [], []
    for _ in range(300):
        confidence = rng.uniform(0.1, 1.0, n)
        hits = rng.random(n) < 0.8 * confidence
        metrics = calibration.evaluate(*logits_of(confidence, hits))
        found.append(100 * metrics["ece"])
        errors.append(error_of(accuracy.calibration_error, {**metrics, "images": n}))
    assert np.mean(errors) == pytest.approx(np.std(found, ddof=1), rel=0.15)


def logits_of(confidence: Any, hits: Any) -> tuple[Tensor, Tensor]:
    """Return logits over 100 classes with these confidences in the first, and labels that it hits or misses."""
    rest = np.tile((1.0 - confidence)[:, None] / 99, 99)
    return torch.tensor(np.log(np.hstack([confidence[:, None], np.maximum(rest, 1e-12)]))), torch.tensor(~hits).long()


def test_a_share_of_nothing_in_every_network_is_decided_by_its_counts() -> None:
    """A NEP that is zero in every seed is shown to lie below five per cent, and never above it."""
    from vitwork.language.sentence import Reference
    from vitwork.statistics.effect import Verdict

    measured = hessian.Spectrum(batches=16)
    assert hessian.nep.trials is not None
    assert hessian.nep.trials(measured) == 80
    nep = Reference(hessian.nep, "resnet", measured)
    nothing = (0.0,) * 9
    assert (nep < 5).judge([nothing, 5.0], 0.05).verdict is Verdict.REPRODUCED
    assert (nep > 5).judge([nothing, 5.0], 0.05).verdict is Verdict.CONTRADICTED
