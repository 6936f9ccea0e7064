"""Images per second of a whole training step, side by side in one run: ours, the official loop, timm's.

    uv run --with matplotlib python benchmarks/training.py --official CHECKOUT [--timm TRAIN.PY] [--scale paper] [--save FILE]

The official code imports matplotlib, which this project does not need.

All train the same network (ours) with the DeiT-300 recipe on the same random pictures, with batch 96:

- official: the checkout's own datasets, transforms, Mixup and `train_epoch`, fp32, DataLoader workers;
- timm: timm's transforms, Mixup and soft-target loss in a DataLoader, channels-last, autocast where --amp asks for it; and
  with --timm its own train.py on the same pictures as files, by itself, as fast as it says that its second epoch was;
- vitwork: pictures on the device, batched augmentation, this project's step (fp32; bf16 with --amp), on a GPU recorded as
  one graph; --computed and --compile show it without the recording, and compiled as well.

Rounds of all alternate, so that a busy machine slows all alike; ratios are medians over rounds. On a CPU without loader
workers the time is the process's own. Workers are kept between epochs and the first round is thrown away, which favours the
others. `--seeds N` adds N seeds of the `cifar10` profile's networks trained at once, and `--seeds-only` leaves all else out. On
a GPU, the share of a large matrix
product's rate, measured in the same run, is its utilisation; torch counts the operations.
"""

from __future__ import annotations

import argparse
import collections
import dataclasses
import math
import statistics
import sys
import tempfile
import types
from collections.abc import Callable, Iterator, Mapping
from functools import cache, partial
from pathlib import Path
from typing import Any

import timing
import timm_train
import torch
from PIL import Image
from timm.data import Mixup, create_transform
from timm.loss import SoftTargetCrossEntropy
from timm.optim import create_optimizer_v2
from torch import nn
from torch.utils.data import DataLoader, Dataset
from torch.utils.flop_counter import FlopCounterMode

from vitwork.data.images import ImageSet, Splits
from vitwork.design.arm import Arm
from vitwork.design.recipes import DEIT_300
from vitwork.errors import VitworkError, told
from vitwork.profiles import find
from vitwork.training import numerics, together
from vitwork.training.distributed import World
from vitwork.training.training import Training, build_model, on_stream

CLASSES = 100
MEAN, STD = (0.5071, 0.4867, 0.4408), (0.2675, 0.2565, 0.2761)
NETWORKS: dict[str, dict[str, tuple[str, dict[str, Any]]]] = {
    "small": {
        "ViT, dim 64, depth 4, patch 4": ("vit_ti", {"patch_size": 4, "dim": 64, "depth": 4, "heads": 4}),
        "ResNet 16/32/64": ("preresnet_18", {"depths": (2, 2, 2), "widths": (16, 32, 64)}),
        "AlterNet 16/32/64": (
            "alternet_18",
            {"depths": (2, 2, 2), "widths": (16, 32, 64), "msas": (0, 1, 1), "window_size": 4, "heads": (1, 2, 4), "head_dim": 16},
        ),
    },
    "paper": {
        "ViT-Ti, patch 2": ("vit_ti", {"patch_size": 2}),
        "ResNet-50": ("resnet_50", {}),
        "AlterNet-50": ("alternet_50", {"window_size": 4}),
    },
}  # fmt: skip


def pictures(count: int) -> ImageSet:
    """Return random smooth pictures of 32×32 pixels."""
    generator = torch.Generator().manual_seed(0)
    coarse = torch.rand(count, 3, 8, 8, generator=generator)
    images = (nn.functional.interpolate(coarse, size=32, mode="bilinear") * 255).to(torch.uint8)
    labels = torch.randint(0, CLASSES, (count,), generator=generator)
    return ImageSet(images, labels, tuple(map(str, range(CLASSES))), MEAN, STD, "random")


class PilPictures(Dataset[tuple[Any, int]]):
    """The same pictures as PIL images with a transform, in the place of torchvision's CIFAR."""

    images: ImageSet

    def __init__(self, *_: Any, transform: Any, **__: Any) -> None:
        self.transform = transform
        self.pixels = self.images.images.permute(0, 2, 3, 1).contiguous().numpy()
        self.targets = self.images.labels.tolist()

    def __len__(self) -> int:
        return len(self.targets)

    def __getitem__(self, index: int) -> tuple[Any, int]:
        return self.transform(Image.fromarray(self.pixels[index])), self.targets[index]


