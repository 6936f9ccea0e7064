"""Data-parallel training over processes that torchrun started; in a single process, nothing here has an effect."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class World:
    """The processes of a training: this one's rank, and their number."""

    rank: int = 0
    processes: int = 1

    @property
    def leads(self) -> bool:
        """Whether this process writes files and reports."""
        return self.rank == 0

    def sum(self, value: Tensor) -> Tensor:
        """Return the sum over processes."""
        if self.processes > 1:
            value = value.clone()
            dist.all_reduce(value)
        return value

    def gather(self, value: Any) -> list[Any]:
        """Return every process's value, by rank."""
        values = [value] * self.processes
        if self.processes > 1:
            dist.all_gather_object(values, value)
        return values

    def follow(self, value: bool) -> bool:
        """Return the leading process's decision."""
        return bool(self.gather(value)[0]) if self.processes > 1 else value

    def leader_first(self, call: Callable[[], T]) -> T:
        """Return this process's result of `call`, which may change files; the leading process calls it first."""
        if self.processes == 1:
            return call()
        if self.leads:
            result = call()
            dist.barrier()
            return result
        dist.barrier()
        return call()

    def parallel(self, model: nn.Module, device: torch.device) -> nn.Module:
        """Return a module that computes the model's outputs and whose gradients are means over processes."""
        if self.processes == 1:
            return model
        # Each process has its own buffers: draws of stochastic depth, and statistics. The leading process's statistics
        # are kept.
        devices = [device] if device.type == "cuda" else None
        return DistributedDataParallel(model, device_ids=devices, broadcast_buffers=False)


@contextmanager
def joined(device: torch.device) -> Iterator[World]:
    """Join the processes that torchrun started with this one, and leave them at the end."""
    if not dist.is_torchelastic_launched() or int(os.environ["WORLD_SIZE"]) == 1:
        yield World()
        return
    own, gpu = not dist.is_initialized(), device.type == "cuda"
    if gpu:
        torch.cuda.set_device(device)  # gathered Python objects go to this device
    if own:
        dist.init_process_group("nccl" if gpu else "gloo", device_id=device if gpu else None)
    try:
        yield World(dist.get_rank(), dist.get_world_size())
    finally:
        if own:
            dist.destroy_process_group()


def local_device(device: str) -> torch.device:
    """Return this process's GPU where several processes share a machine, otherwise `device`."""
    found = torch.device(device)
    if found.type == "cuda" and dist.is_torchelastic_launched():
        return torch.device("cuda", int(os.environ["LOCAL_RANK"]))
    return found
