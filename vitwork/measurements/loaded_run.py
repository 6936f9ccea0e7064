"""A published network in the form that measurements need: a finished run with loaded weights."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from vitwork.data.prepared import prepared
from vitwork.design.arm import Arm
from vitwork.design.published import Network
from vitwork.errors import UnfitError, VitworkError
from vitwork.measurements.trained_run import TrainedRun
from vitwork.models.published.loading import load
from vitwork.store.keys import plain

AT_ONCE = 64
"""Largest batch of test images; smaller than for networks trained here, since published networks use larger images."""
OF_THE_FILE = {"path", "weights"}
"""Fields of a network that a record leaves out: the path of its file, and the sample that identifies copies."""


@dataclass(frozen=True, slots=True)
class LoadedRun(TrainedRun):
    """One published network of an arm.

    Attributes:
        network: the published network.
    """

    network: Network = field(kw_only=True)

    def state(self, when: str | int = "end") -> dict[str, Tensor]:
        """Return the weights and buffers, on the CPU.

        Raises:
            UnfitError: `when` is a snapshot before the end.
        """
        return {name: value.cpu() for name, value in self.model(when).state_dict().items()}

    def model(self, when: str | int = "end") -> nn.Module:
        """Return the network in evaluation mode; measurements leave it as it is.

        Raises:
            UnfitError: `when` is a snapshot before the end.
            VitworkError: the weights cannot be loaded.
        """
        if when != "end":
            raise UnfitError(f"{self.network.name} is published as it ended: there is no snapshot {when!r}.")
        return self.once(("model", when), lambda: load(self.network).to(self.device).eval())


def described(network: Network, device: str) -> dict[str, Any]:
    """Load a network and return the facts for its run's record: its weights, its preprocessing and its size.

    Raises:
        VitworkError: the weights cannot be loaded.
    """
    started = time.perf_counter()
    parameters = sum(parameter.numel() for parameter in load(network).parameters())
    return {
        "status": "finished",
        "history": [],
        "network": {name: value for name, value in plain(network).items() if name not in OF_THE_FILE},
        "parameters": parameters,
        "seconds": time.perf_counter() - started,
        "images_per_second": None,
        "mode": f"{device}, loaded",
    }


def loaded_run(arm: Arm, network: Network, root: Path | None, device: str) -> LoadedRun:
    """Return a published network with its test images, preprocessed as it requires.

    Raises:
        VitworkError: the images are not available, or have more classes than the network has logits.
    """
    splits = prepared(arm.data, root, network.preprocessing)
    if len(splits.test.classes) != network.classes:
        raise VitworkError(
            f"{network.name} tells {network.classes} classes apart, and the images are of {len(splits.test.classes)}."
        )
    return LoadedRun(arm, network.draws, Path(), splits, device, AT_ONCE, network=network)
