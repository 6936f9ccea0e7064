"""Token mixers: attention over any neighbourhood, and controls whose weights do not depend on the data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vitwork.errors import VitworkError

Weights = Literal["dynamic", "static", "uniform"]
Border = Literal["mask", "zero"]


@dataclass(frozen=True, slots=True)
class Reach:
    """Which positions of a square map mix with which: all with all, unless a size is given.

    Attributes:
        kernel_size: each position sees the square of this side around it (convolutional MSA).
        window_size: each position sees its non-overlapping window; a window cut by the border is smaller.
        border: ``mask`` leaves out places beyond the border, ``zero`` pads them with zero keys and values.

    Raises:
        VitworkError: a kernel has no middle.
    """

    kernel_size: int | None = None
    window_size: int | None = None
    border: Border = "mask"

    def __post_init__(self) -> None:
        if self.kernel_size is not None and self.kernel_size % 2 == 0:
            raise VitworkError(f"kernel_size must be odd to keep the size of the map, not {self.kernel_size}")

    def within(self, side: int) -> Tensor:
        """Return which positions mix, boolean (side², side²), for a map of `side` × `side` tokens; rows are queries."""
        row, column = torch.meshgrid(torch.arange(side), torch.arange(side), indexing="ij")
        places = torch.stack([row.flatten(), column.flatten()])
        offset = places[:, :, None] - places[:, None, :]
        if self.window_size is not None:
            cell = places // self.window_size
            return (cell[:, :, None] == cell[:, None, :]).all(0)
        if self.kernel_size is not None:
            return offset.abs().amax(0) <= self.kernel_size // 2
        return torch.ones(side * side, side * side, dtype=torch.bool)

    def beyond(self, allowed: Tensor) -> Tensor | None:
        """Return how many places of each position's kernel lie beyond the border if zeros pad these; otherwise None."""
        if self.border != "zero" or self.kernel_size is None or self.window_size is not None:
            return None
        return self.kernel_size**2 - allowed.sum(1)


EVERYWHERE = Reach()


def relative_index(side: int, prefix: int = 0) -> Tensor:
    """Return an index of each offset from query to key: (2·side−1)² offsets, and three more for prefix tokens."""
    row, column = torch.meshgrid(torch.arange(side), torch.arange(side), indexing="ij")
    places = torch.stack([row.flatten(), column.flatten()])
    offset = places[:, None, :] - places[:, :, None] + side - 1
    index = offset[0] * (2 * side - 1) + offset[1]
    extra = (2 * side - 1) ** 2
    full = F.pad(index, (prefix, 0, prefix, 0), value=extra)
    full[prefix:, :prefix] = extra + 1
    full[:prefix, :prefix] = extra + 2
    return full


def mixing_bias(allowed: Tensor, prefix: int, missing: Tensor | None = None) -> Tensor:
    """Return a neighbourhood as a bias of logits: 0 inside, −inf outside; prefix tokens attend to and from all tokens.

    `missing` is, per query, the number of places of its kernel that lie outside the map. They act as one more key with
    zero query-key product and zero value, whose weight is the sum of theirs: the official zero padding.
    """
    bias = torch.zeros(allowed.shape).masked_fill(~allowed, float("-inf"))
    if missing is not None:
        bias = torch.cat([bias, missing.to(bias.dtype).log()[:, None]], dim=1)
    return F.pad(bias, (prefix, 0, prefix, 0))


class TokenMixing(nn.Module):
    """Mix tokens (b, prefix + side², dim) by attention, by a learned constant matrix, or by averaging.

    The three differ only in the source of the mixing weights: queries and keys (``dynamic``), learned logits per head
    and relative offset (``static``), or no source, with equal weights (``uniform``). Values, output projection and
    neighbourhood are the same, so an arm with static weights removes only the dependence of the weights on the data.

    Args:
        dim: channels of a token.
        heads: number of heads.
        head_dim: channels per head; `heads` · `head_dim` need not equal `dim`.
        side: height and width of the token map.
        prefix: leading tokens without a place.
        weights: source of the mixing weights.
        reach: which positions mix.
        qkv_bias: bias of the input projection.
    """

    def __init__(
        self,
        dim: int,
        heads: int,
        head_dim: int,
        side: int,
        *,
        prefix: int = 0,
        weights: Weights = "dynamic",
        reach: Reach = EVERYWHERE,
        qkv_bias: bool = False,
    ) -> None:
        super().__init__()
        self.heads, self.head_dim, self.weights = heads, head_dim, weights
        inner = heads * head_dim
        self.parts = 3 if weights == "dynamic" else 1
        self.qkv = nn.Linear(dim, self.parts * inner, bias=qkv_bias)
        self.proj = nn.Linear(inner, dim)
        allowed = reach.within(side)
        missing = reach.beyond(allowed)
        self.null_key = missing is not None
        self.register_buffer("bias", mixing_bias(allowed, prefix, missing), persistent=False)
        self.bias: Tensor
        if weights == "static":
            self.register_buffer("index", relative_index(side, prefix), persistent=False)
            self.index: Tensor
            self.table = nn.Parameter(torch.randn(heads, (2 * side - 1) ** 2 + 3) * 0.02)
        for linear in (self.qkv, self.proj):
            nn.init.trunc_normal_(linear.weight, std=0.02)
            if linear.bias is not None:
                nn.init.zeros_(linear.bias)

    def forward(self, x: Tensor, **_: Any) -> Tensor:
        """Return the mixed tokens; keyword arguments (timm's attention masks) are ignored."""
        b, n, _c = x.shape
        parts = self.qkv(x).reshape(b, n, self.parts, self.heads, self.head_dim).permute(2, 0, 3, 1, 4)
        if self.null_key:
            parts = torch.cat([parts, torch.zeros_like(parts[:, :, :, :1])], dim=3)
        if self.weights == "dynamic":
            query, key, value = parts.unbind()  # its gradient is one stack; indexing would make a tensor of zeros each
            mixed = F.scaled_dot_product_attention(query[:, :, :n], key, value, attn_mask=self.bias)
        else:
            mixed = self.constant_weights() @ parts[0]
        out: Tensor = self.proj(mixed.transpose(1, 2).reshape(b, n, self.heads * self.head_dim))
        return out

    def constant_weights(self) -> Tensor:
        """Return the data-independent weights (heads or 1, queries, keys); rows sum to one."""
        if self.weights == "uniform":
            return self.bias.softmax(-1)[None]
        logits = self.table[:, self.index]
        if self.null_key:
            logits = F.pad(logits, (0, 1))
        return (logits + self.bias).softmax(-1)


