"""`Measure`, the argument of a claim's test, which makes references to quantities."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

from vitwork.design.measurement import Measurement
from vitwork.language.quantity import Quantity
from vitwork.language.sentence import Reference, Sheet

Kind = TypeVar("Kind", bound=Measurement)


class Efforts(Protocol):
    """Holds the arms and the parameters of each kind of measurement; profiles are the main example."""

    @property
    def arms(self) -> Mapping[str, Any]:
        """The conditions that can be compared, by name."""

    def measurement(self, kind: type[Kind]) -> Kind:
        """Return the measurement of a kind, with the parameters of this scale."""


@dataclass(frozen=True, slots=True)
class Measure:
    """Makes references: ``measure(quantity, **parameters)(arm)``.

    Attributes:
        efforts: provides the parameters that the test does not set.
        sheet: collects the sentences that the test makes and asserts.
    """

    efforts: Efforts
    sheet: Sheet = field(default_factory=Sheet)

    def present(self, *arms: str) -> tuple[str, ...]:
        """Return those of the given arms that exist at this scale, for a sentence over all that exist."""
        return tuple(arm for arm in arms if arm in self.efforts.arms)

    def share(self, arm: str) -> float:
        """Return the share of the training images that an arm sees; NaN for an arm that is not trained at this scale."""
        return float(self.efforts.arms[arm].data.fraction) if arm in self.efforts.arms else float("nan")

    def __call__(self, quantity: Quantity, **parameters: Any) -> Callable[[str], Reference]:
        """Return a function from an arm's name to a reference to `quantity`, measured with `parameters`.

        Raises:
            TypeError: neither the measurement nor the quantity has such a parameter; or the returned function is called
                with something else than an arm's name.
        """
        measurement, options = self.efforts.measurement(quantity.measurement).having(parameters)
        inspect.signature(quantity.value).bind({}, **options)  # finds a misspelt name now, not after training

        def reference(arm: str) -> Reference:
            if not isinstance(arm, str):
                raise TypeError(f"an arm is given by its name, not by {arm!r}")
            return Reference(quantity, arm, measurement, options, self.sheet)

        return reference
