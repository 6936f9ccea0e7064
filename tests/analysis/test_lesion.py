"""Lesions: against networks rebuilt without the unit, and lesions with a known cost."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import scipy.stats
import torch
from torch import nn
from torch.nn import functional as F

from tests.analysis.hand_made import Call, Residual, batches, block, conv_net, in_layout, token_net
from vitwork.analysis import lesion
from vitwork.errors import VitworkError


def scores(modules, data):
    """Accuracy and cross-entropy per image of a plain composition."""
    with torch.no_grad():
        logits = torch.cat([nn.Sequential(*modules).eval()(x) for x, _ in data])
    labels = torch.cat([y for _, y in data])
    right = (logits.argmax(1) == labels).double().numpy()
    return right, F.cross_entropy(logits, labels, reduction="none").double().numpy()


@pytest.mark.parametrize("net", [conv_net, token_net])
def test_each_lesion_is_the_network_rebuilt_without_the_branch(net):
    """Every block with a residual connection is removed in turn; numbers and errors are those of a rebuilt network."""
    blocks, data = net(), batches(60, 25)
    found = lesion.study(blocks, data)
    right, nll = scores([b.module for b in blocks], data)
    assert (found.accuracy, found.nll) == (pytest.approx(right.mean()), pytest.approx(nll.mean(), rel=1e-6))
    assert found.units == tuple(b.name for b in blocks if b.skip)
    assert found.left_out == tuple(b.name for b in blocks if not b.skip)
    for place, name in enumerate(found.units):
        rebuilt = [Call(b.skip) if b.name == name else b.module for b in blocks]
        less_right, more_nll = scores(rebuilt, data)
        assert found.accuracy_change[place] == pytest.approx((less_right - right).mean())
        assert found.accuracy_error[place] == pytest.approx(scipy.stats.sem(less_right - right))
        assert found.nll_change[place] == pytest.approx((more_nll - nll).mean(), abs=1e-6)
        assert found.nll_error[place] == pytest.approx(scipy.stats.sem(more_nll - nll), rel=1e-4)


class InPlace(nn.Module):
    """x ↦ 2 x + f(2 x), whose first step overwrites x."""

    def __init__(self, inplace):
        super().__init__()
        self.inplace = inplace

    def forward(self, x):
        doubled = x.mul_(2) if self.inplace else 2 * x
        return doubled + torch.tanh(doubled)


def test_blocks_that_overwrite_what_they_are_given():
    """A lesion before a block that works in place sees the block's input as it was, and so does the rest of the network."""
    found = []
    for inplace in (False, True):
        blocks = conv_net()
        blocks[2] = dataclasses.replace(blocks[2], module=InPlace(inplace), skip=lambda x: x)
        found.append(lesion.study(blocks, batches(20, 10)))
    for name in ("nll", "nll_change", "accuracy_change"):
        assert getattr(found[0], name) == pytest.approx(getattr(found[1], name))


def test_descriptions_follow_the_units():
    """Kinds, stages and stage ends are those of the removed blocks."""
    found = lesion.study(conv_net(), batches(10, 10))
    assert found.stages == (1, 1, 2, 2)
    assert found.stage_end == (False, True, False, True)
    assert set(lesion.study(token_net(), batches(4, 4)).kinds) == {"msa", "mlp"}


def test_a_branch_that_adds_nothing_costs_nothing():
    """Removing a branch of zeros changes no image."""
    blocks = conv_net()
    for parameter in blocks[2].module.branch.parameters():
        parameter.data.zero_()
    found = lesion.study(blocks, batches(20, 20), units=[["two"]])
    assert (found.nll_change, found.nll_error) == ((0.0,), (0.0,))
    assert found.accuracy_change == (0.0,)


def test_the_projection_is_kept():
    """A widening block keeps its projection when its branch falls."""
    torch.manual_seed(0)
    widening = Residual(nn.Conv2d(3, 6, 3, stride=2, padding=1), nn.Conv2d(3, 6, 1, stride=2))
    head = nn.Sequential(nn.Flatten(), nn.Linear(6 * 64, 5))
    blocks, data = [block("wide", widening), block("head", head, "head", layout="vector")], batches(12, 12)
    found = lesion.study(blocks, data)
    _, nll = scores([widening, head], data)
    _, without = scores([widening.projection, head], data)
    assert found.nll_change[0] == pytest.approx((without - nll).mean(), abs=1e-6)


