"""Compares published verdicts, and all else in a report, with a new judgement of the same records."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import chain
from typing import Any

import msgspec
from msgspec import structs

from vitwork import profiles
from vitwork.design.dataset import DataSpec
from vitwork.design.deviation import Change, Deviation, Missing
from vitwork.design.recipe import Recipe
from vitwork.evidence import records, reruns
from vitwork.evidence.differences import differences, unlike
from vitwork.evidence.pool import machine_effects, properties
from vitwork.facts.checks import Agreement, Code, Judged, Kind, Moved, Rejudged
from vitwork.facts.claims import ClaimResult, Hypothesis, Sample
from vitwork.facts.document import Results, RunResult
from vitwork.session.from_report import ReportPlan, judged_again
from vitwork.session.plan import Run, Wanted, code, settings
from vitwork.statistics.effect import Verdict
from vitwork.store.keys import digest, plain
from vitwork.store.sources import source_hash

CORRECTED = {
    "q", "holm_p", "effect.adjusted_p", "effect.adjusted_low", "effect.adjusted_high", "effect.verdict", "effect.seeds_needed"
}  # fmt: skip
"""Numbers that depend on every claim of the family; they are not compared if some claims cannot be judged again."""
OUTSIDE = {"id", "verdict", "registered", "lack", *reruns.FIELDS}
"""Fields of a claim that are not compared as they stand: those that pair and sort claims, those that only the project of
the report knows, and those that may be told in several ways (`_reason`, `reruns`)."""
TEXTS = ("sentence", "paper", "contradicted_by", "confounds", "chapter", "ours", "examined")
"""Fields of a claim that do not depend on records."""
WHOLE = ("profile", "alpha", "family", "sequential", "machine_effects")
"""Fields of a report that are neither records nor their provenance."""
FOUND = {Missing.LEARNING, Missing.SAME, Missing.NOISE}
"""Lacks that are found in records which are all there, so that a verdict in spite of them is another one."""
BY_SESSION = {
    Missing.RECORD: {Missing.FAULT, Missing.UNFIT, Missing.REACH, Missing.RECORD},
    Missing.REACH: {Missing.REACH},
    Missing.FAULT: {Missing.FAULT},
    Missing.WEIGHTS: {Missing.WEIGHTS},
}
"""What a report may say that a claim lacks, by what it is found to lack: a session knows why it has no record, which of a
claim's tests it did not run, how a failing test words it here, and what is wrong with a file of weights."""
MEANT = {
    Change.DECLARED: ("text",), Change.SETTING: ("arm", "field", "value"), Change.SEEDS: ("value",),
    Change.NETWORKS: ("arm", "networks"), Change.MODEL: ("arm", "value"), Change.CHOSEN: (), Change.ENDED: (),
}  # fmt: skip
"""Fields that say something of each kind of deviation; all others are empty."""


def rejudge(plan: ReportPlan) -> Rejudged:
    """Return how a report compares with a new judgement of its records by the installed claims and statistics."""
    part = Change.CHOSEN in plan.report.part
    own = records.of_chosen(plan) if part else plan
    again = _again(own)
    claims, whole = _claims(own, again)
    if part:  # the records of chosen tests may decide other claims, too
        told = {claim.id for claim in plan.report.claims}
        claims = (*claims, *_new(claim for claim in judged_again(plan).claims if claim.id not in told))
    ids = {found.claim for found in claims if found.outcome is Agreement.LOST}
    lost = [claim for claim in plan.report.claims if claim.id in ids]
    return Rejudged(
        claims, made_by(own), tuple(_document(own, again, whole=whole, part=part)), part, records.gaps(own, lost),
        () if any(found.after is None for found in claims) else records.unneeded(own, lost),
    )  # fmt: skip


def _again(plan: ReportPlan) -> Results:
    """Return the report that follows from the records, with every deviation that the installed profile declares."""
    again = judged_again(plan)
    installed = profiles.PROFILES.get(plan.profile.name, plan.profile).deviations
    told = tuple(
        Deviation(found.change, **{name: getattr(found, name) for name in MEANT[found.change]})
        for found in again.profile.deviations
    )
    stated = (*told, *(found for found in installed if found not in told and found.change is Change.DECLARED))
    effects = machine_effects(plan) if plan.report.sources else ()
    profile = structs.replace(again.profile, deviations=stated)
    return structs.replace(again, profile=profile, machine_effects=effects)


