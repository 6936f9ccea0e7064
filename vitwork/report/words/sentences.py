"""Sentences about claims and sessions: why a claim has its verdict, what it lacks, how a session deviates, what changed."""

from __future__ import annotations

import difflib
import math
import re
from collections import Counter
from collections.abc import Collection, Iterable, Sequence

from vitwork.design.deviation import Change, Deviation, Lack, Missing
from vitwork.facts.changes import Event, Kind, untold
from vitwork.facts.claims import ClaimResult, Hypothesis
from vitwork.facts.document import PARTS, ProfileResult, Results
from vitwork.report.words.effects import SIDES, compared, effect, found_of, settling, why
from vitwork.report.words.numbers import cost, duration, listed, plural, quantity, sentence, snapshot
from vitwork.report.words.origins import pooled, registration
from vitwork.report.words.verdicts import bearing, primaries, qualifiers, verdict
from vitwork.statistics.effect import Effect, Verdict

SUBSTITUTES = {Change.MODEL: "model", Change.NETWORKS: "networks"}
"""What stands in place of a profile's own, by the change that says so."""


def spent(claim: ClaimResult, *, whole: bool = False) -> str:
    """Return what the runs and measurements of a claim took, with their energy where the `whole` is asked for.

    Empty for a claim that was not measured: what it shares with others was noted before it was found that it lacks the
    rest, and shows nothing of it.
    """
    if claim.verdict is Verdict.NOT_MEASURED:
        return ""
    return cost(claim.cost_seconds, claim.cost_joules if whole else None)


def lack(found: Lack) -> str:
    """Return what a claim that was not measured needs."""
    arm, what = found.arm, found.what
    return {
        Missing.ARM: f"needs the arm {arm}, which the profile does not have",
        Missing.SNAPSHOT: f"needs {arm} {snapshot(what)}, of which its recipe keeps no snapshot",
        Missing.LOADED: f"needs {arm} {snapshot(what)}, and its networks are published, as they ended",
        Missing.WEIGHTS: f"needs weights of {arm} that are not here: {what}",
        Missing.PART: f"needs {what}, of which the network of {arm} has none",
        Missing.LEARNING: f"the arm {arm} has not learned at this profile ({what})",
        Missing.SAME: f"compares {arm} with {what}, and their networks are the same",
        Missing.LEFT_OUT: f"needs {what}, which the profile leaves out",
        Missing.NOISE: f"the measurement’s own error of {what} exceeds half of its spread over networks",
        Missing.UNFIT: f"cannot be measured on {arm}: {what}",
        Missing.RECORD: f"the record of {what} of {arm} is missing",
        Missing.REACH: f"not all of its tests are in this session, {what} is not"
        if what
        else "not all of its tests ran to their end in this session",
        Missing.EMPTY: f"the list of parameters of {what} is empty",
        Missing.FAULT: what,
    }[found.missing]


FIXED = frozenset(
    {Missing.ARM, Missing.SNAPSHOT, Missing.LOADED, Missing.PART, Missing.SAME, Missing.LEFT_OUT, Missing.UNFIT}
)
"""What a profile lacks however often it is run."""
NEEDS = {
    Missing.ARM: "an arm that the profile does not have",
    Missing.SNAPSHOT: "a snapshot that a recipe does not keep",
    Missing.LOADED: "a training, where networks were loaded",
    Missing.WEIGHTS: "weights of published networks that are not here",
    Missing.PART: "a part that a network does not have",
    Missing.LEARNING: "networks that have learned",
    Missing.SAME: "two arms whose networks differ",
    Missing.LEFT_OUT: "a quantity that the profile leaves out",
    Missing.NOISE: "a quantity that exceeds its own error",
    Missing.UNFIT: "a network that suits the measurement",
    Missing.RECORD: "a record that is missing",
    Missing.REACH: "every test of the claim in one session, run to its end",
    Missing.EMPTY: "parameters of a test, of which there are none",
    Missing.FAULT: "a repair of what failed",
}


def unmeasured(claims: Sequence[ClaimResult]) -> list[str]:
    """Return how many claims were not measured, and how many of them need what; nothing where all were."""
    lacks = [claim.lack for claim in claims if claim.verdict is Verdict.NOT_MEASURED]
    said = lacking(found.missing if found is not None else Missing.REACH for found in lacks)
    parts = [found for found in lacks if found is not None and found.missing is Missing.PART]
    return [*said, *dict.fromkeys(f"The network of {found.arm} has no {found.what}." for found in parts)]


