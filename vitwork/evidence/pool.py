"""Joins the seeds of several reports of one profile into one report, and tests whether their source matters."""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from msgspec import structs

from vitwork.design.deviation import Change
from vitwork.errors import VitworkError
from vitwork.evidence.values import columns_of, scaled, table
from vitwork.facts.claims import ClaimResult
from vitwork.facts.document import (
    PARTS,
    MachineEffect,
    MeasurementResult,
    Origin,
    Provenance,
    Results,
    RunResult,
    Source,
)
from vitwork.session.from_report import ReportPlan, judged_again
from vitwork.session.lookup import Lookup
from vitwork.session.plan import Plan
from vitwork.statistics.effect import Verdict
from vitwork.statistics.group_differences import GroupedNetworks, group_differences
from vitwork.store.keys import digest, plain

MADE_OF = ("model", "options", "recipe", "data", "fingerprint")
"""Fields that must be equal in all runs of an arm."""


def pooled(reports: Mapping[str, Results]) -> Results:
    """Return the records of several reports as one, not judged yet.

    Args:
        reports: the reports, by the names that users know them by.

    Raises:
        VitworkError: the reports differ in claims, arms, recipes, images or code, or two hold the same seed of an arm
            or the same record.
    """
    reports = {name: _of_any_number(report) for name, report in reports.items()}
    parts = [found for report in reports.values() for found in report.profile.deviations if found.change in PARTS]
    for (name, first), (other, second) in itertools.combinations(reports.items(), 2):
        _check(name, first, other, second)
    for name, report in reports.items():
        if not report.runs:
            raise VitworkError(f"{name} has no networks: there is nothing to pool.")
    located = [_located(report) for report in reports.values()]
    sources = tuple(source for report in located for source in _sources(report))
    first = located[0]
    seeds = _union(sources)
    return structs.replace(
        first,
        profile=structs.replace(
            first.profile, seeds=max(map(len, seeds.values())), first_seed=min(map(min, seeds.values())),
            deviations=tuple(dict.fromkeys([*first.profile.deviations, *parts])),
        ),
        provenance=_joined([source.provenance for source in sources], reports),
        runs=tuple(run for report in located for run in report.runs),
        measurements=tuple(entry for report in located for entry in report.measurements),
        origins={key: origin for report in located for key, origin in report.origins.items()},
        sources=sources,
    )  # fmt: skip


def _of_any_number(report: Results) -> Results:
    """Return a report without a changed number of seeds among its deviations, because pooling changes that number."""
    deviations = tuple(found for found in report.profile.deviations if found.change is not Change.SEEDS)
    return structs.replace(report, profile=structs.replace(report.profile, deviations=deviations))


def _check(name: str, first: Results, other: str, second: Results) -> None:
    """Refuse two reports that cannot be joined."""
    both = f"{name} and {other} cannot be pooled"
    if first.profile.name != second.profile.name:
        raise VitworkError(f"{both}: they are of the profiles {first.profile.name} and {second.profile.name}.")
    if first.sequential or second.sequential:
        raise VitworkError(f"{both}: the seeds of a session with --seeds auto depend on what was seen.")
    if (first.alpha, _changes(first)) != (second.alpha, _changes(second)):
        raise VitworkError(f"{both}: their sessions changed other settings of the profile.")
    codes = first.provenance.code, second.provenance.code
    if differing := [
        module for module in sorted(codes[0].keys() & codes[1].keys()) if codes[0][module] != codes[1][module]
    ]:
        raise VitworkError(f"{both}: {differing[0]} was other code when they were measured.")
    if shared := _shared(first, second):
        raise VitworkError(f"{both}: both hold {shared}.")
    arms: dict[str, RunResult] = {}
    for run in (run for report in (first, second) for run in report.runs if run.status is not None):
        if field := _differing(arms.setdefault(run.arm, run), run):
            raise VitworkError(f"{both}: {run.arm} has another {field} in seed {run.seed}.")
    made = _parameters(first.measurements), _parameters(second.measurements)
    for measured in sorted(made[0].keys() & made[1].keys()):
        if not (made[0][measured] <= made[1][measured] or made[0][measured] >= made[1][measured]):
            raise VitworkError(f"{both}: {measured[1]} of {measured[0]} was measured with other parameters.")


def _shared(first: Results, second: Results) -> str:
    """Return a network that two reports share, by its seed or by one of its records; empty for none."""
    if runs := {(run.arm, run.seed) for run in first.runs} & {(run.arm, run.seed) for run in second.runs}:
        arm, seed = min(runs)
        return f"{arm} seed {seed}; --first-seed measures other seeds"
    own, others = ({run.key for run in one.runs} | {entry.key for entry in one.measurements} for one in (first, second))
    return f"the record {min(own & others)}, under other seeds" if own & others else ""


def _changes(report: Results) -> set[Any]:
    """Return the changes that a session made to its profile."""
    return {
        found for found in report.profile.deviations if found.change in {Change.SETTING, Change.NETWORKS, Change.MODEL}
    }


