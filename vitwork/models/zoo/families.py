"""Architectures that timm provides, for image sizes of CIFAR and ImageNet."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import timm
from timm.models.convit import ConVit
from timm.models.convnext import ConvNeXt
from timm.models.mlp_mixer import MlpMixer
from timm.models.pit import PoolingVisionTransformer
from timm.models.swin_transformer import SwinTransformer
from timm.models.twins import Twins
from timm.models.vgg import VGG
from torch import nn

from vitwork.models.zoo.staged import SMALL_IMAGE


def pit(
    num_classes: int,
    *,
    head_dims: Sequence[int],
    depths: Sequence[int],
    heads: Sequence[int],
    image_size: int = 32,
    patch_size: int | None = None,
    stride: int | None = None,
    mlp_ratio: float = 4.0,
    drop_path: float = 0.0,
) -> nn.Module:
    """PiT; overlapping patches of 2 with stride 1 for small images (31×31 tokens), of 16 with stride 8 for large ones.

    Args:
        num_classes: classes.
        head_dims, depths, heads: channels of a head, blocks and heads of each stage.
        image_size, patch_size, stride: in pixels.
        mlp_ratio: hidden over token channels in the MLP.
        drop_path: stochastic depth of the last block.
    """
    small = image_size <= SMALL_IMAGE
    return PoolingVisionTransformer(
        img_size=image_size,
        patch_size=patch_size or (2 if small else 16),
        stride=stride or (1 if small else 8),
        base_dims=tuple(head_dims),
        depth=tuple(depths),
        heads=tuple(heads),
        mlp_ratio=mlp_ratio,
        num_classes=num_classes,
        drop_path_rate=drop_path,
    )


def swin(
    num_classes: int,
    *,
    dim: int,
    depths: Sequence[int],
    heads: Sequence[int],
    image_size: int = 32,
    patch_size: int | None = None,
    window_size: int | None = None,
    drop_path: float = 0.0,
    qkv_bias: bool | None = None,
) -> nn.Module:
    """Swin; patches of 1 and windows of 4 for small images, 4 and 7 for large ones.

    Args:
        num_classes: classes.
        dim: channels of the first stage, doubled from stage to stage.
        depths, heads: blocks and heads of each stage.
        image_size, patch_size: in pixels.
        window_size: in tokens.
        drop_path: stochastic depth of the last block.
        qkv_bias: bias of queries, keys and values; as published, none for small images.
    """
    small = image_size <= SMALL_IMAGE
    return SwinTransformer(
        img_size=image_size,
        patch_size=patch_size or (1 if small else 4),
        window_size=window_size or (4 if small else 7),
        embed_dim=dim,
        depths=tuple(depths),
        num_heads=tuple(heads),
        num_classes=num_classes,
        drop_path_rate=drop_path,
        qkv_bias=not small if qkv_bias is None else qkv_bias,
    )


def twins(
    num_classes: int,
    *,
    dims: Sequence[int],
    depths: Sequence[int],
    heads: Sequence[int],
    reductions: Sequence[int] = (8, 4, 2, 1),
    image_size: int = 32,
    patch_size: int | None = None,
    window_size: int | None = None,
    drop_path: float = 0.0,
) -> nn.Module:
    """Twins-SVT: windowed MSA and MSA on a reduced map alternate.

    Args:
        num_classes: classes.
        dims, depths, heads, reductions: channels, blocks, heads and key reduction of each stage.
        image_size, patch_size: in pixels; patches are 1 for small images (the paper's are unknown) and 4 for large ones.
        window_size: in tokens, 4 for small images and 7 for large ones.
        drop_path: stochastic depth of the last block.
    """
    small = image_size <= SMALL_IMAGE
    return Twins(
        img_size=image_size,
        patch_size=patch_size or (1 if small else 4),
        num_classes=num_classes,
        embed_dims=tuple(dims),
        num_heads=tuple(heads),
        mlp_ratios=(4,) * len(dims),
        depths=tuple(depths),
        sr_ratios=tuple(reductions),
        wss=(window_size or (4 if small else 7),) * len(dims),
        drop_path_rate=drop_path,
    )


def mixer(
    num_classes: int,
    *,
    dim: int,
    depth: int,
    token_hidden: int | None = None,
    image_size: int = 32,
    patch_size: int | None = None,
    drop_path: float = 0.0,
) -> nn.Module:
    """MLP-Mixer.

    Args:
        num_classes: classes.
        dim, depth: channels of a token, number of blocks.
        token_hidden: hidden size of the MLP across tokens, dim / 2 unless given; across channels it is 4·dim.
        image_size, patch_size: in pixels; patches are 2 for small images and 16 for large ones.
        drop_path: stochastic depth of the last block.
    """
    return MlpMixer(
        num_classes=num_classes,
        img_size=image_size,
        patch_size=patch_size or (2 if image_size <= SMALL_IMAGE else 16),
        num_blocks=depth,
        embed_dim=dim,
        mlp_ratio=((token_hidden or dim // 2) / dim, 4.0),
        drop_path_rate=drop_path,
    )


def convit(
    num_classes: int,
    *,
    heads: int,
    head_dim: int = 48,
    depth: int = 12,
    local_depth: int = 10,
    image_size: int = 32,
    patch_size: int | None = None,
    drop_path: float = 0.0,
) -> nn.Module:
    """ConViT of d'Ascoli et al. (gated positional attention; not the paper's convolutional MSA, which is a `vit`).

    Args:
        num_classes: classes.
        heads, head_dim, depth: of the transformer; the first `local_depth` blocks have gated positional attention.
        image_size, patch_size: in pixels; patches are 2 for small images and 16 for large ones.
        drop_path: stochastic depth of the last block.
    """
    return ConVit(
        img_size=image_size,
        patch_size=patch_size or (2 if image_size <= SMALL_IMAGE else 16),
        num_classes=num_classes,
        embed_dim=head_dim,
        num_heads=heads,
        depth=depth,
        local_up_to_layer=local_depth,
        drop_path_rate=drop_path,
    )


def convnext(
    num_classes: int,
    *,
    depths: Sequence[int],
    widths: Sequence[int],
    image_size: int = 32,
    patch_size: int | None = None,
    kernel_size: int = 7,
    drop_path: float = 0.0,
) -> nn.Module:
    """ConvNeXt.

    Args:
        num_classes: classes.
        depths, widths: blocks and channels of each stage; timm has four.
        image_size, patch_size: in pixels; the stem's patches are 1 for small images and 4 for large ones.
        kernel_size: of the depthwise convolutions.
        drop_path: stochastic depth of the last block.
    """
    return ConvNeXt(
        num_classes=num_classes,
        depths=tuple(depths),
        dims=tuple(widths),
        patch_size=patch_size or (1 if image_size <= SMALL_IMAGE else 4),
        kernel_sizes=kernel_size,
        drop_path_rate=drop_path,
    )


def vgg(
    num_classes: int,
    *,
    depths: Sequence[int],
    widths: Sequence[int] = (64, 128, 256, 512, 512),
    mlp_ratio: float = 1.0,
    image_size: int = 32,
    drop_path: float = 0.0,
) -> nn.Module:
    """VGG with batch normalisation; the head averages the map to 7×7 before its hidden layers of 4096, as officially.

    Args:
        num_classes: classes.
        depths, widths: convolutions and channels of each stage, each followed by 2×2 max pooling.
        mlp_ratio: first hidden layer of the head over 4096.
        image_size: side of the images in pixels (the network takes any).
        drop_path: without effect: there is no residual branch to drop.
    """
    del image_size, drop_path
    layers: list[int | str] = []
    for depth, width in zip(depths, widths, strict=True):
        layers += [*[width] * depth, "M"]
    return VGG(layers, num_classes=num_classes, mlp_ratio=mlp_ratio, norm_layer=nn.BatchNorm2d)


def mobilenet(num_classes: int, *, width: str = "100", image_size: int = 32, drop_path: float = 0.0) -> nn.Module:
    """MobileNetV2; for small images the stem and the second stage keep the resolution, as in the official code.

    Args:
        num_classes: classes.
        width: timm's width code in percent (``050``, ``100``, ``140``).
        image_size: side of the images in pixels.
        drop_path: stochastic depth of the last block.
    """
    model: Any = timm.create_model(f"mobilenetv2_{width}", num_classes=num_classes, drop_path_rate=drop_path)
    if image_size <= SMALL_IMAGE:
        model.conv_stem.stride = (1, 1)
        model.blocks[1][0].conv_dw.stride = (1, 1)
    network: nn.Module = model
    return network
