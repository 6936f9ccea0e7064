"""Judge change instead of truth: today's results against an earlier results file.

Both sides are results documents (``vitwork-results/1``). A change of an effect is a hypothesis of its own, decided on
the difference of the two effects at an error rate over all pairs, so that a continuous-integration job that looks at
fifty effects raises a false alarm in at most ``alpha`` of its runs.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any, Literal

import numpy as np

from vitwork.statistics.effect import Effect, Verdict
from vitwork.statistics.contrasts import LOGS, RAW, StudentContrast, has_spread, linear
from vitwork.statistics.decision import FEWEST_SEEDS, Question, decide
from vitwork.statistics.multiplicity import holm
from vitwork.statistics.structured import slope_weights

Kind = Literal[
    "flipped",
    "vanished",
    "renamed",
    "newly skipped",
    "newly inconclusive",
    "newly decided",
    "left its interval",
    "new",
    "slower",
]
BREAKING: frozenset[str] = frozenset({"flipped", "vanished", "newly skipped", "left its interval"})
Document = Mapping[str, Any]


@dataclass(frozen=True)
class Event:
    """One change between two results.

    Attributes:
        kind: what happened.
        claim: id of the claim in the new results (the old id when it vanished).
        hypothesis: id of the hypothesis, empty when the claim as a whole changed.
        detail: one sentence with the numbers.
        change: the difference of the effects, new minus old, where it was tested.
    """

    kind: Kind
    claim: str
    hypothesis: str
    detail: str
    change: Effect | None = None

    @property
    def breaking(self) -> bool:
        """Whether the event says that something no longer holds; slowness and lost power do not."""
        return self.kind in BREAKING


@dataclass(frozen=True)
class Pair:
    """The same hypothesis in both documents."""

    old: Document
    new: Document


def compare_to_baseline(old: Document, new: Document, alpha: float = 0.05, *, slower: float = 2.0) -> list[Event]:
    """Return what changed from ``old`` to ``new``, breaking events first.

    Args:
        old: the baseline, a results document.
        new: today's results.
        alpha: probability that any effect is falsely reported to have left its interval (Holm over all pairs).
        slower: factor of a claim's cost in seconds from which it is reported as slower; never breaking.
    """
    claims, renamed = _match(old.get("claims", []), new.get("claims", []), "sentence")
    hypotheses, _ = _match(_renamed(old.get("hypotheses", []), renamed), new.get("hypotheses", []), "statement")
    events = [
        Event("renamed", after, "", f"{before} is now called {after}") for before, after in sorted(renamed.items())
    ]
    events += _missing(old.get("claims", []), claims, renamed, new.get("claims", []))
    for pair in claims:
        events += _verdict_event(pair, pair.new["id"], "")
        events += _slower(pair, slower)
    for pair in hypotheses:
        events += _verdict_event(_effects(pair), pair.new["claim"], pair.new["id"])
    events += _moved(hypotheses, alpha)
    return sorted(events, key=lambda event: (not event.breaking, event.kind, event.claim, event.hypothesis))


def _match(old: Sequence[Document], new: Sequence[Document], text: str) -> tuple[list[Pair], dict[str, str]]:
    """Pair entries by id, then the left-over ones by nearly equal text; return the pairs and old to new ids."""
    by_id = {entry["id"]: entry for entry in new}
    pairs = [Pair(entry, by_id[entry["id"]]) for entry in old if entry["id"] in by_id]
    known = {pair.old["id"] for pair in pairs}
    spare = [entry for entry in new if entry["id"] not in known]
    renamed: dict[str, str] = {}
    for entry in old:
        if entry["id"] in known or not spare:
            continue
        likeness = [SequenceMatcher(None, str(entry.get(text)), str(other.get(text))).ratio() for other in spare]
        best = int(np.argmax(likeness))
        if likeness[best] >= 0.9 and str(entry.get(text)) and entry.get("claim") == spare[best].get("claim"):
            renamed[entry["id"]] = spare[best]["id"]
            pairs.append(Pair(entry, spare.pop(best)))
    return pairs, renamed


def _renamed(hypotheses: Iterable[Document], claims: Mapping[str, str]) -> list[Document]:
    """Carry hypotheses of a renamed claim over to its new id."""
    return [{**entry, "claim": claims.get(entry["claim"], entry["claim"])} for entry in hypotheses]


def _missing(
    old: Sequence[Document], pairs: Sequence[Pair], renamed: Mapping[str, str], new: Sequence[Document]
) -> list[Event]:
    kept, found = {pair.old["id"] for pair in pairs}, {pair.new["id"] for pair in pairs}
    gone = [
        Event("vanished", entry["id"], "", "the claim is no longer tested") for entry in old if entry["id"] not in kept
    ]
    return gone + [
        Event("new", entry["id"], "", "the claim has no baseline")
        for entry in new
        if entry["id"] not in found and entry["id"] not in renamed.values()
    ]


def _effects(pair: Pair) -> Pair:
    return Pair(pair.old.get("effect") or {}, pair.new.get("effect") or {})


def _verdict_event(pair: Pair, claim: str, hypothesis: str) -> list[Event]:
    before, after = (str(side.get("verdict") or Verdict.NOT_MEASURED) for side in (pair.old, pair.new))
    if before == after:
        return []
    kind: Kind = "flipped"
    if after == Verdict.NOT_MEASURED:
        kind = "newly skipped"
    elif after == Verdict.INCONCLUSIVE:
        kind = "newly inconclusive"
    elif before in (Verdict.NOT_MEASURED, Verdict.INCONCLUSIVE):
        kind = "newly decided"
    return [
        Event(kind, claim, hypothesis, f"{before} before, {after} now: {pair.new.get('reason') or 'no reason given'}")
    ]


def _slower(pair: Pair, factor: float) -> list[Event]:
    before, after = (side.get("cost_seconds") for side in (pair.old, pair.new))
    if not before or not after or after < factor * before or pair.new.get("verdict") == Verdict.NOT_MEASURED:
        return []
    return [Event("slower", pair.new["id"], "", f"{after:.0f} s, {before:.0f} s before")]


def _moved(pairs: Sequence[Pair], alpha: float) -> list[Event]:
    """Test every difference of effects and report those that Holm's procedure leaves."""
    changes = [(pair, change) for pair in pairs if (change := effect_change(pair.old, pair.new, alpha)) is not None]
    judged = holm([change for _, change in changes], alpha)
    return [
        Event("left its interval", pair.new["claim"], pair.new["id"], change.reason, change)
        for (pair, _), change in zip(changes, judged, strict=True)
        if change.verdict is not Verdict.INCONCLUSIVE
    ]