def loader(dataset: Dataset[tuple[Any, int]], workers: int) -> DataLoader[tuple[Any, int]]:
    return DataLoader(dataset, batch_size=96, shuffle=True, num_workers=workers, persistent_workers=workers > 0)


def arm_of(network: tuple[str, dict[str, Any]], amp: bool) -> Arm:
    recipe = dataclasses.replace(DEIT_300, precision="bf16" if amp else "fp32")
    return Arm("benchmark", network[0], network[1], recipe)


def official_epoch(checkout: Path, arm: Arm, device: torch.device, workers: int) -> Callable[[], object]:
    """Return one epoch of the official loop, with the pictures in the place of its CIFAR files."""
    sys.path.insert(0, str(checkout))
    sys.modules.setdefault("requests", types.ModuleType("requests"))  # it would download checkpoints
    import ops.datasets
    import ops.trains

    ops.datasets.torchvision.datasets.CIFAR100 = PilPictures
    train, _ = ops.datasets.get_cifar100(mean=MEAN, std=STD, padding=4, auto_augment="rand-m9-n2-mstd1.0")
    batches = loader(train, workers)
    model = build_model(arm, CLASSES).to(device)
    optimiser = torch.optim.AdamW(model.parameters(), lr=1.25e-4, weight_decay=0.05)
    mixup = Mixup(num_classes=CLASSES, mixup_alpha=1.0, cutmix_alpha=0.8, prob=1.0, label_smoothing=0.1)
    gpu = device.type == "cuda"
    return lambda: ops.trains.train_epoch(optimiser, model, batches, 0.1, mixup, 5, gpu=gpu)


def made_when_called(make: Callable[[], Callable[[], object]]) -> Callable[[], object]:
    """Return what does the work that is made at the first call, so that a failure to make it is one of the call."""
    made = cache(make)

    def work() -> object:
        return made()()

    return work


def timm_epoch(arm: Arm, device: torch.device, workers: int) -> Callable[[], object]:
    """Return one epoch of a loop made of timm's parts."""
    transform = create_transform(
        32, is_training=True, no_aug=False, scale=(1.0, 1.0), ratio=(1.0, 1.0), color_jitter=0.0,
        auto_augment="rand-m9-mstd1.0", interpolation="bicubic", mean=MEAN, std=STD,
    )  # fmt: skip
    batches = loader(PilPictures(transform=transform), workers)
    model = build_model(arm, CLASSES).to(device).to(memory_format=torch.channels_last)
    optimiser = create_optimizer_v2(model, opt="adamw", lr=1.25e-4, weight_decay=0.05)
    mixup = Mixup(num_classes=CLASSES, mixup_alpha=1.0, cutmix_alpha=0.8, prob=1.0, label_smoothing=0.1)
    criterion = SoftTargetCrossEntropy()

    def epoch() -> None:
        model.train()
        for x, labels in batches:
            images, targets = mixup(x.to(device, non_blocking=True), labels.to(device, non_blocking=True))
            images = images.contiguous(memory_format=torch.channels_last)
            with numerics.autocast(arm.recipe, device):
                loss = criterion(model(images).float(), targets)
            optimiser.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 5.0)
            optimiser.step()

    return epoch


def our_run(arm: Arm, images: ImageSet, device: torch.device, seed: int = 0) -> Training:
    """Return a training that has not begun and writes nothing."""
    torch.manual_seed(seed)
    arm = dataclasses.replace(arm, recipe=dataclasses.replace(arm.recipe, snapshots=()))
    splits = Splits(images, images)
    return Training(arm, seed, splits, Path("never-written"), device=device, world=World(), checkpoint_seconds=1e9)


def our_epoch(arm: Arm, images: ImageSet, device: torch.device, *, recorded: bool = True) -> Callable[[], object]:
    """Return an epoch of a training of ours, which says how it computes its steps."""
    run = our_run(arm, images, device)
    if not recorded:
        run.step.update.capture = None

    def epoch() -> None:
        with numerics.fixed(run.recipe):  # as `train` does; the others keep torch's defaults, which theirs do
            collections.deque(on_stream(run.epoch(), run.stream), maxlen=0)
        if run.step.update.note:
            print(run.step.update.note, flush=True)

    return epoch


