"""Grid, prefix and order are measured: right, or the block is left out by name."""

from __future__ import annotations

import pytest
import timm
import torch
from torch import nn

from tests.models.blocks.test_composition import Mixing
from vitwork.analysis import attention, fourier, variance
from vitwork.errors import UnfitError
from vitwork.models import as_blocks


class Arranged(nn.Module):
    """Patches of 4 × 4, arranged by a function, residual layers on the last dimension, and a head."""

    def __init__(self, arrange):
        super().__init__()
        torch.manual_seed(0)
        self.arrange = arrange
        self.patch, self.token = nn.Conv2d(3, 16, 4, 4), nn.Parameter(torch.randn(1, 12, 16))
        self.blocks = nn.ModuleList([Mixing(16), Mixing(16)])
        self.head = nn.Linear(16, 10)

    def forward(self, x):
        x = self.arrange(self, self.patch(x))
        for block in self.blocks:
            x = block(x)
        return self.head(x.flatten(1, -2).mean(1))


def tokens(_, x):
    return x.flatten(2).mT


def channels_last(_, x):
    return x.permute(0, 2, 3, 1)


def registers(model, x):
    return torch.cat([model.token.expand(x.shape[0], -1, -1), tokens(model, x)], 1)


def last(model, x):
    return torch.cat([tokens(model, x), model.token[:, :1].expand(x.shape[0], -1, -1)], 1)


def permuted(model, x):
    return tokens(model, x)[:, torch.randperm(x.shape[2] * x.shape[3], generator=torch.Generator().manual_seed(0))]


def columns_first(_, x):
    return x.mT.flatten(2).mT