def _claims(plan: ReportPlan, again: Results) -> tuple[tuple[Judged, ...], bool]:
    """Return the outcome of every claim, and whether all claims of the family could be judged again."""
    report, now = plan.report, {claim.id: claim for claim in records.with_records(again)}
    pairs = [(claim, now.pop(claim.id, None)) for claim in records.with_records(report)]
    kept = [_kept(before, after, plan) for before, after in pairs]
    added = any(claim.verdict is not Verdict.NOT_MEASURED for claim in now.values())
    whole = Agreement.LOST not in kept and report.family == again.family and not added
    skipped = set() if whole else CORRECTED
    found = [
        _judged(*pair, outcome, (one for one in _moved(plan, *pair, outcome, again) if one.field not in skipped))
        for pair, outcome in zip(pairs, kept, strict=True)
    ]
    return (*found, *_new(now.values())), whole


def _new(claims: Iterable[ClaimResult]) -> tuple[Judged, ...]:
    """Return the outcomes of claims that a report does not have."""
    return tuple(Judged(claim.id, Agreement.NEW, None, claim.verdict, claim.lack) for claim in claims)


def _kept(before: ClaimResult, after: ClaimResult | None, plan: ReportPlan) -> Agreement:
    """Return the outcome of a claim before its numbers are compared."""
    if after is None:
        return Agreement.LOST
    if before.verdict is Verdict.NOT_MEASURED and after.verdict is Verdict.NOT_MEASURED:
        return Agreement.UNMEASURED
    if before.id in properties(plan):
        return Agreement.PROPERTY
    if after.lack is not None and after.verdict is Verdict.NOT_MEASURED:
        own = [test for test in plan.tests.values() if test.case.claim.id == before.id]
        told = after.lack.missing in FOUND and all(test.lack is None for test in own)
        checked = any(not test.case.statistical for test in own)
        lost = not told and (checked or _rests(before, plan.report))
        return Agreement.LOST if lost else Agreement.DIFFERENT
    return Agreement.SAME if before.verdict is after.verdict else Agreement.DIFFERENT


def _rests(claim: ClaimResult, report: Results) -> bool:
    """Return whether a claim has hypotheses that are all about networks of the report."""
    networks = {(run.arm, run.seed) for run in report.runs}
    sides = [side for one in report.hypotheses_of(claim) for side in one.sides if isinstance(side, Sample)]
    return bool(sides) and all((side.arm, seed) in networks for side in sides for seed in side.seeds)


def _judged(before: ClaimResult, after: ClaimResult | None, outcome: Agreement, moved: Iterable[Moved]) -> Judged:
    found = tuple(moved)
    if after is None:
        return Judged(before.id, outcome, before.verdict, None, moved=found)
    numbers = any(one.kind is Kind.NUMBER for one in found)
    outcome = Agreement.NUMBERS if numbers and outcome not in {Agreement.DIFFERENT, Agreement.LOST} else outcome
    return Judged(before.id, outcome, before.verdict, after.verdict, after.lack, found)


def _moved(
    plan: ReportPlan, before: ClaimResult, after: ClaimResult | None, outcome: Agreement, again: Results
) -> Iterator[Moved]:
    """Yield all parts of a claim that differ from the published ones, causes before consequences."""
    if after is None:
        return
    yield from reruns.told_of_tests(plan, before)
    if outcome is Agreement.LOST:
        yield from differences(before, after, TEXTS)
        yield from records.values_of_records(plan, before)
        return
    yield from _reason(before, after, outcome)
    if outcome is Agreement.UNMEASURED and before.lack != after.lack:  # its session had other records, or none
        yield from differences(before, after, (*TEXTS, "p", "q", "holm_p"))
        return
    yield from _hypotheses(before, after, plan.report, again)
    yield from differences(before, after, (name for name in ClaimResult.__struct_fields__ if name not in OUTSIDE))


def _reason(before: ClaimResult, after: ClaimResult, outcome: Agreement) -> Iterator[Moved]:
    """Yield the reason why a claim is not measured if it is another one."""
    told, found = before.lack, after.lack
    if told == found or (outcome is Agreement.PROPERTY and told is None):
        return
    known = told is not None and found is not None and told.missing in BY_SESSION.get(found.missing, ())
    yield Moved("", "lack", told, found, Kind.NOTE if known else Kind.DECLARED)


