"""How many images a second the DeiT recipe augments: ours in batches, beside the official loader with PIL and timm.

    python benchmarks/augmentation.py [--official CHECKOUT] [--data FOLDER] [--device cuda] [--rounds 3] [--images 9600]

CHECKOUT is a clone of the official repository, unpacked or not; without it the same transforms are built from timm
directly. FOLDER holds CIFAR-10; without it the images are drawn. Both sides take images that are in memory and end with
normalised, mixed batches of 96 with soft targets, on the GPU where there is one: the official loader copies each batch
there, ours keeps all images there and augments some batches together. Rounds of both sides alternate; the best round of
each counts. "× official" is against the official number of loader workers, four. Beside the rate stands what it costs:
processor time per thousand images, of all processes, which other users of the machine change little.
"""

from __future__ import annotations

import importlib
import multiprocessing
import os
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import timing
import torch
from torch import Tensor

from vitwork.data import DataSpec, load
from vitwork.data.augmentation import Augmenter
from vitwork.data.images import ImageSet
from vitwork.design.recipe import Augmentation, RandAugment
from vitwork.training.batches import TrainingBatches

BATCH, CLASSES, SMOOTHING, OFFICIAL_WORKERS = 96, 10, 0.1, 4
PASSES = 10  # over the images on a GPU, which would be done too soon to be timed
MEAN, STD = (0.4914, 0.4822, 0.4465), (0.2023, 0.1994, 0.2010)
DEIT = Augmentation(randaugment=RandAugment(), mixup=1.0, cutmix=0.8)


class Side(NamedTuple):
    """A pipeline: what measures its images per second, and how often that passes over all images."""

    work: Callable[[], float]
    passes: int = 1


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


def unpacked(checkout: Path, folder: Path) -> Path:
    """Return a folder that holds the official code's `ops`: the checkout, or what its git directory gives."""
    if (checkout / "ops").is_dir():
        return checkout
    archive = subprocess.run(["git", "-C", checkout, "archive", "HEAD", "ops"], check=True, capture_output=True)
    subprocess.run(["tar", "-x", "-C", folder], input=archive.stdout, check=True)
    return folder


def official_dataset(checkout: Path | None, images: Tensor, labels: Tensor) -> InMemory:
    """Return the official code's training set over our images: its own transforms where a checkout is given."""
    InMemory.pixels = images.permute(0, 2, 3, 1).contiguous().numpy()
    InMemory.labels = labels.tolist()
    settings = {"mean": MEAN, "std": STD, "padding": 4, "color_jitter": 0.0, "auto_augment": "rand-m9-n2-mstd1.0"}
    if checkout is None:
        return InMemory(transform=timm_transform())
    with tempfile.TemporaryDirectory() as folder:
        sys.path.insert(0, str(unpacked(checkout, Path(folder))))
        import torchvision

        torchvision.datasets.CIFAR10 = InMemory
        dataset: InMemory = importlib.import_module("ops.datasets").get_cifar10(**settings)[0]
        return dataset


def timm_transform() -> Callable[[Any], Any]:
    from timm.data.auto_augment import rand_augment_transform
    from torchvision import transforms

    fill = tuple(round(255 * m) for m in MEAN)
    composed: Callable[[Any], Any] = transforms.Compose(
        [
            transforms.RandomCrop(32, padding=4),
            transforms.RandomHorizontalFlip(),
            rand_augment_transform("rand-m9-n2-mstd1.0", {"translate_const": 14, "img_mean": fill}),
            transforms.ToTensor(),
            transforms.Normalize(MEAN, STD),
        ]
    )
    return composed


def official_rate(dataset: InMemory, workers: int, device: str) -> float:
    """Return images per second of the official loader and timm's Mixup, from the first batch that arrives on."""
    from timm.data import Mixup

    mixup = Mixup(mixup_alpha=1.0, cutmix_alpha=0.8, prob=1.0, num_classes=CLASSES, label_smoothing=SMOOTHING)
    loader = torch.utils.data.DataLoader(dataset, batch_size=BATCH, shuffle=True, num_workers=workers, drop_last=True)
    batches = iter(loader)
    next(batches)
    start, seen = timing.clock(device, helped=True), 0
    for images, labels in batches:
        mixup(images.to(device), labels.to(device))
        seen += len(labels)
    return seen / (timing.clock(device, helped=True) - start)


def our_batches(train: ImageSet, groups: int, passes: int) -> Iterator[Tensor]:
    """Yield the targets of as many mini-batches as are augmented together, in a new order in every pass."""
    augmenter = Augmenter(DEIT, CLASSES, MEAN, STD, SMOOTHING)
    images, labels = train.images, train.labels
    generator = torch.Generator(images.device).manual_seed(0)
    for _ in range(passes):
        order = torch.randperm(len(labels), generator=generator, device=images.device)
        for rows in order.split(BATCH * groups):
            if len(rows) == BATCH * groups:
                yield augmenter(images[rows], labels[rows], generator, groups)[1]


