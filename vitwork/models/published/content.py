"""What files of weights hold: each is loaded once, to see whether it is the network that it should be, and which one it is."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from vitwork.design.published import Network
from vitwork.errors import DamagedError, VitworkError
from vitwork.models.published.loading import built
from vitwork.models.published.weights import located
from vitwork.store.cache import cache_folder
from vitwork.store.keys import digest
from vitwork.store.machine import versions
from vitwork.store.seals import sealed, unsealed
from vitwork.store.sources import source_hash
from vitwork.store.store import write_atomically

SAMPLED = 16
"""Numbers of each tensor that are compared, at most: networks of two trainings differ in all of their tensors."""

RELATIVE = torch.finfo(torch.bfloat16).eps
"""Between roundings of one number, by whatever formats and in whatever order: a step of the coarsest of them."""

ABSOLUTE = torch.finfo(torch.float16).eps * torch.finfo(torch.float16).tiny
"""The step of half precision near zero, where its steps no longer shrink with the number."""


def found(network: Network, folder: Path | None = None) -> Network:
    """Return a network as `located` and `identified` know it.

    Args:
        network, folder: as for `located`.

    Raises:
        DamagedError: what is there cannot be used.
        VitworkError: the file cannot be read.
    """
    return identified(located(network, folder))


def identified(network: Network) -> Network:
    """Return a network whose weights are here with a sample of these weights; one without as it is.

    A file is loaded the first time alone: what it holds is kept under its SHA-256, with what else decides it.

    Raises:
        DamagedError: it cannot be loaded: it is damaged or of another architecture, or its numbers are not finite.
    """
    if network.path is None:
        return network
    decides = [network.sha256, network.model, network.options, network.classes, *_surroundings()]
    record = cache_folder() / "contents" / digest(decides)
    with suppress(OSError, VitworkError):
        return replace(network, weights=unsealed(record.read_bytes(), str(record)))
    try:
        weights = sample(built(network, network.path))
    except DamagedError as why:
        raise DamagedError(network.path, why.reason) from why
    with suppress(VitworkError):  # a full or protected disk costs time, not the session
        write_atomically(record, sealed(weights))
    return replace(network, weights=weights)


@cache
def _surroundings() -> tuple[Any, ...]:
    return source_hash("vitwork.models.published.content"), versions()


def sample(model: nn.Module) -> bytes:
    """Return numbers of every tensor of a network in single precision, in the order of the names: evenly spaced, the first too.

    Counters and indices, which are no floating numbers, are left out: evaluation does not read them, or the architecture
    decides them.
    """
    values = [value.flatten() for _, value in sorted(model.state_dict().items()) if value.is_floating_point()]
    return torch.cat([value[:: -(-len(value) // SAMPLED) or 1].float().cpu() for value in values]).numpy().tobytes()


def same(one: Network, other: Network) -> bool:
    """Return whether two networks, each with a sample of its weights, are the same but for the precision they were saved in."""
    first, second = (np.frombuffer(network.weights, np.float32) for network in (one, other))
    if len(first) != len(second):
        return False
    return bool(np.all(np.abs(first - second) <= RELATIVE * np.maximum(np.abs(first), np.abs(second)) + ABSOLUTE))


def copies(networks: Iterable[Network]) -> dict[str, str]:
    """Return the networks whose weights are those of one before, with the name of that one; none that are not here."""
    originals: list[Network] = []
    found: dict[str, str] = {}
    for network in networks:
        if original := next((one for one in originals if same(one, network)), None):
            found[network.name] = original.name
        elif network.weights:
            originals.append(network)
    return found
