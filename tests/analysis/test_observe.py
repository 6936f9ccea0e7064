"""Running blocks over images: composition, modes, splitting, memory, changes."""

from __future__ import annotations

import dataclasses
import weakref
from itertools import pairwise

import numpy as np
import pytest
import scipy.stats
import torch
from torch import nn

from tests.analysis.hand_made import Call, batches, block, conv_net, in_layout, token_net
from vitwork.analysis import attention, fourier, landscape, lesion, robustness, similarity, variance
from vitwork.analysis.observe import (
    PerImage,
    Reducer,
    as_feature_map,
    composed,
    evaluating,
    mean_and_error,
    observe,
    probed,
)
from vitwork.errors import VitworkError


class Record(Reducer):
    def __init__(self):
        self.seen = []
        self.ends = 0

    def see(self, index, block, entering, leaving):
        self.seen.append((index, block.name, entering.clone(), leaving.clone()))

    def end_batch(self):
        self.ends += 1


@pytest.mark.parametrize("net", [conv_net, token_net])
def test_blocks_are_composed_in_order(net):
    """Every block's input is the one before's output, and the last output is the composed model's."""
    blocks, data, record = net(), batches(5, 2), Record()
    cost = observe(blocks, data, record)
    assert (cost.images, record.ends) == (5, 3)
    model = nn.Sequential(*(b.module for b in blocks)).eval()
    first = record.seen[: len(blocks)]
    assert [(i, name) for i, name, *_ in first] == [(i, b.name) for i, b in enumerate(blocks)]
    assert all(torch.equal(a[3], b[2]) for a, b in pairwise(first))
    assert torch.equal(first[-1][3], model(data[0][0]))


def test_a_pass_is_in_evaluation_mode_without_gradients_and_gives_modes_back():
    """Dropout and BatchNorm do not act during a pass; every module has its mode and buffers again after it, or a crash."""
    blocks = conv_net()
    counter = blocks[0].module
    counter.register_buffer("passes", torch.zeros(()))
    counter.register_forward_hook(lambda module, *_: module.passes.add_(1) and None)
    for b in blocks:
        b.module.train()
    frozen = blocks[1].module.branch[1].eval()
    before = {name: value.clone() for name, value in frozen.state_dict().items()}
    record = Record()
    observe(blocks, batches(4, 4), record)
    observe(blocks, batches(4, 4), record)
    half = len(record.seen) // 2
    assert all(torch.equal(a[3], b[3]) for a, b in zip(record.seen[:half], record.seen[half:], strict=True))
    assert not any(leaving.requires_grad for *_, leaving in record.seen)
    with pytest.raises(VitworkError, match="the model fails on images"):  # of too many channels
        observe(blocks, batches(4, 4, channels=4))
    assert blocks[1].module.branch[3].training
    assert not frozen.training
    assert counter.passes == 0
    assert all(torch.equal(value, before[name]) for name, value in frozen.state_dict().items())


@pytest.mark.parametrize("net", [conv_net, token_net])
def test_splitting_a_batch_changes_nothing(net):
    """One image at a time inside the blocks gives the numbers of the whole batch."""
    whole, split = Record(), Record()
    observe(net(), batches(6, 6), whole)
    observe(net(), batches(6, 6), split, images_at_once=1)
    for a, b in zip(whole.seen, split.seen, strict=True):
        torch.testing.assert_close(a[3], b[3], rtol=1e-4, atol=1e-5)


def test_the_check_for_randomness_is_split_too_where_memory_ends():
    """A model that has room for one image at a time can be checked all the same."""

    def hungry(x):
        if len(x) > 1:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return x.flatten(1)

    assert [len(x) for x, _ in probed(Call(hungry), batches(9, 4), torch.device("cpu"))] == [4, 4, 1]


def test_no_feature_map_outlives_its_mini_batch():
    """Reducers keep numbers per image, not feature maps, however many mini-batches there are."""
    alive, most = [], []

    class Watch(Reducer):
        def see(self, index, block, entering, leaving):
            alive.append(weakref.ref(leaving))

        def end_batch(self):
            most.append(sum(reference() is not None for reference in alive))

    blocks = conv_net()
    observe(blocks, batches(20, 2), fourier.Spectra(blocks), variance.Variances(blocks), Watch())
    assert max(most) <= 2


def test_reducers_share_a_pass():
    """Two reducers in one pass give what each gives alone."""
    blocks, data = token_net(), batches(6, 4)
    spectra, variances = fourier.Spectra(blocks), variance.Variances(blocks)
    cost = observe(blocks, data, spectra, variances)
    assert spectra.result(cost).delta_changes == fourier.log_amplitude(blocks, data).delta_changes
    assert variances.result(cost).variance == variance.by_block(blocks, data).variance
    assert cost.seconds > 0
    assert cost.peak_bytes is None or cost.peak_bytes > 1e6