def _hypotheses(before: ClaimResult, after: ClaimResult, report: Results, again: Results) -> Iterator[Moved]:
    sides = [
        {one.id: one for one in results.hypotheses_of(claim)} for results, claim in ((report, before), (again, after))
    ]
    for id in dict.fromkeys(chain(*sides)):
        was, now = (found.get(id) for found in sides)
        if was is None or now is None:
            yield Moved(id, "hypothesis", was and was.statement, now and now.statement)
        else:
            yield from differences(was, now, Hypothesis.__struct_fields__, id)


def _document(plan: ReportPlan, again: Results, *, whole: bool, part: bool) -> Iterator[Moved]:
    """Yield the differences in the report as a whole, then those in its images, records and networks."""
    for moved in differences(plan.report, again, WHOLE + ("quantities",) * whole):
        yield replace(moved, kind=Kind.NOTE) if part and moved.field == "family" else moved
    yield from records.told_of_images(plan)
    yield from records.told_of_records(plan)
    for planned in plan.runs.values():
        if planned.key in plan.archive.runs:
            yield from _network(plan, planned, plan.archive.runs[planned.key][0])


def _network(plan: ReportPlan, planned: Run, run: RunResult) -> Iterator[Moved]:
    """Yield the differences between a report's network and the one that the profile trains with the same changes."""
    name, arm = f"{planned.arm.name} seed {planned.seed}", planned.arm
    told = {} if run.network else {"model": run.model, "options": run.options, "recipe": _typed(run.recipe, Recipe)}
    if run.data and told:  # older reports do not hold the data
        told["data"] = _typed(run.data, DataSpec)
    for field, value in told.items():
        own = plain(arm.options) if field == "options" else getattr(arm, field)
        for place, before, after in unlike(field, value, own):
            yield Moved("", f"{place} of {name}", before, after, Kind.DECLARED)
    if run.status == "diverged" and any(
        entry.values is not None for entry in plan.report.measurements if entry.run == run.key
    ):
        yield Moved("", f"status of {name}", run.status, "finished, since it has values", Kind.DECLARED)


def _typed(told: dict[str, Any], kind: type[Recipe | DataSpec]) -> object:
    """Return a recipe or data from a report in its own type; unchanged if it cannot be converted."""
    try:
        return msgspec.convert(told, kind)
    except msgspec.ValidationError:
        return told


IDENTITY = ("sha256", "model", "options", "classes", "preprocessing")
"""Fields of `vitwork.design.published.Network.identity`, in its order."""


def made_by(plan: ReportPlan) -> dict[str, dict[Code, int]]:
    """Return how many of the judged records were made by which code, as their keys show."""
    counts: dict[str, Counter[Code]] = {"training": Counter()}
    archive = plan.archive
    for run in plan.runs.values():
        if run.key in archive.runs:
            counts["training"][trained_by(plan, run)] += 1
    for want in plan.wanted.values():
        if want.key in archive.measurements:
            counts.setdefault(want.measurement.name, Counter())[_measured_by(plan, want)] += 1
    return {name: dict(count) for name, count in counts.items()}


def trained_by(plan: ReportPlan, planned: Run) -> Code:
    """Return which code trained or loaded a run.

    It is the code whose hash gives the run's key together with model, recipe, data and seed, or with the weights.
    """
    known, arm, run = plan.report.provenance, planned.arm, plan.archive.runs[planned.key][0]
    images = [run.data or plain(arm.data), run.fingerprint or known.dataset.fingerprint]  # older reports lack the data
    own = code(arm)
    if run.network:
        parts = [[run.network[name] for name in IDENTITY], settings(arm), *images]
        theirs = own
    else:
        parts = [run.model, run.options, run.recipe, *images, run.seed]
        theirs = [name for name in known.code if name.startswith("vitwork.training.")] + own[1:]
    if run.key == digest([*parts, [source_hash(name) for name in own]]):
        return Code.INSTALLED
    return Code.OTHER if run.key == digest([*parts, [known.code.get(name) for name in theirs]]) else Code.UNKNOWN


def _measured_by(plan: ReportPlan, want: Wanted) -> Code:
    """Return which code made a record, of its run and of the measurement: the code whose hashes give its key."""
    entry = plan.archive.measurements[want.key][0]
    module, parts = type(want.measurement).__module__, [entry.run, entry.name, entry.parameters]
    if entry.key == digest([*parts, source_hash(module)]):
        return Code.INSTALLED
    theirs = plan.report.provenance.code.get(module)
    return Code.OTHER if entry.key == digest([*parts, theirs]) else Code.UNKNOWN
