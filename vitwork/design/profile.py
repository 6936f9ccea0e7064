"""Profiles: the scales at which claims are tested, as frozen data."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from vitwork.design.arm import Arm
from vitwork.design.deviation import Deviation
from vitwork.design.measurement import Measurement
from vitwork.errors import VitworkError

M = TypeVar("M", bound=Measurement)


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A quantity that a profile does not measure: a control that needs it reports that, and a claim is not measured.

    Attributes:
        quantity: its name.
        parameters: parameters of its measurement for which it is left out; empty for all.
    """

    quantity: str
    parameters: Mapping[str, Any] = field(default_factory=dict)

    def matches(self, quantity: str, parameters: Mapping[str, Any]) -> bool:
        """Return whether a quantity of a measurement with these parameters is left out."""
        given = self.parameters.items()
        return quantity == self.quantity and all(parameters.get(name) == value for name, value in given)


@dataclass(frozen=True, slots=True)
class Profile:
    """A scale at which claims are tested.

    Attributes:
        name: its name for ``--profile``.
        summary: data, sizes and length in one line.
        expected: how long it takes, and on which machine.
        arms: the conditions that can be compared, by name.
        seeds: trained networks per arm.
        first_seed: number of the first seed.
        effort: measurements whose parameters depend on the scale, at most one of each kind.
        left_out: quantities that the profile does not measure.
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
    left_out: tuple[LeftOut, ...] = ()
    deviations: tuple[Deviation, ...] = ()
    alpha: float = 0.05
    competence: float = 2.0

    @property
    def loaded(self) -> bool:
        """Whether it has arms of published networks, which are loaded and not trained."""
        return any(arm.loaded for arm in self.arms.values())

    def check_arms(self, names: Iterable[str]) -> None:
        """Refuse names of arms that the profile does not have.

        Raises:
            VitworkError: there is one; the message lists the arms.
        """
        if unknown := [name for name in names if name not in self.arms]:
            raise VitworkError(f"The profile {self.name} has no arm {unknown[0]!r}; it has {', '.join(self.arms)}.")

    def measurement(self, kind: type[M]) -> M:
        """Return the measurement of that kind with this profile's parameters, or its defaults if there are none."""
        for measurement in self.effort:
            if type(measurement) is kind:
                return measurement
        return kind()