@pytest.mark.parametrize("layout", ["nhwc", "tokens"])
def test_layouts_are_read_alike(layout):
    """A feature map measures the same however a block hands it on, and class tokens do not count."""
    functions = [torch.tanh, torch.relu, lambda x: x.cumsum(-1)]
    expected = PerImage(in_layout(functions, "nchw"), lambda z: z.flatten(1))
    found = PerImage(blocks := in_layout(functions, layout), lambda z: z.flatten(1))
    observe(expected.blocks, batches(5, 2), expected)
    observe(blocks, batches(5, 2), found)
    for a, b in zip(expected.measured(), found.measured(), strict=True):
        assert torch.equal(a.values, b.values)
        assert (a.size, a.jump) == (b.size, b.jump)


def test_before_is_what_entered():
    """A stream's before is the previous block's value, and the first block has none."""
    blocks = conv_net()
    reducer = PerImage(blocks, lambda z: z.mean((2, 3)))
    observe(blocks, batches(5, 2), reducer)
    measured = reducer.measured()
    assert [one.block.name for one in measured] == [b.name for b in blocks[:-1]]
    assert measured[0].before is None
    for before, after in pairwise(measured):
        assert torch.equal(before.values, after.before)
    assert [one.jump for one in measured[1:]] == [False, False, True, False, False]


def test_a_change_of_shape_is_a_jump_even_unannounced():
    """A block that halves the map without saying so does not count as a change within a resolution."""
    blocks = [block("a", nn.Identity()), block("b", nn.AvgPool2d(2)), block("c", nn.Identity())]
    found = variance.by_block(blocks, batches(3, 3))
    assert [change.jump for change in found.changes] == [True, False]


def test_branches_are_measured_against_what_enters():
    """The branch part measures a block's output minus its residual connection, where there is one."""
    blocks, data = conv_net(), batches(4, 4)
    reducer = PerImage(blocks, lambda z: z.flatten(1), "branch")
    observe(blocks, data, reducer)
    measured = reducer.measured()
    assert [one.block.name for one in measured] == ["one", "two", "three", "four"]
    with evaluating(blocks):
        x = blocks[0].module(data[0][0])
        branch = blocks[1].module.branch(x)
    torch.testing.assert_close(measured[0].values, branch.flatten(1), rtol=1e-4, atol=1e-5)
    assert torch.equal(measured[0].before, x.flatten(1))


def test_standard_error_matches_scipy():
    """Mean and standard error are scipy's; one image has no error."""
    values = torch.randn(9, 4, dtype=torch.float64)
    mean, error = mean_and_error(values)
    np.testing.assert_allclose(mean, values.numpy().mean(0))
    np.testing.assert_allclose(error, scipy.stats.sem(values.numpy()))
    assert mean_and_error(values[:1])[1].isnan().all()


@pytest.mark.parametrize("shape", [(2, 10, 3), (5,), (2, 3, 4, 4, 4)])
def test_what_is_no_feature_map_is_refused(shape):
    """Tokens off a square, vectors and volumes are errors, not silent reshapes."""
    with pytest.raises(ValueError, match=r"square|feature map"):
        as_feature_map(torch.zeros(shape))


@pytest.mark.parametrize("data", [[], [(torch.zeros(0, 3, 16, 16), torch.zeros(0, dtype=torch.long))]])
@pytest.mark.parametrize("analysis", [fourier.log_amplitude, variance.by_block, similarity.matrix, attention.describe])
def test_an_analysis_of_no_images_says_so(analysis, data):
    """Without a batch, or with empty ones only, the images are missing, and no block is blamed."""
    with pytest.raises(VitworkError, match="no example"):
        analysis(token_net(), data)


def test_empty_batches_among_others_are_passed_over():
    """A batch without images changes no number."""
    data = batches(5, 2)
    empty = (data[0][0][:0], data[0][1][:0])
    found = variance.by_block(conv_net(), [empty, data[0], empty, *data[1:]])
    assert found.variance == variance.by_block(conv_net(), data).variance
    assert found.cost.images == 5


def test_there_are_two_parts():
    """A misspelt part of the block is refused before the pass."""
    with pytest.raises(VitworkError, match="part is 'stream' or 'branch', not 'branches'"):
        variance.by_block(conv_net(), batches(2, 2), part="branches")