def lacking(missing: Iterable[Missing]) -> list[str]:
    """Return how many claims are not measured, of what each lacks; nothing of none."""
    kinds = Counter(missing)
    if not kinds:
        return []
    needs = (f"{count} {'needs' if count == 1 else 'need'} {NEEDS[kind]}" for kind, count in kinds.most_common())
    return [f"Not measured: {plural(kinds.total(), 'claim')}, of which {', '.join(needs)}."]


def no_match(keyword: str, names: Collection[str]) -> str:
    """Return that nothing is called as a choice of tests asks, and the claims whose names are closest to its words."""
    asked = set(re.findall(r"[\w-]+", keyword)) - {"and", "or", "not"}
    close = [name for word in sorted(asked) for name in difflib.get_close_matches(word, sorted(names))]
    rest = f": did you mean {listed(list(dict.fromkeys(close)), ', ')}?" if close else "."
    return f"No claim or test matches -k {keyword!r}{rest}"


def deviation(found: Deviation) -> str:
    """Return one difference from the paper's setting."""
    return {
        Change.DECLARED: found.text,
        Change.SETTING: f"{found.field} = {found.value} for {found.arm or 'all arms'}, set by hand in place of the profile’s own",
        Change.SEEDS: f"{found.value} network{'' if found.value == '1' else 's'} per arm, not the profile’s own number",
        **{
            change: f"the arm {found.arm} is {found.value or ', '.join(found.networks)}, not the profile’s own {what}"
            for change, what in SUBSTITUTES.items()
        },
        Change.CHOSEN: "only chosen tests were run",
        Change.ENDED: "the session ended before every test was reached",
    }[found.change]


def chosen(family: int) -> str:
    """Return what a session of chosen tests has to say of its error rate."""
    if not family:
        return "These tests were chosen, and the profile can measure no claim of theirs."
    claims = "the one claim" if family == 1 else f"all {plural(family, 'claim')}"
    return (
        f"These tests were chosen: verdicts are corrected for {claims} that the profile can measure, "
        "so that running the rest corrects no more. How skewed or noisy a quantity is, the rest may show better."
    )


def changed(results: Results) -> bool:
    """Return whether results are of a profile of which a session changed settings, models or seeds."""
    return any(found.change in {Change.SETTING, Change.SEEDS, *SUBSTITUTES} for found in results.profile.deviations)


def partial(results: Results) -> bool:
    """Return whether results are of chosen tests, or of a session that ended before all of them."""
    return bool(results.part)


def stopped(results: Results) -> bool:
    """Return whether results are of a session that ended before all of its tests."""
    return Change.ENDED in results.part


def partly(results: Results) -> list[str]:
    """Return what a report of some tests, or of a session that ended early, has to say of itself; nothing for a whole one."""
    lines = [chosen(results.family)] if Change.CHOSEN in results.part else []
    if stopped(results):
        lines.append(
            "This report is partial: the session ended before every test was reached. It replaces no whole report."
        )
    return lines


def part(results: Results) -> list[str]:
    """Return what qualifies all of a report: that it is of a part, pooled, or of claims that were not registered."""
    return partly(results) + [f"{said}." for said in (pooled(results), registration(results)) if said]


def sessions(partial: Collection[bool]) -> str:
    """Return how many sessions there were, of each of which it is given whether it was of a part of the tests."""
    parts = sum(partial)
    counted = [
        plural(len(partial) - parts, "session") if parts < len(partial) else "",
        f"{plural(parts, 'session')} of a part of the tests" if parts else "",
    ]
    return " and ".join(filter(None, counted))


def substitutes(profile: ProfileResult) -> dict[str, tuple[str, str]]:
    """Return what stands in place of a profile's own, and whether that is a model or networks, by arm."""
    return {
        found.arm: (listed(found.networks or (found.value,), ", "), SUBSTITUTES[found.change])
        for found in profile.deviations
        if found.change in SUBSTITUTES
    }


def summary(results: Results) -> str:
    """Return the profile's summary with the sizes of its networks and how many were run, or planned where none was.

    What the profile says of the sizes is of all its arms, run or not, and left out where they are known.
    """
    seeds: dict[str, set[int]] = {}
    for run in results.runs:
        seeds.setdefault(run.arm, set()).add(run.seed)
    counts = sorted({len(found) for found in seeds.values()}) or [results.profile.seeds]
    least = f"{counts[0]} to " if len(counts) > 1 else ""
    counted = f"{plural(counts[-1], 'network')} per arm" if results.profile.loaded else plural(counts[-1], "seed")
    size = sizes(results)
    said = [part for part in results.profile.summary.split(", ") if not (size and part.endswith(" parameters"))]
    return ", ".join(filter(None, [*said, size, f"{least}{counted}"]))


