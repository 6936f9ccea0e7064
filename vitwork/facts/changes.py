"""The changes between two results documents, in verdicts, effects, names and costs, as facts without wording.

The probability that any effect is falsely reported to have left its interval is at most ``alpha``, so a
continuous-integration job that checks fifty effects rarely raises a false alarm. Numerical libraries are imported only
for tests of effects, because all modules that word a change import this one.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from enum import StrEnum
from itertools import chain
from typing import TYPE_CHECKING

from vitwork.design.deviation import Change, Missing
from vitwork.facts.claims import ClaimResult, Constant, Hypothesis, Sample
from vitwork.facts.document import Results
from vitwork.statistics.effect import Effect, Verdict

if TYPE_CHECKING:
    from vitwork.statistics.change import SampledEffect

ALIKE = 0.9
"""Share of the sentences of a renamed claim that must agree."""
SLOWER = 2.0
"""Factor from which an increase of a claim's cost in seconds is reported."""


class Kind(StrEnum):
    """What happened to a claim or a hypothesis."""

    FLIPPED = "flipped"
    VANISHED = "vanished"
    SKIPPED = "newly skipped"
    MOVED = "left its interval"
    RENAMED = "renamed"
    UNDECIDED = "newly inconclusive"
    DECIDED = "newly decided"
    NEW = "new"
    OTHER = "another comparison"
    EMPTY = "without values"
    SLOWER = "slower"


BREAKING = frozenset({Kind.FLIPPED, Kind.VANISHED, Kind.SKIPPED, Kind.MOVED, Kind.EMPTY})


@dataclass(frozen=True, slots=True)
class Event:
    """One change between two results.

    Attributes:
        kind: what happened.
        claim: id of the claim in the new results (the old id if it vanished).
        hypothesis: id of the hypothesis in the new results (the old id if it vanished); empty for the whole claim.
        before, after: both verdicts; the ids of a renamed claim, or the seconds of a slower one; None for other kinds.
        change: for an effect that left its interval, the difference of the effects, new minus old, with ``adjusted_p``
            over all pairs.
    """

    kind: Kind
    claim: str
    hypothesis: str = ""
    before: Verdict | str | float | None = None
    after: Verdict | str | float | None = None
    change: Effect | None = None

    @property
    def breaking(self) -> bool:
        """Whether something no longer holds; slowness and lost power do not count as breaking."""
        return self.kind in BREAKING


def compare_to_baseline(old: Results, new: Results, alpha: float = 0.05) -> list[Event]:
    """Return what changed from ``old`` to ``new``, breaking events first.

    Claims are matched by id, and the remaining ones by nearly equal sentences. Hypotheses are matched by id and by what
    they compare. Tests that were not chosen, or that the session did not reach, give no event; `untold` names their
    claims.

    Args:
        old: the baseline.
        new: today's results.
        alpha: probability that any effect is falsely reported to have left its interval (Holm over all pairs).
    """
    claims = _claims(old.claims, new.claims)
    partly = new.part
    names = {before.id: after.id for before, after in claims}
    hypotheses = _hypotheses(old.hypotheses, new.hypotheses, names)
    chosen = Change.CHOSEN in partly
    events = [event for event in _names(old.claims, new.claims, claims) if not (chosen and event.kind is Kind.VANISHED)]
    for before, after in claims:
        if partly and _unreached(after):
            continue
        events += _turned(before.verdict, after.verdict, after.id)
        if after.verdict is not Verdict.NOT_MEASURED and 0.0 < SLOWER * before.cost_seconds <= after.cost_seconds:
            events.append(Event(Kind.SLOWER, after.id, "", before.cost_seconds, after.cost_seconds))
        if Verdict.NOT_MEASURED not in (before.verdict, after.verdict):
            events += _unpaired(before, after, hypotheses)
    for was, now in hypotheses:
        if not _compares_alike(was, now, names):
            events.append(Event(Kind.OTHER, now.claim, now.id))
        if _valued(was) and not _valued(now):
            events.append(Event(Kind.EMPTY, now.claim, now.id))
        events += _turned(was.effect.verdict, now.effect.verdict, now.claim, now.id)
    events += _moved(hypotheses, alpha)
    return sorted(events, key=lambda event: (not event.breaking, event.kind, event.claim, event.hypothesis))


