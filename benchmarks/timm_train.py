"""Run timm's train.py on a network of ours, which it would otherwise have to know by name.

    python benchmarks/timm_train.py TRAIN.PY MODEL OPTIONS [arguments of train.py]

OPTIONS are the model's, in JSON. train.py is a file of timm's repository, not of its package.
"""

from __future__ import annotations

import json
import re
import runpy
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from timm.models import register_model

from vitwork.models import create

EPOCHS = 2  # the last one counts: workers and kernels are warm by then


def write_pictures(images: torch.Tensor, labels: torch.Tensor, folder: Path) -> None:
    """Write uint8 images as lossless files in the layout that train.py reads, a few of them for its validation."""
    for number, (image, label) in enumerate(zip(images, labels.tolist(), strict=True)):
        for split in ("train", "val") if number < 96 else ("train",):
            place = folder / split / f"{label:03d}"
            place.mkdir(parents=True, exist_ok=True)
            Image.fromarray(image.permute(1, 2, 0).numpy()).save(place / f"{number}.png", compress_level=0)


def rate(
    script: Path, network: tuple[str, dict[str, Any]], folder: Path, *, device: str, amp: bool, workers: int
) -> float:
    """Return the images per second that train.py tells of its last epoch, with the DeiT recipe in batches of 96.

    Args:
        script: timm's train.py.
        network: name and options of one of our models.
        folder: what `write_pictures` wrote.
        device, amp, workers: where, whether in bfloat16, and by how many loader workers.

    Raises:
        RuntimeError: train.py failed; the message ends as its output does.
    """
    classes = len(list((folder / "train").iterdir()))
    arguments = f"""--data-dir {folder} --num-classes {classes} --img-size 32 -b 96 --epochs {EPOCHS} --sched cosine
        --opt adamw --lr 1.25e-4 --weight-decay 0.05 --clip-grad 5 --smoothing 0.1 --mixup 1.0 --cutmix 0.8
        --aa rand-m9-mstd1.0 --scale 1 1 --ratio 1 1 --color-jitter 0 --channels-last --device {device}
        --workers {workers} --log-interval 100000 {"--amp --amp-dtype bfloat16" if amp else ""}
        {"" if device.startswith("cuda") else "--no-prefetcher"}"""
    with tempfile.TemporaryDirectory() as output:
        told = subprocess.run(
            [sys.executable, __file__, str(script), network[0], json.dumps(network[1]), *arguments.split(), "--output", output],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
    said = re.findall(rf"Train: {EPOCHS - 1} .*\(\s*[\d.]+s,\s*([\d.]+)/s\)", told.stdout + told.stderr)
    if not said:
        raise RuntimeError(f"train.py failed: {(told.stdout + told.stderr)[-1500:]}")
    return float(said[-1])


def main() -> None:
    script, name, options, *arguments = sys.argv[1:]

    @register_model
    def vitwork_network(pretrained: bool = False, num_classes: int = 1000, **_: Any) -> torch.nn.Module:
        del pretrained
        return create(name, num_classes, **json.loads(options))

    vitwork_network.__module__ = __name__
    sys.argv = [script, "--model", "vitwork_network", *arguments]
    runpy.run_path(script, run_name="__main__")


if __name__ == "__main__":
    main()
