"""Vision transformers of timm, with our token mixers where the paper uses other attention than global attention."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any, Literal, get_args

from timm.models.vision_transformer import VisionTransformer
from torch import nn

from vitwork.errors import VitworkError
from vitwork.models.zoo.staged import SMALL_IMAGE
from vitwork.models.zoo.token_mixing import Border, Reach, TokenMixing, Weights

Attention = Literal["global", "conv", "window", "static", "pool"]
POOLS: dict[str, Any] = {"cls": "token", "gap": "avg", "map": "map"}
WEIGHTS: dict[str, Weights] = {"static": "static", "pool": "uniform"}


@dataclass(frozen=True, slots=True, kw_only=True)
class VitOptions:
    """Size and type of a ViT.

    Attributes:
        dim: channels of a token.
        depth: number of MSA-MLP pairs.
        heads: number of heads.
        head_dim: channels of a head, dim / heads unless given; `heads` · `head_dim` need not equal `dim`.
        mlp_ratio: hidden over token channels in the MLP.
        image_size, patch_size: in pixels; patches are 2 for small images and 16 for large ones unless given.
        head: class token, global average pooling (then norm), or multi-head attention pooling.
        attention: ``global``, ``conv`` (sliding kernel), ``window`` (non-overlapping), or the controls ``static``
            (learned constant weights) and ``pool`` (mean), both over the window if given, otherwise over the kernel.
        kernel_size: side of the kernel in tokens, odd; None with ``static`` or ``pool`` for the whole map.
        window_size: side of a window in tokens, 4 unless given.
        border: what a kernel sees beyond the map: nothing (``mask``) or zero keys and values (``zero``, official).
        positions: whether tokens have learned position embeddings; without them, attention ignores places.
        drop_path: stochastic depth of the last block, linear in depth.
        qkv_bias: bias of queries, keys and values.
        norm_eps: epsilon of the layer norms; timm's 1e-6 is what the published files were trained with.
    """

    dim: int
    depth: int
    heads: int
    head_dim: int | None = None
    mlp_ratio: float = 4.0
    image_size: int = 32
    patch_size: int | None = None
    head: Literal["cls", "gap", "map"] = "cls"
    attention: Attention = "global"
    kernel_size: int | None = 3
    window_size: int | None = None
    border: Border = "mask"
    positions: bool = True
    drop_path: float = 0.0
    qkv_bias: bool = False
    norm_eps: float = 1e-6

    def __post_init__(self) -> None:
        if self.image_size % self.patch:
            raise VitworkError(f"patches of {self.patch} do not divide an image of {self.image_size} pixels")
        if self.head not in POOLS or self.attention not in get_args(Attention):
            raise VitworkError(
                f"head {self.head!r} or attention {self.attention!r} is none of those that a ViT here has"
            )
        if self.head_dim is None and self.dim % self.heads:
            raise VitworkError(f"{self.heads} heads do not divide {self.dim} channels: give head_dim")

    @property
    def patch(self) -> int:
        """Side of a patch in pixels."""
        return self.patch_size or (2 if self.image_size <= SMALL_IMAGE else 16)

    @property
    def width(self) -> int:
        """Channels of a head."""
        return self.head_dim or self.dim // self.heads

    @property
    def plain(self) -> bool:
        """Whether the attention is timm's own."""
        return self.attention == "global" and self.width * self.heads == self.dim

    @property
    def reach(self) -> Reach:
        """Which tokens mix with which; static and pooled mixing use the window if given, otherwise the kernel."""
        if self.attention == "global":
            return Reach(border=self.border)
        if self.attention == "window":
            return Reach(window_size=self.window_size or 4, border=self.border)
        if self.attention == "conv" or not self.window_size:
            return Reach(kernel_size=self.kernel_size, border=self.border)
        return Reach(window_size=self.window_size, border=self.border)

    def mixing(self, prefix: int) -> TokenMixing:
        """Return the token mixer that takes the place of timm's attention; `prefix` tokens have no place."""
        return TokenMixing(
            self.dim,
            self.heads,
            self.width,
            self.image_size // self.patch,
            prefix=prefix,
            weights=WEIGHTS.get(self.attention, "dynamic"),
            reach=self.reach,
            qkv_bias=self.qkv_bias,
        )


def vit(num_classes: int, options: VitOptions) -> nn.Module:
    """Pre-norm ViT with learned absolute position embeddings or none; by default without query, key and value bias."""
    model = VisionTransformer(
        img_size=options.image_size,
        patch_size=options.patch,
        num_classes=num_classes,
        global_pool=POOLS[options.head],
        class_token=options.head == "cls",
        pos_embed="learn" if options.positions else "none",
        embed_dim=options.dim,
        depth=options.depth,
        num_heads=options.heads if options.plain else 1,
        mlp_ratio=options.mlp_ratio,
        qkv_bias=options.qkv_bias,
        drop_path_rate=options.drop_path,
        norm_layer=partial(nn.LayerNorm, eps=options.norm_eps),
    )
    if not options.plain:
        for block in model.blocks:
            block.attn = options.mixing(model.num_prefix_tokens)
    return model
