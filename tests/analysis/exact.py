"""Networks and mini-batches in double precision, small enough for exact comparisons."""

from __future__ import annotations

import torch
from torch import nn

from vitwork.models import create

NETWORKS = {
    "resnet": ("preresnet_18", {"depths": (1, 1), "widths": (4, 8)}),
    "vit": ("vit_ti", {"image_size": 8, "patch_size": 4, "dim": 8, "depth": 1, "heads": 2}),
    "alternet": (
        "alternet_18",
        {"depths": (2, 2), "widths": (4, 8), "msas": (0, 1), "window_size": 4, "heads": (1, 2), "head_dim": 4},
    ),
}


def network(kind: str) -> nn.Module:
    torch.manual_seed(0)
    name, options = NETWORKS[kind]
    return create(name, 3, **options).double().eval()


def minibatch(size: int, seed: int, *, soft: bool = False) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    images = torch.randn(size, 3, 8, 8, generator=generator, dtype=torch.float64)
    labels = torch.randint(3, (size,), generator=generator)
    return images, torch.nn.functional.one_hot(labels, 3) * 0.7 + 0.1 if soft else labels
