"""What a profile is: the scale at which claims are tested, as frozen data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from vitwork.design.arm import Arm
from vitwork.design.deviation import Deviation
from vitwork.design.measurement import Measurement

M = TypeVar("M", bound=Measurement)


@dataclass(frozen=True, slots=True)
class Profile:
    """A scale at which claims are tested.

    Attributes:
        name: what ``--profile`` takes.
        summary: data, sizes and length in one line.
        expected: how long it takes, and on what.
        arms: the conditions that can be compared, by name.
        seeds: trained networks per arm.
        first_seed: number of the first of them.
        effort: measurements whose parameters depend on the scale, at most one of each kind.
        left_out: names of quantities that the profile does not measure, each with the parameters that it is left out with;
            none for all. Those that it cannot tell from their own error, and controls that take long.
        deviations: differences from the paper's setting.
        alpha: false discovery rate over the claims that the profile can measure.
        competence: how many times better than chance an arm's networks have to be, by the lower 95 % bound of their
            accuracy over seeds, for claims about trained networks to compare them.
    """

    name: str
    summary: str
    expected: str
    arms: Mapping[str, Arm]
    seeds: int
    first_seed: int = 0
    effort: tuple[Measurement, ...] = ()
    left_out: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    deviations: tuple[Deviation, ...] = ()
    alpha: float = 0.05
    competence: float = 2.0

    def measurement(self, kind: type[M]) -> M:
        """Return the measurement of that kind with this profile's parameters, or with its own where it sets none."""
        for measurement in self.effort:
            if type(measurement) is kind:
                return measurement
        return kind()