@dataclass(frozen=True, slots=True)
class Windows:
    """Windowed mixing: number of heads, channels of each, side of a window (must divide the map), kind of weights."""

    heads: int
    head_dim: int
    window_size: int
    weights: Weights = "dynamic"


class WindowAttention(nn.Module):
    """AlterNet's mixer on (b, c, h, w): attention in non-overlapping windows, never shifted.

    A table of relative-position biases is shared by all heads. Queries, keys and values have no bias. With
    ``static`` weights the logits are the biases alone, one table per head; ``uniform`` averages 3×3 places.

    Args:
        dim, dim_out: channels of input and output.
        windows: heads, their width, the window and the kind of weights.
    """

    def __init__(self, dim: int, dim_out: int, windows: Windows) -> None:
        super().__init__()
        heads, head_dim, window_size, weights = windows.heads, windows.head_dim, windows.window_size, windows.weights
        self.heads, self.head_dim, self.window_size, self.weights = heads, head_dim, window_size, weights
        inner = heads * head_dim
        if weights == "dynamic":
            self.to_q = nn.Conv2d(dim, inner, 1, bias=False)
            self.to_kv = nn.Conv2d(dim, 2 * inner, 1, bias=False)
        else:
            self.to_v = nn.Conv2d(dim, inner, 1, bias=False)
        self.proj = nn.Conv2d(inner, dim_out, 1)
        if weights != "uniform":
            shape = (2 * window_size - 1, 2 * window_size - 1)
            self.table = nn.Parameter(torch.randn(*shape if weights == "dynamic" else (heads, *shape)) * 0.02)
            self.register_buffer("index", relative_index(window_size), persistent=False)
            self.index: Tensor

    def forward(self, x: Tensor) -> Tensor:
        """Return the mixed map, (b, dim_out, h, w)."""
        if self.weights == "uniform":
            pooled: Tensor = self.proj(F.avg_pool2d(self.to_v(x), 3, stride=1, padding=1, count_include_pad=False))
            return pooled
        bias = self.table.flatten(-2)[..., self.index]
        if self.weights == "dynamic":
            key, value = (self.split(part) for part in self.to_kv(x).chunk(2, dim=1))
            mixed = F.scaled_dot_product_attention(self.split(self.to_q(x)), key, value, attn_mask=bias)
        else:
            mixed = bias.softmax(-1) @ self.split(self.to_v(x))
        out: Tensor = self.proj(self.join(mixed, x.shape[2], x.shape[3]))
        return out

    def split(self, x: Tensor) -> Tensor:
        """(b, heads·d, h, w) → (b·windows, heads, p², d)."""
        p = self.window_size
        h, w = x.shape[2], x.shape[3]
        if h % p or w % p:
            raise VitworkError(f"a window of {p} does not divide a feature map of {h}×{w}")
        x = x.reshape(-1, self.heads, self.head_dim, h // p, p, w // p, p)
        return x.permute(0, 3, 5, 1, 4, 6, 2).reshape(-1, self.heads, p * p, self.head_dim)

    def join(self, x: Tensor, h: int, w: int) -> Tensor:
        """(b·windows, heads, p², d) → (b, heads·d, h, w)."""
        p = self.window_size
        x = x.reshape(-1, h // p, w // p, self.heads, p, p, self.head_dim)
        return x.permute(0, 3, 6, 1, 4, 2, 5).reshape(-1, self.heads * self.head_dim, h, w)
