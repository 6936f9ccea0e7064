"""Images and blocks' inputs stay as they were given, and what cannot be measured is refused in one sentence."""

from __future__ import annotations

import dataclasses

import pytest
import torch
from torch import nn

from tests.analysis.hand_made import Call, batches, block, conv_net, images, token_net
from vitwork.analysis import attention, fourier, hessian, landscape, lesion, robustness, similarity, variance
from vitwork.analysis.observe import composed
from vitwork.errors import VitworkError
from vitwork.models import as_blocks, create


def standardised(inplace):
    """The blocks of a network that first standardises its images, in place or not."""
    first = Call(lambda x: x.sub_(0.5).div_(2) if inplace else (x - 0.5) / 2)
    return [block("standardised", first, "stem", 0), *conv_net()]


LABELS = torch.arange(8) % 5

BY_MODEL = {
    "noise": lambda model, data: robustness.noise_bands(model, data, seed=1).accuracy_change,
    "cue": lambda model, data: robustness.cue_conflict(model, data, LABELS, LABELS.flip(0)).shape,
    "surface": lambda model, data: landscape.surface(model, data, points=3).nll,
    "recalibrated": lambda model, data: landscape.surface(model, data, points=3, batchnorm="recalibrated").nll,
    "eigenvalues": lambda model, data: hessian.top_eigenvalues(model, data, k=1).eigenvalues,
    "trace": lambda model, data: hessian.trace(model, data, products=6).value,
}
BY_BLOCKS = {
    "variance": lambda blocks, data: variance.by_block(blocks, data).variance[1:],
    "fourier": lambda blocks, data: torch.cat(fourier.log_amplitude(blocks, data).delta[1:]),
    "similarity": lambda blocks, data: similarity.matrix(blocks, data).cka,
    "lesion": lambda blocks, data: lesion.study(blocks, data).nll_change,
}
MEASURES = {name: (lambda blocks, data, of=of: of(composed(blocks), data)) for name, of in BY_MODEL.items()} | BY_BLOCKS


@pytest.mark.parametrize("measure", MEASURES.values(), ids=MEASURES)
def test_models_that_write_into_their_images(measure):
    """The caller's images are as they were after every analysis, and the numbers are those of the same model without it."""
    data = batches(8, 4)
    found = measure(standardised(True), data)
    assert all(torch.equal(x, as_drawn) for (x, _), (as_drawn, _) in zip(data, batches(8, 4), strict=True))
    torch.testing.assert_close(found, measure(standardised(False), data), rtol=0, atol=0)


class Doubling(nn.Module):
    """x ↦ 2 x + tanh(2 x), and its residual connection, whose first step may overwrite x."""

    def __init__(self, inplace):
        super().__init__()
        self.inplace = inplace

    def skip(self, x):
        return x.mul_(2) if self.inplace else x * 2

    def forward(self, x):
        doubled = self.skip(x)
        return doubled + torch.tanh(doubled)


@pytest.mark.parametrize(
    "measure",
    [
        lambda blocks, data: lesion.study(blocks, data, replacement=lesion.average_branch).nll_change,
        lambda blocks, data: variance.by_block(blocks, data, part="branch").variance,
        lambda blocks, data: [change.value for change in variance.by_block(blocks, data, part="branch").log_changes],
    ],
    ids=["average", "branch", "changes"],
)
def test_residual_connections_that_write_into_their_input(measure):
    """A block is measured on what entered it, though its residual connection has been computed on that before."""
    found = [
        measure([*(nets := conv_net())[:2], block("double", Doubling(inplace)), *nets[2:]], batches(8, 4))
        for inplace in (True, False)
    ]
    assert found[0] == found[1]


class Clipping(nn.Module):
    """Tells weights of attention after writing into its input."""

    def __init__(self, inner, inplace):
        super().__init__()
        self.inner, self.inplace = inner, inplace

    def forward(self, x):
        return self.inner(x.clamp_(-0.5, 0.5) if self.inplace else x.clamp(-0.5, 0.5))


def test_attention_that_writes_into_its_input():
    """Asking a block for its weights changes nothing that is measured after."""
    found = []
    for inplace in (True, False):
        blocks = [dataclasses.replace(b, attention=b.attention and Clipping(b.attention, inplace)) for b in token_net()]
        found.append(torch.stack(attention.describe(blocks, batches(8, 4)).entropy))
    assert torch.equal(*found)


ALL = BY_MODEL | {name: (lambda model, data, of=of: of(as_blocks(model), data)) for name, of in BY_BLOCKS.items()}
PAIR = batches(8, 8)[0]


@pytest.mark.parametrize("measure", ALL.values(), ids=ALL)
@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (PAIR, r"pairs \(images, targets\), also where there is one: an entry is a Tensor"),
        ((PAIR[0][:2], PAIR[1][:2]), "an entry is a Tensor"),
        ([PAIR[0]], "an entry is a Tensor"),
        ([(*PAIR, PAIR[1])], "an entry is a tuple of 3"),
        ([{"image": PAIR[0], "label": PAIR[1]}], "an entry is a dict"),
        (None, "not a NoneType"),
        ([PAIR, (images(8, side=20), LABELS)], r"images of two sizes, \(3, 16, 16\) and \(3, 20, 20\)"),
        ([(images(8, side=20), LABELS)], r"the model fails on images \(3, 20, 20\): "),
        ([(images(8, channels=4), LABELS)], r"the model fails on images \(4, 16, 16\): "),
    ],
    ids=["pair", "pair of two", "images", "three", "dict", "none", "two sizes", "other size", "other channels"],
)
def test_batches_that_no_model_takes(measure, data, sentence, capfd):
    """Batches that are no pairs, or whose images the model does not take, are one sentence in every analysis, without code."""
    model = create("vit_ti", 5, image_size=16, patch_size=4, dim=12, depth=1, heads=3)
    with pytest.raises(VitworkError, match=sentence):
        measure(model, data)
    assert not capfd.readouterr().err


@pytest.mark.parametrize("measure", [*BY_BLOCKS.values(), attention.describe], ids=[*BY_BLOCKS, "attention"])
@pytest.mark.parametrize("other", [nn.Linear(1, 1), nn.Sequential(nn.Flatten()), "vit_ti", [nn.Flatten()]])
def test_a_model_is_not_its_blocks(measure, other):
    """A model, its name or its layers in the place of blocks are one sentence that says where blocks come from."""
    with pytest.raises(VitworkError, match=r"takes the list of as_blocks\(model\), not a "):
        measure(other, batches(8, 4))


@pytest.mark.parametrize("groups", [{}, None])
def test_a_hessian_has_blocks(groups):
    """No group of parameters, or none that is trained, is one sentence and no empty result."""
    model = composed(conv_net()).requires_grad_(groups is not None)
    model.input_size = (3, 16, 16)
    with pytest.raises(VitworkError, match="no group of trainable parameters"):
        hessian.blockwise(model, batches(4, 4), groups=groups)