def our_ways(
    options: argparse.Namespace, arm: Arm, images: ImageSet, device: torch.device
) -> dict[str, Callable[[], object]]:
    """Return our epochs: as they are, and where it is asked for without the recording, or compiled."""
    ways = {"vitwork": our_epoch(arm, images, device)}
    if options.computed:
        ways["vitwork, computed"] = our_epoch(arm, images, device, recorded=False)
    if options.compile:
        compiled = dataclasses.replace(arm, recipe=dataclasses.replace(arm.recipe, compile=options.compile))
        ways[f"vitwork, compiled ({options.compile})"] = our_epoch(compiled, images, device)
    return ways


def matmul_rate(device: torch.device, amp: bool) -> float:
    """Return the floating-point operations per second of a large matrix product: what a GPU can do at best."""
    a = torch.randn(8192, 8192, device=device, dtype=torch.bfloat16 if amp else torch.float32)
    taken = timing.least({"product": lambda: a @ a}, 4, device.type)["product"]
    return 2 * len(a) ** 3 / taken


def rounds(contestants: Mapping[str, Callable[[], object]], options: argparse.Namespace) -> dict[str, list[float]]:
    """Return the seconds of each contestant in each round, after one that warms up and shows which of them run."""
    contestants = timing.working(contestants)
    taken: dict[str, list[float]] = {name: [] for name in contestants}
    for _ in range(options.rounds):
        for name, work in contestants.items():
            taken[name].append(timing.seconds(work, options.device, helped=options.workers > 0))
    return taken


def flops_per_image(arm: Arm, device: torch.device) -> float:
    """Return the floating-point operations of forward and backward for one image, as torch counts them."""
    model = build_model(arm, CLASSES).to(device)
    with FlopCounterMode(display=False) as counter:
        model(torch.zeros(4, 3, 32, 32, device=device)).sum().backward()
    return float(counter.get_total_flops()) / 4


def ratio(reference: list[float], ours: list[float]) -> str:
    ratios = [theirs / mine for theirs, mine in zip(reference, ours, strict=True)]
    return f"{statistics.median(ratios):.2f} × ({min(ratios):.2f} to {max(ratios):.2f})"


def compare_loops(options: argparse.Namespace, images: ImageSet, device: torch.device) -> Iterator[dict[str, Any]]:
    """Yield a row for each network: the speed of every loop, and ours against the others.

    timm's train.py takes long to start: it comes last, and its rows replace those without it.
    """
    networks, taken = NETWORKS[options.scale], dict[str, dict[str, list[float]]]()
    for name, network in networks.items():
        taken[name] = rounds(contestants(options, network, images, device), options)
        yield loops_row(name, arm_of(network, options.amp), taken[name], images, device)
    for name, network in networks.items() if options.timm else ():
        taken[name] |= train_py(options, network, images)
        yield loops_row(name, arm_of(network, options.amp), taken[name], images, device)


def contestants(
    options: argparse.Namespace, network: tuple[str, dict[str, Any]], images: ImageSet, device: torch.device
) -> dict[str, Callable[[], object]]:
    """Return an epoch of every loop in this process."""
    arm = arm_of(network, options.amp)
    found = {"timm": timm_epoch(arm, device, options.workers), **our_ways(options, arm, images, device)}
    if options.official:
        plain = arm_of(network, False)
        found["official"] = made_when_called(partial(official_epoch, options.official, plain, device, options.workers))
    return found


def loops_row(
    name: str, arm: Arm, taken: Mapping[str, list[float]], images: ImageSet, device: torch.device
) -> dict[str, Any]:
    """Return what a network's loops took, with the fastest of ours against all others."""
    best = min((way for way in taken if way.startswith("vitwork")), key=lambda way: statistics.median(taken[way]))
    rate = len(images) / statistics.median(taken[best])
    row: dict[str, Any] = {"network": name, "ours": best.removeprefix("vitwork, "), "vitwork images/s": round(rate)}
    used = rate * flops_per_image(arm, device)
    row["vitwork GFLOP/s"] = round(used / 1e9, 1)
    if device.type == "cuda":
        row["of a matrix product's"] = f"{used / matmul_rate(device, arm.recipe.precision == 'bf16'):.0%}"
    for other in sorted(taken.keys() - {best}):
        row[f"{other} images/s"] = round(len(images) / statistics.median(taken[other]))
        row[f"against {other}"] = ratio(taken[other], taken[best])
    return row


