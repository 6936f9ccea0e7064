from __future__ import annotations

import math

import pytest

from vitwork.measurements import accuracy, feature_maps, hessian, lesion, robustness


def test_ape_and_nep_pool_all_batches() -> None:
    """APE is the mean of the positive eigenvalues and NEP the share of negative ones, over all mini-batches."""
    record = {"eigenvalues": [[4.0, -2.0], [2.0, 6.0]]}
    assert hessian.ape.value(record) == 4.0
    assert hessian.nep.value(record) == 25.0
    assert math.isnan(hessian.ape.value({"eigenvalues": [[-1.0]]}))


def test_negativity_is_relative_to_the_largest() -> None:
    """The reach below zero is measured against the reach above, batch by batch."""
    assert hessian.negativity.value({"eigenvalues": [[4.0, -2.0], [2.0, 1.0]]}) == 0.25


def test_error_is_what_accuracy_misses() -> None:
    """Accuracy and error are percentages that add up."""
    assert accuracy.accuracy.value({"acc": 0.25}) == 25.0
    assert accuracy.error.value({"acc": 0.25}) == 75.0


def test_changes_are_read_within_a_resolution() -> None:
    """Blocks that change the resolution and blocks of other kinds do not enter a mean change."""
    changes = [
        {"kind": "conv", "jump": True, "value": 9.0},
        {"kind": "conv", "jump": False, "value": 1.0},
        {"kind": "conv", "jump": False, "value": 3.0},
        {"kind": "msa", "jump": False, "value": -1.0},
    ]
    record = {"changes": {"DC": changes, "first frequency": []}}
    assert feature_maps.conv_change.value(record, relative_to="DC") == 2.0
    assert feature_maps.msa_change.value(record, relative_to="DC") == -1.0
    assert feature_maps.msa_variance_change.value({"changes": changes}) == -1.0


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