def _differing(first: RunResult, second: RunResult) -> str:
    """Return the field in which two runs of an arm differ besides their seed; empty for none."""
    pairs = ((name, plain(getattr(first, name)), plain(getattr(second, name))) for name in MADE_OF)
    return next((name for name, before, after in pairs if before != after), "")


def _parameters(entries: Iterable[MeasurementResult]) -> dict[tuple[str, str], set[str]]:
    """Return the parameters of each measurement, by arm and measurement."""
    found: dict[tuple[str, str], set[str]] = defaultdict(set)
    for entry in entries:
        found[entry.arm, entry.name].add(digest(entry.parameters))
    return found


def _located(report: Results) -> Results:
    """Return a report whose records all name a machine; records that name none get the report's."""
    own = Origin(versions=report.provenance.versions, hardware=report.provenance.hardware)
    key = digest(plain(structs.asdict(own)))
    return structs.replace(
        report,
        runs=tuple(structs.replace(run, origin=run.origin or key) for run in report.runs),
        measurements=tuple(structs.replace(entry, origin=entry.origin or key) for entry in report.measurements),
        origins={**report.origins, key: own},
    )


def _sources(report: Results) -> tuple[Source, ...]:
    """Return the sources of a pooled report; for any other report, the report itself as the only source."""
    if report.sources:
        return report.sources
    seeds: dict[str, set[int]] = defaultdict(set)
    for run in report.runs:
        seeds[run.arm].add(run.seed)
    return (Source(provenance=report.provenance, seeds={arm: tuple(sorted(own)) for arm, own in seeds.items()}),)


def _union(sources: Iterable[Source]) -> dict[str, set[int]]:
    """Return all seeds of every arm."""
    seeds: dict[str, set[int]] = defaultdict(set)
    for source in sources:
        for arm, own in source.seeds.items():
            seeds[arm].update(own)
    return seeds


def _joined(found: Sequence[Provenance], names: Iterable[str]) -> Provenance:
    """Return the joint provenance of pooled numbers; fields that differ between sources list all values."""
    return Provenance(
        command=" ".join(["vitwork pool", *names]),
        commit=found[0].commit if len({one.commit for one in found}) == 1 else "",
        dirty=any(one.dirty for one in found),
        code={module: hash for one in found for module, hash in one.code.items()},
        versions=_all([one.versions for one in found]),
        hardware=_all([one.hardware for one in found]),
        dataset=found[0].dataset,
        started=min(one.started for one in found),
        finished=max(one.finished for one in found),
        seconds=sum(one.seconds for one in found),
    )


def _all(found: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return mappings merged into one: equal values are kept, and different ones joined as text."""
    joined = {}
    for name in dict.fromkeys(key for one in found for key in one):
        values = list(dict.fromkeys(one.get(name) for one in found))
        joined[name] = values[0] if len(values) == 1 else ", ".join(map(str, values))
    return joined


def judge(plan: ReportPlan, reports: Sequence[Results]) -> Results:
    """Return pooled results with verdicts, and with tests of whether it matters where a network was trained.

    Args:
        plan: the plan of the pooled records.
        reports: the pooled reports; properties that their sessions checked on examples are taken over if they agree.
    """
    found = judged_again(plan)
    own = properties(plan)
    told = {id: {claim.verdict for report in reports for claim in report.claims if claim.id == id} for id in own}
    return structs.replace(
        found,
        claims=tuple(_checked(claim, told.get(claim.id, set())) for claim in found.claims),
        origins=plan.report.origins,
        sources=plan.report.sources,
        machine_effects=machine_effects(plan),
    )


def properties(plan: Plan) -> set[str]:
    """Return the claims none of whose tests measures: those that are checked on examples."""
    tests = [test.case for test in plan.tests.values()]
    return {case.claim.id for case in tests} - {case.claim.id for case in tests if case.statistical}


def _checked(claim: ClaimResult, told: Collection[Verdict]) -> ClaimResult:
    """Return a claim with the verdict that reports tell of it, if they agree; of what they say nothing else is taken."""
    match [verdict for verdict in told if verdict is not Verdict.NOT_MEASURED]:
        case [verdict]:
            return structs.replace(claim, verdict=verdict, lack=None)
    return claim


def machine_effects(plan: ReportPlan) -> tuple[MachineEffect, ...]:
    """Return for every arm with several sources whether its networks differ by source."""
    sources, lookup = plan.report.sources, Lookup(plan.archive)
    networks, columns = {}, {}
    for arm in _union(sources):
        seeds = [(number, seed) for number, source in enumerate(sources) for seed in source.seeds.get(arm, ())]
        sides = columns_of(plan, arm) if arm in plan.profile.arms else {}
        if len({number for number, _ in seeds}) > 1 and sides:
            rows = table(lookup, plan, sides.values(), [seed for _, seed in seeds])
            networks[arm] = GroupedNetworks(scaled(rows, sides.values()), np.array([number for number, _ in seeds]))
            columns[arm] = list(sides)
    return tuple(
        MachineEffect(
            arm=arm, networks=found.networks, p=found.p, adjusted_p=found.adjusted_p, least=found.least,
            largest="" if found.farthest is None else columns[arm][found.farthest],
        )
        for arm, found in group_differences(networks).items()
    )  # fmt: skip