def train_py(
    options: argparse.Namespace, network: tuple[str, dict[str, Any]], images: ImageSet
) -> dict[str, list[float]]:
    """Return the seconds of an epoch of timm's train.py on the same pictures, nothing where it does not run."""
    rates: list[float] = []

    def train() -> None:
        with tempfile.TemporaryDirectory() as folder:
            timm_train.write_pictures(images.images, images.labels, Path(folder))
            rate = timm_train.rate(
                options.timm, network, Path(folder), device=options.device, amp=options.amp, workers=options.workers
            )
            rates.append(rate)

    name = "timm's train.py"
    return {name: [len(images) / rates[0]] * options.rounds for name in timing.working({name: train})}


def seed_arms(options: argparse.Namespace) -> dict[str, Arm]:
    """Return the arms that are trained with several seeds: the profile's own, or small ones of the same families."""
    if options.scale == "small":
        return {name: arm_of(network, options.amp) for name, network in NETWORKS["small"].items()}
    return {f"{name} of cifar10": find("cifar10").arms[name] for name in ("vit", "resnet", "alternet")}


def compare_seeds(options: argparse.Namespace, images: ImageSet, device: torch.device) -> Iterator[dict[str, Any]]:
    """Yield for each network what N seeds at once gain against one after another, each way as fast as it can."""
    for name, arm in seed_arms(options).items():
        taken: dict[together.Way, list[float]] = {way: [] for way in together.WAYS}
        for _ in range(options.rounds):
            for way in together.WAYS:
                count = 1 if way == "alone" else options.seeds
                runs = (our_run(arm, images, device, seed) for seed in range(count))
                taken[way].append(seconds_of_step(f"{name}, {way}", list(runs), way) * options.seeds / count)
        best = min(taken, key=lambda way: min(taken[way]))
        row = {"network": name, f"{options.seeds} seeds together": ratio(taken["alone"], taken[best]), "chosen": best}
        for way, seconds in taken.items():
            row[f"{way}, ms per step of all"] = f"{1e3 * min(seconds):.1f}"
        yield row


def seconds_of_step(label: str, runs: list[Training], way: together.Way) -> float:
    """Return what a step of all runs takes, infinitely long where they cannot be trained in this way."""
    try:
        with numerics.fixed(runs[0].recipe):
            taken = together.seconds_per_step(runs, way)
    except (RuntimeError, VitworkError) as error:
        print(f"{label} left out: {told(error)}", flush=True)
        return math.inf
    print(f"{label}: {runs[0].step.update.note or 'steps computed'}", flush=True)
    return taken


def main() -> None:
    parser = timing.parser(__doc__)
    parser.add_argument("--official", type=Path, help="checkout of the official repository")
    parser.add_argument("--timm", type=Path, help="train.py of timm's repository")
    parser.add_argument("--scale", choices=NETWORKS, default="small")
    parser.add_argument("--images", type=int, default=960)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--workers", type=int, default=4)
    parser.add_argument("--amp", action="store_true", help="bf16 autocast for timm and vitwork")
    parser.add_argument("--computed", action="store_true", help="also our steps computed one by one, not recorded")
    parser.add_argument("--compile", default="", help="also our steps in this mode of torch.compile")
    parser.add_argument("--seeds", type=int, default=0, help="also compare this many seeds at once with one by one")
    parser.add_argument("--seeds-only", action="store_true", help="compare nothing else")
    parser.add_argument("--tried", type=int, default=together.TRIED_STEPS, help="steps of seeds that are timed")
    options = parser.parse_args()
    together.TRIED_STEPS = options.tried
    device, images = torch.device(options.device), pictures(options.images)
    PilPictures.images = images
    facts = timing.facts(options.device, "timm", "torchvision")
    parts: list[str] = []
    for compare in [*([] if options.seeds_only else [compare_loops]), *([compare_seeds] if options.seeds else [])]:
        rows: dict[str, dict[str, Any]] = {}
        parts.append("")
        for row in compare(options, images, device):
            print(row, flush=True)
            rows[row["network"]] = row
            parts[-1] = timing.table(list(rows.values()))
            timing.keep(options.save, "Training steps", facts, *parts)
    print("\n\n".join(parts))


if __name__ == "__main__":
    main()
