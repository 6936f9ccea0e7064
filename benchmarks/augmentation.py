"""How many images a second the DeiT recipe augments: ours in batches, beside the official loader with PIL and timm.

    python benchmarks/augmentation.py [--official CHECKOUT] [--data FOLDER] [--rounds 3] [--images 9600] [--save FILE]

CHECKOUT is a clone of the official repository, or its git directory; without it the same transforms are built from timm
directly. FOLDER holds CIFAR-10; without it the images are drawn. Both sides take images that are in memory and end with
normalised, mixed batches of 96 with soft targets. Rounds of both sides alternate; the best round of each counts. Beside
the rate stands what it costs: processor time per thousand images, of all processes, which other users of the machine
change little.
"""

from __future__ import annotations

import argparse
import importlib
import multiprocessing
import os
import platform
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from importlib import metadata
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from vitwork.data import DataSpec, load
from vitwork.data.augmentation import Augmenter
from vitwork.training.recipe import Augmentation, RandAugment

BATCH, CLASSES, SMOOTHING = 96, 10, 0.1
MEAN, STD = (0.4914, 0.4822, 0.4465), (0.2023, 0.1994, 0.2010)
DEIT = Augmentation(randaugment=RandAugment(), mixup=1.0, cutmix=0.8)


class InMemory(torch.utils.data.Dataset[tuple[Any, int]]):
    """What torchvision's CIFAR10 does for each image, from an array that is already there."""

    pixels: Any
    labels: list[int]

    def __init__(self, *_: Any, transform: Callable[[Any], Any], **__: Any) -> None:
        self.transform = transform

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> tuple[Any, int]:
        from PIL import Image

        return self.transform(Image.fromarray(self.pixels[index])), self.labels[index]


def official_dataset(checkout: Path | None, images: Tensor, labels: Tensor) -> InMemory:
    """Return the official code's training set over our images: its own transforms where a checkout is given."""
    InMemory.pixels = images.permute(0, 2, 3, 1).contiguous().numpy()
    InMemory.labels = labels.tolist()
    settings = {"mean": MEAN, "std": STD, "padding": 4, "color_jitter": 0.0, "auto_augment": "rand-m9-n2-mstd1.0"}
    if checkout is None:
        return InMemory(transform=timm_transform())
    with tempfile.TemporaryDirectory() as folder:
        archive = subprocess.run(["git", "-C", checkout, "archive", "HEAD", "ops"], check=True, capture_output=True)
        subprocess.run(["tar", "-x", "-C", folder], input=archive.stdout, check=True)
        sys.path.insert(0, folder)
        import torchvision

        torchvision.datasets.CIFAR10 = InMemory
        dataset: InMemory = importlib.import_module("ops.datasets").get_cifar10(**settings)[0]
        return dataset


def timm_transform() -> Callable[[Any], Any]:
    from timm.data.auto_augment import rand_augment_transform
    from torchvision import transforms

    fill = tuple(round(255 * m) for m in MEAN)
    return transforms.Compose(
        [
            transforms.RandomCrop(32, padding=4),
            transforms.RandomHorizontalFlip(),
            rand_augment_transform("rand-m9-n2-mstd1.0", {"translate_const": 14, "img_mean": fill}),
            transforms.ToTensor(),
            transforms.Normalize(MEAN, STD),
        ]
    )


def official_rate(dataset: InMemory, workers: int) -> float:
    """Return images per second of the official loader and timm's Mixup, from the first batch that arrives on."""
    from timm.data import Mixup

    mixup = Mixup(mixup_alpha=1.0, cutmix_alpha=0.8, prob=1.0, num_classes=CLASSES, label_smoothing=SMOOTHING)
    loader = torch.utils.data.DataLoader(dataset, batch_size=BATCH, shuffle=True, num_workers=workers, drop_last=True)
    batches = iter(loader)
    next(batches)
    start, seen = time.perf_counter(), 0
    for images, labels in batches:
        mixup(images, labels)
        seen += len(labels)
    return seen / (time.perf_counter() - start)


def our_batches(images: Tensor, labels: Tensor, groups: int) -> Iterator[tuple[Tensor, Tensor]]:
    augmenter = Augmenter(DEIT, CLASSES, MEAN, STD, SMOOTHING)
    generator = torch.Generator(images.device).manual_seed(0)
    order = torch.randperm(len(labels), generator=generator, device=images.device)
    for rows in order.split(BATCH * groups):
        if len(rows) == BATCH * groups:
            yield augmenter(images[rows], labels[rows], generator, groups)


