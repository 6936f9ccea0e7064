"""Seconds and ratios for drawing, corrupting, band noise and calibration, against the plain way, side by side.

Run `python benchmarks/robustness.py`. "Plain" is one image after the other with scipy and Pillow (how the published
benchmarks were made), the released code's order of operations for band noise and calibration, and torchmetrics.
"""

from __future__ import annotations

import argparse
import io
import math
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from PIL import Image
from scipy import ndimage
from torch import Tensor
from torchmetrics import MetricCollection
from torchmetrics.classification import MulticlassAccuracy, MulticlassCalibrationError, MulticlassJaccardIndex

from vitwork.analysis.calibration import evaluate
from vitwork.data.corruptions import CORRUPTIONS, corrupt
from vitwork.data.embedded import draw
from vitwork.data.noise import Band, add_band_noise
from vitwork.data.severity import setting

SEVERITY = 3
Picture = np.ndarray[Any, Any]


def seconds(work: Callable[[], object], device: str, repeats: int = 3) -> float:
    """Return the best of a few runs, after one to warm up; waits for the device."""
    best = math.inf
    for _ in range(repeats + 1):
        start = time.perf_counter()
        work()
        if device == "cuda":
            torch.cuda.synchronize()
        best = min(best, time.perf_counter() - start)
    return best


def line(what: str, ours: float, plain: float | None, count: int) -> None:
    """Print one comparison."""
    ratio = f"{plain / ours:8.1f} ×" if plain else "       –"
    other = f"{1e3 * plain:10.1f}" if plain else "         –"
    print(f"{what:28s}{1e3 * ours:10.1f}{other}{ratio}{count / ours:14,.0f}")


def plain_ways(size: int) -> dict[str, Callable[[Picture], object]]:
    """Return per-image versions (h, w, 3) of those corruptions that scipy, Pillow or NumPy do directly."""
    random = np.random.default_rng(0)
    (deviation, photons), (sigma, reach, passes) = (
        (setting(name, SEVERITY, size) for name in ("gaussian_noise", "shot_noise")),
        setting("glass_blur", SEVERITY, size),
    )

    def glass(image: Picture) -> Picture:
        moved = ndimage.gaussian_filter(image.astype(float), (sigma, sigma, 0), mode="nearest")
        for _ in range(passes):
            for row in range(size - reach, reach, -1):
                for column in range(size - reach, reach, -1):
                    right, down = random.integers(-reach, reach, 2)
                    moved[row, column] = moved[row + down, column + right]
        return np.asarray(ndimage.gaussian_filter(moved, (sigma, sigma, 0), mode="nearest"))

    def zoom(image: Picture) -> list[Picture]:
        stop, step = setting("zoom_blur", SEVERITY, size)
        return [
            ndimage.zoom(image.astype(np.float32), (factor, factor, 1), order=1) for factor in np.arange(1, stop, step)
        ]

    def elastic(image: Picture) -> Picture:
        places = np.stack(np.meshgrid(np.arange(size), np.arange(size), np.arange(3), indexing="ij")).astype(float)
        noise = random.uniform(-1, 1, (2, size, size))
        places[:2] += np.stack([ndimage.gaussian_filter(each, 0.06 * size) for each in noise])[..., None]
        return np.asarray(ndimage.map_coordinates(image, places, order=1, mode="reflect"))

    def jpeg(image: Picture) -> Picture:
        file = io.BytesIO()
        Image.fromarray(image).save(file, "JPEG", quality=setting("jpeg_compression", SEVERITY, size))
        return np.asarray(Image.open(file))

    def pixels(image: Picture) -> Picture:
        small = int(size * setting("pixelate", SEVERITY, size))
        box = Image.Resampling.BOX
        return np.asarray(Image.fromarray(image).resize((small, small), box).resize((size, size), box))

    return {
        "gaussian_noise": lambda image: np.clip(image / 255 + random.normal(size=image.shape, scale=deviation), 0, 1),
        "shot_noise": lambda image: np.clip(random.poisson(image / 255 * photons) / photons, 0, 1),
        "glass_blur": glass,
        "zoom_blur": zoom,
        "elastic_transform": elastic,
        "pixelate": pixels,
        "jpeg_compression": jpeg,
    }