def sizes(results: Results) -> str:
    """Return from how few to how many parameters the networks had, ``0.11 to 0.18 million parameters``; empty where none was run."""
    known = [run.parameters / 1e6 for run in results.runs if run.parameters]
    ends = dict.fromkeys((quantity(min(known), 2), quantity(max(known), 2))) if known else ()
    return f"{' to '.join(ends)} million parameters" if ends else ""


def claim_reason(claim: ClaimResult, hypotheses: Sequence[Hypothesis]) -> str:
    """Return how many of the comparisons that decide speak for and against a claim, and the one that bears its verdict."""
    deciding = primaries(hypotheses)
    if not deciding:
        return _undecidable(claim, controls=bool(hypotheses))
    found = [hypothesis.effect.verdict for hypothesis in deciding]
    borne = bearing(claim.verdict, deciding) or deciding[0]
    missing = f"Another test was not measured: {lack(claim.lack)}." if claim.lack is not None else ""
    parts = (_counted(found), _said(borne), missing, "" if missing else _settled(claim, deciding))
    return " ".join(part for part in parts if part)


def _undecidable(claim: ClaimResult, *, controls: bool) -> str:
    """Return what a claim without a comparison that decides lacks, or what its examples say."""
    if claim.lack is not None and claim.verdict is Verdict.NOT_MEASURED:
        return f"{sentence(lack(claim.lack))}."
    if controls:
        return "Only controls were measured, which never decide."
    if claim.verdict is Verdict.NOT_MEASURED:
        return "Its test was not run."
    holds = "it holds" if claim.verdict is Verdict.REPRODUCED else "it fails"
    return f"A property that is checked on examples, without statistics: {holds} there."


def _counted(verdicts: Sequence[Verdict]) -> str:
    """Return how many of several comparisons have which verdict, as a sentence."""
    if len(verdicts) == 1:
        return ""
    names = (
        (Verdict.REPRODUCED, "supports the claim", "support the claim"),
        (Verdict.CONTRADICTED, "speaks against it", "speak against it"),
        (Verdict.INCONCLUSIVE, "is undecided", "are undecided"),
    )
    known = [(n, one if n == 1 else more) for name, one, more in names if (n := verdicts.count(name))]
    if len(known) == 1:
        every = "Both" if len(verdicts) == 2 else f"All {len(verdicts)}"
        return f"{every} comparisons {known[0][1]}."
    parts = [f"{n} {said}" for n, said in known]
    return f"Of {len(verdicts)} comparisons (all are needed), {', '.join(parts[:-1])} and {parts[-1]}."


def _said(hypothesis: Hypothesis) -> str:
    """Return one comparison as a sentence."""
    return f"{sentence(compared(hypothesis))}: {found_of(hypothesis)}; {_side(hypothesis)}."


def _settled(claim: ClaimResult, hypotheses: Sequence[Hypothesis]) -> str:
    """Return the networks that would settle an undecided claim; empty where that is unknown for any comparison."""
    if claim.verdict is not Verdict.INCONCLUSIVE:
        return ""
    undecided = [hypothesis for hypothesis in hypotheses if hypothesis.effect.verdict is not Verdict.REPRODUCED]
    known = [needed for hypothesis in undecided if (needed := hypothesis.effect.seeds_needed)]
    if not known or len(known) < len(undecided):
        return ""
    most = min((hypothesis.most for hypothesis in undecided if hypothesis.most is not None), default=None)
    return f"{sentence(settling(max(known), most, 'it' if len(known) == 1 else 'all of them'))}."


def _side(hypothesis: Hypothesis) -> str:
    """Return where the interval lies, or, where that explains nothing, why the hypothesis has its verdict."""
    found = hypothesis.effect
    place = _place(found)
    if place and SIDES.get(found.verdict) == place:
        return f"the whole interval lies on {place} of the margin"
    if found.verdict is Verdict.INCONCLUSIVE and place:
        return f"its interval lies on {place}, but not when all comparisons of the session are counted"
    bounded = found.obstacle is None and any(map(math.isfinite, found.deciding))
    if found.verdict is Verdict.INCONCLUSIVE and found.alternative != "two-sided" and bounded:
        return "the interval reaches both sides of the margin"
    return why(hypothesis)


