"""Which term of a sum is the residual connection: the same however the sum is written, or none."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from vitwork.models.blocks.cutting import cut
from vitwork.models.blocks.extraction import extract
from vitwork.models.blocks.tracing import traced


class Summing(nn.Module):
    """4 × 4 tokens, two residual layers and, between them, a sum that is written in some way."""

    def __init__(self, written):
        super().__init__()
        torch.manual_seed(0)
        self.written = written
        self.patch, self.norm = nn.Conv2d(3, 16, 4, 4), nn.LayerNorm(16)
        self.first, self.one, self.two, self.last = (nn.Linear(16, 16) for _ in range(4))
        self.scale, self.head = nn.Parameter(torch.rand(16)), nn.Linear(16, 10)

    def forward(self, x):
        x = self.patch(x).flatten(2).transpose(1, 2)
        x = x + self.first(x).relu()
        x = self.written(self, x)
        x = x + self.last(x).relu()
        return self.head(x.mean(1))

    def pooled(self, x):
        return F.avg_pool1d(self.norm(x).mT, 3, 1, 1).mT

    def gated(self, x):
        return x * torch.sigmoid(self.norm(x))


@dataclass
class Span:
    """What a model computes between two cuts."""

    module: nn.Module
    skip: nn.Module | None


def at_the_sum(model):
    """Return what enters the sum, and the span that it ends, which need not have a name as a block."""
    recorded = traced(model.eval(), (3, 16, 16))
    spans = [
        Span(
            extract(recorded, piece.source, piece.output, {}),
            extract(recorded, piece.source, piece.output, {piece.output: piece.skip}) if piece.skip else None,
        )
        for piece in cut(recorded)
    ]
    with torch.no_grad():
        x = torch.randn(2, 3, 16, 16, generator=torch.Generator().manual_seed(0))
        x = model.patch(x).flatten(2).transpose(1, 2)
        x = x + model.first(x).relu()
        wanted = model.written(model, x.clone())
        found = [span for span in spans if fits(span.module, x, wanted)]
    return x, found[0]


def fits(module, x, wanted):
    """Whether a module makes of x what is wanted."""
    try:
        return module(x.clone()).equal(wanted)
    except RuntimeError:  # it takes the images
        return False


SUMS = {
    "x + pool": (lambda m, x: x + m.pooled(x), 1),
    "pool + x": (lambda m, x: m.pooled(x) + x, 1),
    "pool.add(x)": (lambda m, x: m.pooled(x).add(x), 1),
    "fft + x": (lambda m, x: torch.fft.fft2(m.norm(x)).real + x, 1),
    "roll + x": (lambda m, x: m.norm(x).roll(1, 1) + x, 1),
    "gate + x": (lambda m, x: m.gated(x) + x, 1),
    "norm + x / 2": (lambda m, x: m.norm(x) + x / 2, 0.5),
    "layer + 0.5 x": (lambda m, x: m.one(x) + 0.5 * x, 0.5),
    "add, alpha": (lambda m, x: torch.add(m.one(x), x, alpha=0.5), 0.5),
    "add, other, alpha": (lambda m, x: torch.add(m.one(x), other=x, alpha=0.5), 0.5),
    ".add, alpha": (lambda m, x: m.one(x).add(x, alpha=0.5), 0.5),
    ".add_, alpha": (lambda m, x: m.one(x).add_(x, alpha=0.1), 0.1),
    "alpha of the branch": (lambda m, x: torch.add(x, m.one(x), alpha=0.5), 1),
    "alpha of a sum": (lambda m, x: torch.add(m.two(x).relu(), m.one(x) + x, alpha=0.5), 0.5),
    "layer + layer + x": (lambda m, x: m.one(x).relu() + m.two(x).tanh() + x, 1),
}


@pytest.mark.parametrize("how", SUMS)
def test_the_input_is_the_residual_connection_however_the_sum_is_written(how):
    """Neither the order of terms, nor weights alone, nor where a factor stands decides what the skip is."""
    written, factor = SUMS[how]
    x, block = at_the_sum(Summing(written))
    torch.testing.assert_close(block.skip(x.clone()), factor * x)


def test_a_projection_is_a_residual_connection():
    """Where no term is the input, the one that is nearest in weights and in operations is it."""
    model = Summing(lambda m, x: m.two(m.one(m.norm(x)).relu()) + m.last(x))
    x, block = at_the_sum(model)
    torch.testing.assert_close(block.skip(x), model.last(x))


UNTOLD = {
    "fft + layer": lambda m, x: torch.fft.fft2(m.norm(x)).real + m.one(x),
    "two layers": lambda m, x: m.one(x).relu() + m.two(x).tanh(),
    "one of two layers of nearly the input": lambda m, x: m.one(x) + 0 + m.two(x),
    "x twice": lambda m, x: x * 0.5 + m.one(x).relu() + x * m.scale,
    "mean": lambda m, x: m.one(x) + x.mean(1, keepdim=True),
}


@pytest.mark.parametrize("how", UNTOLD)
def test_what_cannot_be_told_is_left_out(how):
    """Terms that are equally near, or nearer in weights alone, or repeated over the sum, are no residual connection."""
    _, block = at_the_sum(Summing(UNTOLD[how]))
    assert block.skip is None