def windows(_, x):
    b, c, h, w = x.shape
    return x.reshape(b, c, h // 2, 2, w // 2, 2).permute(0, 2, 4, 3, 5, 1).flatten(1, 2).flatten(2, 3)


def windows_apart(_, x):
    b, c, h, w = x.shape
    return x.reshape(b, c, h // 2, 2, w // 2, 2).permute(0, 2, 4, 3, 5, 1).flatten(1, 2)


@pytest.mark.parametrize(
    ("arrange", "size", "layout", "prefix", "grid"),
    [
        (tokens, (16, 64), "tokens", 0, (4, 16)),
        (tokens, (24, 40), "tokens", 0, (6, 10)),
        (tokens, (32, 32), "tokens", 0, (8, 8)),
        (registers, (16, 16), "tokens", 12, (4, 4)),
        (registers, (16, 32), "tokens", 12, (4, 8)),
        (channels_last, (64, 64), "nhwc", 0, (16, 16)),
        (channels_last, (32, 16), "nhwc", 0, (8, 4)),
        (lambda _, x: channels_last(_, x).transpose(1, 2), (32, 32), "other", 0, None),
        (last, (32, 32), "other", 0, None),
        (permuted, (32, 32), "other", 0, None),
        (columns_first, (32, 32), "other", 0, None),
        (windows, (32, 32), "other", 0, None),
        (windows_apart, (32, 32), "other", 0, None),
    ],
)
def test_places_are_those_of_the_image(arrange, size, layout, prefix, grid):
    """Rectangles, many registers and squares of channels are read as they are; other orders are told apart."""
    blocks = as_blocks(Arranged(arrange), (3, *size))
    assert {(b.layout, b.prefix, b.grid) for b in blocks[:-1]} == {(layout, prefix, grid)}


@pytest.mark.parametrize("arrange", [tokens, registers, channels_last])
def test_feature_maps_show_the_image(arrange):
    """A light spot in the image is brightest at its own place of the stem's feature map."""
    stem = as_blocks(Arranged(arrange), (3, 16, 32))[0]
    for row, column in ((0, 0), (1, 6), (3, 2)):
        spot = torch.zeros(1, 3, 16, 32)
        spot[:, :, 4 * row : 4 * row + 4, 4 * column : 4 * column + 4] = 1
        with torch.no_grad():
            change = (stem.feature_map(stem.module(spot)) - stem.feature_map(stem.module(0 * spot))).square().sum(1)
        assert divmod(int(change.argmax()), 8) == (row, column)


def test_blocks_without_a_grid_are_left_out_by_name():
    """What reads feature maps refuses a model whose tokens are in another order."""
    blocks = as_blocks(Arranged(permuted), (3, 32, 32))
    batches = [(torch.randn(4, 3, 32, 32), torch.zeros(4, dtype=torch.long))]
    with pytest.raises(ValueError, match="lie in no grid"):
        blocks[0].feature_map(torch.zeros(4, 64, 16))
    for measure in (fourier.log_amplitude, variance.by_block):
        with pytest.raises(UnfitError):
            measure(blocks, batches)


class Attending(nn.Module):
    """Self-attention on (b, n, c) whose queries, keys and values are arranged by a function, and arranged back."""

    def __init__(self, there, back):
        super().__init__()
        self.qkv, self.out, self.there, self.back = nn.Linear(16, 48), nn.Linear(16, 16), there, back

    def forward(self, x):
        q, k, v = (self.there(part) for part in self.qkv(x).chunk(3, -1))
        weights = (q @ k.transpose(-2, -1)).softmax(-1)
        return x + self.out(self.back(weights @ v))


class Transformer(nn.Module):
    """8 × 8 tokens and an attention."""

    def __init__(self, there, back):
        super().__init__()
        torch.manual_seed(0)
        self.patch, self.blocks = nn.Conv2d(3, 16, 4, 4), nn.ModuleList([Attending(there, back), Mixing(16)])
        self.head = nn.Linear(16, 10)

    def forward(self, x):
        x = self.patch(x).flatten(2).mT
        for block in self.blocks:
            x = block(x)
        return self.head(x.mean(1))


def heads(x):
    return x.reshape(x.shape[0], -1, 4, 4).transpose(1, 2)


def joined(x):
    return x.transpose(1, 2).flatten(2)


def in_windows(x):  # (b, heads, windows, places, c), so that windows are where heads are expected
    x = x.reshape(x.shape[0], 2, 4, 2, 4, 2, 8)
    return x.permute(0, 5, 1, 3, 2, 4, 6).flatten(2, 3).flatten(3, 4)


def out_of_windows(x):
    x = x.reshape(x.shape[0], 2, 2, 2, 4, 4, 8)
    return x.permute(0, 2, 4, 3, 5, 1, 6).flatten(1, 4).flatten(2)


def every_second(rows, columns):
    """Arrange 8 × 8 tokens into windows of 4 × 4, whose rows or columns are neighbours or every second one, and back."""
    apart, inside = zip(*((2, 1) if every else (1, 2) for every in (rows, columns)), strict=True)
    order = (0, apart[0], 2 + apart[1], 5, inside[0], 2 + inside[1], 6)
    split = [size for every in (rows, columns) for size in ((4, 2) if every else (2, 4))]

    def there(x):
        return x.reshape(x.shape[0], *split, 2, 8).permute(order).flatten(1, 2).flatten(3, 4)

    def back(x):
        inverse = [order.index(axis) for axis in range(7)]
        return x.reshape(x.shape[0], 2, 2, 2, 4, 4, 8).permute(inverse).flatten(5).flatten(1, 4)

    return there, back


@pytest.mark.parametrize(
    ("there", "back", "window"),
    [
        (*every_second(rows=False, columns=False), (4, 4)),
        (*every_second(rows=True, columns=True), None),
        (*every_second(rows=False, columns=True), None),
        (*every_second(rows=True, columns=False), None),
        (heads, joined, (8, 8)),
        (lambda x: heads(x).flatten(0, 1), lambda x: joined(x.unflatten(0, (-1, 4))), (8, 8)),
        (lambda x: heads(x)[:, :, None], lambda x: joined(x[:, :, 0]), (8, 8)),
        (lambda x: in_windows(x).transpose(1, 2), lambda x: out_of_windows(x.transpose(1, 2)), (4, 4)),
        (in_windows, out_of_windows, None),
        (lambda x: x.mT[:, None], lambda x: x[:, 0].mT, None),  # 16 channels attend to each other
    ],
)
def test_attention_is_between_places(there, back, window):
    """Heads over places, in windows or not, are described; windows in the heads' place, coarse grids and channels are left out."""
    blocks = as_blocks(Transformer(there, back), (3, 32, 32))
    (block,) = (block for block in blocks if block.kind == "msa")
    assert block.window == window
    assert (block.attention is None) == (window is None)
    batches = [(torch.randn(2, 3, 32, 32), torch.zeros(2, dtype=torch.long))]
    if window is None:
        with pytest.raises(UnfitError):
            attention.describe(blocks, batches)
    else:
        assert attention.describe(blocks, batches).sides == (window[0],)


class Folded(Arranged):
    """Hands windows on in the batch's dimension."""

    def __init__(self):
        super().__init__(lambda model, x: windows(model, x).flatten(0, 1))

    def forward(self, x):
        y = super().forward(x)
        return y.reshape(x.shape[0], -1, 10).mean(1)


def test_no_block_ends_in_windows_folded_into_the_batch():
    """Every block hands on one row per image, so layers on folded windows are one block."""
    model = Folded().eval()
    blocks = as_blocks(model, (3, 32, 32))
    x = images = torch.randn(3, 3, 32, 32)
    for block in blocks:
        x = block.module(x)
        assert len(x) == 3
    assert torch.equal(x, model(images))


@pytest.mark.parametrize(
    ("name", "options", "grid", "prefix"),
    [
        ("vit_tiny_patch16_224", {"img_size": (32, 64), "patch_size": 8, "depth": 1, "reg_tokens": 9}, (4, 8), 10),
        ("swin_tiny_patch4_window7_224", {"img_size": (32, 64), "depths": (1, 1), "window_size": 4}, (8, 16), 0),
    ],
)
def test_models_of_timm_are_read_as_they_say(name, options, grid, prefix):
    """Grid and prefix are those that timm's models state."""
    model = timm.create_model(name, num_classes=5, **options)
    blocks = as_blocks(model, (3, *options["img_size"]))
    assert (blocks[1].grid, blocks[1].prefix) == (grid, prefix) == (model.patch_embed.grid_size, prefix)
    if "swin" in name:
        assert [b.kind for b in blocks[1:-1] if b.downsamples] == ["pool"]
