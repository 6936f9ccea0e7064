"""What files of weights hold: each is loaded once, to see whether it is the network that it should be, and which one it is."""

from __future__ import annotations

import hashlib
from contextlib import suppress
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import torch
from torch import nn

from vitwork.design.published import Network
from vitwork.errors import DamagedError, VitworkError
from vitwork.models.published.loading import built
from vitwork.models.published.weights import located
from vitwork.store.cache import cache_folder
from vitwork.store.digests import DIGEST
from vitwork.store.keys import digest
from vitwork.store.machine import versions
from vitwork.store.sources import source_hash
from vitwork.store.store import write_atomically


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
    """Return a network whose weights are here with the digest of these weights; one without as it is.

    A file is loaded the first time alone: what it holds is kept under its SHA-256, with what else decides it.

    Raises:
        DamagedError: it cannot be loaded: it is damaged or of another architecture, or its numbers are not finite.
    """
    if network.path is None:
        return network
    decides = [network.sha256, network.model, network.options, network.classes, *_surroundings()]
    record = cache_folder() / "contents" / digest(decides)
    with suppress(OSError, ValueError):
        if DIGEST.fullmatch(known := record.read_text(encoding="ascii")):
            return replace(network, weights=known)
    try:
        weights = weights_digest(built(network, network.path))
    except DamagedError as why:
        raise DamagedError(network.path, why.reason) from why
    with suppress(VitworkError):  # a full or protected disk costs time, not the session
        write_atomically(record, weights.encode())
    return replace(network, weights=weights)


@cache
def _surroundings() -> tuple[Any, ...]:
    return source_hash("vitwork.models.published.loading"), versions()


def weights_digest(model: nn.Module) -> str:
    """Return a SHA-256 over all weights and buffers: the name, kind, shape and bytes of each, in the order of the names."""
    summed = hashlib.sha256()
    for name, value in sorted(model.state_dict().items()):
        summed.update(repr((name, str(value.dtype), tuple(value.shape))).encode())
        summed.update(value.cpu().contiguous().flatten().view(torch.uint8).numpy())
    return summed.hexdigest()
