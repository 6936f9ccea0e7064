"""Feature-map analyses against the notebooks' way of doing them, side by side in one process: time, memory, agreement.

    python benchmarks/feature_maps.py [--device cpu] [--images 128] [--rounds 3]

Fourier and variance: the official notebooks keep every block's output and transform each in full. CKA: the usual
implementations recompute inner products for every pair of layers. Lesions: one whole pass per lesion. Rounds of both
sides alternate and the best of each counts; on a CPU, time is that of this process on one thread, so that other work on
the machine hardly counts. Peak memory is what a call adds to the process (of a fork) or to the GPU's allocator.
"""

from __future__ import annotations

import argparse
import math
import multiprocessing
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from itertools import cycle
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vitwork.analysis import attention, fourier, lesion, similarity, variance
from vitwork.analysis.memory import peak_memory
from vitwork.analysis.observe import Batch, evaluating, observe
from vitwork.models.block import Block
from vitwork.models.blocks import as_blocks
from vitwork.models.creation import create

MEBIBYTE = 1 << 20
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
        self.turn = cycle(stored)

    def forward(self, _: Tensor) -> Tensor:
        return next(self.turn)


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


def seconds(call: Callable[[], Any], device: torch.device) -> float:
    """Return what a call takes: this process's time on a CPU, the wall clock's on a GPU."""
    if device.type != "cuda":
        start = time.process_time()
        call()
        return time.process_time() - start
    torch.cuda.synchronize(device)
    start = time.perf_counter()
    call()
    torch.cuda.synchronize(device)
    return time.perf_counter() - start


def added_memory(call: Callable[[], Any], device: torch.device) -> float:
    """Return the mebibytes that a call adds at its peak; NaN where the system does not tell."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
        before = torch.cuda.memory_allocated(device)
        call()
        return (torch.cuda.max_memory_allocated(device) - before) / MEBIBYTE
    if not Path("/proc/self/statm").exists():
        return math.nan
    context = multiprocessing.get_context("fork")
    receiver, sender = context.Pipe(duplex=False)

    def child() -> None:
        before = int(Path("/proc/self/statm").read_text().split()[1]) * 4096
        call()
        sender.send(((peak_memory(device) or 0) - before) / MEBIBYTE)

    process = context.Process(target=child)
    process.start()
    process.join()
    return float(receiver.recv())


def networks(device: torch.device) -> dict[str, list[Block]]:
    """Return the networks that are analysed, untrained, at 32 × 32."""
    torch.manual_seed(0)
    made: dict[str, nn.Module] = {
        "ViT, 256 tokens, dim 96, depth 6": create("vit_ti", image_size=32, patch_size=2, dim=96, depth=6, heads=3),
        "pre-activation ResNet-18, widths 32–256": create("preresnet_18", widths=(32, 64, 128, 256)),
    }
    return {name: as_blocks(model.to(device).eval()) for name, model in made.items()}


def times(task: Task, blocks: list[Block], batches: list[Batch], rounds: int) -> tuple[float, float]:
    """Return the least seconds of the usual way and of ours, in alternating rounds."""
    device = batches[0][0].device
    ways = [partial(way, blocks, batches) for way in (task.usual, task.ours)]
    usual, ours = zip(*([seconds(way, device) for way in ways] for _ in range(rounds)), strict=True)
    return min(usual), min(ours)


def compare(task: Task, blocks: list[Block], batches: list[Batch], rounds: int) -> str:
    """Return one line of the table."""
    device = batches[0][0].device
    usual, ours = partial(task.usual, blocks, batches), partial(task.ours, blocks, batches)
    memory = [added_memory(call, device) for call in (usual, ours)]
    slow, fast = times(task, blocks, batches, rounds)
    alone = "–"
    if task.observes:
        slow_alone, fast_alone = times(task, replayed(blocks, batches), batches, rounds)
        alone = f"{slow_alone:.3f}/{fast_alone:.3f} {slow_alone / fast_alone:.1f}×"
    difference = (usual() - ours()).abs().max().item()
    return (
        f"{task.name:22} {slow:8.2f} {fast:8.2f} {slow / fast:5.1f}× {alone:>20} "
        f"{memory[0]:6.0f}/{memory[1]:<5.0f} {difference:.1e}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--images", type=int, default=128)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    device = torch.device(options.device)
    torch.set_num_threads(1)
    x = torch.randn(options.images, 3, 32, 32, device=device)
    y = torch.randint(10, (options.images,), device=device)
    batches = list(zip(torch.split(x, options.batch), torch.split(y, options.batch), strict=True))
    for name, blocks in networks(device).items():
        forward = min(seconds(partial(observe, blocks, batches), device) for _ in range(options.rounds + 1))
        print(f"\n{name}: {len(blocks)} blocks, {options.images} images, forward pass alone {forward:.2f} s")
        print(
            f"{'':22} {'usual s':>8} {'ours s':>8} {'ratio':>6} {'without the model':>20} {'MiB':>12}  largest difference"
        )
        for task in TASKS:
            print(compare(task, blocks, batches, options.rounds))
        if any(block.attention for block in blocks):
            taken = seconds(partial(attention.describe, blocks, batches), device)
            print(f"{'attention (no usual)':22} {'':8} {taken:8.2f}")


if __name__ == "__main__":
    main()