def untold(old: Results, new: Results) -> tuple[str, ...]:
    """Return the measured claims of `old` that are missing from `new` because it covers only part of the tests."""
    partly, claims = new.part, _claims(old.claims, new.claims)
    silent = {before.id for before, after in claims if partly and _unreached(after)}
    if Change.CHOSEN in partly:
        silent |= {claim.id for claim in old.claims} - {before.id for before, _ in claims}
    return tuple(claim.id for claim in old.claims if claim.id in silent and claim.verdict is not Verdict.NOT_MEASURED)


def _unreached(claim: ClaimResult) -> bool:
    """Return whether a claim was not measured because a test of it was not chosen, or did not run to its end."""
    lack = claim.lack
    return claim.verdict is Verdict.NOT_MEASURED and lack is not None and lack.missing is Missing.REACH


def paired(old: Results, new: Results) -> list[tuple[Hypothesis, Hypothesis]]:
    """Return the pairs of old and new hypotheses that both results have, also those of renamed claims."""
    names = {before.id: after.id for before, after in _claims(old.claims, new.claims)}
    return _hypotheses(old.hypotheses, new.hypotheses, names)


def still_contradicted(old: Results, new: Results) -> frozenset[str]:
    """Return the hypotheses of `new` that are contradicted and were contradicted in their own entries of `old`.

    An entry of `old` is a hypothesis' own if it makes the same comparison for a claim with nearly the same sentence
    that was contradicted too.
    """
    pairs = _claims(old.claims, new.claims)
    claims = {before.id: after.id for before, after in pairs}
    kept = {
        before.id
        for before, after in pairs
        if before.verdict is Verdict.CONTRADICTED and _likeness(before, after) >= ALIKE
    }
    return frozenset(
        now.id
        for was, now in _hypotheses(old.hypotheses, new.hypotheses, claims)
        if was.effect.verdict is now.effect.verdict is Verdict.CONTRADICTED
        and was.claim in kept
        and _compares_alike(was, now, claims)
    )


def _unpaired(
    before: ClaimResult, after: ClaimResult, pairs: Sequence[tuple[Hypothesis, Hypothesis]]
) -> Iterator[Event]:
    """Yield events for the comparisons of a claim that only one of the results has."""
    kept, known = {was.id for was, _ in pairs}, {now.id for _, now in pairs}
    yield from (Event(Kind.VANISHED, after.id, id) for id in before.hypotheses if id not in kept)
    yield from (Event(Kind.NEW, after.id, id) for id in after.hypotheses if id not in known)


def _valued(found: Hypothesis) -> bool:
    """Return whether every arm that a hypothesis compares has a value."""
    return all(any(value is not None for value in side.values) for side in found.sides if isinstance(side, Sample))


def _likeness(before: ClaimResult, after: ClaimResult) -> float:
    """Return the share of two claims' sentences that agrees, from 0 to 1."""
    return SequenceMatcher(None, before.sentence, after.sentence).ratio()


def _compares_alike(was: Hypothesis, now: Hypothesis, claims: dict[str, str]) -> bool:
    """Return whether two hypotheses make the same comparison, by their parts and by their statements."""
    before = _structure(was, claims.get(was.claim, was.claim))
    return (before, was.statement) == (_structure(now, now.claim), now.statement)


def _claims(old: Sequence[ClaimResult], new: Sequence[ClaimResult]) -> list[tuple[ClaimResult, ClaimResult]]:
    """Pair claims by id, then the remaining ones by the most similar sentence."""
    by_id = {claim.id: claim for claim in new}
    pairs = [(claim, by_id.pop(claim.id)) for claim in old if claim.id in by_id]
    paired = {before.id for before, _ in pairs}
    spare = list(by_id.values())
    for claim in old:
        if claim.id in paired or not spare:
            continue
        likeness = [_likeness(claim, other) for other in spare]
        if max(likeness) >= ALIKE:
            pairs.append((claim, spare.pop(likeness.index(max(likeness)))))
    return pairs