def _place(found: Effect) -> str:
    """Return the side on which the whole interval lies; empty where it reaches both."""
    low, high = found.deciding
    below, above = high < found.margin, low > found.margin
    if found.alternative == "two-sided" or not (below or above):
        return ""
    return SIDES[Verdict.REPRODUCED if below == (found.alternative == "less") else Verdict.CONTRADICTED]


def limits(old: Results, new: Results) -> str:
    """Return what a comparison cannot tell, in sentences: of different profiles, and of parts of the tests; else nothing."""
    silent = untold(old, new)
    rest = f": nothing is said of {plural(len(silent), 'claim')} measured before ({listed(silent, ', ')})"
    said = [
        other_profile(old, new),
        "The results before are of a part of the tests." if partial(old) else "",
        f"The results now are of a part of the tests{rest if silent else ''}." if partial(new) else "",
    ]
    return " ".join(filter(None, said))


def other_profile(old: Results, new: Results) -> str:
    """Return that two results are of different profiles, or of one that was another before; else nothing."""
    before, now, rest = old.profile, new.profile, "so that differences need not be changes of the code."
    if before.name != now.name:
        return f"These are different profiles, {before.name} before and {now.name} now, {rest}"
    was, here = _shape(before), _shape(now)
    changed = ", ".join(name for name in was if was[name] != here[name])
    return f"The profile {now.name} was another one before ({changed}), {rest}" if changed else ""


def _shape(profile: ProfileResult) -> dict[str, object]:
    """Return what makes results of a profile comparable, by name; that a session was of a part of its tests does not count."""
    settings = {found for found in profile.deviations if found.change not in PARTS}
    fields = ("summary", "pixels", "seeds", "first_seed")
    return {**{name.replace("_", " "): getattr(profile, name) for name in fields}, "deviations": settings}


def unchanged(old: Results, new: Results) -> str:
    """Return that nothing changed, as far as two results tell."""
    return "Nothing changed in what both tell of." if partial(old) or partial(new) else "Nothing changed."


STATED = {
    Kind.VANISHED: "the {} is no longer tested",
    Kind.NEW: "the {} has no baseline",
    Kind.OTHER: "under the name of the {} something else was compared before",
    Kind.EMPTY: "an arm of the {} had values before and has none now",
}
"""Changes that need no numbers, of a claim or a comparison."""


def event(found: Event, results: Results) -> str:
    """Return what happened in one sentence.

    Args:
        found: a change against the baseline.
        results: today's, which hold the effect or the claim that changed.
    """
    if found.kind in STATED:
        return STATED[found.kind].format(f"comparison {found.hypothesis}" if found.hypothesis else "claim")
    match found.kind:
        case Kind.RENAMED:
            return f"{found.before} is now called {found.after}"
        case Kind.SLOWER:
            return f"{_lasting(found.after)}, {_lasting(found.before)} before"
    if found.change is not None:
        known = (hypothesis for hypothesis in results.hypotheses if hypothesis.id == found.hypothesis)
        unit = next((hypothesis.unit for hypothesis in known if hypothesis.form != "correlation"), "")
        p = quantity(found.change.adjusted_p, 2)
        return f"now against before: {effect(found.change, unit)}; p = {p}, corrected for all comparisons of the two results"
    now = _now(found, results)
    return f"{found.before} before, {found.after} now{f': {now}' if now else ''}"


def _lasting(seconds: str | float | None) -> str:
    assert isinstance(seconds, float)  # what an event of this kind holds
    return duration(seconds)


def _now(found: Event, results: Results) -> str:
    """Return why a comparison or a claim has its verdict now; empty where today's results do not know it."""
    if found.hypothesis:
        now = next((hypothesis for hypothesis in results.hypotheses if hypothesis.id == found.hypothesis), None)
        return f"{effect(now.effect, now.unit)}; {why(now)}" if now else ""
    claim = next((claim for claim in results.claims if claim.id == found.claim), None)
    if claim is None:
        return ""
    if claim.verdict is Verdict.NOT_MEASURED and claim.lack is not None:
        return lack(claim.lack)
    own = results.hypotheses_of(claim)
    said = f"{sentence(verdict(claim, own, results.profile.name))}. " if qualifiers(claim, own) else ""
    return f"{said}{claim_reason(claim, own)}"
