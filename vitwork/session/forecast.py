"""What a session will cost and what it can see, computed before anything trains. Imports no torch."""

from __future__ import annotations

from collections.abc import Iterable
from statistics import fmean

from vitwork import profiles
from vitwork.language.sentence import Sentence
from vitwork.report import words
from vitwork.session.costs import Basis, durations
from vitwork.session.networks import loads
from vitwork.session.plan import Plan, Wanted
from vitwork.store.keys import digest
from vitwork.store.store import Store


def plan_lines(plan: Plan, store: Store, workers: int = 1, device: str = "auto") -> list[str]:
    """Return runs, the time they will take, and per claim the smallest effect that would be decided.

    How long a run takes is what `vitwork.session.costs.durations` says. The smallest effect is in standard deviations over seeds, at 80 % power, at the level that the first decision of the profile's
    claims takes.
    """
    profile = plan.profile
    lines = [f"Profile {profile.name}: {profile.summary}.", f"Expected: {profile.expected}."]
    networks = _by_network(plan, store) if loads(profile) else []
    return [*lines, "", *_cost(plan, store, workers, device), *networks, "", *_power(plan), *_lacking(plan)]


def _cost(plan: Plan, store: Store, workers: int, device: str) -> list[str]:
    missing, timed = plan.missing(store), durations(plan, store, device)
    arms = dict.fromkeys(run.arm.name for run in plan.runs.values())
    lines = [f"{'arm':24} {'runs':>5} {'missing':>8} {'a run takes':>12}"]
    for arm in arms:
        runs, lacking = (sum(run.arm.name == arm for run in group) for group in (plan.runs.values(), missing))
        lines.append(
            f"{arm:24} {runs:5d} {lacking:8d} {words.duration(timed[arm].seconds) if arm in timed else '–':>12}"
        )
    todo = [timed[run.arm.name] for run in missing if run.arm.name in timed]
    unknown = len(missing) - len(todo)
    if todo:
        total = sum(found.seconds for found in todo) / workers
        lines += [
            "",
            f"{words.plural(len(missing), 'run')} to do: about {words.duration(total)} with {workers} at a time.",
        ]
        lines += [_said(basis, plan.profile.name) for basis in Basis if any(found.basis is basis for found in todo)]
    if unknown:
        lines += [
            "",
            f"{words.plural(unknown, 'run')} of unknown length: how many images there are is not known without --data.",
        ]
    return lines


def _by_network(plan: Plan, store: Store) -> list[str]:
    """Return the minutes that each claim takes on a network of its arms, as those took that were measured in this store."""
    lines = ["", f"{'claim':36} {'minutes a network':>18}"]
    claims: dict[str, list[Wanted]] = {}
    for test in plan.tests.values():
        if test.lack is None:
            claims.setdefault(test.case.claim.id, []).extend(test.everything.values())
    for claim, wanted in claims.items():
        minutes = _minutes_a_network(wanted, store)
        lines.append(f"{claim:36} {'unknown' if minutes is None else f'{minutes:.2f}':>18}")
    return [*lines, "Claims share measurements. Unknown until one network is measured, as by --seeds 1 in this store."]


def _minutes_a_network(wanted: Iterable[Wanted], store: Store) -> float | None:
    """Return the mean minutes on a network; None where a measurement was made on none."""
    kinds: dict[str, list[float]] = {}
    for want in wanted:
        taken = kinds.setdefault(digest([want.measurement.name, want.measurement.parameters]), [])
        if record := store.read(want.key):
            taken.append(record["seconds"])
    return sum(map(fmean, kinds.values())) / 60 if all(kinds.values()) else None


def _said(basis: Basis, profile: str) -> str:
    """Return where durations come from."""
    if basis is Basis.STORE:
        return "Arms with runs in this store: as long as those took, training and measuring."
    if basis is Basis.REPORT:
        reference = profiles.timings(profile)
        assert reference is not None
        return f"Arms without: as long as on {reference.machine}, where the published report was made; this machine may differ."
    return "Arms never timed: training alone, by one step on this machine and each network’s operations; measuring comes on top."


def _power(plan: Plan) -> list[str]:
    from vitwork.statistics import detectable

    asked: dict[str, list[Sentence]] = {}
    for test in plan.tests.values():
        if test.case.sentences and test.lack is None:
            asked.setdefault(test.case.claim.id, []).extend(test.case.sentences)
    profile, hypotheses = plan.profile, sum(map(len, asked.values()))
    level = profile.alpha / max(1, plan.family)
    seeds = max(
        (plan.fewest(sentence) for sentences in asked.values() for sentence in sentences), default=profile.seeds
    )
    first = detectable(seeds, level)
    lines = [
        f"{hypotheses} hypotheses, {seeds} {'networks per arm at most' if loads(profile) else 'seeds per arm'}, false discovery rate {profile.alpha:g} over {plan.family} claims:",
        f"two arms must differ by {first:.1f} standard deviations over seeds for the first decision; by claim:",
    ]
    for claim, sentences in asked.items():
        smallest = max(sentence.smallest(plan.fewest(sentence), level) for sentence in sentences)
        lines += [f"  {claim:32} {smallest:6.1f}  ({words.plural(len(sentences), 'hypothesis')})"]
    return lines


def _lacking(plan: Plan) -> list[str]:
    return [
        f"  {test.case.claim.id}: not measured, {words.lack(test.lack)}"
        for test in plan.tests.values()
        if test.lack is not None
    ]
