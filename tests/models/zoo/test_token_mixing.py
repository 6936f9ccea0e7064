"""Token mixers against loops in float64, unfolding, pooling, and timm's attention."""

from __future__ import annotations

import pytest
import torch
from timm.models.vision_transformer import Attention
from torch.nn import functional as F

from vitwork.errors import VitworkError
from vitwork.models.zoo.token_mixing import Reach, TokenMixing, WindowAttention, Windows

SIDE, DIM, HEADS, WIDTH = 4, 12, 3, 5


def mixing(prefix=0, weights="dynamic", **reach):
    """A mixer in float64 with weights large enough to tell places apart."""
    torch.manual_seed(0)
    made = TokenMixing(DIM, HEADS, WIDTH, SIDE, prefix=prefix, weights=weights, reach=Reach(**reach)).double()
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.normal_(std=0.5)
    return made


def looped(made, x, sees):
    """Attention by loops: sees(i, j) says whether place i sees place j; also returns logits of absent zero keys."""
    b, n, _ = x.shape
    q, k, v = made.qkv(x).reshape(b, n, 3, HEADS, WIDTH).unbind(2)
    mixed = torch.zeros(b, n, HEADS, WIDTH, dtype=x.dtype)
    for image in range(b):
        for i in range(n):
            for head in range(HEADS):
                keys = [j for j in range(n) if sees(i, j)]
                logits = torch.stack([q[image, i, head] @ k[image, j, head] / WIDTH**0.5 for j in keys])
                weights = logits.softmax(0)
                mixed[image, i, head] = sum(w * v[image, j, head] for w, j in zip(weights, keys, strict=True))
    return made.proj(mixed.flatten(2))