def effect_change(old: Document, new: Document, alpha: float = 0.05) -> Effect | None:
    """Return the difference of one hypothesis' effects, new minus old; None where it cannot be tested.

    The seeds of both documents are used where they are recorded (a linear contrast of up to four samples, on
    logarithms for ratios), else the two intervals. Equal values give no event: an unchanged store compares equal.

    Args:
        old: a hypothesis of the baseline.
        new: the same hypothesis of today's results.
        alpha: error rate of the two-sided test.
    """
    if any(not side.get("effect") for side in (old, new)) or old["effect"].get("scale") != new["effect"].get("scale"):
        return None
    scale = new["effect"].get("scale", "difference")
    contrast = _change_of_samples(old, new, scale) or _change_of_intervals(old["effect"], new["effect"])
    if contrast is None:
        return None
    n = int(contrast.df) + 1
    return decide(contrast, Question("two-sided", 0.0, alpha, "log-ratio" if scale == "ratio" else scale), n, n)


def _values(side: Document) -> np.ndarray[Any, np.dtype[np.float64]]:
    values = side.get("values")
    return np.asarray([math.nan if value is None else value for value in values or []], dtype=np.float64)


def _weighted(entry: Document, *, logs: bool) -> list[tuple[np.ndarray[Any, np.dtype[np.float64]], float]]:
    """Return the samples of a hypothesis with the weights of its effect: of a slope for a trend, else 1 and -1.

    Both sides of one arm are the same networks measured in two ways, and so one sample of differences.
    """
    sides = [entry.get("a", {}), *entry.get("between", []), entry.get("b", {})]
    weights = slope_weights(len(sides), entry["levels"]) if "levels" in entry else [1.0, -1.0]
    with np.errstate(divide="ignore", invalid="ignore"):
        read = [np.log(_values(side)) if logs else _values(side) for side in sides]
    if len(sides) == 2 and sides[0].get("arm", 0) == sides[1].get("arm", 1) and read[0].size == read[1].size:
        return [(read[0] - read[1], 1.0)]
    parts = zip(sides, read, weights, strict=True)
    return [(values, weight) for side, values, weight in parts if "constant" not in side]


def _change_of_samples(old: Document, new: Document, scale: str) -> StudentContrast | None:
    """Return the contrast of the recorded seeds; None when they are missing, too few, not finite or all alike.

    The effect of an order is that of its weakest step, which may be another one now: only intervals compare it.
    """
    constants = [side.get("b", {}).get("constant") for side in (old, new)]
    an_order = any("between" in side and "levels" not in side for side in (old, new))
    if constants[0] != constants[1] or an_order or scale not in ("difference", "log-ratio", "ratio", "slope"):
        return None
    logs = scale in ("ratio", "log-ratio")
    parts = _weighted(new, logs=logs) + [(values, -weight) for values, weight in _weighted(old, logs=logs)]
    if min(values.size for values, _ in parts) < FEWEST_SEEDS:
        return None
    arrays = [values for values, _ in parts]
    if not all(np.isfinite(values).all() for values in arrays) or not has_spread(*arrays):
        return None
    return linear(arrays, [weight for _, weight in parts], LOGS if logs else RAW)


def _change_of_intervals(old: Document, new: Document) -> StudentContrast | None:
    """Return the contrast that two recorded intervals allow; None when one of them is not finite."""
    from scipy.special import stdtrit

    halves, sizes = [], []
    for effect in (old, new):
        numbers = [effect.get(name) for name in ("estimate", "low", "high", "n_a")]
        if any(number is None or not math.isfinite(number) for number in numbers):
            return None
        size = min(effect["n_a"], effect.get("n_b") or effect["n_a"])
        if size < FEWEST_SEEDS or effect["high"] <= effect["low"]:
            return None
        sizes.append(size)
        halves.append(
            (effect["high"] - effect["low"]) / 2.0 / stdtrit(size - 1.0, 1.0 - effect.get("alpha", 0.05) / 2.0)
        )
    change = new["estimate"] - old["estimate"]
    return StudentContrast(change, math.hypot(*halves), min(sizes) - 1.0, "difference of recorded intervals")
