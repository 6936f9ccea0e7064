"""Feature-map analyses against the notebooks' way of doing them, side by side in one process: time, memory, agreement.

    python benchmarks/feature_maps.py [--device cuda] [--scale small paper] [--images 128] [--rounds 3] [--save FILE]

Fourier and variance: the official notebooks keep every block's output and transform each in full. CKA: the usual
implementations recompute inner products for every pair of layers. Lesions: one whole pass per lesion. Rounds of both
sides alternate and the best of each counts; on a CPU, time is that of this process on one thread, so that other work on
the machine hardly counts. "Without the model" replays stored feature maps. Memory is what a call adds at its peak to the
process (of a fork) or to the GPU's allocator.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import timing
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vitwork.analysis import attention, fourier, lesion, similarity, variance
from vitwork.analysis.observe import Batch, evaluating, observe
from vitwork.models.blocks.as_blocks import as_blocks
from vitwork.models.blocks.block import Block
from vitwork.models.zoo.creation import create

Way = Callable[[list[Block], list[Batch]], Tensor]


@dataclass(frozen=True)
class Task:
    """One analysis, done the usual way and ours; both return the same numbers."""

    name: str
    usual: Way
    ours: Way
    observes: bool = True  # whether it only watches one forward pass, which can then be left out of its time


def outputs(blocks: list[Block], x: Tensor) -> list[Tensor]:
    """Return every block's feature map of one mini-batch, all kept."""
    maps = []
    for block in blocks[:-1]:
        x = block.module(x)
        maps.append(block.feature_map(x))
    return maps


def usual_maps(blocks: list[Block], batches: list[Batch]) -> Tensor:
    """Return the last Δ log amplitude and the variance of every block, from full transforms."""
    amplitudes, variances = [], []
    for x, _ in batches:
        with evaluating(blocks):
            for latent in outputs(blocks, x):
                spectrum = (torch.fft.fft2(latent).abs() + 1e-6).log()
                half = latent.shape[-1] // 2
                diagonal = torch.roll(spectrum, (half, half), (2, 3)).mean((0, 1)).diag()[half:]
                amplitudes.append(diagonal[-1] - diagonal[0])
                variances.append(latent.var((2, 3)).mean((0, 1)))
    found = torch.stack([torch.stack(amplitudes), torch.stack(variances)])
    return found.reshape(2, len(batches), -1).mean(1).cpu()


def our_maps(blocks: list[Block], batches: list[Batch]) -> Tensor:
    """Return the same from one pass with two reducers, which give standard errors as well."""
    spectra, variances = fourier.Spectra(blocks), variance.Variances(blocks)
    cost = observe(blocks, batches, spectra, variances)
    delta = torch.stack([values[-1] for values in spectra.result(cost).delta])
    return torch.stack([delta, torch.tensor(variances.result(cost).variance, dtype=delta.dtype)]).float()


def hsic(k: Tensor, m: Tensor) -> Tensor:
    """Return the unbiased estimator of one pair, as published."""
    n = len(k)
    k, m = k - k.diag().diag(), m - m.diag().diag()
    trace, sums = (k @ m).trace(), k.sum() * m.sum() / (n - 1) / (n - 2)
    return (trace + sums - 2 * (k @ m).sum() / (n - 2)) / n / (n - 3)


def usual_cka(blocks: list[Block], batches: list[Batch]) -> Tensor:
    """Return CKA of all pairs, pair by pair."""
    count = len(blocks) - 1
    total = torch.zeros(3, count, count)
    for x, _ in batches:
        with evaluating(blocks):
            flat = [latent.flatten(1) for latent in outputs(blocks, x)]
            for i, a in enumerate(flat):
                k = a @ a.T
                for j, b in enumerate(flat):
                    m = b @ b.T
                    total[:, i, j] += torch.stack([hsic(k, m), hsic(k, k), hsic(m, m)]).cpu()
    return total[0] / (total[1] * total[2]).sqrt()


def our_cka(blocks: list[Block], batches: list[Batch]) -> Tensor:
    """Return the same with inner products taken once and all pairs in one product."""
    return similarity.matrix(
        blocks, batches, select=lambda b, x: None if b.layout == "vector" else b.feature_map(x)
    ).cka.float()


def usual_lesions(blocks: list[Block], batches: list[Batch]) -> Tensor:
    """Return the change of cross-entropy per lesion from one whole pass each."""
    removed = [None, *(place for place, block in enumerate(blocks) if block.skip)]
    total = torch.zeros(len(removed))
    with evaluating(blocks):
        for number, place in enumerate(removed):
            for images, labels in batches:
                x = images
                for here, block in enumerate(blocks):
                    x = block.skip(x) if here == place and block.skip else block.module(x)
                total[number] += F.cross_entropy(x, labels, reduction="sum").cpu()
    return (total[1:] - total[0]) / sum(len(x) for x, _ in batches)


