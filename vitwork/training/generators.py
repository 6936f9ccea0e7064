"""Random generators seeded per purpose, and saving and restoring of the global generators."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch


def derive(seed: int, *purpose: object) -> int:
    """Return a 63-bit seed for one purpose, so that streams of one run are independent and arms can share them."""
    digest = hashlib.sha256(repr((seed, *purpose)).encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1


def generator(device: torch.device | str, seed: int, *purpose: object) -> torch.Generator:
    """Return a generator on `device` seeded for one purpose of the run with this seed."""
    return torch.Generator(device).manual_seed(derive(seed, *purpose))


def global_state(device: torch.device) -> dict[str, Any]:
    """Return the states of all global generators, in types that a weights-only load accepts."""
    name, keys, position, has_gauss, gauss = np.random.get_state()  # noqa: NPY002 - a user's model may draw from it
    return {
        "torch": torch.get_rng_state(),
        "cuda": torch.cuda.get_rng_state(device) if device.type == "cuda" else None,
        "python": random.getstate(),
        "numpy": (name, [int(key) for key in keys], int(position), int(has_gauss), float(gauss)),
    }


def set_global_state(state: dict[str, Any], device: torch.device) -> None:
    """Put all global generators into a saved state."""
    torch.set_rng_state(state["torch"].cpu())
    if state["cuda"] is not None and device.type == "cuda":
        torch.cuda.set_rng_state(state["cuda"].cpu(), device)
    version, numbers, gauss = state["python"]
    random.setstate((version, tuple(numbers), gauss))
    name, keys, *rest = state["numpy"]
    np.random.set_state((name, np.array(keys, dtype=np.uint32), *rest))  # noqa: NPY002 - as above


def seed_all(seed: int) -> None:
    """Seed all global generators."""
    torch.manual_seed(seed)
    random.seed(seed)
    np.random.seed(seed % 2**32)  # noqa: NPY002 - a user's model may draw from the global generator


def torch_state(device: torch.device) -> tuple[torch.Tensor, torch.Tensor | None]:
    """Return the states of torch's global generators only, which takes microseconds and does not wait for a GPU."""
    return torch.get_rng_state(), torch.cuda.get_rng_state(device) if device.type == "cuda" else None


def set_torch_state(state: tuple[torch.Tensor, torch.Tensor | None], device: torch.device) -> None:
    """Put torch's global generators into a state."""
    torch.set_rng_state(state[0])
    if state[1] is not None:
        torch.cuda.set_rng_state(state[1], device)


@contextmanager
def untouched(device: torch.device | str) -> Iterator[None]:
    """Restore all global generators on exit."""
    device = torch.device(device)
    before = global_state(device)
    try:
        yield
    finally:
        set_global_state(before, device)


@contextmanager
def seeded(seed: int, device: torch.device) -> Iterator[None]:
    """Seed all global generators, and restore them on exit."""
    with untouched(device):
        seed_all(seed)
        yield
