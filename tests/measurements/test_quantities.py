from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from vitwork.language.quantity import AbsentError
from vitwork.measurements import accuracy, attention, feature_maps, hessian, landscape, lesion, robustness


def spectrum(*batches: list[float], which: str = "magnitude") -> dict[str, Any]:
    return {"eigenvalues": list(batches), "converged": [True] * len(batches), "which": which}


def test_ape_and_nep_pool_all_batches() -> None:
    """APE is the mean of the positive eigenvalues and NEP the share of negative ones, over all mini-batches."""
    record = spectrum([4.0, -2.0], [2.0, 6.0])
    assert hessian.ape.value(record) == 4.0
    assert hessian.nep.value(record) == 25.0
    assert math.isnan(hessian.ape.value(spectrum([-1.0])))


def test_negativity_is_relative_to_the_largest() -> None:
    """The reach below zero is measured against the reach above, batch by batch."""
    assert hessian.negativity.value(spectrum([4.0, -2.0], [2.0, 1.0], which="extremes")) == 0.25
    assert math.isnan(hessian.negativity.value(spectrum([-1.0, -2.0], which="extremes")))


@pytest.mark.parametrize(
    ("value", "which", "other"),
    [
        (hessian.ape.value, "magnitude", "extremes"),
        (hessian.nep.value, "magnitude", "extremes"),
        (hessian.negativity.value, "extremes", "magnitude"),
    ],
)
def test_only_eigenvalues_that_are_known_and_meant_enter_a_claim(
    value: Callable[..., float], which: str, other: str
) -> None:
    """Eigenvalues chosen otherwise, or one mini-batch that did not converge, leave a quantity absent, with the reason."""
    record = spectrum([4.0, -2.0], [2.0, 6.0], which=which)
    assert value(record) >= 0
    with pytest.raises(AbsentError, match="eigenvalues that converged in 1 of 2 mini-batches"):
        value(record | {"converged": [True, False]})
    with pytest.raises(AbsentError, match=f"^eigenvalues chosen by {which}"):
        value(record | {"which": other})


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
    dead = {"variance": [1.0, 1.0, 0.0], "stages": [0, 1, 2]}
    assert feature_maps.reset_between_stages.value(dead) == -math.inf


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


@pytest.mark.parametrize(("depth", "early"), [(12, [2, 3]), (8, [2]), (4, [2]), (2, [2])])
def test_early_msas_are_those_of_the_paper(depth: int, early: list[int]) -> None:
    """Of twelve MSAs the second and third are early, as in the paper's figure; of few, the second."""
    changes = [{"kind": kind, "value": number} for number in range(1, depth + 1) for kind in ("msa", "mlp")]
    found = feature_maps.early_msa_change.value({"changes": {"DC": changes}}, relative_to="DC")
    assert found == sum(early) / len(early)


def test_deep_blocks_are_compared_with_the_stem() -> None:
    """The deeper half is averaged at its highest frequency, relative to what the claim names."""
    record = {"delta": [[0, -1.0], [0, 9.0], [0, -2.0], [0, -4.0]], "relative": [[0, 1.0], [0, 0], [0, 1.0], [0, 2.0]]}
    assert feature_maps.deep_minus_stem.value(record, relative_to="DC") == -2.0
    assert feature_maps.deep_minus_stem.value(record, relative_to="first frequency") == 0.5


def test_variance_is_read_by_depth_and_stage() -> None:
    """The slope matches numpy's fit; leads and resets follow their definitions on the logarithm."""
    logs = [0.0, 1.0, 2.0, 0.5, 3.0, 2.0]
    record = {"variance": [math.exp(value) for value in logs], "stages": [0, 1, 1, 2, 2, 2]}
    slope, _ = np.polyfit(np.linspace(0, 1, 6), logs, 1)
    assert feature_maps.variance_trend.value(record) == pytest.approx(slope)
    assert feature_maps.lead_of_stage_end.value(record) == pytest.approx(-1.0)
    assert feature_maps.reset_between_stages.value(record) == pytest.approx(-1.5)
    changes = [
        {"kind": "msa", "jump": False, "stage": stage, "value": value}
        for stage, value in ((1, -2.0), (1, 9.0), (2, 1.0))
    ]
    assert feature_maps.msa_variance_change_at_start.value({"changes": changes}) == -0.5


def test_rise_is_read_on_the_border() -> None:
    """NLL and weighted L2 add up, the median ignores a few overflows, and the middle is subtracted."""
    record = {"x": [-1, 0, 1], "nll": [[5.0, 5.0, math.nan], [5.0, 1.0, 5.0], [5.0] * 3], "weight_decay": 0.5}
    record["l2"] = [[4.0] * 3, [4.0, 2.0, 4.0], [4.0] * 3]
    assert landscape.rise.value(record) == 7.0 - 2.0


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
    assert robustness.shape_bias.value({"shape_bias": 0.25}) == 25.0
