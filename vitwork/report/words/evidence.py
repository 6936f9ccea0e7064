"""What was found when a report was checked, in sentences: verdicts judged again, runs trained again, reports pooled."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence

from vitwork.design.deviation import Deviation, Lack
from vitwork.facts.checks import (
    Agreement,
    ArmAudit,
    Audit,
    Code,
    Judged,
    Kind,
    Moved,
    Rejudged,
    Repeat,
    Repeated,
    Trace,
)
from vitwork.facts.document import MachineEffect, Results
from vitwork.report.words.numbers import moment, plural, quantity
from vitwork.report.words.origins import ranges
from vitwork.report.words.sentences import deviation, lack

MOST = 5
"""Parts of one claim, values of one run, and records of one kind that are named."""


def rejudged(found: Rejudged, report: Results) -> Iterator[str]:
    """Yield what became of a report's verdicts, line by line: those that are not the same by name."""
    commit = report.provenance.commit[:12] or "outside git"
    verdicts = plural(len(report.claims), "claim")
    yield f"{verdicts} at profile {report.profile.name}, measured at commit {commit}; judged again from the report’s records."
    yield from code(found.code)
    for outcome, said in COUNTED.items():
        if claims := found.those(outcome):
            yield f"{plural(len(claims), 'claim')} {said}{':' if outcome in NAMED else '.'}"
            yield from (_lost(claims) if outcome is Agreement.LOST else _named(claims) if outcome in NAMED else ())
    yield from _traces(found.gaps, "missing, though other networks of the same arm have it: the report is not whole")
    yield from _traces(found.unneeded, "that no claim of the report needs")
    for kind, said in TOLD.items():
        parts = {claim.claim: [one for one in claim.moved if one.kind is kind] for claim in found.claims}
        parts["the report as a whole"] = [one for one in found.moved if one.kind is kind]
        if kept := {name: own for name, own in parts.items() if own}:
            yield f"{said}:"
            yield from (f"  {line}" for line in (_noted(kept) if kind is Kind.NOTE else _each(kept)))


COUNTED = {
    Agreement.SAME: "with the same verdict, by the same numbers",
    Agreement.NUMBERS: "with the same verdict, by other numbers than were published",
    Agreement.DIFFERENT: "with another verdict than was published",
    Agreement.LOST: "that cannot be judged again",
    Agreement.UNMEASURED: "not measured, then as now",
    Agreement.PROPERTY: "checked on examples, which no record holds: as told; `pytest claims --from` checks them",
    Agreement.NEW: "that the report does not have",
}
NAMED = {Agreement.NUMBERS, Agreement.DIFFERENT, Agreement.LOST, Agreement.NEW}
TOLD = {
    Kind.NUMBER: "Other numbers than were published",
    Kind.DECLARED: "Otherwise than the installed claims and profile declare it, since they changed or the report was altered",
    Kind.NOTE: "Notes that are other ones by now, from which nothing follows",
}


def _named(claims: Iterable[Judged]) -> Iterator[str]:
    for found in claims:
        verdicts = [verdict for verdict in dict.fromkeys((found.before, found.after)) if verdict is not None]
        yield f"  {found.claim}: {', now '.join(verdicts)}"


def _lost(claims: Iterable[Judged]) -> Iterator[str]:
    """Yield why verdicts cannot be judged again, each reason with its claims."""
    reasons: dict[str, list[str]] = {}
    for found in claims:
        why = lack(found.lack) if found.lack is not None else "not among the installed claims"
        reasons.setdefault(why, []).append(f"{found.claim} ({found.before})")
    yield from (f"  {why}: {', '.join(named)}" for why, named in reasons.items())


def _traces(found: Sequence[Trace], said: str) -> Iterator[str]:
    """Yield networks and records of a report by name; nothing where there are none."""
    if not found:
        return
    records = sum(bool(one.measurement) for one in found)
    counted = [
        plural(number, name) for name, number in (("network", len(found) - records), ("record", records)) if number
    ]
    yield f"{' and '.join(counted)} {said}:"
    for one in found[:MOST]:
        yield f"  {f'{one.measurement} of ' if one.measurement else ''}{one.arm} seed {one.seed}"
    if len(found) > MOST:
        yield f"  and {len(found) - MOST} more"


def _each(parts: Mapping[str, Sequence[Moved]]) -> Iterator[str]:
    """Yield what differs, claim by claim."""
    for name, own in parts.items():
        yield f"{name}:"
        yield from (f"  {moved(item)}" for item in own[:MOST])
        if len(own) > MOST:
            yield f"  and {len(own) - MOST} more"


def _noted(parts: Mapping[str, Sequence[Moved]]) -> Iterator[str]:
    """Yield which fields differ, each with how many claims it does of."""
    counts = Counter(name for own in parts.values() for name in {one.field.partition(".")[0] for one in own})
    yield from (f"{name} of {plural(number, 'claim')}" for name, number in counts.items())


def moved(found: Moved) -> str:
    """Return a part of a report that is not what was published."""
    at = f"{found.hypothesis} " if found.hypothesis else ""
    return f"{at}{found.field}: {_shown(found.before)} published, {_shown(found.after)} now"


def _shown(value: object) -> str:
    match value:
        case None | () | "":
            return "none"
        case float():
            return f"{value:.10g}"
        case tuple():
            return "; ".join(map(_shown, value))
        case Deviation():
            return deviation(value)
        case Lack():
            return lack(value)
    return str(value)