def _hypotheses(
    old: Iterable[Hypothesis], new: Iterable[Hypothesis], claims: dict[str, str]
) -> list[tuple[Hypothesis, Hypothesis]]:
    """Pair hypotheses that make the same comparison, those of the same id first, then those that share only the id.

    Args:
        old, new: the hypotheses of both results.
        claims: new ids of the claims, by their old ones.
    """
    keys: tuple[Callable[[Hypothesis, str], Hashable], ...] = (
        lambda found, claim: (found.id, _structure(found, claim)),
        _structure,
        lambda found, _: (found.id, found.form, found.quantity),
    )
    before, after, pairs = list(old), list(new), []
    for key in keys:
        waiting = defaultdict(list)
        for found in after:
            waiting[key(found, found.claim)].append(found)
        unpaired = []
        for found in before:
            alike = waiting[key(found, claims.get(found.claim, found.claim))]
            if alike:
                pairs.append((found, alike.pop(0)))
            else:
                unpaired.append(found)
        before, after = unpaired, list(chain.from_iterable(waiting.values()))
    return pairs


def _structure(found: Hypothesis, claim: str) -> Hashable:
    """Return a key of the comparison that a hypothesis makes within its claim."""
    sides = tuple(side.value if isinstance(side, Constant) else side.arm for side in found.sides)
    alternative = found.effect.alternative
    return claim, found.form, found.quantity, tuple(sorted(found.parameters.items())), sides, alternative


def _names(
    old: Iterable[ClaimResult], new: Iterable[ClaimResult], pairs: Sequence[tuple[ClaimResult, ClaimResult]]
) -> list[Event]:
    """Return events for renamed claims and for claims that only one of the results has."""
    kept, known = {before.id for before, _ in pairs}, {after.id for _, after in pairs}
    events = [
        Event(Kind.RENAMED, after.id, "", before.id, after.id) for before, after in pairs if before.id != after.id
    ]
    events += [Event(Kind.VANISHED, claim.id) for claim in old if claim.id not in kept]
    return events + [Event(Kind.NEW, claim.id) for claim in new if claim.id not in known]


def _turned(before: Verdict, after: Verdict, claim: str, hypothesis: str = "") -> list[Event]:
    """Return the event of a changed verdict; empty if it is unchanged."""
    if before is after:
        return []
    kind = Kind.FLIPPED
    if after is Verdict.NOT_MEASURED:
        kind = Kind.SKIPPED
    elif after is Verdict.INCONCLUSIVE:
        kind = Kind.UNDECIDED
    elif before in (Verdict.NOT_MEASURED, Verdict.INCONCLUSIVE):
        kind = Kind.DECIDED
    return [Event(kind, claim, hypothesis, before, after)]


def _moved(pairs: Iterable[tuple[Hypothesis, Hypothesis]], alpha: float) -> list[Event]:
    """Test every difference of effects and report those that Holm's procedure leaves."""
    from vitwork.statistics import effect_change, holm

    tested = [
        (now, change) for was, now in pairs if (change := effect_change(sampled(was), sampled(now), alpha)) is not None
    ]
    judged = holm([change for _, change in tested], alpha)
    return [
        Event(Kind.MOVED, now.claim, now.id, change=change)
        for (now, _), change in zip(tested, judged, strict=True)
        if change.verdict is not Verdict.INCONCLUSIVE
    ]


def sampled(hypothesis: Hypothesis) -> SampledEffect:
    """Return a hypothesis in the form that `effect_change` takes.

    For an order, whose weakest step may be another one in other results, and for a rank correlation only the interval
    is used.
    """
    from vitwork.statistics.change import SampledEffect
    from vitwork.statistics.structured import slope_weights

    if hypothesis.form in ("order", "correlation"):
        return SampledEffect(hypothesis.effect)
    sides, levels = hypothesis.sides, hypothesis.levels
    samples = [side for side in sides if isinstance(side, Sample)]
    weights = slope_weights(len(sides), levels) if hypothesis.form == "trend" else [1.0, -1.0][: len(samples)]
    return SampledEffect(
        hypothesis.effect,
        [side.values for side in samples],
        weights,
        paired=hypothesis.form != "trend" and len({(side.arm, side.seeds) for side in samples}) < len(samples),
        constant=next((side.value for side in sides if isinstance(side, Constant)), None),
    )
