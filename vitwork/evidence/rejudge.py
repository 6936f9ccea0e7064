"""Published verdicts against those of the same records judged again."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import fields

from vitwork.facts.checks import Agreement, Code, Judged, Moved, Rejudged
from vitwork.facts.claims import ClaimResult, Constant, Hypothesis, Sample
from vitwork.facts.document import Results
from vitwork.session.again import ReportPlan, judged_again
from vitwork.session.plan import Run, Wanted, code, settings
from vitwork.statistics.effect import Effect, Verdict
from vitwork.store.keys import digest, plain
from vitwork.store.sources import source_hash

SAME = 1e-9
"""Relative difference below which numbers count as the same: summation may differ from processor to processor."""
UNCHECKED = {"seeds_needed", "plain_p"}
"""Fields of an effect that decide nothing: a plan for further seeds, and another library's p."""
CORRECTED = {"q", "adjusted_p", "adjusted_low", "adjusted_high", "verdict"}
"""Numbers that depend on every claim of the family: they say nothing where a part of them cannot be judged again."""


def rejudge(plan: ReportPlan) -> Rejudged:
    """Return how the verdicts of a report compare with those of its records judged by what is installed."""
    report, again = plan.report, judged_again(plan)
    return Rejudged(_claims(report, again), made_by(plan), (report.family, again.family), (report.alpha, again.alpha))


def _claims(report: Results, again: Results) -> tuple[Judged, ...]:
    sides = [{hypothesis.id: hypothesis for hypothesis in results.hypotheses} for results in (report, again)]
    now = {claim.id: claim for claim in again.claims}
    pairs = [(claim, now.pop(claim.id, None)) for claim in report.claims]
    kept = {_kept(*pair) for pair in pairs}
    # Of a report of chosen tests, the records may decide other claims too.
    added = any(claim.verdict is not Verdict.NOT_MEASURED for claim in now.values())
    whole = Agreement.LOST not in kept and report.family == again.family and not added
    found = [
        _judged(before, after, tuple(_moved(before, after, *sides, whole=whole)) if after is not None else ())
        for before, after in pairs
    ]
    return (*found, *(Judged(claim.id, Agreement.NEW, None, claim.verdict, claim.lack) for claim in now.values()))


def _kept(before: ClaimResult, after: ClaimResult | None) -> Agreement:
    """Return what becomes of a claim as far as that does not depend on its numbers."""
    if after is None:
        return Agreement.LOST
    if before.verdict is Verdict.NOT_MEASURED and after.verdict is Verdict.NOT_MEASURED:
        return Agreement.UNMEASURED
    if before.verdict is not Verdict.NOT_MEASURED and before.p is None and not before.hypotheses:
        return Agreement.PROPERTY
    if after.lack is not None and after.verdict is Verdict.NOT_MEASURED:
        return Agreement.LOST
    return Agreement.SAME if before.verdict is after.verdict else Agreement.DIFFERENT


def _judged(before: ClaimResult, after: ClaimResult | None, moved: tuple[Moved, ...]) -> Judged:
    outcome = _kept(before, after)
    if after is None:
        return Judged(before.id, outcome, before.verdict, None)
    if outcome is Agreement.SAME and moved:
        outcome = Agreement.NUMBERS
    shown = moved if outcome in {Agreement.NUMBERS, Agreement.DIFFERENT} else ()
    return Judged(before.id, outcome, before.verdict, after.verdict, after.lack, shown, before.lack)


def _moved(
    before: ClaimResult,
    after: ClaimResult,
    published: Mapping[str, Hypothesis],
    now: Mapping[str, Hypothesis],
    *,
    whole: bool,
) -> Iterator[Moved]:
    """Yield every number of a claim that is not what was published: what caused it first, what follows from that last."""
    skipped = UNCHECKED if whole else UNCHECKED | CORRECTED
    for id in dict.fromkeys((*before.hypotheses, *after.hypotheses)):
        was, found = published.get(id), now.get(id)
        if was is None or found is None:
            yield Moved(id, "hypothesis", was and was.statement, found and found.statement)
            continue
        pairs = [*_declared(was, found), *_values(was, found), *_effect(was.effect, found.effect)]
        yield from (Moved(id, *pair) for pair in pairs if pair[0] not in skipped and not _alike(*pair[1:]))
    for name in sorted({"p", "q"} - skipped):
        if not _alike(getattr(before, name), getattr(after, name)):
            yield Moved("", name, getattr(before, name), getattr(after, name))


def _declared(was: Hypothesis, now: Hypothesis) -> Iterator[tuple[str, object, object]]:
    for name in ("form", "statement", "control", "quantity", "unit", "levels", "within"):
        yield name, getattr(was, name), getattr(now, name)


def _values(was: Hypothesis, now: Hypothesis) -> Iterator[tuple[str, object, object]]:
    yield "sides", len(was.sides), len(now.sides)
    for before, after in zip(was.sides, now.sides, strict=False):
        if isinstance(before, Constant) or isinstance(after, Constant):
            yield "constant", getattr(before, "value", None), getattr(after, "value", None)
            continue
        yield "arm", before.arm, after.arm
        yield f"seeds of {before.arm}", before.seeds, after.seeds
        for seed, value in zip(before.seeds, before.values, strict=True):
            yield f"value of {before.arm} seed {seed}", value, _value(after, seed)


def _value(side: Sample, seed: int) -> float | None:
    return dict(zip(side.seeds, side.values, strict=True)).get(seed)


def _effect(was: Effect, now: Effect) -> Iterator[tuple[str, object, object]]:
    yield from ((field.name, getattr(was, field.name), getattr(now, field.name)) for field in fields(Effect))


def _alike(before: object, after: object) -> bool:
    """Return whether two numbers, texts or tuples of them are the same; null stands for any number that is not finite."""
    if isinstance(before, tuple) and isinstance(after, tuple):
        return len(before) == len(after) and all(map(_alike, before, after))
    numbers = [math.nan if value is None else value for value in (before, after)]
    if all(isinstance(value, (int, float)) for value in numbers):
        a, b = numbers
        if not (math.isfinite(a) and math.isfinite(b)):  # type: ignore[arg-type]  # numbers, as was asked above
            return not (math.isfinite(a) or math.isfinite(b))  # type: ignore[arg-type]
        return math.isclose(a, b, rel_tol=SAME, abs_tol=1e-12)  # type: ignore[arg-type]
    return before == after


IDENTITY = ("sha256", "model", "options", "classes", "preprocessing")
"""What `vitwork.design.published.Network.identity` is made of, in its order."""


def made_by(plan: ReportPlan) -> dict[str, dict[Code, int]]:
    """Return how many of the records that were judged were made by which code, as their keys tell."""
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
    """Return which code trained or loaded a run: the hash with which its key follows from model, recipe, data and seed, or weights."""
    known, arm, run = plan.report.provenance, planned.arm, plan.archive.runs[planned.key][0]
    images = [run.data or plain(arm.data), run.fingerprint or known.dataset.fingerprint]  # older reports tell no data
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
    """Return which code made a record: that of its run, and of the measurement with whose hash the key follows."""
    entry = plan.archive.measurements[want.key][0]
    module, parts = type(want.measurement).__module__, [entry.run, entry.name, entry.parameters]
    if entry.key == digest([*parts, source_hash(module)]):
        return Code.INSTALLED
    theirs = plan.report.provenance.code.get(module)
    return Code.OTHER if entry.key == digest([*parts, theirs]) else Code.UNKNOWN
