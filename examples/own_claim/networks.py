"""Two networks of this project."""

from __future__ import annotations

from torch import nn


def pooled(num_classes: int, width: int) -> nn.Module:
    """Return a small convolutional network of a width."""
    return nn.Sequential(
        nn.Conv2d(3, width, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(width, 2 * width, 3, padding=1), nn.ReLU(), nn.AdaptiveAvgPool2d(1),
        nn.Flatten(), nn.Linear(2 * width, num_classes),
    )  # fmt: skip
