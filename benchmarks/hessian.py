"""Top-5 Hessian spectra against PyHessian, and products against gradients and curvlinops, in one process.

    python benchmarks/hessian.py [--device cuda] [--scale paper small] [--batches 4] [--rounds 3] [--save FILE]

Both sides see the same model, mini-batches and tolerance (1e-3), one after the other. How many products either takes depends
on its start vectors, so that each round has others, and a spectrum's time is the median of the rounds. On a GPU ours may
treat several mini-batches at once, which "one by one" does not; "computed" is one by one without the recording of products.
This and PyHessian, which are slow, can be given `--few` mini-batches. "Adds MiB" is the memory of ours one by one, to be held
against PyHessian's; "at once adds MiB" is that of ours as it is timed on a GPU, with the bases of several mini-batches. On a
CPU, time is that of one thread of this process, so that other work on the machine hardly counts; on a GPU it is the wall's,
with the queue waited for.
A product, computed as the gradient is and as a GPU replays it, is compared with the gradient of the same computation (attention
by matrix products, single precision). "Error" is the worst relative one of the first mini-batch's top five, in the last
round, against eigenvalues known to 1e-8 in double precision; `--reliable N` takes it for N other mini-batches, and for untrained weights as well. A
library that is not installed leaves its columns empty.
"""

from __future__ import annotations

import argparse
import copy
import logging
import math
import statistics
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from unittest import mock

import timing
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vitwork.analysis.curvature.operator import HessianOperator
from vitwork.analysis.hessian import top_eigenvalues
from vitwork.data.drawn.embedded import draw_images
from vitwork.device import graphs
from vitwork.device.unfused_attention import math_attention
from vitwork.models import create

try:
    from curvlinops import HessianLinearOperator
except ImportError:
    HessianLinearOperator = None
try:
    from pyhessian import hessian as pyhessian
except ImportError:
    pyhessian = None

ABSENT = "not installed"
NOTICEABLE = 0.01  # relative error: beyond it, another eigenvalue was taken for one of the top five
Batch = tuple[Tensor, Tensor]


@dataclass(frozen=True)
class Network:
    """A network and how it is trained before the measurement: side of the images, learning rate."""

    name: str
    size: int
    rate: float
    options: dict[str, Any]


MODELS = {
    "small": {
        "ResNet 16/32/64": Network("preresnet_18", 16, 2e-3, {"depths": (2, 2, 2), "widths": (16, 32, 64)}),
        "ViT, dim 64, depth 4": Network(
            "vit_ti", 16, 2e-3, {"image_size": 16, "patch_size": 2, "dim": 64, "depth": 4, "heads": 4}
        ),
    },
    "paper": {
        "ViT-Ti, patch 2": Network("vit_ti", 32, 5e-4, {"image_size": 32, "patch_size": 2}),
        "ResNet-50": Network("resnet_50", 32, 5e-4, {}),
    },
}


def computed(way: Callable[[], Tensor]) -> Tensor:
    """Go a way without recording anything."""
    with mock.patch.object(graphs, "capture_on", return_value=None):
        return way()


def trained(network: Network, steps: int, device: str) -> tuple[nn.Module, Tensor, Tensor]:
    """Return a model after some training steps on drawn images, with images and labels."""
    torch.manual_seed(0)
    drawing = draw_images(512, network.size)
    x = (torch.from_numpy(drawing.images).float() / 127.5 - 1).to(device)
    y = torch.from_numpy(drawing.shapes).to(device)
    model = create(network.name, 10, **network.options).to(device)
    optimizer = torch.optim.AdamW(model.parameters(), network.rate, weight_decay=0.05)
    for step in range(steps):
        chosen = torch.arange(64, device=device).add(64 * step) % len(x)
        optimizer.zero_grad()
        F.cross_entropy(model(x[chosen]), y[chosen]).backward()
        optimizer.step()
    return model.eval(), x, y


def power_iteration(model: nn.Module, batch: Batch, device: str, **settings: float) -> list[float]:
    """Return PyHessian's top five, largest magnitude first, by default at its tolerance of 1e-3."""
    with math_attention():
        problem = pyhessian(model, nn.CrossEntropyLoss(), data=batch, cuda=device.startswith("cuda"))
        values, _ = problem.eigenvalues(top_n=5, **settings)
    model.zero_grad(set_to_none=True)
    return sorted(values, key=abs, reverse=True)


@dataclass
class Side:
    """What one way of finding the spectra gave: eigenvalues, each round's seconds, and the MiB that it adds (on a GPU)."""

    values: Tensor
    rounds: list[float] = field(default_factory=list)
    added: float = math.nan

    @property
    def seconds(self) -> float:
        return statistics.median(self.rounds)

    def worst(self, exact: Tensor) -> str:
        found = self.values[: len(exact)].to(exact)
        return f"{float(((found - exact) / exact).abs().max()):.1e}"


