"""Reads the times of measurements on published networks with random weights, which plans use."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import msgspec

FILE = Path(__file__).parent / "network_times.json"


class Timed(msgspec.Struct, frozen=True):
    """The time of a measurement of one network.

    Attributes:
        name: name of the measurement.
        parameters: its parameters, smaller than a profile's.
        amount: how much was measured, in the unit of `vitwork.networks.costs.amount`.
        seconds: seconds on one core.
    """

    name: str
    parameters: dict[str, Any]
    amount: float
    seconds: float


class Work(msgspec.Struct, frozen=True):
    """A network relative to the timed network of its family.

    Attributes:
        like: name of the timed network.
        share: its floating-point operations on an image, as a multiple of the timed network's.
    """

    like: str
    share: float


class NetworkTimes(msgspec.Struct, frozen=True):
    """The times of published networks.

    Attributes:
        machine: the machine and the way of timing.
        preparing: seconds to decode an image and to crop it to a side of 224 pixels.
        timed: timed measurements, by network.
        networks: all networks of the profiles, by name.
    """

    machine: str
    preparing: float
    timed: Mapping[str, tuple[Timed, ...]]
    networks: Mapping[str, Work]


@cache
def network_times() -> NetworkTimes:
    """Return the measured times; ``python benchmarks/published.py --write`` writes the file."""
    return msgspec.json.decode(FILE.read_bytes(), type=NetworkTimes)
