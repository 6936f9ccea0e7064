"""What measuring published networks took, at random weights: a file that plans read."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import msgspec

FILE = Path(__file__).parent / "network_times.json"


class Timed(msgspec.Struct, frozen=True):
    """What a measurement of one network took.

    Attributes:
        name: of the measurement.
        parameters: with which it was made, smaller ones than a profile's.
        amount: how much of it that was, as `vitwork.networks.costs.amount` counts.
        seconds: of one core.
    """

    name: str
    parameters: dict[str, Any]
    amount: float
    seconds: float


class Work(msgspec.Struct, frozen=True):
    """A network beside the one of its family that was timed.

    Attributes:
        like: name of that one.
        share: its floating-point operations on an image, as a multiple of that one's.
    """

    like: str
    share: float


class NetworkTimes(msgspec.Struct, frozen=True):
    """What published networks take.

    Attributes:
        machine: where they were timed, and how.
        preparing: seconds to decode an image and to cut it to 224 pixels a side.
        timed: measurements by the network that they were made on.
        networks: by name, all that the profiles have.
    """

    machine: str
    preparing: float
    timed: Mapping[str, tuple[Timed, ...]]
    networks: Mapping[str, Work]


@cache
def network_times() -> NetworkTimes:
    """Return what was measured; the file is written by ``python benchmarks/published.py --write``."""
    return msgspec.json.decode(FILE.read_bytes(), type=NetworkTimes)
