"""Feature-map variance: golden numbers, numpy, and blocks with a known effect."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
import scipy.stats
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from tests.analysis.hand_made import Call, batches, block, conv_net, images, in_layout, token_net
from vitwork.analysis import variance
from vitwork.errors import VitworkError

CASES = json.loads((Path(__file__).parent / "golden" / "feature_maps.json").read_text())


@pytest.mark.parametrize("case", CASES, ids=lambda case: str(case["shape"]))
def test_golden(case):
    """The official code's numbers are met to 1e-6, for maps and tokens."""
    noise = np.random.RandomState(case["seed"]).standard_normal(case["shape"]).astype(np.float32)
    assert variance.feature_map_variance(torch.from_numpy(noise).cumsum(-1)) == pytest.approx(
        case["variance"], abs=1e-6
    )


@given(side=st.integers(2, 9), scale=st.floats(-5, 5), shift=st.floats(-5, 5), seed=st.integers(0, 99))
def test_scale_law_and_numpy(side, scale, shift, seed):
    """Scaling by a and shifting multiplies the variance by a²; the variance is numpy's with one degree less."""
    z = images(3, side=side, seed=seed).double()
    expected = z.numpy().var((2, 3), ddof=1).mean() if side > 1 else math.nan
    assert variance.feature_map_variance(z) == pytest.approx(expected)
    assert variance.feature_map_variance(z * scale + shift) == pytest.approx(scale**2 * expected, abs=1e-9)


def test_a_single_position_has_no_variance():
    """A 1 × 1 map answers NaN alone and is left out of a profile."""
    assert math.isnan(variance.feature_map_variance(torch.randn(2, 3, 1, 1)))
    blocks = [block("a", nn.Identity()), block("b", nn.AdaptiveAvgPool2d(1))]
    assert variance.by_block(blocks, batches(2, 2)).blocks == ("a",)
    with pytest.raises(VitworkError):
        variance.by_block(blocks[1:], batches(2, 2))


@pytest.mark.parametrize("layout", ["nchw", "nhwc", "tokens"])
def test_profile_of_known_blocks(layout):
    """Identity keeps, doubling quadruples, and averaging neighbours of white noise lowers the variance as theory says."""
    functions = [lambda x: x, lambda x: 2 * x, lambda x: (x + x.roll(1, 3)) / 2]
    found = variance.by_block(in_layout(functions, layout), batches(200, 50))
    assert found.variance[1] == pytest.approx(4 * found.variance[0])
    assert found.log_changes[0].value == pytest.approx(math.log(4), abs=1e-6)
    assert found.log_changes[0].error == pytest.approx(0, abs=1e-6)
    assert found.changes[1].value == pytest.approx(-2, abs=0.05)
    assert found.changes[0].value == pytest.approx(found.variance[1] - found.variance[0])


def test_constant_maps_are_left_out_of_changes():
    """An image whose map is constant has no logarithm of the variance: the others' mean is taken, and it is counted."""
    blocks = [block("a", nn.Identity()), block("b", Call(lambda x: 2 * x))]
    data = batches(4, 4)
    data[0][0][1] = 0.5
    (change,) = variance.by_block(blocks, data).log_changes
    assert change.value == pytest.approx(math.log(4), abs=1e-6)
    assert change.left_out == 1
    data[0][0][:] = 0.5
    (change,) = variance.by_block(blocks, data).log_changes
    assert math.isnan(change.value)
    assert change.left_out == 4


@pytest.mark.parametrize("net", [conv_net, token_net])
def test_profile_matches_numpy_image_by_image(net):
    """Means and errors are over images, whatever the mini-batches."""
    blocks, data = net(), batches(7, 3)
    found = variance.by_block(blocks, data)
    with torch.no_grad():
        maps = blocks[0].feature_map(blocks[0].module(torch.cat([x for x, _ in data]))).double().numpy()
    values = maps.var((2, 3), ddof=1).mean(1)
    assert found.variance[0] == pytest.approx(values.mean(), rel=1e-5)
    assert found.error[0] == pytest.approx(scipy.stats.sem(values), rel=1e-4)
    assert found.kinds == tuple(b.kind for b in blocks[:-1])
    assert len(found.changes) == len(blocks) - 2


def test_order_of_images_does_not_matter():
    """The profile of permuted, differently batched images is the same."""
    blocks, data = conv_net(), batches(6, 6)
    x, y = data[0]
    order = torch.tensor([3, 1, 5, 0, 2, 4])
    again = variance.by_block(blocks, [(x[order][:4], y[:4]), (x[order][4:], y[4:])])
    assert again.variance == pytest.approx(variance.by_block(blocks, data).variance, rel=1e-5)


def test_branch_and_stream_are_told_apart():
    """A branch that averages has less variance than the stream while the sum has more."""

    class Averaging(Call):
        def skip(self, x):
            return x

    blocks = [block("a", nn.Identity()), block("b", Averaging(lambda x: x + nn.functional.avg_pool2d(x, 3, 1, 1)))]
    data = batches(20, 20)
    assert variance.by_block(blocks, data).log_changes[0].value > 0
    assert variance.by_block(blocks, data, part="branch").log_changes[0].value < -1
