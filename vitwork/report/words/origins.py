"""When claims were fixed and where their numbers were measured, in words."""

from __future__ import annotations

import re
from collections.abc import Sequence

from vitwork.facts.claims import ClaimResult, Registration
from vitwork.facts.document import Results
from vitwork.report.words.numbers import listed, moment, plural

WORDING = ("sentence",)
"""What differs where a claim compares what it compared: the test of it is the same."""
FIELDS = {
    "sentence": "wording",
    "contradicted_by": "what would contradict it",
    "hypotheses": "comparisons",
    "seeds": "number of seeds",
    "first_seed": "first seed",
    "decision": "error rate and claims counted",
}
"""What is registered of a claim, by the name of its field."""


def registered(claim: ClaimResult) -> str:
    """Return how a claim compares with what was registered before its data; empty where nothing was."""
    found = claim.registered
    if found is None:
        return ""
    commit = f" (commit {found.commit[:12]}, {moment(found.committed)})" if found.committed is not None else ""
    return f"{_state(found.state, found.changed)}{commit}"


def _state(state: Registration, changed: Sequence[str]) -> str:
    """Return how a claim compares with what was registered, with what differs, from the names of its fields."""
    if state is Registration.CHANGED and tuple(changed) == WORDING:
        return "wording changed, same comparison"
    differs = f" ({', '.join(FIELDS.get(name, name) for name in changed)})" if changed else ""
    return f"{state}{differs}"


def registration(results: Results) -> str:
    """Return how many claims were registered before their data, and name others, if few; empty where none was registered.

    Those that measure nothing, or nothing that the profile has, have no data and are not counted.
    Every claim says so of itself in its details.
    """
    groups: dict[tuple[Registration, tuple[str, ...]], list[str]] = {}
    for claim in results.claims:
        if (found := claim.registered) is not None:
            groups.setdefault((found.state, found.changed), []).append(claim.id)
    if not groups:
        return ""
    total = sum(map(len, groups.values()))
    measurable = " that the profile can measure" if total < len(results.claims) else ""
    before = groups.pop((Registration.REGISTERED, ()), [])
    parts = [f"{len(before)} of {plural(total, 'claim')}{measurable} registered before their data"]
    for (state, changed), ids in groups.items():
        parts.append(f"{_state(state, changed)}: {listed(ids, ', ')}")
    return "; ".join(parts)


def command(given: str) -> str:
    """Return a command with the names of its files alone: the folders are of no other machine."""
    return re.sub(r"(?<=[\s=])[^\s=]*/(?=[^\s/])", "", given)


def pooled(results: Results) -> str:
    """Return from how many reports results were pooled; empty for those of one session."""
    if not results.sources:
        return ""
    apart = [found.arm for found in results.machine_effects if found.adjusted_p <= results.alpha]
    matters = f"; it matters for {', '.join(apart)} where networks were trained" if apart else ""
    return f"Pooled from {plural(len(results.sources), 'report')}{matters}"


def ranges(numbers: Sequence[int]) -> str:
    """Return whole numbers in order, as ``0–8, 12``."""
    groups: list[list[int]] = []
    for number in numbers:
        if groups and number == groups[-1][-1] + 1:
            groups[-1].append(number)
        else:
            groups.append([number])
    return ", ".join(f"{group[0]}–{group[-1]}" if len(group) > 1 else str(group[0]) for group in groups)