def our_lesions(blocks: list[Block], batches: list[Batch]) -> Tensor:
    """Return the same, each lesion sharing the pass before it."""
    return torch.tensor(lesion.study(blocks, batches).nll_change)


class Replay(nn.Module):
    """Hands out a block's stored outputs, mini-batch by mini-batch, so that an analysis can be timed without the model."""

    def __init__(self, stored: list[Tensor]) -> None:
        super().__init__()
        self.stored, self.turn = stored, 0

    def forward(self, x: Tensor) -> Tensor:
        kept = self.stored[self.turn % len(self.stored)]
        if len(x) < len(kept):  # the first images, by which an analysis sees that a model repeats itself
            return kept[: len(x)]
        self.turn += 1
        return kept


def replayed(blocks: list[Block], batches: list[Batch]) -> list[Block]:
    """Return blocks that replay what these answered to the mini-batches."""
    stored: list[list[Tensor]] = [[] for _ in blocks]
    with evaluating(blocks):
        for batch, _ in batches:
            x = batch
            for block, kept in zip(blocks, stored, strict=True):
                x = block.module(x)
                kept.append(x)
    return [replace(block, module=Replay(kept)) for block, kept in zip(blocks, stored, strict=True)]


TASKS = (
    Task("Fourier + variance", usual_maps, our_maps),
    Task("CKA, all pairs", usual_cka, our_cka),
    Task("lesions, every block", usual_lesions, our_lesions, observes=False),
)


NETWORKS: dict[str, dict[str, tuple[str, dict[str, Any]]]] = {
    "small": {
        "ViT, 256 tokens, dim 96, depth 6": ("vit_ti", {"patch_size": 2, "dim": 96, "depth": 6, "heads": 3}),
        "pre-activation ResNet-18, widths 32–256": ("preresnet_18", {"widths": (32, 64, 128, 256)}),
    },
    "paper": {"ViT-Ti, patch 4": ("vit_ti", {"patch_size": 4}), "ResNet-50": ("resnet_50", {})},
}


def network(name: str, options: dict[str, Any], device: str) -> list[Block]:
    """Return an untrained network for 32 × 32 as blocks."""
    torch.manual_seed(0)
    return as_blocks(create(name, image_size=32, **options).to(device).eval())


def pair(task: Task, blocks: list[Block], batches: list[Batch]) -> dict[str, timing.Way]:
    return {"usual": partial(task.usual, blocks, batches), "ours": partial(task.ours, blocks, batches)}


def compare(task: Task, blocks: list[Block], batches: list[Batch], rounds: int, device: str) -> timing.Row:
    """Return one row of the table."""
    ways = pair(task, blocks, batches)
    added = [timing.added_memory(way, device) for way in ways.values()]
    taken = timing.least(ways, rounds, device)
    row = {
        "analysis": task.name,
        "usual, s": timing.number(taken["usual"]),
        "ours, s": timing.number(taken["ours"]),
        "ratio": f"{taken['usual'] / taken['ours']:.1f} ×",
        "usual adds MiB": timing.number(added[0]),
        "ours adds MiB": timing.number(added[1]),
        "largest difference": f"{(task.usual(blocks, batches) - task.ours(blocks, batches)).abs().max().item():.1e}",
    }
    if task.observes:
        alone = timing.least(pair(task, replayed(blocks, batches), batches), rounds, device)
        row["without the model"] = f"{alone['usual'] / alone['ours']:.1f} × ({timing.number(alone['ours'])} s)"
    return row


def main() -> None:
    parser = timing.parser(__doc__)
    parser.add_argument("--scale", choices=NETWORKS, nargs="+", default=["small"])
    parser.add_argument("--images", type=int, default=128)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    device, parts = options.device, []
    torch.set_num_threads(1)
    timing.single_precision()
    known = timing.facts(device, "timm", "numpy")
    x = torch.randn(options.images, 3, 32, 32, device=device)
    y = torch.randint(10, (options.images,), device=device)
    batches = list(zip(torch.split(x, options.batch), torch.split(y, options.batch), strict=True))
    for name, described in [item for scale in options.scale for item in NETWORKS[scale].items()]:
        blocks = network(*described, device)
        extra: dict[str, timing.Way] = {"forward": partial(observe, blocks, batches)}
        if any(block.attention for block in blocks):
            extra["attention"] = partial(attention.describe, blocks, batches)
        alone = {what: timing.number(taken) for what, taken in timing.least(extra, options.rounds, device).items()}
        rows = [{"network": name, **compare(task, blocks, batches, options.rounds, device)} for task in TASKS]
        calls = "; ".join(f"{what} {taken}" for what, taken in alone.items())
        said = f"{name}: {len(blocks)} blocks, {options.images} images, seconds of a call: {calls}"
        parts.append(f"{said}\n\n{timing.table(rows)}")
        print(parts[-1], flush=True)
        timing.keep(options.save, "Feature-map analyses", known, *parts)


if __name__ == "__main__":
    main()