@pytest.mark.parametrize("analysis", [observe, attention.describe, lesion.study])
def test_no_image_at_a_time_is_refused(analysis):
    """Parts of no image are one sentence, before the pass."""
    with pytest.raises(VitworkError, match="images_at_once is 1 or more, not 0"):
        analysis(token_net(), batches(2, 2), images_at_once=0)


def test_a_block_that_overwrites_what_it_is_given_is_shown_what_it_was_given():
    """What enters is shown as it was, on every mini-batch, though the block works in place."""

    class Doubling(torch.nn.Module):
        def forward(self, x):
            return x.mul_(2)

    seen = []

    class Kept(Reducer):
        def see(self, index, block, entering, leaving):
            seen.append((entering.clone(), leaving.clone()))

    data = [(torch.randn(3, 2, 4, 4), torch.zeros(3)) for _ in range(2)]
    expected = [images.clone() for images, _ in data]
    observe([block("double", Doubling())], data, Kept())
    for images, (entering, leaving) in zip(expected, seen, strict=True):
        assert torch.equal(entering, images)
        assert torch.equal(leaving, 2 * images)


def test_images_take_the_precision_of_the_model():
    """A model in double precision is given images in single precision, by every analysis."""
    blocks, data = [dataclasses.replace(b, module=b.module.double()) for b in conv_net()], batches(8, 4)
    assert lesion.study(blocks, data).nll > 0
    assert len(fourier.log_amplitude(blocks, data).blocks) > 1
    model = nn.Sequential(*(b.module for b in blocks)).eval()
    found = landscape.surface(model, data, points=1, extent=0.0).nll
    assert float(found) == pytest.approx(lesion.study(blocks, data).nll)


@pytest.mark.parametrize("wrong", [float("nan"), float("inf")])
@pytest.mark.parametrize(
    "measure",
    [
        lambda data: lesion.study(conv_net(), data),
        lambda data: fourier.log_amplitude(conv_net(), data),
        lambda data: variance.by_block(conv_net(), data),
        lambda data: similarity.matrix(conv_net(), data),
        lambda data: attention.describe(token_net(), data),
        lambda data: robustness.noise_bands(composed(conv_net()), data),
        lambda data: landscape.surface(composed(conv_net()), data, points=3),
        lambda data: robustness.corruption_sets(composed(conv_net()), data, lambda x: x, lambda *_: data),
    ],
    ids=["lesion", "fourier", "variance", "similarity", "attention", "noise", "surface", "corruptions"],
)
def test_images_that_are_not_finite_are_refused(measure, wrong):
    """One pixel that is NaN or infinite, in any batch, is refused by every analysis and never becomes a number."""
    data = batches(8, 4)
    data[1][0][2, 1, 3, 3] = wrong
    with pytest.raises(VitworkError, match="images that are not finite"):
        measure(data)


def diverged(blocks):
    with torch.no_grad():
        next(blocks[0].module.parameters()).fill_(torch.nan)
    return blocks


def test_diverged_weights_are_measured_as_they_are():
    """Weights that are not finite are no fault of the images: the analysis says NaN, as of any diverged network."""
    assert np.isnan(variance.by_block(diverged(conv_net()), batches(4, 4)).variance).all()


@pytest.mark.parametrize(
    "measure",
    [
        lambda blocks, data, _: lesion.study(blocks, data),
        lambda blocks, data, _: robustness.noise_bands(composed(blocks), data),
        lambda blocks, data, labels: robustness.cue_conflict(composed(blocks), data, labels, labels.flip(0)),
        lambda blocks, data, _: robustness.corruption_sets(composed(blocks), data, lambda x: x, lambda *_: data),
    ],
    ids=["lesion", "noise", "cue", "corruptions"],
)
@pytest.mark.parametrize("wrong", [torch.nan, torch.inf])
def test_logits_that_are_not_finite_choose_no_class(measure, wrong):
    """One image whose logits are NaN or infinite is refused by every analysis that reads a prediction, and no first class."""
    data = batches(8, 4)
    marked = data[1][0][2, 0, 0, 0]

    def spoilt(x):
        return torch.where((x[:, 0, 0, 0] == marked)[:, None, None, None], wrong, 0.0) + x

    with pytest.raises(VitworkError, match="the logits of the model are not finite, so no class"):
        measure([block("spoilt", Call(spoilt), "stem", 0), *conv_net()], data, torch.arange(8) % 5)


def test_a_lesion_after_which_logits_are_not_finite_is_named():
    """Where the network decides and a lesion of it does not, the unit is in the sentence."""
    blocks = conv_net()
    blocks[2] = dataclasses.replace(blocks[2], skip=lambda x: x / 0)
    with pytest.raises(VitworkError, match="the logits of the model without two are not finite"):
        lesion.study(blocks, batches(4, 4))