def trainings_batches(train: ImageSet, passes: int) -> Iterator[Tensor]:
    """Yield the targets of mini-batches as a training gets them, for several epochs."""
    augmenter = Augmenter(DEIT, CLASSES, MEAN, STD, SMOOTHING)
    batches = TrainingBatches(train, augmenter, batch_size=BATCH, seed=0, device=train.images.device)
    for epoch in range(passes):
        yield from (targets for _, targets in batches.epoch(epoch))


def our_rate(make: Callable[[], Iterator[Tensor]], device: str, threads: int) -> float:
    """Return images per second from the second piece on."""
    torch.set_num_threads(threads)
    pieces = make()
    next(pieces)
    start, seen = timing.clock(device, helped=True), 0
    for targets in pieces:
        seen += len(targets)
    return seen / (timing.clock(device, helped=True) - start)


def our_rate_in_processes(make: Callable[[], Iterator[Tensor]], processes: int) -> float:
    """Return the sum of the rates of processes of one thread that work at the same time, as trainings on a CPU do."""
    with multiprocessing.get_context("fork").Pool(processes) as pool:
        return sum(pool.starmap(our_rate, [(make, "cpu", 1)] * processes, chunksize=1))


def processor_seconds(work: Callable[[], float]) -> tuple[float, float]:
    """Return a rate, and the processor time of this process and its children while it was measured."""
    before = sum(os.times()[:4])
    rate = work()
    return rate, sum(os.times()[:4]) - before


def our_sides(train: ImageSet, device: str, cores: int) -> dict[str, Side]:
    """Return our pipelines: on a CPU as its trainings run, on a GPU with different numbers augmented together."""
    if not device.startswith("cuda"):
        makes = {groups: partial(our_batches, train, groups, 1) for groups in (1, 4)}
        sides = {
            f"ours, {groups} × {BATCH} at once, {cores} processes": Side(
                partial(our_rate_in_processes, make, cores), cores
            )
            for groups, make in makes.items()
        }
        threaded = Side(partial(our_rate, makes[4], device, cores))
        return sides | {f"ours, 4 × {BATCH} at once, 1 process, {cores} threads": threaded}
    there = train.to(device)
    pipelines = {"as trainings have it": partial(trainings_batches, there, PASSES)}
    for groups in [max(1, together // BATCH) for together in (BATCH, 512, 2048, 8192)]:
        if 2 * groups * BATCH <= len(train):
            pipelines[f"{groups} × {BATCH} at once"] = partial(our_batches, there, groups, PASSES)
    return {f"ours, {name}": Side(partial(our_rate, make, device, 1), PASSES) for name, make in pipelines.items()}


def rows(best: Mapping[str, tuple[float, float]]) -> list[timing.Row]:
    """Return the table's rows from rates and processor seconds per thousand images."""
    official = {name: both for name, both in best.items() if name.startswith("official")}
    own = official[f"official, {OFFICIAL_WORKERS} loader workers"][0]
    fastest, cheapest = max(rate for rate, _ in official.values()), min(spent for _, spent in official.values())
    return [
        {
            "pipeline": name,
            "images/s": f"{rate:,.0f}",
            "× official": f"{rate / own:.2f}",
            "× official with all cores": f"{rate / fastest:.2f}",
            "processor seconds per 1,000 images": f"{spent:.3f}",
            "official ÷ it": f"{cheapest / spent:.2f}",
        }
        for name, (rate, spent) in best.items()
    ]


def main() -> None:
    parser = timing.parser(__doc__)
    parser.add_argument("--official", type=Path, help="checkout of the official repository")
    parser.add_argument("--data", type=Path, help=timing.CIFAR10)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--images", type=int, default=9600)
    options = parser.parse_args()
    torch.set_num_threads(1)
    warnings.filterwarnings("ignore", "This DataLoader will create")  # as many workers as the official code has
    spec = DataSpec("cifar10" if options.data else "embedded", size=32, train=options.images, test=10)
    train = load(spec, options.data).train
    dataset = official_dataset(options.official, train.images, train.labels)
    cores = len(os.sched_getaffinity(0))
    known = timing.facts(options.device, "timm", "pillow")
    sides = {
        f"official, {workers} loader workers": Side(partial(official_rate, dataset, workers, options.device))
        for workers in sorted({cores, OFFICIAL_WORKERS})
    } | our_sides(train, options.device, cores)
    used = f"{len(train):,} images of 32×32 {'of CIFAR-10' if options.data else 'that were drawn'}"
    best = dict.fromkeys(sides, (0.0, float("inf")))
    for number in range(options.rounds):
        for name, side in sides.items():
            rate, spent = processor_seconds(side.work)
            best[name] = (
                max(best[name][0], rate),
                min(best[name][1], 1000 * spent / len(train) / side.passes),
            )
        text = f"DeiT recipe, {used}, the best of {number + 1} rounds\n\n{timing.table(rows(best))}"
        timing.keep(options.save, "Augmentation", known, text)
    print(text)


if __name__ == "__main__":
    main()
