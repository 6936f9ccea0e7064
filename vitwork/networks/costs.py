"""Estimates the time of measurements on a published network from a timed network of the same family."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vitwork.design.arm import Arm
from vitwork.design.dataset import HELD_OUT
from vitwork.design.measurement import Counts, Measurement
from vitwork.design.published import Network
from vitwork.profiles.network_times import NetworkTimes, Work, network_times

IMAGES = {"cifar10": (50_000, 10_000), "cifar100": (50_000, 10_000), HELD_OUT: (0, 50_000)}
"""Training and test images of whole data sets."""


def seconds(network: Network, arm: Arm, measurement: Measurement) -> float | None:
    """Return the seconds of one core that a measurement takes on a network; None if nothing similar was timed.

    The seconds of the timed network of the same family are scaled by the amount of measurement and by the operations
    per image. Overheads that grow with neither are scaled as well.
    """
    times = network_times()
    work = _work(times, network)
    made = [found for found in times.timed.get(work.like, ()) if found.name == measurement.name] if work else []
    if work is None or not made:
        return None
    nearest = max(made, key=lambda found: _alike(found.parameters, measurement.parameters))
    return nearest.seconds * work.share * amount(measurement, arm) / nearest.amount


def preparing(arm: Arm) -> float:
    """Return the seconds of decoding and cropping the images of an arm; 0 for images that are in memory."""
    return network_times().preparing * _images(arm)[1] if arm.data.source == HELD_OUT else 0.0


def amount(measurement: Measurement, arm: Arm) -> int:
    """Return how many images a measurement of an arm passes; without training images, test images take their place."""
    train, test = _images(arm)
    return measurement.passes(Counts(train or test, train if arm.augmented else 0, test))


def _images(arm: Arm) -> tuple[int, int]:
    """Return the numbers of an arm's training and test images."""
    train, test = IMAGES.get(arm.data.source, (0, 0))
    return arm.data.train or train, arm.data.test or test


def _work(times: NetworkTimes, network: Network) -> Work | None:
    """Return the known times of a network; for a user's own network, those of another one of its architecture."""
    if network.name in times.networks:
        return times.networks[network.name]
    architecture = network.name.partition(".")[0]
    return next((found for name, found in times.networks.items() if name.partition(".")[0] == architecture), None)


def _alike(one: Mapping[str, Any], other: Mapping[str, Any]) -> int:
    return sum(other.get(name) == value for name, value in one.items())
