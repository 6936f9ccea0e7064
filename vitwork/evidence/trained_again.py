"""Trains and measures runs of a published report again, and compares the values. Imports torch only to work."""

from __future__ import annotations

import math
import random
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from msgspec import structs

from vitwork.design.arm import Arm
from vitwork.design.dataset import DataSpec
from vitwork.design.recipe import Recipe
from vitwork.errors import VitworkError
from vitwork.evidence.differences import unlike
from vitwork.evidence.rejudge import trained_by
from vitwork.evidence.values import Array, columns_of, scaled, table
from vitwork.facts.checks import ArmAudit, Audit, Code, Moved, Repeat, Repeated
from vitwork.facts.document import RunResult
from vitwork.language.sentence import Reference
from vitwork.measurements.accuracy import Evaluation
from vitwork.report import words
from vitwork.session.from_report import ReportPlan
from vitwork.session.lookup import Lookup, Records
from vitwork.session.plan import Plan
from vitwork.session.worker import Worker
from vitwork.statistics.comparison import on_scale
from vitwork.statistics.group_differences import GroupedNetworks, group_differences, predicted

ROUNDING = 1e-4
"""Largest relative difference of two trainings' losses, and of values, that rounding explains."""
SHARE_OF_SPREAD = 0.01
"""Largest difference of a value that rounding explains in another training, in standard deviations over seeds."""
SAME_TRAINING = 0.25
"""The same if every loss of the training repeats: rounding may change the class of one image, or the last step of the
iteration for one eigenvalue."""


@dataclass(frozen=True, slots=True)
class Auditor:
    """Trains runs of a report again, and compares.

    Attributes:
        plan: the plan of the report's claims.
        data: folder of the images, or None.
        runs: how many runs are drawn.
        seed: seed of the draw.
        alpha: probability that an honest report is called not credible.
    """

    plan: ReportPlan
    data: Path | None
    runs: int
    seed: int
    alpha: float = 0.05

    def drawn(self) -> list[RunResult]:
        """Return the runs to train again: arms take turns in a random order, and each arm's seeds are drawn at random.

        Raises:
            VitworkError: the report has fewer runs.
        """
        groups: dict[str, list[RunResult]] = defaultdict(list)
        for run in self._known():
            groups[run.arm].append(run)
        if (there := sum(map(len, groups.values()))) < self.runs:
            raise VitworkError(
                f"The report has {words.plural(there, 'run')} that can be trained again, fewer than {self.runs}."
            )
        dice = random.Random(self.seed)
        waiting = [dice.sample(group, len(group)) for group in dice.sample(list(groups.values()), len(groups))]
        turns = [run for turn in range(max(map(len, waiting))) for group in waiting for run in group[turn : turn + 1]]
        return turns[: self.runs]

    def _known(self) -> Iterator[RunResult]:
        """Yield the report's runs that claims use; an arm that was renamed since has its present name."""
        for run in self.plan.report.runs:
            if run.status is not None and (planned := self.plan.runs.get(run.key)) is not None:
                yield run if run.arm in self.plan.profile.arms else structs.replace(run, arm=planned.arm.name)

    def work(self, drawn: Iterable[RunResult]) -> Plan:
        """Return the plan of the drawn runs and all their measurements, with the recipes in the report.

        Raises:
            VitworkError: the images are not those of the report.
        """
        profile, report = self.plan.profile, self.plan.report
        arms = {run.arm: self._arm(run) for run in drawn}
        plan = Plan(replace(profile, arms=arms), self.data)
        for run in drawn:
            for want in self.plan.wanted.values():
                if want.run.key == run.key and want.key in self.plan.archive.measurements:
                    plan.want(arms[run.arm], run.seed, want.measurement)
            told = run.fingerprint or report.provenance.dataset.fingerprint
            if plan.fingerprints[arms[run.arm].data] != told:
                raise VitworkError(
                    f"The images of {run.arm} are not those that the report was measured on: say with --data where those are."
                )
        return plan

    def _arm(self, run: RunResult) -> Arm:
        """Return an arm as the report describes it; for an older report without the data, with the profile's data."""
        try:
            recipe = msgspec.convert(run.recipe, Recipe)
            data = msgspec.convert(run.data, DataSpec) if run.data else self.plan.profile.arms[run.arm].data
        except msgspec.ValidationError as error:
            raise VitworkError(f"The recipe of {run.arm} is not one that this version trains: {error}.") from error
        return Arm(run.arm, run.model or "", _tuples(run.options), recipe, data)

    def compared(self, drawn: Sequence[RunResult], work: Plan, records: Records) -> Audit:
        """Return the comparison of the new records with the published ones.

        Args:
            drawn: the runs.
            work: the plan that was trained and measured again.
            records: holds the new records.
        """
        known, fresh = Lookup(self.plan.archive), Lookup(records)
        found: list[Repeated] = []
        told: list[Moved] = []
        samples: dict[str, ArmValues] = {}
        for arm in dict.fromkeys(run.arm for run in drawn):
            own = [run for run in drawn if run.arm == arm]
            published = sorted(run.seed for run in self._known() if run.arm == arm)
            columns = columns_of(self.plan, arm)
            sample = ArmValues(
                columns, published, [run.seed for run in own],
                table(known, self.plan, columns.values(), published),
                table(fresh, work, columns.values(), [run.seed for run in own]),
            )  # fmt: skip
            told += [part for run in own for part in self._told(run, work, records)]
            trained = [repeats(run, records.read(work.known[arm, run.seed].key) or {}) for run in own]
            compared = [value for place, same in enumerate(trained) for value in sample.compared(arm, place, same=same)]
            found += compared
            if any(value.repeat is Repeat.ANOTHER for value in compared):
                samples[arm] = sample
        other = any(trained_by(self.plan, self.plan.runs[run.key]) is not Code.INSTALLED for run in drawn)
        runs = tuple((run.arm, run.seed) for run in drawn)
        return Audit(self.seed, runs, tuple(found), tuple(_arms(samples)), self.alpha, other, tuple(told))

    def _told(self, run: RunResult, work: Plan, records: Records) -> Iterator[Moved]:
        """Yield differences in the report of a training whose network has the same evaluation to nine digits."""
        evaluation = self.plan.profile.measurement(Evaluation)
        before, after = (
            (source.read(plan.want(plan.profile.arms[run.arm], run.seed, evaluation).key) or {}).get("values")
            for source, plan in ((self.plan.archive, self.plan), (records, work))
        )
        if before and after and not any(unlike("", before, after)):
            trained = records.read(work.known[run.arm, run.seed].key) or {}
            for name in ("status", "parameters", "history"):
                for place, was, now in unlike(name, getattr(run, name), trained.get(name)):
                    yield Moved("", f"{place} of {run.arm} seed {run.seed}", was, now)


