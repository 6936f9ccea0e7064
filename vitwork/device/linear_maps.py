"""Linear maps that are applied many times, recorded on a GPU and replayed from then on."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache

import torch
from torch import Tensor

from vitwork.device.graphs import Record, cuda_graph

LOG = logging.getLogger(__name__)
AGREEMENT = 1e-3  # relative; rounding is far below


def agree(product: Tensor, plain: Tensor) -> bool:
    """Say whether a product computed in another way is the plain one; never where one is not finite. Waits for the device."""
    difference = torch.linalg.vector_norm(product - plain)
    return bool(difference <= AGREEMENT * torch.linalg.vector_norm(plain))


@cache
def _queue(device: torch.device) -> torch.cuda.Stream:
    # One for all maps, as what one of them frees only serves later work of the same queue.
    return torch.cuda.Stream(device)  # type: ignore[no-untyped-call]


@contextmanager
def aside(device: torch.device) -> Iterator[None]:
    """Compute on a GPU's second queue, which can be recorded: after what was asked for before, before what comes later.

    A recording allows no other queue in it, and a derivative is computed where its function was.
    """
    if device.type != "cuda":
        yield
        return
    here, other = torch.cuda.current_stream(device), _queue(device)
    other.wait_stream(here)
    try:
        with torch.cuda.stream(other):
            yield
    finally:
        here.wait_stream(other)


def recorder(device: torch.device) -> Record | None:
    """Return what records maps on a device; None on a CPU, where launching costs little."""
    return cuda_graph if device.type == "cuda" else None


class Recorded:
    """A linear map of one tensor, on a GPU recorded at its second use (many are used once) and replayed from the third on.

    The recording is checked against the product computed plainly. Where it differs, or something cannot be recorded, all
    products are computed plainly.

    Args:
        multiply: the map; what it differentiates was computed `aside`.
        device: where.
    """

    def __init__(self, multiply: Callable[[Tensor], Tensor], device: torch.device) -> None:
        self.multiply, self.device = multiply, device
        self.record = recorder(device)
        self.used = 0
        self.replay: Callable[[], object] | None = None

    def __call__(self, vector: Tensor) -> Tensor:
        """Return the product with a vector, as a tensor of the caller's."""
        self.used += 1
        with aside(self.device):
            if self.replay is not None:
                self.vector.copy_(vector)
                self.replay()
                return self.product.clone()
            product = self.multiply(vector)
            if self.record is not None and self.used == 2:
                self._begin(self.record, vector, product)
            return product

    def _begin(self, record: Record, vector: Tensor, product: Tensor) -> None:
        """Record the map, if a replay gives the product that was computed; waits for the device."""
        self.vector, self.product = vector.clone(), torch.empty_like(product)
        try:
            replay = record(self._compute)
            replay()
            if agree(self.product, product):
                self.replay = replay
            else:
                LOG.info("a product is not replayed: the replay differed")
        except RuntimeError as error:  # it waits for the device, or memory does not suffice for both
            LOG.info("a product is not replayed: %s", error)

    def _compute(self) -> None:
        self.product.copy_(self.multiply(self.vector))
