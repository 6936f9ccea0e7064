"""What one analysis found, and how it is printed."""

from __future__ import annotations

import logging
import math
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from vitwork.analyse.table import Analysis, Shown, settable
from vitwork.design.measurement import Measurement, Record
from vitwork.errors import VitworkError, told
from vitwork.language.quantity import AbsentError

if TYPE_CHECKING:
    from vitwork.measurements.trained_run import TrainedRun

LOG = logging.getLogger(__name__)


class Made(Struct, frozen=True):
    """An analysis that was made: with which parameters, what it found, how long it took and how much memory."""

    parameters: dict[str, Any]
    values: Record
    seconds: float
    peak_bytes: int | None


class NotMade(Struct, frozen=True, omit_defaults=True):
    """Why an analysis could not be made; `error` is the kind of a fault that nobody foresaw."""

    not_measured: str
    error: str = ""


def attempt(analysis: Analysis, measurement: Measurement, run: TrainedRun, *, labelled: bool) -> Made | NotMade:
    """Make one analysis.

    Args:
        analysis: what the command says of it.
        measurement: its measurement with the parameters that were asked for.
        run: the model.
        labelled: whether its images are of the classes that it tells apart.
    """
    import torch

    from vitwork.device.memory import Meter, is_out_of_memory
    from vitwork.device.precision import single_precision
    from vitwork.device.settings import kept

    if lack := analysis.measurement.lack(run.arm):  # what other parameters ask of a recipe matters to claims only
        return NotMade(lack.what)
    if analysis.labelled and not labelled:
        return NotMade("needs images of the classes that the model tells apart: give them with --data")
    meter = Meter(torch.device(run.device))
    try:
        with kept(), single_precision():
            values = measurement.measure(run)
    except (VitworkError, ValueError) as why:  # a ValueError says what an analysis cannot take
        return NotMade(str(why))
    except Exception as error:  # one analysis that fails must not take the others down
        if is_out_of_memory(error):
            return NotMade("does not fit into memory")
        LOG.info("%s failed", measurement.name, exc_info=True)
        return NotMade(f"it failed on this model ({told(error)})", type(error).__name__)
    cost = meter.cost(0)
    return Made(settable(measurement), values, cost.seconds, cost.peak_bytes)


def lines(analysis: Analysis, found: Made | NotMade) -> list[str]:
    """Return the table's lines of one analysis: its time and memory, then its main quantities."""
    name = analysis.measurement.name
    if isinstance(found, NotMade):
        return [f"{name:14} not measured: {found.not_measured}"]
    peak = "unknown" if found.peak_bytes is None else f"{found.peak_bytes / 2**20:.0f} MiB"
    first = f"{name:14} {found.seconds:8.1f} s {peak:>12} at most"
    return [first, *(_row(shown, found.values, analysis.undefined) for shown in analysis.shown)]


def _row(shown: Shown, values: Record, undefined: str) -> str:
    quantity, parameters = shown
    try:
        number = quantity.value(values, **parameters)
        value = f"not defined: {undefined}" if math.isnan(number) else f"{number:.4g} {quantity.unit}".rstrip()
    except AbsentError as lacking:  # a network without such blocks, for example
        value = f"no {lacking}"
    among = "".join(f", {key.replace('_', ' ')} {setting}" for key, setting in parameters.items())
    return f"{'':14}   {quantity.name}{among}: {value}"
