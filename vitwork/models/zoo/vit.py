"""Vision transformers: timm's, with our token mixers where the paper asks for other than global attention."""

from __future__ import annotations

from functools import partial
from typing import Any, Literal

from timm.models.vision_transformer import VisionTransformer
from torch import nn

from vitwork.errors import VitworkError
from vitwork.models.zoo.staged import SMALL_IMAGE
from vitwork.models.zoo.token_mixing import Border, TokenMixing, Weights

Attention = Literal["global", "conv", "window", "static", "pool"]
POOLS: dict[str, Any] = {"cls": "token", "gap": "avg", "map": "map"}
WEIGHTS: dict[str, Weights] = {"static": "static", "pool": "uniform"}


def neighbourhood_options(attention: str, kernel_size: int | None, window_size: int | None) -> dict[str, Any]:
    """Say what `TokenMixing` takes for a kind of attention; static and pooled mixing use the window if one is given."""
    if attention == "global":
        return {}
    if attention == "window":
        return {"window_size": window_size or 4}
    if attention == "conv":
        return {"kernel_size": kernel_size}
    return {"window_size": window_size, "kernel_size": None if window_size else kernel_size}


def vit(
    num_classes: int,
    *,
    dim: int,
    depth: int,
    heads: int,
    head_dim: int | None = None,
    mlp_ratio: float = 4.0,
    image_size: int = 32,
    patch_size: int | None = None,
    head: Literal["cls", "gap", "map"] = "cls",
    attention: Attention = "global",
    kernel_size: int | None = 3,
    window_size: int | None = None,
    border: Border = "mask",
    drop_path: float = 0.0,
    qkv_bias: bool = False,
    norm_eps: float = 1e-6,
) -> nn.Module:
    """Pre-norm ViT with learned absolute positions and no query, key and value bias (claim sheet 2.2).

    Args:
        num_classes: classes.
        dim: channels of a token.
        depth: number of MSA-MLP pairs.
        heads: number of heads.
        head_dim: channels of a head, dim / heads unless given; need not multiply to `dim` (claims C.5 and C.6).
        mlp_ratio: hidden over token channels in the MLP.
        image_size, patch_size: in pixels; patches are 2 for small images and 16 for large ones unless given.
        head: class token, global average pooling (then norm), or multi-head attention pooling.
        attention: ``global``, ``conv`` (sliding kernel), ``window`` (non-overlapping), or the controls ``static``
            (learned constant weights) and ``pool`` (mean), both over the window if given, else over the kernel.
        kernel_size: side of the kernel in tokens, odd; None with ``static`` or ``pool`` for the whole map.
        window_size: side of a window in tokens, 4 unless given.
        border: what a kernel sees beyond the map: nothing (``mask``) or zero keys and values (``zero``, official).
        drop_path: stochastic depth of the last block, linear in depth.
        qkv_bias: bias of queries, keys and values.
        norm_eps: epsilon of the layer norms; timm's 1e-6 is what the published files were trained with.
    """
    patch = patch_size or (2 if image_size <= SMALL_IMAGE else 16)
    if image_size % patch:
        raise VitworkError(f"patches of {patch} do not divide an image of {image_size} pixels")
    if head not in POOLS or attention not in Attention.__args__:  # type: ignore[attr-defined]  # Literal's values
        raise VitworkError(f"head {head!r} or attention {attention!r} is none of those that a ViT here has")
    if head_dim is None and dim % heads:
        raise VitworkError(f"{heads} heads do not divide {dim} channels: give head_dim")
    width = head_dim or dim // heads
    plain = attention == "global" and width * heads == dim
    model = VisionTransformer(
        img_size=image_size,
        patch_size=patch,
        num_classes=num_classes,
        global_pool=POOLS[head],
        class_token=head == "cls",
        embed_dim=dim,
        depth=depth,
        num_heads=heads if plain else 1,
        mlp_ratio=mlp_ratio,
        qkv_bias=qkv_bias,
        drop_path_rate=drop_path,
        norm_layer=partial(nn.LayerNorm, eps=norm_eps),
    )
    if not plain:
        for block in model.blocks:
            block.attn = TokenMixing(
                dim,
                heads,
                width,
                image_size // patch,
                prefix=model.num_prefix_tokens,
                weights=WEIGHTS.get(attention, "dynamic"),
                border=border,
                qkv_bias=qkv_bias,
                **neighbourhood_options(attention, kernel_size, window_size),
            )
    return model