def our_rate(images: Tensor, labels: Tensor, groups: int, threads: int) -> float:
    torch.set_num_threads(threads)
    batches = our_batches(images, labels, groups)
    next(batches)
    _wait(images)
    start, seen = time.perf_counter(), 0
    for _, targets in batches:
        seen += len(targets)
    _wait(images)
    return seen / (time.perf_counter() - start)


def our_rate_in_processes(images: Tensor, labels: Tensor, groups: int, processes: int) -> float:
    """Return the sum of the rates of processes of one thread that work at the same time, as trainings on a CPU do."""
    with multiprocessing.get_context("fork").Pool(processes) as pool:
        return sum(pool.starmap(our_rate, [(images, labels, groups, 1)] * processes, chunksize=1))


def processor_seconds(work: Callable[[], float]) -> tuple[float, float]:
    """Return a rate, and the processor time of this process and its children while it was measured."""
    before = sum(os.times()[:4])
    rate = work()
    return rate, sum(os.times()[:4]) - before


def _wait(images: Tensor) -> None:
    if images.is_cuda:
        torch.cuda.synchronize()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--official", type=Path)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--images", type=int, default=9600)
    parser.add_argument("--save", type=Path, help="write the table as Markdown")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    warnings.filterwarnings("ignore", "This DataLoader will create")  # four, as the official code does
    spec = DataSpec("cifar10" if arguments.data else "embedded", size=32, train=arguments.images, test=10)
    train = load(spec, arguments.data).train
    dataset = official_dataset(arguments.official, train.images, train.labels)
    cores = len(os.sched_getaffinity(0))

    sides: dict[str, Callable[[], float]] = {
        f"official, {workers} loader workers": lambda workers=workers: official_rate(dataset, workers)
        for workers in sorted({cores, 4})
    }
    for groups in (1, 4):
        sides[f"ours, {groups} × 96 at once, {cores} processes"] = lambda groups=groups: our_rate_in_processes(
            train.images, train.labels, groups, cores
        )
    sides[f"ours, 4 × 96 at once, 1 process, {cores} threads"] = lambda: our_rate(train.images, train.labels, 4, cores)
    if torch.cuda.is_available():
        images, labels = train.images.cuda(), train.labels.cuda()
        for groups in (1, 8, 32):
            sides[f"ours, {groups} × 96 at once, GPU"] = lambda groups=groups: our_rate(images, labels, groups, 1)

    count, best = len(train), {name: (0.0, float("inf")) for name in sides}
    for _ in range(arguments.rounds):
        for name, work in sides.items():
            rate, spent = processor_seconds(work)
            images = count * (cores if "processes" in name else 1)
            best[name] = (max(best[name][0], rate), min(best[name][1], 1000 * spent / images))
    official = [both for name, both in best.items() if name.startswith("official")]
    fastest, cheapest = max(rate for rate, _ in official), min(spent for _, spent in official)
    lines = [
        f"`{machine()}`, DeiT recipe, 32×32",
        "",
        "| pipeline | images/s | × official | processor seconds per 1,000 images | official ÷ it |",
        "| --- | --- | --- | --- | --- |",
    ]
    for name, (rate, spent) in best.items():
        lines.append(f"| {name} | {rate:.0f} | {rate / fastest:.2f} | {spent:.3f} | {cheapest / spent:.2f} |")
    print("\n".join(lines))
    if arguments.save:
        arguments.save.write_text(
            "# Augmentation, measured by benchmarks/augmentation.py\n\n" + "\n".join(lines) + "\n"
        )


def machine() -> str:
    """Return processor, versions and load."""
    names = [
        line.partition(":")[2].strip()
        for line in Path("/proc/cpuinfo").read_text().splitlines()
        if "model name" in line
    ]
    versions = ", ".join(f"{name} {metadata.version(name)}" for name in ("torch", "timm", "pillow"))
    return f"{names[0] if names else platform.machine()}, {len(os.sched_getaffinity(0))} cores, load {os.getloadavg()[0]:.1f}, {versions}"


if __name__ == "__main__":
    main()