def test_several_blocks_fall_together():
    """A unit of two blocks is the network rebuilt without both, in whatever order they are named."""
    blocks, data = conv_net(), batches(20, 8)
    found = lesion.study(blocks, data, units=[["four", "one"], ["two"]])
    _, nll = scores([b.module for b in blocks], data)
    _, without = scores([Call(b.skip) if b.name in {"one", "four"} else b.module for b in blocks], data)
    assert found.units == ("one + four", "two")
    assert found.nll_change[0] == pytest.approx((without - nll).mean(), abs=1e-6)
    assert (found.stages, found.stage_end) == ((2, 1), (True, True))


def test_lesions_share_the_pass_before_them():
    """Each block runs once for the whole and once for each lesion before it: half of the naive work."""
    calls = dict.fromkeys("abcd", 0)

    def counting(name):
        def function(x):
            calls[name] += len(x) == 4  # two images are passed to see whether the model repeats
            return 0 * x

        return function

    blocks = [block(name, Residual(Call(counting(name)))) for name in "abcd"]
    blocks.append(block("head", nn.Flatten(), "head", layout="vector"))
    lesion.study(blocks, batches(4, 4))
    assert calls == {"a": 1, "b": 2, "c": 3, "d": 4}


def test_soft_targets_and_splits():
    """One-hot targets give the numbers of classes, and one image at a time those of the batch."""
    blocks, data = conv_net(), batches(9, 4)
    plain = lesion.study(blocks, data)
    soft = lesion.study(blocks, [(x, F.one_hot(y, 5).float()) for x, y in data])
    split = lesion.study(blocks, data, images_at_once=1)
    for field in ("accuracy", "accuracy_change", "nll", "nll_change", "nll_error"):
        assert getattr(soft, field) == pytest.approx(getattr(plain, field), abs=1e-5)
        assert getattr(split, field) == pytest.approx(getattr(plain, field), abs=1e-5)


@pytest.mark.parametrize("layout", ["nchw", "nhwc", "tokens"])
def test_average_branch_removes_what_varies_in_space(layout):
    """What runs instead adds the branch's spatial mean to the residual connection; class tokens keep theirs."""
    (first,) = in_layout([torch.tanh], layout)
    (whole,) = in_layout([lambda x: torch.tanh(x) + x.cumsum(-1)], layout)
    averaging = lesion.average_branch(dataclasses.replace(whole, skip=first.module))
    x = torch.randn(3, 4, 6, 6)
    expected = torch.tanh(x) + x.cumsum(-1).mean((2, 3), keepdim=True)
    torch.testing.assert_close(first.feature_map(averaging(x)), expected)
    if layout == "tokens":
        assert torch.equal(averaging(x)[:, :2], whole.module(x)[:, :2])


def test_replacements_by_the_caller():
    """Any function may stand in for a block; None leaves the block out."""
    blocks, data = conv_net(), batches(10, 10)
    found = lesion.study(blocks, data, replacement=lambda b: (lambda x: 0 * b.module(x)) if b.kind == "pool" else None)
    _, nll = scores([b.module for b in blocks], data)
    _, without = scores([Call(lambda x: 0 * x[:, :, ::2, ::2]) if b.kind == "pool" else b.module for b in blocks], data)
    assert found.units == ("down",)
    assert found.nll_change[0] == pytest.approx((without - nll).mean(), abs=1e-6)
    averaged = lesion.study(blocks, data, replacement=lesion.average_branch)
    assert averaged.units == ("one", "two", "three", "four")
    assert np.all(np.array(averaged.nll_change) != np.array(lesion.study(blocks, data).nll_change))


def test_what_cannot_be_removed_is_said():
    """Unknown names, blocks without a branch, empty units, networks without logits, no images: one clear sentence each."""
    blocks, data = conv_net(), batches(4, 4)
    for units, words in (
        ([["nine"]], "no block named 'nine'"),
        ([["stem"]], "no residual branch"),
        ([["one"], []], "names no block"),
    ):
        with pytest.raises(VitworkError, match=words):
            lesion.study(blocks, data, units=units)
    with pytest.raises(VitworkError, match="logits"):
        lesion.study(blocks[:-1], data)
    with pytest.raises(VitworkError, match="residual branch"):
        lesion.study(blocks[-1:], data)
    with pytest.raises(VitworkError, match="names no block"):
        lesion.study(blocks, data, units=[])
    for nothing in ([], [(data[0][0][:0], data[0][1][:0])]):
        with pytest.raises(VitworkError, match="no example"):
            lesion.study(blocks, nothing)


@pytest.mark.parametrize("units", ["two", ["two"], [["one"], "two"]])
def test_units_are_lists_of_names(units):
    """A name in the place of a list of names is one sentence, not a block of one letter."""
    with pytest.raises(VitworkError, match="units of the lesion study are lists of names of blocks"):
        lesion.study(conv_net(), batches(4, 4), units=units)