@dataclass(frozen=True, slots=True)
class ArmValues:
    """The values of an arm's networks that claims compare, published and trained again.

    Attributes:
        columns: the values by name.
        published, audited: seeds of the published networks, and of those trained again.
        before, after: a row per seed and a column per value; NaN for a value that is not available.
    """

    columns: Mapping[str, Reference]
    published: Sequence[int]
    audited: Sequence[int]
    before: Array
    after: Array

    def compared(self, arm: str, place: int, *, same: bool) -> Iterator[Repeated]:
        """Yield every value of the audited network at a place.

        Args:
            arm: the network's arm.
            place: its place among the audited networks.
            same: whether its training repeated the published one.
        """
        seed = self.audited[place]
        for column, (name, side) in enumerate(self.columns.items()):
            values, scale = self.before[:, column], side.quantity.scale
            before, after = float(values[self.published.index(seed)]), float(self.after[place, column])
            if math.isnan(before) and math.isnan(after):
                continue
            known = on_scale(values, "difference")
            known = known[np.isfinite(known)]
            spread = float(known.std(ddof=1)) if known.size > 1 else 0.0
            repeat = repeated(before, after, spread, same=same)
            interval = predicted(values.tolist(), scale) if repeat is Repeat.ANOTHER else None
            yield Repeated(arm, seed, name, side.quantity.unit, before, after, repeat, interval)

    @property
    def networks(self) -> GroupedNetworks:
        """All networks with their values on the scales on which claims compare them."""
        rows = scaled(np.concatenate([self.before, self.after]), self.columns.values())
        return GroupedNetworks(rows, np.repeat([0, 1], [len(self.before), len(self.after)]))


def repeated(before: float, after: float, spread: float, *, same: bool) -> Repeat:
    """Return how a value of a run that was trained again compares with the published one.

    Args:
        before, after: the published and the new value.
        spread: standard deviation over the published seeds.
        same: whether every loss of the training is the published one to within rounding.
    """
    if before == after:
        return Repeat.IDENTICAL
    difference = abs(before - after)
    explained = max(ROUNDING * abs(before), (SAME_TRAINING if same else SHARE_OF_SPREAD) * spread)
    if difference <= explained:
        return Repeat.ROUNDING
    return Repeat.ALTERED if same else Repeat.ANOTHER


def repeats(run: RunResult, record: Mapping[str, Any]) -> bool:
    """Return whether a training repeats the published one: whether all of its losses agree to within rounding."""
    before, after = ([epoch.get("loss") for epoch in history] for history in (run.history, record.get("history", ())))
    return (
        bool(before)
        and len(before) == len(after)
        and all(
            a is not None and b is not None and math.isclose(a, b, rel_tol=ROUNDING)
            for a, b in zip(before, after, strict=True)
        )
    )


def _arms(samples: Mapping[str, ArmValues]) -> Iterator[ArmAudit]:
    """Yield for every arm whose trainings did not repeat how far its audited networks are from the published ones."""
    for arm, found in group_differences({arm: sample.networks for arm, sample in samples.items()}).items():
        farthest = "" if found.farthest is None else list(samples[arm].columns)[found.farthest]
        published, audited = len(samples[arm].published), len(samples[arm].audited)
        yield ArmAudit(arm, published, audited, found.values, found.p, found.adjusted_p, found.least, farthest)


def audit(auditor: Auditor, worker: Worker) -> Audit:
    """Train and measure the drawn runs again with an empty store, and compare.

    Raises:
        VitworkError: a run or a measurement failed.
    """
    drawn = auditor.drawn()
    work = auditor.work(drawn)
    worker.drain(work)
    if faults := worker.troubles.faults:
        raise VitworkError(f"The audit could not be made: {words.lack(faults[0])}.")
    return auditor.compared(drawn, work, worker.store)


def _tuples(value: Any) -> Any:
    """Return options of a model with tuples in place of JSON's lists."""
    if isinstance(value, list):
        return tuple(map(_tuples, value))
    return {name: _tuples(item) for name, item in value.items()} if isinstance(value, dict) else value
