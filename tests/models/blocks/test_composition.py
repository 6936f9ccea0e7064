"""Blocks, composed, are the model in values, or the model is refused by name."""

from __future__ import annotations

import logging

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from vitwork.errors import VitworkError
from vitwork.models import as_blocks


class Mixing(nn.Module):
    """A residual layer on tokens."""

    def __init__(self, dim):
        super().__init__()
        self.norm, self.layer = nn.LayerNorm(dim), nn.Linear(dim, dim)

    def forward(self, x):
        return x + F.gelu(self.layer(self.norm(x)))


class Tokens(nn.Module):
    """4 × 4 tokens, changed by a function after the embedding, and two residual layers."""

    def __init__(self, change):
        super().__init__()
        torch.manual_seed(0)
        self.change, self.act = change, nn.ReLU(inplace=True)
        self.patch, self.position = nn.Conv2d(3, 16, 4, 4), nn.Parameter(torch.randn(1, 16, 16))
        self.blocks = nn.ModuleList([Mixing(16), Mixing(16)])
        self.head = nn.Linear(16, 10)

    def forward(self, x):
        x = self.patch(x).flatten(2).transpose(1, 2)
        x = self.change(self, x)
        for block in self.blocks:
            x = block(x)
        return self.head(x.mean(1))


def added(model, x):
    x.add_(model.position)
    return x


def copied(_, x):
    x[:, 1:].copy_(x[:, 1:] * 2)
    return x


def filled(_, x):
    x.masked_fill_(x > 0.1, 3.0)
    return x


def activated(_, x):
    F.relu_(x)
    return x


def split(_, x):
    _, b = x.split([4, 12], 1)
    b.mul_(3)
    return x


def assigned(model, x):
    x[:, 0] = model.position[:, 0]
    x[:, [1, 3]] *= 3
    x[x < 0] = 0
    return x


def exchanged(_, x):
    left = x[..., :8].clone()
    x[..., :8] = x[..., 8:]
    x[..., 8:] = left
    return x


def transposed(model, x):
    view = x.transpose(1, 2)
    view += model.position
    return x


def seen_late(_, x):
    view = x[:, :4]
    x.mul_(2)
    return torch.cat([view, x[:, 4:]], 1)


def counted(model, x):
    return x + model.position.expand(len(x), -1, -1)


def module(model, x):
    model.act(x)
    return x


CHANGES = [
    added, copied, filled, activated, split, assigned, exchanged, seen_late, counted, module,
]  # fmt: skip


@pytest.mark.parametrize("change", CHANGES)
def test_changes_in_place_are_part_of_the_blocks(change):
    """What a statement writes into a tensor, also through a view, is in the composition, for any batch size."""
    model = Tokens(change).eval()
    blocks = as_blocks(model, (3, 16, 16))
    for count in (1, 5):
        images = torch.randn(count, 3, 16, 16, generator=torch.Generator().manual_seed(count))
        with torch.no_grad():
            x = images.clone()
            for block in blocks:
                x = block.module(x)
            assert torch.equal(x, model(images))


def test_what_is_not_followed_is_refused_with_its_size():
    """An addition in place to a view, which torch.fx records as a new tensor, is found by the logits."""
    with pytest.raises(VitworkError, match=r"Tokens cannot be divided into blocks: .* differ from it by [0-9.]+ of"):
        as_blocks(Tokens(transposed), (3, 16, 16))


def lost(model, x):
    """Adds the position embedding where torch.fx does not see it."""
    torch._foreach_add_([x], [model.position.expand_as(x)])
    return x


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float32])
def test_half_precision_hides_no_lost_statement(dtype):
    """What is lost changes a logit by a tenth at most, which rounding to half precision does not."""
    model = Tokens(lost)
    with torch.no_grad():
        model.position.mul_(0.1)
    with pytest.raises(VitworkError, match=r"differ from it by 0\.[01]"):
        as_blocks(model.to(dtype), (3, 16, 16))
    assert len(as_blocks(Tokens(counted).to(dtype), (3, 16, 16))) > 3


class Gated(Tokens):
    """A fresh network whose changed tensor is multiplied by zero."""

    def __init__(self):
        super().__init__(transposed)
        self.gate = nn.Parameter(torch.zeros(1))

    def forward(self, x):
        x = self.patch(x).flatten(2).transpose(1, 2)
        y = self.change(self, x * 1)
        x = x + self.gate * y
        for block in self.blocks:
            x = block(x)
        return self.head(x.mean(1))


def test_a_zero_of_a_fresh_network_hides_nothing():
    """What the weights of the moment multiply by zero is compared at other weights."""
    with pytest.raises(VitworkError, match="differ from it by"):
        as_blocks(Gated(), (3, 16, 16))


class ByBatch(Tokens):
    """Does another thing with small batches."""

    def __init__(self):
        super().__init__(counted)

    def forward(self, x):
        return super().forward(x) * (2.0 if x.shape[0] > 2 else 1.0)


def in_a_loop(_, x):
    return torch.cat([x[i : i + 8] for i in range(0, len(x), 8)])


def while_some_are_left(_, x):
    done = 0
    parts = []
    while done < len(x):
        parts.append(x[done : done + 40])
        done += 40
    return torch.cat(parts)


def in_parts(_, x):
    return torch.cat([part * 1 for part in x.split(40)])


def single(_, x):
    return x * 2 if len(x) == 1 else x


def few(_, x):
    return x[: min(len(x), 40)]


BY_BATCH = [Tokens(change) for change in (in_a_loop, while_some_are_left, in_parts, single, few)]


