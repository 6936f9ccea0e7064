"""Looks up the numbers of references: reads the values of a sentence's sides from the store."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from vitwork.design.deviation import Lack, Missing
from vitwork.errors import said
from vitwork.language.quantity import AbsentError
from vitwork.language.sentence import Reference, Values
from vitwork.session.plan import Wanted


class Records(Protocol):
    """A source of records: a store, or a report's archive."""

    def read(self, key: str) -> dict[str, Any] | None:
        """Return the record under `key`, or None."""


class LackError(Exception):
    """A number is not available, for the reason in `lack`."""

    def __init__(self, lack: Lack) -> None:
        super().__init__(lack.what)
        self.lack = lack


@dataclass(slots=True)
class Lookup:
    """Reads numbers of records.

    Attributes:
        store: holds the records.
        records: values of the records read so far, by key; many sentences use the same record.
        histories: epochs of the trainings read so far, by the run's key, kept for the same reason.
    """

    store: Records
    records: dict[str, Any] = field(default_factory=dict)
    histories: dict[str, list[dict[str, Any]]] = field(default_factory=dict)

    def values(self, side: Reference, wanted: Sequence[Wanted]) -> Values:
        """Return a number per seed, NaN for a run that diverged.

        Raises:
            LackError: a record is missing, a network lacks the parts that the quantity needs, or the quantity failed.
        """
        return tuple(self._number(side.quantity.value, side, want) for want in wanted)

    def errors(self, side: Reference, wanted: Sequence[Wanted]) -> Values:
        """Return the measurements' own standard errors; NaN if the quantity has none."""
        error = side.quantity.error
        return tuple(math.nan if error is None else self._number(error, side, want) for want in wanted)

    def record(self, want: Wanted) -> dict[str, Any] | None:
        """Return a record's values; None for a run that diverged.

        Raises:
            LackError: the record is missing, or does not hold values by name.
        """
        if want.key not in self.records:
            record = self.store.read(want.key)
            if record is None:
                raise LackError(Lack(Missing.RECORD, want.run.arm.name, want.measurement.name))
            if not isinstance(record["values"], dict | None):
                what = f"the record of {want.measurement.name} of {want.run.arm.name} holds no dict of values"
                raise LackError(Lack(Missing.FAULT, want.run.arm.name, what))
            self.records[want.key] = record["values"]
        values: dict[str, Any] | None = self.records[want.key]
        return values

    def trained_alike(self, one: Wanted, other: Wanted) -> bool:
        """Return whether two trainings have exactly the same losses and accuracies in every epoch."""
        first, second = (self._history(want) for want in (one, other))
        return bool(first) and first == second

    def _history(self, want: Wanted) -> list[dict[str, Any]]:
        """Return the epochs of a run that finished; empty if they are unknown."""
        key = want.run.key
        if key not in self.histories:
            record = self.store.read(key) or {}
            self.histories[key] = list(record.get("history") or ()) if record.get("status") == "finished" else []
        return self.histories[key]

    def _number(self, of: Callable[..., float], side: Reference, want: Wanted) -> float:
        values, arm = self.record(want), want.run.arm.name
        try:
            return math.nan if values is None else float(of(values, **side.options))
        except AbsentError as why:
            raise LackError(Lack(Missing.PART, arm, str(why))) from why
        except Exception as fault:
            what = f"{type(fault).__name__} in {side.quantity.name} of {arm}: {said(fault)}"
            raise LackError(Lack(Missing.FAULT, arm, what)) from fault
