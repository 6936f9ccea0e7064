"""What a session will cost and what it can see, computed before anything trains. Imports no torch."""

from __future__ import annotations

from collections.abc import Iterable
from statistics import fmean

from vitwork.session.judge import Court
from vitwork.session.plan import Run


def plan_lines(court: Court, workers: int = 1) -> list[str]:
    """Return runs, expected minutes, and per claim the smallest effect that would be decided.

    Minutes are those that runs of the same arm took in this store; arms that were never trained have none. The smallest
    effect is in standard deviations over seeds, at 80 % power, at the level that Holm's procedure asks of the first
    decision of the session.
    """
    from vitwork.statistics import detectable

    cases = [case for case in court.cases.values() if case.body is not None]
    hypotheses = sum(len(case.comparisons) for case in cases)
    missing = court.plan.missing(court.store)
    profile = court.profile
    lines = [f"Profile {profile.name}: {profile.summary}.", f"Expected: {profile.expected}.", ""]
    lines += [f"{'arm':24} {'runs':>5} {'missing':>8} {'minutes a run':>14}"]
    lines += [_arm_line(court, arm, missing) for arm in dict.fromkeys(run.arm.name for run in court.plan.runs.values())]
    known = {name: _minutes(court, name) for name in {run.arm.name for run in missing}}
    if missing and all(minutes is not None for minutes in known.values()):
        total = sum(known[run.arm.name] or 0.0 for run in missing) / workers
        lines += ["", f"{len(missing)} runs to do: about {total:.0f} minutes with {workers} at a time."]
    elif missing:
        lines += ["", f"{len(missing)} runs to do; no run of some arms was timed in this store yet."]
    level = profile.alpha / max(1, hypotheses)
    smallest = detectable(profile.seeds, level)
    lines += ["", f"{hypotheses} hypotheses, {profile.seeds} seeds per arm, family-wise error rate {profile.alpha:g}:"]
    lines += [
        f"two arms must differ by {smallest:.1f} standard deviations over seeds for the first decision; by claim:"
    ]
    for claim in dict.fromkeys(case.claim.id for case in cases if case.comparisons):
        asked = [comparison for case in cases if case.claim.id == claim for comparison in case.comparisons]
        smallest = max(comparison.smallest(level) for comparison in asked)
        lines += [f"  {claim:32} {smallest:6.1f}  ({len(asked)} hypothes{'es' if len(asked) > 1 else 'is'})"]
    lines += [f"  {case.claim.id}: not measured, {case.lacking}" for case in cases if case.lacking]
    return lines


def _arm_line(court: Court, arm: str, missing: Iterable[Run]) -> str:
    runs = sum(run.arm.name == arm for run in court.plan.runs.values())
    lacking = sum(run.arm.name == arm for run in missing)
    minutes = _minutes(court, arm)
    return f"{arm:24} {runs:5d} {lacking:8d} {'unknown' if minutes is None else f'{minutes:.2f}':>14}"


def _minutes(court: Court, arm: str) -> float | None:
    """Return the mean minutes that training and measuring a run of `arm` took in this store."""
    costs: dict[str, float] = {}
    for want in court.plan.wanted.values():
        if want.run.arm.name == arm:
            run, record = court.store.read(want.run.key), court.store.read(want.key)
            if run and record:
                costs[want.run.key] = costs.get(want.run.key, run["seconds"]) + record["seconds"]
    return fmean(costs.values()) / 60 if costs else None
