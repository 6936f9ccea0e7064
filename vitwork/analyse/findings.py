"""The result of one analysis on one model: its record, and its main numbers, each with a standard error."""

from __future__ import annotations

import logging
import math
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from vitwork.analyse.table import Analysis, ShownQuantity, settable
from vitwork.design.measurement import Measurement, Record
from vitwork.errors import VitworkError, said, told
from vitwork.facts.not_made import NotMade, Obstruction
from vitwork.language.quantity import AbsentError

if TYPE_CHECKING:
    from vitwork.measurements.trained_run import TrainedRun

LOG = logging.getLogger(__name__)
MOST_PLACES = 6
"""Most decimals of a printed number; beyond that it is printed with a power of ten."""
COUNTED = {"%", "pp"}
"""Units of counted quantities: even if all images or mini-batches agree in one, the next may differ."""


class Number(Struct, frozen=True):
    """A quantity of one model.

    Attributes:
        quantity: its name with its parameters.
        unit: empty for none.
        value: the number; None if there is none.
        error: standard error; None if it is not known. `Made.over` says what it is over.
        lacks: why there is no value.
        note: what a peculiar value means.
    """

    quantity: str
    unit: str
    value: float | None = None
    error: float | None = None
    lacks: str = ""
    note: str = ""

    @property
    def shown(self) -> str:
        """The number as printed: with two digits of its error, and without digits that the error leaves uncertain."""
        if self.value is None:
            return self.lacks
        if self.error is None:
            return f"{self.value:.4g} ± unknown {self.unit}".rstrip().replace("-", "−")
        places = 1 - math.floor(math.log10(self.error)) if 0 < self.error < math.inf else MOST_PLACES + 1
        kind = f".{max(0, places)}f" if places <= MOST_PLACES else ".2g"
        value = f"{self.value:{kind if kind.endswith('f') else '.4g'}}"
        return f"{value} ± {self.error:{kind}} {self.unit}".rstrip().replace("-", "−")


class Made(Struct, frozen=True):
    """An analysis that was made: its numbers, parameters, time and memory, and its full record.

    Attributes:
        figure: key of the figure that draws `values` (`vitwork.report.figures`).
        peak_bytes: peak memory; None if the system does not report it.
        over: what the errors of its numbers are over.
    """

    numbers: tuple[Number, ...]
    parameters: dict[str, Any]
    seconds: float
    peak_bytes: int | None
    figure: str
    values: Record
    over: str = "images"


def attempt(
    analysis: Analysis, measurement: Measurement, run: TrainedRun, unlabelled: NotMade | None = None
) -> Made | NotMade:
    """Make one analysis.

    Args:
        analysis: its entry in the table of analyses.
        measurement: its measurement with the chosen parameters.
        run: the model.
        unlabelled: why the images do not belong to the model's classes; None if they do.
    """
    import torch

    from vitwork.device.memory import Meter, is_out_of_memory
    from vitwork.device.precision import single_precision
    from vitwork.device.settings import kept

    if lack := analysis.measurement.lack(run.arm):  # parameters may need a recipe, which only claims have
        return NotMade(Obstruction.UNFIT, lack.what)
    if analysis.labelled and unlabelled:
        return unlabelled
    meter = Meter(torch.device(run.device))
    try:
        with kept(), single_precision():
            values = measurement.measure(run)
    except (VitworkError, ValueError) as why:  # a ValueError says which input an analysis cannot take
        return NotMade(Obstruction.UNFIT, said(why) or type(why).__name__)
    except Exception as error:  # one failed analysis must not end the others
        if is_out_of_memory(error):
            return NotMade(Obstruction.MEMORY)
        LOG.info("%s failed", measurement.name, exc_info=True)
        return NotMade(Obstruction.FAULT, told(error), type(error).__name__)
    cost = meter.cost(0)
    numbers = tuple(_number(shown, values, analysis) for shown in analysis.shown)
    return Made(
        numbers, settable(measurement), cost.seconds, cost.peak_bytes, measurement.figure, values, analysis.over
    )


def _number(shown: ShownQuantity, values: Record, analysis: Analysis) -> Number:
    """Return a quantity of a record with its standard error."""
    quantity = shown.quantity
    try:
        value, error = float(quantity.value(values, **shown.parameters)), shown.error_of(values)
    except AbsentError as lacking:  # a network without such blocks, for example
        return Number(shown.label, quantity.unit, lacks=f"no {shown.counted or lacking}")
    if math.isnan(value):
        return Number(shown.label, quantity.unit, lacks=f"not defined: {analysis.undefined}")
    note = analysis.zero if value == error == 0.0 else ""
    known = math.isfinite(error) and (error > 0.0 or quantity.unit not in COUNTED)
    return Number(shown.label, quantity.unit, value, error if known else None, note=note)
