"""Networks as others publish them, without a network to get them from: timm's architectures at random weights, and images."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import timm
import torch
from PIL import Image
from safetensors.torch import save_file
from torch import nn

from vitwork.data.sources.ground_truth import classes

Change = Callable[[nn.Module], None]


def save(path: Path, architecture: str, seed: int, change: Change | None = None) -> Path:
    """Write an architecture's random weights, changed where asked, in timm's keys."""
    torch.manual_seed(seed)
    model = timm.create_model(architecture)
    with torch.no_grad():
        if change is not None:
            change(model)
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file({key: value.contiguous() for key, value in model.state_dict().items()}, path)
    return path


def into_hub(cache: Path, repository: str, file: Path) -> Path:
    """Put weights where huggingface_hub keeps them: a blob by its SHA-256, and a link to it in a snapshot."""
    folder = cache / f"models--{repository.replace('/', '--')}"
    revision, sha256 = "0" * 40, hashlib.sha256(file.read_bytes()).hexdigest()
    for part in ("blobs", "refs", f"snapshots/{revision}"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    (folder / "refs/main").write_text(revision)
    (folder / "blobs" / sha256).write_bytes(file.read_bytes())
    link = folder / "snapshots" / revision / "model.safetensors"
    link.symlink_to(f"../../blobs/{sha256}")
    return link


def picture(seed: int, width: int = 200, height: int = 180) -> Image.Image:
    """Return a picture of noise of many scales, unlike in width and height."""
    draw = np.random.default_rng(seed)
    coarse = Image.fromarray(draw.integers(0, 256, (9, 10, 3), dtype=np.uint8)).resize((width, height))
    noise = draw.integers(-40, 40, (height, width, 3))
    return Image.fromarray((np.asarray(coarse).astype(int) + noise).clip(0, 255).astype(np.uint8))


def class_folders(root: Path, numbers: tuple[int, ...] = (0, 7, 999), each: int = 4) -> Path:
    """Write JPEG pictures into folders that are named after ImageNet's classes."""
    for number in numbers:
        for image in range(each):
            path = root / classes()[number] / f"ILSVRC2012_val_{number:04d}{image:04d}.JPEG"
            path.parent.mkdir(parents=True, exist_ok=True)
            picture(1000 * number + image, 200 + 10 * image).save(path, quality=95)
    return root