def compare_corruptions(images: Tensor, plain_count: int) -> None:
    """Time every corruption; the plain way on the first `plain_count` images, scaled up."""
    size, count, device = images.shape[-1], len(images), images.device.type
    pictures = images[:plain_count].permute(0, 2, 3, 1).cpu().numpy()
    ways = plain_ways(size)
    for name in CORRUPTIONS:
        ours = seconds(lambda name=name: corrupt(images, name, SEVERITY), device)  # type: ignore[misc]
        way, plain = ways.get(name), None
        if way:
            plain = seconds(lambda way=way: [way(each) for each in pictures], "cpu", 1) * count / plain_count  # type: ignore[misc]
        line(f"{name} {size}", ours, plain, count)


def released_band(images: Tensor, frequency: float, eps: float) -> Tensor:
    """Add band noise in the released code's order: shift, modulus and angle, mask, exponential, shift, inverse."""
    size = images.shape[-1]
    noise = eps * torch.randn(images.shape).sign().to(images)
    spectrum = torch.fft.fft2(noise).roll((size // 2, size // 2), (2, 3))
    distance = (torch.arange(size, device=images.device) - size // 2 + 0.5).abs()
    largest = torch.maximum(distance[:, None], distance)
    low, high = (int((frequency + sign * 0.1) * size / 2) for sign in (-1, 1))
    modulus = spectrum.abs() * ((largest > low) & (largest < high))
    kept = (modulus * torch.exp(1j * spectrum.angle())).roll((size // 2, size // 2), (2, 3))
    noisy: Tensor = images + torch.fft.ifft2(kept).real
    return noisy


def compare_calibration(count: int, classes: int, device: str) -> None:
    """Time the metrics of `evaluate` against the few of them that torchmetrics has."""
    logits, labels = 3 * torch.randn(count, classes, device=device), torch.randint(0, classes, (count,), device=device)
    metrics = MetricCollection(
        [
            MulticlassAccuracy(classes, average="micro"),
            MulticlassCalibrationError(classes, n_bins=10),
            MulticlassJaccardIndex(classes),
        ]
    ).to(device)
    theirs = seconds(lambda: metrics(logits.softmax(1), labels), device)
    line(f"calibration {classes} classes", seconds(lambda: evaluate(logits, labels), device), theirs, count)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=200, help="images of 32 pixels; a sixteenth of them of 224")
    count = parser.parse_args().count
    for device in ["cpu"] + ["cuda"] * torch.cuda.is_available():
        print(f"\n{device}, {torch.get_num_threads()} threads; milliseconds, and images per second of ours")
        print(f"{'':28s}{'ours':>10s}{'plain':>10s}{'ratio':>10s}{'images/s':>14s}")
        if device == "cpu":
            for size in (16, 32):
                line(f"drawing {size}", seconds(lambda size=size: draw(3000, size), device), None, 3000)  # type: ignore[misc]
        for size, some in ((32, count), (224, max(count // 16, 1))):
            compare_corruptions(torch.from_numpy(draw(some, size).images).to(device), max(some // 10, 1))
            images = torch.randn(some, 3, size, size, device=device)
            ours = seconds(lambda images=images: add_band_noise(images, Band(0.5)), device)  # type: ignore[misc]
            theirs = seconds(lambda images=images: released_band(images, 0.5, 0.7), device)  # type: ignore[misc]
            line(f"band noise {size}", ours, theirs, some)
        for classes in (10, 100, 1000):
            compare_calibration(10_000, classes, device)


if __name__ == "__main__":
    main()
