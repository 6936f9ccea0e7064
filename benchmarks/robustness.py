"""Seconds and ratios for drawing, corrupting, band noise and calibration, against the plain way, side by side.

    python benchmarks/robustness.py [--device cuda] [--count 200] [--save FILE]

"Plain" is one image after the other with scipy and Pillow (how the published
benchmarks were made, timed on the CPU whatever the device), the released code's order of operations for band noise, and
torchmetrics for calibration. Times are milliseconds, the best of three after one that warms up; on a CPU those of this
process on one thread, on a GPU the wall's with the queue waited for.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np
import timing
import torch
from PIL import Image
from scipy import ndimage
from torch import Tensor

from vitwork.analysis.calibration import evaluate
from vitwork.data.corruptions.corrupt import CORRUPTIONS, corrupt
from vitwork.data.corruptions.severity import setting
from vitwork.data.drawn.embedded import draw_images
from vitwork.data.noise_bands import Band, add_band_noise

try:
    import torchmetrics
except ImportError:
    torchmetrics = None  # type: ignore[assignment]

SEVERITY = 3
Picture = np.ndarray[Any, Any]


def best(work: timing.Way, device: str, rounds: int = 3) -> float:
    """Return the least seconds of a few calls, after one to warm up."""
    return timing.least({"": work}, rounds, device)[""]


def row(what: str, size: int | str, ours: float, plain: float | None, count: int) -> timing.Row:
    """Return one comparison."""
    return {
        "what": what,
        "size": size,
        "ours, ms": timing.number(1e3 * ours),
        "plain, ms": timing.number(1e3 * plain) if plain else "–",
        "ratio": f"{plain / ours:.1f} ×" if plain else "–",
        "images/s of ours": f"{count / ours:,.0f}",
    }


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


def compare_corruptions(images: Tensor) -> Iterator[timing.Row]:
    """Time every corruption; the plain way on a tenth of the images and fewer large ones, scaled up."""
    size, count, device = images.shape[-1], len(images), images.device.type
    few = max(1, min(count // 10, 20 * 32 * 32 // size**2))
    pictures = images[:few].permute(0, 2, 3, 1).cpu().numpy()
    ways = plain_ways(size)
    for name in CORRUPTIONS:
        ours = best(partial(corrupt, images, name, SEVERITY), device)
        way = ways.get(name)
        if way:
            way(pictures[0])  # loads what it needs
        plain = timing.seconds(partial(list, map(way, pictures)), "cpu") * count / few if way else None
        yield row(name, size, ours, plain, count)


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


def compare_band_noise(images: Tensor) -> timing.Row:
    """Time band noise against the released code's way of it, on the same device."""
    count, size, device = len(images), images.shape[-1], images.device.type
    theirs = best(lambda: released_band(images, 0.5, 0.7), device)
    return row("band noise", size, best(lambda: add_band_noise(images, Band(0.5)), device), theirs, count)


def compare_calibration(count: int, classes: int, device: str) -> timing.Row:
    """Time the metrics of `evaluate` against the few of them that torchmetrics has."""
    logits, labels = 3 * torch.randn(count, classes, device=device), torch.randint(0, classes, (count,), device=device)
    theirs = None
    if torchmetrics is not None:
        kinds = torchmetrics.classification
        metrics = torchmetrics.MetricCollection(
            [
                kinds.MulticlassAccuracy(classes, average="micro"),
                kinds.MulticlassCalibrationError(classes, n_bins=10),
                kinds.MulticlassJaccardIndex(classes),
            ]
        ).to(device)
        theirs = best(lambda: metrics(logits.softmax(1), labels), device)
    ours = best(lambda: evaluate(logits, labels), device)
    return row("calibration", f"{classes} classes", ours, theirs, count)


def comparisons(count: int, device: str) -> Iterator[timing.Row]:
    """Yield the table, row by row."""
    if device == "cpu":
        for size in (16, 32):
            yield row("drawing", size, best(partial(draw_images, 10 * count, size), device), None, 10 * count)
    for size, some in ((32, count), (224, max(count // 16, 1))):
        yield from compare_corruptions(torch.from_numpy(draw_images(some, size).images).to(device))
        yield compare_band_noise(torch.randn(some, 3, size, size, device=device))
    for classes in (10, 100, 1000):
        yield compare_calibration(50 * count, classes, device)


def main() -> None:
    parser = timing.parser(__doc__)
    parser.add_argument("--count", type=int, default=200, help="images of 32 pixels; a sixteenth of them of 224")
    options = parser.parse_args()
    torch.set_num_threads(1)
    known = timing.facts(options.device, "numpy", "scipy", "pillow", "torchmetrics")
    rows: list[timing.Row] = []
    for found in comparisons(options.count, options.device):
        rows.append(found)
        timing.keep(options.save, "Corruptions, band noise and calibration", known, timing.table(rows))
    print(timing.table(rows))


if __name__ == "__main__":
    main()
