"""Small models as blocks, in every layout, whose analysis can be checked by hand."""

from __future__ import annotations

import torch
from torch import nn

from vitwork.models.blocks.block import Block


class Residual(nn.Module):
    def __init__(self, branch, projection=None):
        super().__init__()
        self.branch = branch
        self.projection = projection or nn.Identity()

    def skip(self, x):
        return self.projection(x)

    def forward(self, x):
        return self.skip(x) + self.branch(x)


class Call(nn.Module):
    """A function as a module."""

    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, x):
        return self.function(x)


class Narrow(nn.Module):
    """A model in a memory of four images."""

    def __init__(self, *inner):
        super().__init__()
        self.inner = nn.Sequential(*inner)

    def forward(self, x):
        if len(x) > 4:
            raise torch.OutOfMemoryError("out of memory")
        return self.inner(x)


class Centred(nn.Module):
    """Takes the mean over the batch off what it is given."""

    def forward(self, x):
        return x - x.mean(0)


class Attention(nn.Module):
    """One-head attention on (b, n, c) that tells its weights."""

    def __init__(self, dim):
        super().__init__()
        self.query, self.key, self.value = (nn.Linear(dim, dim) for _ in range(3))

    def weights(self, x):
        return (self.query(x) @ self.key(x).mT)[:, None].softmax(-1)

    def forward(self, x):
        return (self.weights(x) @ self.value(x)[:, None])[:, 0]


class Embedding(nn.Module):
    """Patches of 2 × 2 as tokens behind `prefix` class tokens."""

    def __init__(self, dim, prefix):
        super().__init__()
        self.patches = nn.Conv2d(3, dim, 2, stride=2)
        self.first = nn.Parameter(torch.randn(1, prefix, dim))

    def forward(self, x):
        tokens = self.patches(x).flatten(2).mT
        return torch.cat([self.first.expand(len(x), -1, -1), tokens], 1)


def block(name, module, kind="conv", stage=1, **options):
    return Block(name, kind, stage, module, skip=getattr(module, "skip", None), **options)


def conv_net(seed=0):
    """16 × 16 images; two stages of residual convolutions with BatchNorm and dropout."""
    torch.manual_seed(seed)

    def branch(width):
        return nn.Sequential(nn.Conv2d(width, width, 3, padding=1), nn.BatchNorm2d(width), nn.ReLU(), nn.Dropout(0.5))

    return [
        block("stem", nn.Conv2d(3, 8, 3, padding=1), "stem", 0),
        block("one", Residual(branch(8))),
        block("two", Residual(branch(8)), stage_end=True),
        block("down", nn.AvgPool2d(2), "pool", 2, downsamples=True),
        block("three", Residual(branch(8)), stage=2),
        block("four", Residual(branch(8)), stage=2, stage_end=True),
        block("head", nn.Sequential(nn.Flatten(), nn.Linear(8 * 8 * 8, 5)), "head", 2, layout="vector"),
    ]


def token_net(prefix=1, seed=0):
    """16 × 16 images as 8 × 8 tokens; two rounds of attention and MLP."""
    torch.manual_seed(seed)
    options = {"layout": "tokens", "prefix": prefix}
    blocks = [block("embed", Embedding(6, prefix), "stem", 0, **options)]
    for i in range(2):
        attention = Attention(6)
        blocks += [
            Block(
                f"{i}.msa", "msa", 1, (m := Residual(attention)), skip=m.skip, attention=attention.weights, **options
            ),
            block(f"{i}.mlp", Residual(nn.Sequential(nn.Linear(6, 12), nn.GELU(), nn.Linear(12, 6))), "mlp", **options),
        ]
    pool = Call(lambda x: x[:, prefix:].mean(1))
    return [*blocks, block("head", nn.Sequential(pool, nn.Linear(6, 5)), "head", layout="vector")]


def in_layout(functions, layout):
    """Blocks of functions on (b, c, h, w), handed on in another layout; the first takes (b, c, h, w)."""

    def convert(x, source, target):
        if source == "nhwc":
            x = x.permute(0, 3, 1, 2)
        if source == "tokens":
            side = round((x.shape[1] - 2) ** 0.5)
            x = x[:, 2:].mT.reshape(len(x), -1, side, side)
        if target == "nhwc":
            x = x.permute(0, 2, 3, 1)
        if target == "tokens":
            x = torch.cat([torch.full_like(x.flatten(2).mT[:, :2], 9.0), x.flatten(2).mT], 1)
        return x

    def step(function, first):
        return Call(lambda x: convert(function(convert(x, "nchw" if first else layout, layout_in)), layout_in, layout))

    layout_in = "nchw"
    prefix = 2 if layout == "tokens" else 0
    return [block(f"{i}", step(function, i == 0), layout=layout, prefix=prefix) for i, function in enumerate(functions)]


def images(n, side=16, channels=3, seed=0):
    return torch.randn(n, channels, side, side, generator=torch.Generator().manual_seed(seed))


def batches(n, size, classes=5, **options):
    x = images(n, **options)
    y = torch.randint(classes, (n,), generator=torch.Generator().manual_seed(1))
    return list(zip(x.split(size), y.split(size), strict=True))
