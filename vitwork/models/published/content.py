"""Checks of weight files: each is loaded once, to see that it fits its network and whether it is a copy of another."""

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
"""Most values of each tensor that are compared: networks of two trainings differ in all of their tensors."""

RELATIVE = torch.finfo(torch.bfloat16).eps
"""Largest relative difference of one number rounded to several formats in any order: a step of the coarsest format."""

ABSOLUTE = torch.finfo(torch.float16).eps * torch.finfo(torch.float16).tiny
"""The step of half precision near zero, where its steps no longer shrink with the number."""


def found(network: Network, folder: Path | None = None) -> Network:
    """Return a network with the place, SHA-256 and sample of its weights, as `located` and `identified` add them.

    Args:
        network, folder: as for `located`.

    Raises:
        DamagedError: the file cannot be used.
        VitworkError: the file cannot be read.
    """
    return identified(located(network, folder))


def identified(network: Network) -> Network:
    """Return a network with a sample of its weights if these are on this machine; otherwise the network unchanged.

    A file is loaded only the first time: its sample is then kept under the file's SHA-256 and all else that affects it.

    Raises:
        DamagedError: the file cannot be loaded: it is damaged or of another architecture, or its numbers are not
            finite.
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
    """Return evenly spaced values of every tensor of a network, in single precision and in the order of the names.

    The first value of each tensor is included. Counters and indices, which are not floating-point numbers, are left
    out: evaluation does not read them, or the architecture determines them.
    """
    values = [value.flatten() for _, value in sorted(model.state_dict().items()) if value.is_floating_point()]
    return torch.cat([value[:: -(-len(value) // SAMPLED) or 1].float().cpu() for value in values]).numpy().tobytes()


def same(one: Network, other: Network) -> bool:
    """Return whether two networks, by samples of their weights, differ at most in the precision of their files."""
    first, second = (np.frombuffer(network.weights, np.float32) for network in (one, other))
    if len(first) != len(second):
        return False
    return bool(np.all(np.abs(first - second) <= RELATIVE * np.maximum(np.abs(first), np.abs(second)) + ABSOLUTE))


def copies(networks: Iterable[Network]) -> dict[str, str]:
    """Return the names of networks that have the weights of an earlier one, mapped to that one's name.

    Networks whose weights are not on this machine are left out.
    """
    originals: list[Network] = []
    found: dict[str, str] = {}
    for network in networks:
        if original := next((one for one in originals if same(one, network)), None):
            found[network.name] = original.name
        elif network.weights:
            originals.append(network)
    return found