def apart(i, j):
    """Chebyshev distance of two places."""
    return max(abs(i // SIDE - j // SIDE), abs(i % SIDE - j % SIDE))


@pytest.mark.parametrize("kernel_size", [1, 3, 5])
def test_convolutional_attention_sees_its_kernel(kernel_size):
    """With masked borders each place attends to those within the kernel and the map, as loops have it."""
    made, x = mixing(kernel_size=kernel_size), torch.randn(2, SIDE**2, DIM, dtype=torch.float64)
    torch.testing.assert_close(made(x), looped(made, x, lambda i, j: apart(i, j) <= kernel_size // 2))


@pytest.mark.parametrize("window_size", [1, 2, 3, 4])
def test_windowed_attention_sees_its_window(window_size):
    """Each place attends to its own window, cut at the border where the window does not divide the map."""

    def window(i):
        return i // SIDE // window_size, i % SIDE // window_size

    made, x = mixing(window_size=window_size), torch.randn(1, SIDE**2, DIM, dtype=torch.float64)
    torch.testing.assert_close(made(x), looped(made, x, lambda i, j: window(i) == window(j)))


@pytest.mark.parametrize("kernel_size", [3, 5])
def test_zero_borders_are_zero_padded_keys_and_values(kernel_size):
    """The official border is what unfolding zero-padded keys and values gives."""
    made, x = mixing(kernel_size=kernel_size, border="zero"), torch.randn(2, SIDE**2, DIM, dtype=torch.float64)
    q, k, v = made.qkv(x).chunk(3, dim=-1)

    def unfolded(part):
        image = part.transpose(1, 2).reshape(2, -1, SIDE, SIDE)
        places = F.unfold(image, kernel_size, padding=kernel_size // 2)
        return places.reshape(2, HEADS, WIDTH, kernel_size**2, SIDE**2)

    query = q.transpose(1, 2).reshape(2, HEADS, WIDTH, 1, SIDE**2)
    weights = ((query * unfolded(k)).sum(2) / WIDTH**0.5).softmax(2)
    mixed = (weights[:, :, None] * unfolded(v)).sum(3).permute(0, 3, 1, 2).flatten(2)
    torch.testing.assert_close(made(x), made.proj(mixed))


def test_global_mixing_is_timms_attention():
    """Without neighbourhood the mixer is timm's attention with the same weights."""
    made, theirs = TokenMixing(DIM, 3, 4, SIDE, prefix=1), Attention(DIM, 3)
    theirs.load_state_dict(made.state_dict())
    x = torch.randn(2, SIDE**2 + 1, DIM)
    torch.testing.assert_close(made(x), theirs(x))


def test_prefix_tokens_see_and_are_seen():
    """A class token reaches every place and every place reaches it, whatever the kernel."""
    made = mixing(kernel_size=1, prefix=1)
    x = torch.randn(1, SIDE**2 + 1, DIM, dtype=torch.float64, requires_grad=True)
    (reach,) = torch.autograd.grad(made(x)[0, 0].sum(), x)
    (sight,) = torch.autograd.grad(made(x)[0, 5].sum(), x)
    assert (reach[0].abs().sum(-1) > 0).all()
    assert (sight[0].abs().sum(-1) > 0).nonzero().flatten().tolist() == [0, 5]


@pytest.mark.parametrize("border", ["mask", "zero"])
@pytest.mark.parametrize("weights", ["static", "uniform"])
def test_constant_weights_do_not_depend_on_the_data(weights, border):
    """Static and uniform mixing are linear in their input, and their weights sum to one."""
    made = mixing(weights=weights, kernel_size=3, border=border)
    x, y = torch.randn(2, 1, SIDE**2, DIM, dtype=torch.float64)
    torch.testing.assert_close(made(x) + made(y) - made(torch.zeros_like(x)), made(x + y))
    torch.testing.assert_close(
        made.constant_weights().sum(-1), torch.ones((), dtype=torch.float64).expand(made.constant_weights().shape[:-1])
    )


def test_static_weights_depend_on_the_offset_alone():
    """Two pairs of places with the same offset have weights in the same proportion."""
    made = mixing(weights="static", kernel_size=None)
    weights = made.constant_weights()[0].log()
    moved = weights[5, 6] - weights[5, 5]
    torch.testing.assert_close(weights[9, 10] - weights[9, 9], moved)
    assert not torch.allclose(weights[5, 4] - weights[5, 5], moved)


def test_uniform_mixing_is_average_pooling():
    """Averaging over a kernel with masked borders is average pooling that does not count the padding."""
    made, x = mixing(weights="uniform", kernel_size=3), torch.randn(2, SIDE**2, DIM, dtype=torch.float64)
    image = made.qkv(x).transpose(1, 2).reshape(2, -1, SIDE, SIDE)
    pooled = F.avg_pool2d(image, 3, stride=1, padding=1, count_include_pad=False)
    torch.testing.assert_close(made(x), made.proj(pooled.flatten(2).transpose(1, 2)))


def test_even_kernels_are_refused():
    """A kernel without a middle is an error that says so."""
    with pytest.raises(VitworkError, match="odd"):
        Reach(kernel_size=4)


def test_alternets_windows_add_a_relative_bias():
    """AlterNet's mixer is attention within each window plus the table's entry for key minus query, by loops."""
    torch.manual_seed(0)
    made = WindowAttention(6, 7, Windows(2, 3, 2)).double()
    with torch.no_grad():
        made.table.normal_()
    x = torch.randn(1, 6, 4, 4, dtype=torch.float64)
    q, k, v = (part.reshape(2, 3, 4, 4) for part in (made.to_q(x)[0], *made.to_kv(x)[0].chunk(2)))
    mixed = torch.zeros(2, 3, 4, 4, dtype=torch.float64)
    for row in range(4):
        for column in range(4):
            keys = [(r, c) for r in range(4) for c in range(4) if (r // 2, c // 2) == (row // 2, column // 2)]
            for head in range(2):
                logits = [
                    q[head, :, row, column] @ k[head, :, r, c] / 3**0.5 + made.table[r - row + 1, c - column + 1]
                    for r, c in keys
                ]
                weights = torch.stack(logits).softmax(0)
                mixed[head, :, row, column] = sum(w * v[head, :, r, c] for w, (r, c) in zip(weights, keys, strict=True))
    torch.testing.assert_close(made(x), made.proj(mixed.reshape(1, 6, 4, 4)))


def test_a_window_that_does_not_divide_the_map_is_named():
    """AlterNet's window must divide the map; the error gives both sizes."""
    with pytest.raises(VitworkError, match="window of 3 does not divide a feature map of 4×4"):
        WindowAttention(6, 6, Windows(2, 3, 3))(torch.zeros(1, 6, 4, 4))