def code(counts: Mapping[str, Mapping[Code, int]]) -> Iterator[str]:
    """Yield which records were made by other code than the installed one; one line where all were made by it."""
    total = sum(sum(count.values()) for count in counts.values())
    if not total:
        yield "None of the report’s records is one that the claims read."
        return
    if sum(count.get(Code.INSTALLED, 0) for count in counts.values()) == total:
        yield f"All {plural(total, 'record')} were made by the code that is installed, as their keys tell."
        return
    for kind, said in OTHERS.items():
        if marked := {name: count[kind] for name, count in counts.items() if count.get(kind)}:
            named = ", ".join(f"{name} {number} of {sum(counts[name].values())}" for name, number in marked.items())
            yield f"{said}: {named}."


OTHERS = {
    Code.OTHER: "Made by other code than the installed one, as their keys tell",
    Code.UNKNOWN: "With keys that do not follow from what the report tells of them",
}


def audited(found: Audit, report: Results) -> Iterator[str]:
    """Yield what an audit found: per run how its values compare, then what it says of the arms that did not repeat."""
    if found.other_code:
        yield "The published runs were trained by other code than the installed one: they need not repeat."
    for arm, seed in found.runs:
        own = [value for value in found.values if (value.arm, value.seed) == (arm, seed)]
        yield f"{arm} seed {seed}: {_repeats(own) if own else 'no claim compares a value of it'}"
        yield from (f"  {_repeated(value)}" for value in _telling(own))
    yield from (f"{moved(part)}, although its network is evaluated the same" for part in found.told)
    yield from (_arm(arm, found.alpha) for arm in found.arms)
    yield _conclusion(found, report)


def _repeats(values: Sequence[Repeated]) -> str:
    counts = {repeat: sum(value.repeat is repeat for value in values) for repeat in Repeat}
    return f"{plural(len(values), 'value')}: " + ", ".join(f"{n} {repeat}" for repeat, n in counts.items() if n)


def _telling(values: Sequence[Repeated]) -> list[Repeated]:
    """Return the values worth a line: altered ones, then those outside their intervals."""
    altered = [value for value in values if value.repeat is Repeat.ALTERED]
    outside = [
        value
        for value in values
        if value.repeat is Repeat.ANOTHER
        and value.interval is not None
        and not value.interval[0] <= value.after <= value.interval[1]
    ]
    return [*altered, *outside][:MOST]


def _repeated(found: Repeated) -> str:
    unit = f" {found.unit}" if found.unit else ""
    text = f"{found.quantity}: {quantity(found.before, 4)}{unit} published, {quantity(found.after, 4)}{unit} now"
    if found.repeat is Repeat.ALTERED:
        return f"{text}, although the training is the same to within rounding"
    if found.interval is None:
        return text
    low, high = (quantity(edge, 4) for edge in found.interval)
    return f"{text}, outside [{low}, {high}], where 95 of 100 networks lie by the published ones"


def _arm(found: ArmAudit, alpha: float) -> str:
    start = (
        f"{found.arm}: {plural(found.audited, 'network')} trained anew against {found.published} published, "
        f"{plural(found.values, 'value')} each"
    )
    if found.adjusted_p <= alpha:
        return f"{start}: not of the same kind (p = {quantity(found.adjusted_p, 2)} over all arms), most of all by {found.farthest}"
    if found.least > alpha:
        return f"{start}: so few can show no difference (p is at least {quantity(found.least, 2)})"
    return f"{start}: of the same kind as far as they show (p = {quantity(found.adjusted_p, 2)} over all arms)"


def _conclusion(found: Audit, report: Results) -> str:
    if not found.credible:
        named = dict.fromkeys([*(value.arm for value in found.altered), *(arm.arm for arm in found.doubtful)])
        if not named:
            return "Not credible: the report tells of trainings otherwise than they went."
        return f"Not credible: published numbers of {', '.join(named)} are not those of such trainings."
    seen, arms = {arm for arm, _ in found.runs}, {run.arm for run in report.runs}
    conclusion = "Nothing speaks against the published numbers of the arms that were drawn."
    if rest := len(arms - seen):
        conclusion += f" {plural(rest, 'arm')} of {len(arms)} had no run drawn: --runs {len(arms)} takes one of each."
    return conclusion


def pooled(results: Results) -> Iterator[str]:
    """Yield what pooled results are made of, and for each arm whether it matters where its networks were trained."""
    for number, source in enumerate(results.sources, start=1):
        made, seeds = source.provenance, sorted({seed for own in source.seeds.values() for seed in own})
        where = made.hardware.get("accelerator") or made.hardware.get("processor") or "an unknown machine"
        commit = made.commit[:12] or "outside git"
        yield (
            f"Source {number}: seeds {ranges(seeds)} of {plural(len(source.seeds), 'arm')}, {where}, "
            f"{moment(made.finished)}, commit {commit}."
        )
    yield from (_machine_effect(found, results.alpha) for found in results.machine_effects)


def _machine_effect(found: MachineEffect, alpha: float) -> str:
    start = f"{found.arm}: {' and '.join(map(str, found.networks))} networks"
    if found.adjusted_p <= alpha:
        return (
            f"{start}: it matters where they were trained (p = {quantity(found.adjusted_p, 2)} over all arms), most of all "
            f"for {found.largest}; do not pool them without knowing why"
        )
    if found.least > alpha:
        return f"{start}: so few can show no effect of the machine (p is at least {quantity(found.least, 2)})"
    return f"{start}: no effect of the machine is seen (p = {quantity(found.adjusted_p, 2)} over all arms)"