@pytest.mark.parametrize("model", [ByBatch(), *BY_BATCH])
def test_code_that_goes_by_the_number_of_images_is_refused(model):
    """What a recording would hold for good, a number, a length or a choice, is the same for any batch, or the model is named."""
    with pytest.raises(VitworkError, match=r"code of (Tokens|ByBatch): what it does depends on the number of images"):
        as_blocks(model, (3, 16, 16))


class InParts(nn.Module):
    """Runs a layer on few images at a time."""

    def __init__(self, layer):
        super().__init__()
        self.layer = layer

    def forward(self, x):
        assert x.shape[0] > 0
        return torch.cat([self.layer(part) for part in x.split(40)])


def test_a_layer_that_goes_by_the_number_of_images_is_one_step():
    """Inside a block, such a loop is run and not recorded, so that no image of a large batch is lost."""
    model = Tokens(counted).eval()
    model.blocks[0].layer = InParts(model.blocks[0].layer)
    images = torch.randn(100, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        x = images
        for block in as_blocks(model, (3, 16, 16)):
            x = block.module(x)
        assert torch.equal(x, model(images))


class Counting(Tokens):
    """Does another thing at each pass."""

    def __init__(self):
        super().__init__(counted)
        self.passes = 0

    def forward(self, x):
        self.passes += 1
        return super().forward(x * self.passes)


def test_two_passes_are_compared():
    """A model that counts its passes is no longer, at the next one, what was recorded."""
    with pytest.raises(VitworkError, match="the output changes when the same images are passed again"):
        as_blocks(Counting(), (3, 16, 16))


class Fixed(Tokens):
    """Makes its batch size a number, where no recording can follow it."""

    def __init__(self):
        super().__init__(lambda model, x: x + model.position.expand(x.__len__(), -1, -1))


def test_fixed_sizes_are_refused_without_a_log(caplog, capfd):
    """A size that does not follow the batch ends in one sentence, not in torch's log."""
    with caplog.at_level(logging.DEBUG), pytest.raises(VitworkError, match="cannot follow the code of Fixed"):
        as_blocks(Fixed(), (3, 16, 16))
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert not capfd.readouterr().err


class Caching(Tokens):
    """Keeps what it made of its weights in evaluation mode."""

    def __init__(self):
        super().__init__(lambda model, x: x + model.kept())
        self.table = {}

    def kept(self):
        if "position" not in self.table:
            self.table["position"] = self.position * 2
        return self.table["position"]


def test_caches_hold_nothing_of_the_checks():
    """What a model keeps of its weights is not that of the weights it was checked at."""
    model = Caching().eval()
    as_blocks(model, (3, 16, 16))
    assert not model.table


@pytest.mark.parametrize("wrap", [nn.DataParallel, torch.compile])
def test_wrapped_models_are_divided_like_bare_ones(wrap):
    """The blocks of a compiled or replicated model are those of the model inside."""
    model = Tokens(counted).eval()
    names = [block.name for block in as_blocks(model, (3, 16, 16))]
    assert [block.name for block in as_blocks(wrap(model), (3, 16, 16))] == names


class Masked(nn.Module):
    """Takes a number from some logits and adds one to all, after a change in place by an alias that no recording sees."""

    def __init__(self, mask: float, *, added: float) -> None:
        super().__init__()
        self.tokens, self.mask, self.added = Tokens(through_an_alias), mask, added
        self.register_buffer("dead", torch.arange(10) >= 2)

    def forward(self, x):
        logits = self.tokens(x) + self.added
        return logits.masked_fill(self.dead, self.mask) if self.mask < -1e5 else logits + self.dead * self.mask


def through_an_alias(_, x):
    y = x
    y += 1
    return x * y


@pytest.mark.parametrize("mask", [0.0, -1e4, -1e9, float("-inf")])
@pytest.mark.parametrize("added", [0.0, 1e3])
def test_what_is_the_same_for_all_images_hides_no_difference(mask, added):
    """Logits are compared by what they vary, and infinite ones not at all."""
    torch.manual_seed(0)
    with pytest.raises(VitworkError, match="cannot be divided into blocks"):
        as_blocks(Masked(mask, added=added), (3, 16, 16))


class WritesInfinities(Tokens):
    """Leaves classes out by a statement in place."""

    def __init__(self, number):
        super().__init__(lambda _, x: x)
        self.number = number

    def forward(self, x):
        y = super().forward(x)
        y.detach()[:, 4:] = self.number
        return y


@pytest.mark.parametrize("number", [float("-inf"), float("inf"), float("nan"), -1e9])
def test_a_lost_statement_that_writes_infinities_is_found(number):
    """Blocks that give numbers where the model gives none are not the model."""
    with pytest.raises(VitworkError, match="cannot be divided into blocks"):
        as_blocks(WritesInfinities(number), (3, 16, 16))


class Kept(nn.Module):
    """Counts its passes, and keeps a running mean."""

    def __init__(self, inner):
        super().__init__()
        self.inner = inner
        self.register_buffer("passes", torch.zeros((), dtype=torch.long))
        self.register_buffer("mean", torch.zeros(()))

    def forward(self, x):
        self.passes.add_(1)
        self.mean = 0.9 * self.mean + 0.1 * x.mean()
        return self.inner(x)


def test_buffers_are_left_as_they_were():
    """Neither what a pass writes into them nor what it puts in their place stays."""
    model = Kept(Tokens(lambda _, x: x))
    mean = model.mean
    as_blocks(model, (3, 16, 16))
    assert (model.passes, model.mean) == (0, 0)
    assert model.mean is mean
