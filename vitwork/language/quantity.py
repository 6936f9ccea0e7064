"""What a measurement and a quantity are. Imports no torch.

A *measurement* analyses one trained run and returns a record of numbers, which is stored. A *quantity* is the one
number per seed that a claim compares, made of such a record.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, is_dataclass
from typing import TYPE_CHECKING, Any, Literal

from vitwork.design.arm import Arm
from vitwork.errors import VitworkError
from vitwork.store.keys import digest, source_hash

if TYPE_CHECKING:
    from vitwork.measurements.trained_run import TrainedRun

Record = dict[str, Any]
Scale = Literal["difference", "ratio", "log-ratio", "probability"]


def nothing(arm: Arm, parameters: Mapping[str, Any]) -> str:
    """Say that an arm lacks nothing."""
    del arm, parameters
    return ""


@dataclass(frozen=True, slots=True)
class Measurement:
    """A function of a trained run and of parameters that returns a JSON-able record.

    Attributes:
        name: what records are filed under.
        function: called as ``function(run, **parameters)``.
        lacks: says what an arm would need to be measured with some parameters, empty for nothing.
    """

    name: str
    function: Callable[..., Record]
    lacks: Callable[[Arm, Mapping[str, Any]], str] = nothing

    @property
    def parameters(self) -> dict[str, Any]:
        """The parameters and their defaults; a parameter without default must be given."""
        _, *rest = inspect.signature(self.function).parameters.values()
        return {parameter.name: parameter.default for parameter in rest}

    def key(self, run_key: str, parameters: Mapping[str, Any]) -> str:
        """Return the key of the record, which changes with the run, the parameters and the analysis source."""
        return digest([run_key, self.name, parameters, source_hash(self.function.__module__)])

    def __call__(self, run: TrainedRun, **parameters: Any) -> Record:
        """Measure `run`, in single precision on a GPU too."""
        from vitwork.device.precision import single_precision

        with single_precision():
            return self.function(run, **parameters)


@dataclass(frozen=True, slots=True)
class Quantity:
    """The number per seed that claims compare.

    Attributes:
        name: what statements call it.
        measurement: the measurement whose record it is made of.
        value: called as ``value(record, **parameters)``.
        unit: unit of the number, empty for none.
        scale: how arms are compared: by ``difference`` or ``ratio`` of means, by ``log-ratio`` (of geometric means, for
            positive quantities) or by the ``probability`` that a run of one exceeds a run of the other.
    """

    name: str
    measurement: Measurement
    value: Callable[..., float]
    unit: str = ""
    scale: Scale = "difference"

    def split(self, parameters: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
        """Divide `parameters` into those of the measurement and those of the value."""
        own = self.measurement.parameters
        given = {name: value for name, value in parameters.items() if name in own}
        return given, {name: value for name, value in parameters.items() if name not in own}


def measurement(
    function: Callable[..., Record], lacks: Callable[[Arm, Mapping[str, Any]], str] = nothing
) -> Measurement:
    """Make a measurement of a function of (run, parameters…)."""
    return Measurement(function.__name__, function, lacks)


class AbsentError(VitworkError):
    """A network has nothing of what a quantity is about; the message says what."""


def mean(values: Iterable[float], of: str) -> float:
    """Return the mean of values, one for each of a network's parts.

    Raises:
        AbsentError: there are none of these parts.
    """
    found = list(values)
    if not found:
        raise AbsentError(f"no {of}")
    return float(sum(found) / len(found))


def ratio(part: float, whole: float) -> float:
    """Return the quotient of two numbers, NaN where it is not defined."""
    return float(part / whole) if whole else math.nan


def log(value: float) -> float:
    """Return the natural logarithm, whose limit at 0 is −∞."""
    return math.log(value) if value else -math.inf


def columns(result: object, *names: str) -> Record:
    """Return fields of an analysis' result as records have them: sequences as lists, tensors as numbers."""
    return {name: _listed(getattr(result, name)) for name in names}


def _listed(value: Any) -> Any:
    if hasattr(value, "tolist"):
        return value.tolist()
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    return [_listed(item) for item in value] if isinstance(value, (tuple, list)) else value


def quantity(
    of: Measurement, name: str = "", unit: str = "", scale: Scale = "difference"
) -> Callable[[Callable[..., float]], Quantity]:
    """Make a quantity of a function of (record, parameters…)."""

    def make(value: Callable[..., float]) -> Quantity:
        return Quantity(name or value.__name__.replace("_", " "), of, value, unit, scale)

    return make
