"""Asks of a report's records whether they are all there and all needed, and what they tell of claims that cannot be judged."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import chain

from msgspec import structs

from vitwork.design.deviation import Change, Missing
from vitwork.evidence.differences import differences
from vitwork.facts.checks import Kind, Moved, Trace
from vitwork.facts.claims import ClaimResult, Hypothesis, Number, Sample
from vitwork.facts.document import Provenance, Results
from vitwork.facts.not_finite import not_finite, restored
from vitwork.session.competence import Competence
from vitwork.session.from_report import ReportPlan
from vitwork.session.lookup import LackError, Lookup
from vitwork.session.plan import Planned, PlannedSide, Wanted
from vitwork.statistics.effect import Verdict

FAILED = {Missing.FAULT, Missing.UNFIT}
"""Lacks of a session that could not measure some networks, which explain why their records are missing."""


def gaps(plan: ReportPlan, lost: Collection[ClaimResult]) -> tuple[Trace, ...]:
    """Return the records that are missing, or cannot be read, although other networks of the same arm have them.

    Code that is older than a measurement, or than a number of it, lacks it for all networks of an arm.

    Args:
        plan: of the report's claims.
        lost: the claims that cannot be judged again.
    """
    claims, lookup = {claim.id: claim for claim in plan.report.claims}, Lookup(plan.archive)
    found: dict[str, Trace] = {}
    for test in plan.tests.values():
        claim = claims.get(test.case.claim.id)
        for wanted, read in _read(test, lookup) if claim is not None else ():
            due = [want for want in wanted if _due(claim, want, plan)]
            there = [
                want.key in plan.archive.measurements and (claim not in lost or _reads(read, want)) for want in due
            ]
            if any(there):
                missing = (want for want, known in zip(due, there, strict=True) if not known)
                found |= {want.key: Trace(want.run.arm.name, want.run.seed, want.measurement.name) for want in missing}
    return tuple(found.values())


def _read(test: Planned, lookup: Lookup) -> Iterator[tuple[Sequence[Wanted], Callable[[Sequence[Wanted]], object]]]:
    """Yield the records of each arm that a test needs, with what reads the number of some of them."""
    for side in chain(*test.sides):
        if isinstance(side, PlannedSide):
            yield side.wanted, partial(lookup.values, side.reference)
    for wanted in test.evaluations.values():
        yield wanted, partial(Competence.of, lookup=lookup)


def _reads(read: Callable[[Sequence[Wanted]], object], want: Wanted) -> bool:
    try:
        read([want])
    except LackError:
        return False
    return True


def _due(claim: ClaimResult | None, want: Wanted, plan: ReportPlan) -> bool:
    """Return whether a report must have a record if it has others of its kind.

    A claim with a verdict needs those of all networks. One that was not measured needs those of the networks that are
    there, unless its session failed at some or ended early.
    """
    if claim is None or claim.verdict is not Verdict.NOT_MEASURED:
        return claim is not None
    failed = claim.lack is not None and claim.lack.missing in FAILED
    return want.run.key in plan.archive.runs and not failed and Change.ENDED not in plan.report.part


def unneeded(plan: ReportPlan, lost: Iterable[ClaimResult]) -> tuple[Trace, ...]:
    """Return the networks and records of a report that its claims do not need.

    Args:
        plan: of the report's own claims.
        lost: the claims that cannot be judged again, which may rest on records that are made otherwise by now.
    """
    report, arms = plan.report, plan.profile.arms
    needed = plan.wanted.keys() | {key for claim in lost for key in claim.measurements}
    runs = plan.runs.keys() | {entry.run for entry in report.measurements if entry.key in needed}
    # A session plans an arm of published networks before it finds that one of them cannot be loaded.
    broken = {arm.name for arm in arms.values() if not arm.complete}
    return (
        *(Trace(run.arm, run.seed) for run in report.runs if run.key not in runs and run.arm not in broken),
        *(
            Trace(entry.arm, entry.seed, entry.name)
            for entry in report.measurements
            if entry.key not in needed and entry.arm not in broken and entry.seconds is not None  # there is a record
        ),
    )


def with_records(results: Results) -> list[ClaimResult]:
    """Return the claims of a report without the measurements of which it says itself that there is no record."""
    absent = {entry.key for entry in results.measurements if entry.seconds is None}
    return [
        structs.replace(claim, measurements=tuple(key for key in claim.measurements if key not in absent))
        for claim in results.claims
    ]


def told_of_records(plan: ReportPlan) -> Iterator[Moved]:
    """Yield what a report tells otherwise of its records than they are: their figures, and what null stands for."""
    entries = {entry.key: entry for entry in plan.report.measurements}
    for want in plan.wanted.values():
        if (entry := entries.get(want.key)) is None:
            continue
        name, figure = f"{entry.name} of {entry.arm} seed {entry.seed}", want.measurement.figure
        if entry.figure != figure:
            yield Moved("", f"figure of {name}", entry.figure, figure, Kind.DECLARED)
        if entry.not_finite != (null := not_finite(restored(entry.values, entry.not_finite))):
            yield Moved("", f"not_finite of {name}", str(entry.not_finite), str(null), Kind.DECLARED)


def told_of_images(plan: ReportPlan) -> Iterator[Moved]:
    """Yield the images that a report, or a source of it, names in place of those of its arms and networks."""
    arms, runs = plan.profile.arms, [run for run in plan.report.runs if run.fingerprint]
    names = ", ".join(sorted({arm.data.source for arm in arms.values()}))
    known = {run.fingerprint for run in runs}
    unknown = {arm.data for arm in arms.values()} - {arms[run.arm].data for run in runs if run.arm in arms}
    for provenance in _provenances(plan.report):
        name, images = provenance.dataset.name, set(provenance.dataset.fingerprint.split(", "))
        if name != names:
            yield Moved("", "dataset.name", name, names, Kind.DECLARED)
        if not (
            known <= images and len(images) <= len(known) + len(unknown)
        ):  # arms without a network have images, too
            told = ", ".join(sorted(images))
            yield Moved("", "dataset.fingerprint", told, ", ".join(sorted(known)), Kind.DECLARED)


def _provenances(report: Results) -> list[Provenance]:
    return [report.provenance, *(source.provenance for source in report.sources)]


def values_of_records(plan: ReportPlan, claim: ClaimResult) -> Iterator[Moved]:
    """Yield the values of a claim that cannot be judged again which are not those of the records that there are."""
    lookup, known = Lookup(plan.archive), {one.id: one for one in plan.report.hypotheses_of(claim)}
    for test in plan.tests.values():
        for place, sides in enumerate(test.sides if test.case.claim.id == claim.id else (), start=1):
            told = known.get(test.case.hypothesis(place))
            if told is not None and len(told.sides) == len(sides):
                yield from differences(told, _recorded(told, sides, lookup), ("sides",), told.id)


def _recorded(told: Hypothesis, sides: Sequence[PlannedSide | float], lookup: Lookup) -> Hypothesis:
    """Return a hypothesis with the seeds that are planned and, where a record gives it, the value of each."""
    found = tuple(
        _sample(own, side, lookup) if isinstance(own, Sample) and isinstance(side, PlannedSide) else own
        for own, side in zip(told.sides, sides, strict=True)
    )
    return structs.replace(told, sides=found)


def _sample(told: Sample, side: PlannedSide, lookup: Lookup) -> Sample:
    known: Mapping[int, Number] = dict(zip(told.seeds, told.values, strict=True))
    seeds = tuple(want.run.seed for want in side.wanted)
    values = tuple(_value(side, want, lookup, known.get(want.run.seed)) for want in side.wanted)
    return Sample(arm=told.arm, label=told.label, seeds=seeds, values=values)


def _value(side: PlannedSide, want: Wanted, lookup: Lookup, told: Number) -> Number:
    try:
        (value,) = lookup.values(side.reference, [want])
    except LackError:
        return told
    return value


def of_chosen(plan: ReportPlan) -> ReportPlan:
    """Return the plan of a session of chosen tests: that of the report's claims, without any of which a test was left out."""
    told = {claim.id: claim for claim in plan.report.claims}
    declared = plan.declared | {test.case.claim.id for test in plan.tests.values()}
    own = ReportPlan(plan.profile, plan.data, report=plan.report, declared=declared)
    for test in plan.tests.values():
        if (claim := told.get(test.case.claim.id)) is not None:
            lack = claim.lack if claim.lack is not None and claim.lack.missing is Missing.REACH else None
            own.add(test.case, test.seeds, test.lack or lack)
    return own