def alternate(ways: dict[str, Callable[[int], Tensor]], rounds: int, device: str) -> dict[str, Side]:
    """Run all ways in turn, several rounds; a way is given the number of the round, to draw its start vectors by."""
    sides = {name: Side(torch.empty(0)) for name in ways}
    for number in range(rounds):
        for name, way in ways.items():
            side = sides[name]
            torch.manual_seed(number)  # PyHessian draws by torch's generator

            def work(way: Callable[[int], Tensor] = way, side: Side = side, number: int = number) -> None:
                start = timing.clock(device)
                side.values = way(number)
                side.rounds.append(timing.clock(device) - start)

            if device.startswith("cuda"):
                side.added = timing.added_memory(work, device)
            else:  # it would take a call of its own
                work()
            print(f"{name}: {side.rounds[-1]:.3f} s", flush=True)
    return sides


def spectra(model: nn.Module, batches: list[Batch], few: int, rounds: int, device: str) -> timing.Row:
    """Compare whole spectra, those of slow ways of a few mini-batches; one call of ours and some iterations of theirs warm up."""
    used: list[int] = []

    def ours(seed: int, at_once: int | None = None, count: int | None = None) -> Tensor:
        found = top_eigenvalues(model, batches[:count], tolerance=1e-3, seed=seed, at_once=at_once)
        used.extend(found.products)
        return found.eigenvalues

    ours(0)
    ways: dict[str, Callable[[int], Tensor]] = {"ours": ours}
    if device.startswith("cuda"):
        ways["one by one"] = lambda seed: ours(seed, 1)
        ways["computed"] = lambda seed: computed(lambda: ours(seed, 1, few))
    if pyhessian is not None and timing.working(
        {"PyHessian": lambda: power_iteration(model, batches[0], device, maxIter=2)}
    ):
        ways["PyHessian"] = lambda _: torch.tensor([power_iteration(model, batch, device) for batch in batches[:few]])
    sides = alternate(ways, rounds, device)
    exact = top_eigenvalues(copy.deepcopy(model).double(), batches[:1], tolerance=1e-8, max_products=200).eigenvalues
    counts = dict.fromkeys(sides, len(batches)) | {"computed": few, "PyHessian": few}
    each = {way: side.seconds / counts[way] for way, side in sides.items()}
    side, theirs = sides["ours"], sides.get("PyHessian")
    alone = sides.get("one by one")
    added = alone.added if alone else timing.added_memory(lambda: ours(0, 1), device)
    row: dict[str, object] = {"top five, ms per mini-batch": timing.number(1e3 * each["ours"])}
    row |= {f"{way}, ms": timing.number(1e3 * each[way]) for way in ("one by one", "computed") if way in each}
    return row | {
        "products": timing.number(sum(used) / len(used)),
        "adds MiB": timing.number(added),
        "at once adds MiB": timing.number(side.added),
        "error": side.worst(exact),
        "PyHessian, ms": timing.number(1e3 * each["PyHessian"]) if theirs else ABSENT,
        "PyHessian adds MiB": timing.number(theirs.added) if theirs else ABSENT,
        "PyHessian's error": theirs.worst(exact) if theirs else ABSENT,
        "× PyHessian": timing.number(each["PyHessian"] / each["ours"]) if theirs else ABSENT,
    }


def reliability(label: str, model: nn.Module, batches: list[Batch], device: str) -> timing.Row:
    """Compare the errors of whole spectra over many mini-batches; two values of about the same size may change places."""
    exact = top_eigenvalues(
        copy.deepcopy(model).double(), batches, tolerance=1e-8, max_products=500, seed=1
    ).eigenvalues

    def told(found: Tensor) -> dict[str, object]:
        worst = ((found.to(exact).abs() - exact.abs()) / exact).abs().amax(1)
        off = int((worst > NOTICEABLE).sum())
        return {"median error": f"{float(worst.median()):.1e}", "largest": f"{float(worst.max()):.1e}", "off": off}

    ours = top_eigenvalues(model, batches)
    row = {"network": label, "mini-batches": len(batches), "products": timing.number(sum(ours.products) / len(batches))}
    row |= told(ours.eigenvalues)
    if pyhessian is not None:
        theirs = told(torch.tensor([power_iteration(model, batch, device) for batch in batches]))
        row |= {f"PyHessian's {name}": value for name, value in theirs.items()}
    return row


def reliabilities(label: str, network: Network, options: argparse.Namespace) -> list[timing.Row]:
    """Return the rows of untrained and of trained weights, on mini-batches drawn at random."""
    rows = []
    for steps in (0, options.steps):
        model, x, y = trained(network, steps, options.device)
        orders = [torch.randperm(len(x), generator=torch.Generator().manual_seed(i)) for i in range(options.reliable)]
        batches = [(x[order[: options.batch_size]], y[order[: options.batch_size]]) for order in orders]
        rows.append(reliability(f"{label}, {steps} steps", model, batches, options.device))
    return rows


