"""The runs and measurements that a set of claims needs, each once. Imports no torch."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from vitwork.data import fingerprint
from vitwork.design.arm import Arm
from vitwork.design.dataset import DataSpec
from vitwork.language.quantity import Measurement
from vitwork.store.keys import digest, source_hash
from vitwork.store.store import Store


@dataclass(frozen=True, slots=True)
class Run:
    """One training of one arm with one seed; `key` changes with anything that could change its outcome."""

    arm: Arm
    seed: int
    key: str


@dataclass(frozen=True, slots=True)
class Wanted:
    """One measurement of one run, with all its parameters, filed under `key`."""

    run: Run
    measurement: Measurement
    parameters: Mapping[str, Any]
    key: str


@dataclass(slots=True)
class Plan:
    """What has to be in the store before the claims can be judged.

    Attributes:
        data: folder of the images, or None for those the project provides or downloads.
        runs: by key, in the order in which they are worked on.
        wanted: measurements by key.
        fingerprints: of the data, by specification; a large folder takes long to look through.
    """

    data: Path | None = None
    runs: dict[str, Run] = field(default_factory=dict)
    wanted: dict[str, Wanted] = field(default_factory=dict)
    fingerprints: dict[DataSpec, str] = field(default_factory=dict)

    def run(self, arm: Arm, seed: int) -> Run:
        """Add the run of an arm and a seed unless it is planned; arms that differ in their name alone share their runs."""
        if arm.data not in self.fingerprints:
            self.fingerprints[arm.data] = fingerprint(arm.data, self.data)
        sources = [source_hash(module) for module in code(arm)]
        parts = [arm.model, arm.options, arm.recipe, arm.data, self.fingerprints[arm.data], seed, sources]
        run = Run(arm, seed, digest(parts))
        self.runs.setdefault(run.key, run)
        return run

    def want(self, arm: Arm, seed: int, measurement: Measurement, parameters: Mapping[str, Any]) -> Wanted:
        """Add a measurement, and the run that it is taken on, unless they are planned already."""
        run = self.run(arm, seed)
        key = measurement.key(run.key, parameters)
        return self.wanted.setdefault(key, Wanted(run, measurement, dict(parameters), key))

    def draft(self) -> Plan:
        """Return an empty plan of the same data."""
        return Plan(self.data, fingerprints=self.fingerprints)

    def include(self, draft: Plan) -> None:
        """Add what another plan holds, unless it is planned already."""
        for key, run in draft.runs.items():
            self.runs.setdefault(key, run)
        for key, wanted in draft.wanted.items():
            self.wanted.setdefault(key, wanted)

    def check(self, store: Store) -> None:
        """Set damaged records aside before anything is judged missing."""
        for key in (*self.runs, *self.wanted):
            store.check(key)

    def missing(self, store: Store, given_up: Collection[str] = ()) -> list[Run]:
        """Return the runs that are not trained or lack a measurement: seed by seed, so that all arms grow together.

        Args:
            store: what there is.
            given_up: keys of runs and measurements that are not to be tried again.
        """
        wanted = [wanted for wanted in self.wanted.values() if wanted.key not in given_up]
        lacking = {wanted.run.key for wanted in wanted if not store.has(wanted.key)}
        runs = [run for run in self.runs.values() if run.key in lacking or not store.has(run.key)]
        return sorted((run for run in runs if run.key not in given_up), key=lambda run: run.seed)

    def measurements(self, run: Run) -> list[Wanted]:
        """Return the measurements of one run."""
        return [wanted for wanted in self.wanted.values() if wanted.run.key == run.key]


def code(arm: Arm) -> list[str]:
    """Return the modules whose code decides what a training gives: ours, and that of a user's model."""
    own = ":" in arm.model and not arm.model.startswith("timm:")
    return ["vitwork.training.train", *([arm.model.partition(":")[0]] if own else [])]
