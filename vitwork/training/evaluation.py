"""Accuracy and loss on a test set."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import nn

from vitwork.device.parts import in_parts

if TYPE_CHECKING:
    from vitwork.data.images import ImageSet

BATCH = 500


@torch.no_grad()
def evaluate_model(
    model: nn.Module, images: ImageSet, device: torch.device, memory: torch.memory_format
) -> dict[str, float]:
    """Put a model into evaluation mode, and return its ``accuracy`` and ``nll`` (nats per image)."""
    model.eval()
    nll = torch.zeros((), device=device)
    correct = torch.zeros((), device=device)
    images = images.to(device)
    for start in range(0, len(images), BATCH):
        x, labels = images.normalised(slice(start, start + BATCH)).to(device), images.labels[start : start + BATCH]
        logits = in_parts(model, x.contiguous(memory_format=memory)).float()
        nll += F.cross_entropy(logits, labels, reduction="sum")
        correct += (logits.argmax(1) == labels).sum()
    return {"accuracy": correct.item() / len(images.labels), "nll": nll.item() / len(images.labels)}