def as_exact(model: nn.Module, batch: Batch, device: str) -> timing.Row:
    """Compare whole spectra of one mini-batch where PyHessian's tolerance is lowered until it is as exact as ours."""
    exact = top_eigenvalues(copy.deepcopy(model).double(), [batch], tolerance=1e-8, max_products=200).eigenvalues

    def error(found: Tensor) -> float:
        return float(((found.to(exact) - exact) / exact).abs().max())

    mine = timing.least({"ours": lambda: top_eigenvalues(model, [batch], tolerance=1e-3)}, 3, device)["ours"]
    wanted = error(top_eigenvalues(model, [batch], tolerance=1e-3).eigenvalues)
    row: dict[str, object] = {"ours, ms": timing.number(1e3 * mine), "error": f"{wanted:.1e}"}
    for tolerance in (1e-3, 1e-4, 1e-5, 1e-6, 1e-7):
        start = timing.clock(device)
        found = torch.tensor([power_iteration(model, batch, device, tol=tolerance, maxIter=2000)])
        taken = timing.clock(device) - start
        reached = error(found)
        row |= {
            "PyHessian's tolerance": f"{tolerance:.0e}",
            "its error": f"{reached:.1e}",
            "ms": timing.number(1e3 * taken),
            "× PyHessian at this error": timing.number(taken / mine),
        }
        if reached <= wanted:
            break
    return row


def products(model: nn.Module, batch: Batch, rounds: int, device: str) -> timing.Row:
    """Compare one product with one gradient, and with curvlinops' product."""
    operator, replayed = HessianOperator(model, [batch]), HessianOperator(model, [batch])
    vector = torch.randn(operator.size, device=device)
    computed(lambda: operator(vector))  # whether products are recorded is settled by the first
    parameters = list(model.parameters())

    def gradient() -> None:
        torch.autograd.grad(F.cross_entropy(model(batch[0]), batch[1]), parameters)

    ways: dict[str, timing.Way] = {"gradient": gradient, "product": lambda: operator(vector)}
    if device.startswith("cuda"):
        ways["replayed"] = lambda: replayed(vector)
    with math_attention():
        if HessianLinearOperator is not None:
            other = HessianLinearOperator(model, nn.CrossEntropyLoss(), parameters, [batch], check_deterministic=False)
            ways |= timing.working({"curvlinops": lambda: other @ vector})
        found = timing.least(ways, 5 * rounds, device)
    one = found.pop("gradient")
    row: dict[str, object] = {"gradient, ms": timing.number(1e3 * one)}
    row |= {f"{way}, in gradients": timing.number(taken / one) for way, taken in found.items()}
    return {**row, "curvlinops, in gradients": row.get("curvlinops, in gradients", ABSENT)}


def main() -> None:
    parser = timing.parser(__doc__)
    parser.add_argument("--scale", choices=MODELS, nargs="+", default=["small"])
    parser.add_argument("--batches", type=int, default=4)
    parser.add_argument("--few", type=int, default=4, help="mini-batches of these for the slow ways")
    parser.add_argument("--batch-size", type=int, default=16)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=100, help="training steps before the measurement")
    parser.add_argument("--as-exact", action="store_true", help="also lower PyHessian's tolerance until it is as exact")
    parser.add_argument("--reliable", type=int, default=0, help="also the errors over this many mini-batches")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    logging.basicConfig(format="%(message)s")
    logging.getLogger("vitwork").setLevel(logging.INFO)  # which way products are computed, and why not another
    torch.set_num_threads(1)
    timing.single_precision()
    known = timing.facts(options.device, "timm", "pyhessian", "curvlinops-for-pytorch")
    rows: list[timing.Row] = []
    as_exact_rows: list[timing.Row] = []
    reliable_rows: list[timing.Row] = []
    size = options.batch_size
    for label, network in [pair for scale in options.scale for pair in MODELS[scale].items()]:
        model, x, y = trained(network, options.steps, options.device)
        batches = [(x[i * size :][:size], y[i * size :][:size]) for i in range(options.batches)]
        row = {"network": label, **products(model, batches[0], options.rounds, options.device)}
        rows.append(
            row | dict(spectra(model, batches, min(options.few, options.batches), options.rounds, options.device))
        )
        print(timing.table(rows[-1:]), flush=True)
        if options.as_exact:
            as_exact_rows.append({"network": label, **as_exact(model, batches[0], options.device)})
            print(timing.table(as_exact_rows[-1:]), flush=True)
        if options.reliable:
            reliable_rows += reliabilities(label, network, options)
            print(timing.table(reliable_rows[-2:]), flush=True)
        tables = [timing.table(part) for part in (rows, as_exact_rows, reliable_rows) if part]
        timing.keep(options.save, "Hessian spectra", known, *tables)


if __name__ == "__main__":
    main()
