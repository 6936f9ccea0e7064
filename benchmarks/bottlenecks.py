"""What holds a GPU's utilisation back: the kernels of a training step, and how long the GPU has nothing to do.

    python benchmarks/bottlenecks.py [--device cuda] [--scale paper] [--steps 12] [--save FILE]

An epoch of so many steps with batches of 96 (DeiT recipe, bf16 autocast) is timed as it runs in a training, and then
recorded once by torch's profiler. A GPU is idle while no kernel runs: one minus the kernels' time over the time of a step
that was not recorded. Beside the network's step stand the augmentation alone and a Hessian-vector product on a mini-batch
of 16. A CPU has no queue to fall idle; there the operations' own times are shown.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import timing
import torch
from torch.autograd import DeviceType
from torch.profiler import ProfilerActivity, profile
from training import CLASSES, NETWORKS, arm_of, our_epoch, pictures

from vitwork.analysis.curvature.operator import HessianOperator
from vitwork.training.batches import TrainingBatches
from vitwork.training.training import build_model, make_augment

BATCH = 96
KINDS = {
    "attention": ("flash", "fmha", "attention", "softmax"),
    "convolution": ("conv", "wgrad", "dgrad", "fprop", "im2col", "nhwckrsc", "nchwtonhwc", "nhwctonchw"),
    "matrix product": ("gemm", "cublas", "cutlass", "nvjet", "mm", "linear", "splitk"),
    "normalisation": ("norm", "bn_", "batch_norm", "layer_norm", "welford"),
    "optimiser": ("multi_tensor", "foreach", "adam", "sgd"),
    "copy": ("memcpy", "memset", "copy"),
    "reduction": ("reduce", "sum", "argmax"),
    "random numbers": ("distribution", "philox", "random", "bernoulli", "uniform", "normal_"),
    "index, gather, scatter": ("index", "gather", "scatter", "cat", "take"),
    "element by element": ("elementwise", "vectorized", "add", "mul", "gelu", "relu"),
}
"""Kinds of kernels by parts of their names; the first that matches counts."""


def kind(name: str) -> str:
    return next((kind for kind, parts in KINDS.items() if any(part in name.lower() for part in parts)), "other")


def works(label: str, network: tuple[str, dict[str, Any]], steps: int, device: str) -> Iterator[tuple[str, timing.Way]]:
    """Yield what is profiled of one network: `steps` training steps, and products with its Hessian."""
    place, arm = torch.device(device), arm_of(network, True)
    yield f"{label}, training step", our_epoch(arm, pictures(BATCH * steps), place)
    model = build_model(arm_of(network, False), CLASSES).to(place).eval()
    operator = HessianOperator(model, [(torch.randn(16, 3, 32, 32, device=place), torch.arange(16, device=place))])
    vector = torch.randn(operator.size, device=place)
    yield f"{label}, Hessian-vector product", lambda: [operator(vector) for _ in range(steps)]


def augmentation(steps: int, device: str) -> timing.Way:
    """Return the augmentation of an epoch as trainings have it."""
    images = pictures(BATCH * steps)
    augment = make_augment(arm_of(("", {}), True), images)
    batches = TrainingBatches(images, augment, batch_size=BATCH, seed=0, device=torch.device(device))
    return lambda: list(batches.epoch(0))


def recorded(work: timing.Way, device: str) -> list[tuple[str, float, int]]:
    """Return name, seconds and calls of every kernel (on a CPU: operation) of one call."""
    on_gpu = device.startswith("cuda")
    activities = [ProfilerActivity.CPU, *([ProfilerActivity.CUDA] if on_gpu else [])]
    with profile(activities=activities) as profiler:
        timing.seconds(work, device)
    wanted = DeviceType.CUDA if on_gpu else DeviceType.CPU
    return [
        (event.key, 1e-6 * (event.self_device_time_total if on_gpu else event.self_cpu_time_total), event.count)
        for event in profiler.key_averages()
        if event.device_type == wanted and not event.is_user_annotation
    ]


def measured(label: str, work: timing.Way, steps: int, device: str) -> tuple[timing.Row, list[timing.Row]]:
    """Return the row of one piece of work, and the rows of its longest kernels."""
    taken = timing.least({"": work}, 3, device, warm_up=2)[""]
    kernels = recorded(work, device)
    busy, shares = sum(spent for _, spent, _ in kernels), dict.fromkeys([*KINDS, "other"], 0.0)
    for name, spent, _ in kernels:
        shares[kind(name)] += spent / max(busy, 1e-12)
    largest = sorted(shares.items(), key=lambda item: -item[1])[:5]
    row: timing.Row = {
        "work": label,
        "ms": timing.number(1e3 * taken / steps),
        "kernels' ms": timing.number(1e3 * busy / steps),
        "GPU idle": f"{max(0.0, 1 - busy / taken):.0%}" if device.startswith("cuda") else "–",
        "kernels": timing.number(sum(count for _, _, count in kernels) / steps),
        "share of the kernels' time": ", ".join(f"{name} {share:.0%}" for name, share in largest if share >= 0.005),
    }
    top: list[timing.Row] = [
        {
            "work": label,
            "kernel": name.replace("|", "/")[:90],
            "share": f"{spent / max(busy, 1e-12):.1%}",
            "calls": timing.number(count / steps),
            "µs each": timing.number(1e6 * spent / max(count, 1)),
        }
        for name, spent, count in sorted(kernels, key=lambda item: -item[1])[:6]
    ]
    return row, top


def main() -> None:
    parser = timing.parser(__doc__)
    parser.add_argument("--scale", choices=NETWORKS, default="small")
    parser.add_argument("--steps", type=int, default=12)
    options = parser.parse_args()
    torch.set_num_threads(1)
    known, rows, kernels = timing.facts(options.device, "timm"), [], []

    def add(label: str, work: timing.Way) -> None:
        row, top = measured(label, work, options.steps, options.device)
        rows.append(row)
        kernels.extend(top)
        print(timing.table([row]), flush=True)
        timing.keep(options.save, "Bottlenecks", known, timing.table(rows), timing.table(kernels))

    add(f"augmentation of {BATCH} images", augmentation(options.steps, options.device))
    for label, network in NETWORKS[options.scale].items():
        for name, work in works(label, network, options.steps, options.device):
            add(name, work)


if __name__ == "__main__":
    main()
