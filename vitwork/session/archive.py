"""Reads the records in a report as if they lay in a store: to judge them again, or to use them in place of measuring.

A report's runs have no weights. If a measurement is needed that the report does not hold, its run is trained here. From
then on only this store's own records of that run count, because training the same seed on another machine may give
another network.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from msgspec import structs

from vitwork.facts.document import MeasurementResult, Origin, Results, RunResult
from vitwork.facts.not_finite import restored
from vitwork.store.keys import digest
from vitwork.store.store import Store


class Archive:
    """The records of reports by key, as they were when they were measured.

    Args:
        reports: hold the records; if several hold the same key, the first report's record is used.
    """

    def __init__(self, reports: Iterable[Results]) -> None:
        self.runs: dict[str, tuple[RunResult, Results]] = {}
        self.measurements: dict[str, tuple[MeasurementResult, Results]] = {}
        for results in reports:
            for run in results.runs:
                if run.status is not None:  # otherwise it was planned and not trained
                    self.runs.setdefault(run.key, (run, results))
            for entry in results.measurements:
                if entry.seconds is not None:
                    self.measurements.setdefault(entry.key, (entry, results))

    def run_of(self, key: str) -> str | None:
        """Return the key of the run that a record belongs to (a run's record has its own); None if there is none."""
        if key in self.measurements:
            return self.measurements[key][0].run
        return key if key in self.runs else None

    def read(self, key: str) -> dict[str, Any] | None:
        """Return the record under `key`, or None."""
        if key in self.measurements:
            entry, results = self.measurements[key]
            values = restored(entry.values, entry.not_finite)
            return {**structs.asdict(entry), "values": values, "origin": _origin(entry, results)}
        if key not in self.runs:
            return None
        run, results = self.runs[key]
        arm = {"name": run.arm, "model": run.model, "options": run.options, "recipe": run.recipe, "data": run.data}
        return {**structs.asdict(run), "arm": arm, "origin": _origin(run, results)}


def _origin(found: RunResult | MeasurementResult, results: Results) -> dict[str, Any]:
    """Return the machine of a record; if the report names only one machine, that one."""
    provenance = results.provenance
    known = results.origins.get(found.origin)
    return structs.asdict(known or Origin(versions=provenance.versions, hardware=provenance.hardware))


class ArchivedStore(Store):
    """A store that also holds the records of reports.

    Args:
        root: folder of its own runs and records.
        archive: read for the records of runs that are not in this store itself.
        alone: whether only the archive counts, and the store's own records do not.
    """

    def __init__(self, root: Path, archive: Archive, *, alone: bool = False) -> None:
        super().__init__(root)
        self.archive, self.alone = archive, alone

    def _archived(self, key: str) -> bool:
        """Return whether the archive's record under `key` counts."""
        run = self.archive.run_of(key)
        return run is not None and (self.alone or not super().has(run))

    def has(self, key: str) -> bool:
        """Return whether there is a record under `key`, without checking one of its own."""
        return self._archived(key) or (not self.alone and super().has(key))

    def read(self, key: str) -> dict[str, Any] | None:
        """Return the record under `key`, or None."""
        if self._archived(key):
            return self.archive.read(key)
        return None if self.alone else super().read(key)

    def seal(self, key: str) -> str:
        """Return a text that changes when the record under `key` does; empty if there is no record."""
        if self._archived(key):
            return digest(self.archive.read(key))
        return "" if self.alone else super().seal(key)
