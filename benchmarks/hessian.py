"""Top-5 Hessian spectra against PyHessian, and products against gradients and curvlinops, in one process.

Run `python benchmarks/hessian.py`. Both sides see the same model, mini-batches and tolerance, one after the other, and
each number is the least time of several rounds. On a CPU, time is that of one thread of this process, so that other
work on the machine hardly counts. "error" is against eigenvalues known to 1e-8: the worst of the top five, relative.
"""

from __future__ import annotations

import argparse
import math
import time
import warnings
from collections.abc import Callable
from typing import Any

import torch
from curvlinops import HessianLinearOperator
from pyhessian import hessian as pyhessian
from torch import Tensor, nn
from torch.nn import functional as F

from vitwork.analysis.hessian import top_eigenvalues
from vitwork.analysis.memory import peak_memory
from vitwork.analysis.operator import HessianOperator
from vitwork.data.embedded import draw
from vitwork.models import create, math_attention

MODELS: dict[str, tuple[str, dict[str, Any]]] = {
    "ResNet": ("preresnet_18", {"depths": (2, 2, 2), "widths": (16, 32, 64)}),
    "ViT": ("vit_ti", {"image_size": 16, "patch_size": 2, "dim": 64, "depth": 4, "heads": 4}),
}


def clock(device: str) -> float:
    """Return seconds: of this process on a CPU, of the wall (its queue waited for) on a GPU."""
    if device == "cpu":
        return time.process_time()
    torch.cuda.synchronize()
    return time.perf_counter()


def least(ways: dict[str, Callable[[], object]], rounds: int, device: str) -> dict[str, float]:
    """Run all ways in turn, several rounds; return each one's least seconds."""
    best = dict.fromkeys(ways, math.inf)
    for _ in range(rounds):
        for name, way in ways.items():
            start = clock(device)
            way()
            best[name] = min(best[name], clock(device) - start)
    return best


def trained(name: str, options: dict[str, Any], steps: int, device: str) -> tuple[nn.Module, Tensor, Tensor]:
    """Return a model after some training steps on drawn images, with images and labels."""
    torch.manual_seed(0)
    images, labels, _ = draw(512, 16, 0)
    x = torch.as_tensor(images).permute(0, 3, 1, 2) if images.shape[-1] == 3 else torch.as_tensor(images)
    x, y = (x.float() / 127.5 - 1).to(device).contiguous(), torch.as_tensor(labels).long().to(device)
    model = create(name, 10, **options).to(device)
    optimizer = torch.optim.AdamW(model.parameters(), 2e-3, weight_decay=0.05)
    for step in range(steps):
        chosen = torch.arange(64, device=device).add(64 * step) % len(x)
        optimizer.zero_grad()
        F.cross_entropy(model(x[chosen]), y[chosen]).backward()
        optimizer.step()
    return model.eval(), x, y


def power_iteration(model: nn.Module, batch: tuple[Tensor, Tensor], device: str) -> list[float]:
    """Return PyHessian's top five at its default tolerance of 1e-3, largest magnitude first."""
    with math_attention():
        problem = pyhessian(model, nn.CrossEntropyLoss(), data=batch, cuda=device == "cuda")
        values, _ = problem.eigenvalues(top_n=5)
    model.zero_grad(set_to_none=True)
    return sorted(values, key=abs, reverse=True)


def spectra(label: str, model: nn.Module, batches: list[tuple[Tensor, Tensor]], rounds: int, device: str) -> None:
    """Compare whole spectra of the same mini-batches."""
    exact = top_eigenvalues(model, batches, tolerance=1e-8).eigenvalues
    found: dict[str, Tensor] = {}
    spent: list[float] = []

    def ours() -> None:
        spectrum = top_eigenvalues(model, batches, tolerance=1e-3)
        found["ours"] = spectrum.eigenvalues
        spent.append(sum(spectrum.products) / len(batches))

    def theirs() -> None:
        values = [power_iteration(model, batch, device) for batch in batches]
        found["PyHessian"] = torch.tensor(values, dtype=torch.float64)

    seconds = least({"ours": ours, "PyHessian": theirs}, rounds, device)
    print(f"{label}: top five of {len(batches)} mini-batches of {len(batches[0][1])}, tolerance 1e-3")
    for way, taken in seconds.items():
        worst = float(((found[way].to(exact) - exact) / exact).abs().max())
        print(f"  {way:12s}{1e3 * taken / len(batches):9.0f} ms each, largest error {worst:.1e}")
    print(f"  ratio {seconds['PyHessian'] / seconds['ours']:.1f} ×; {spent[0]:.1f} products each")


def products(label: str, model: nn.Module, batch: tuple[Tensor, Tensor], rounds: int, device: str) -> None:
    """Compare one product with one gradient, and with curvlinops' product."""
    operator = HessianOperator(model, [batch])
    vector = torch.randn(operator.size, device=device)
    parameters = list(model.parameters())

    def gradient() -> None:
        torch.autograd.grad(F.cross_entropy(model(batch[0]), batch[1]), parameters)

    with math_attention():
        other = HessianLinearOperator(model, nn.CrossEntropyLoss(), parameters, [batch], check_deterministic=False)
        ways = {"gradient": gradient, "ours": lambda: operator(vector), "curvlinops": lambda: other @ vector}
        found = least(ways, 5 * rounds, device)
    print(f"{label}: one product, in gradients of {1e3 * found['gradient']:.1f} ms")
    for way in ("ours", "curvlinops"):
        print(f"  {way:12s}{found[way] / found['gradient']:9.2f}")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--batches", type=int, default=4)
    parser.add_argument("--batch-size", type=int, default=16)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=100, help="training steps before the measurement")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    chosen = parser.parse_args()
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    for label, (name, options) in MODELS.items():
        model, x, y = trained(name, options, chosen.steps, chosen.device)
        size = chosen.batch_size
        batches = [(x[i * size :][:size], y[i * size :][:size]) for i in range(chosen.batches)]
        products(label, model, batches[0], chosen.rounds, chosen.device)
        spectra(label, model, batches, chosen.rounds, chosen.device)
    print(f"peak memory {(peak_memory(torch.device(chosen.device)) or 0) / 2**20:.0f} MiB")


if __name__ == "__main__":
    main()
