"""What reports have said of every claim over time: a file beside the index of reports that only grows."""

from __future__ import annotations

import math
from collections.abc import Iterable
from pathlib import Path

import msgspec
from msgspec import Struct

from vitwork.errors import VitworkError
from vitwork.facts.claims import ClaimResult, Number
from vitwork.facts.document import Moment, Results
from vitwork.report import words
from vitwork.report.document import MOST_BYTES
from vitwork.statistics.effect import EffectScale, Verdict
from vitwork.store.store import read_regular

NAME = "history.json"


class HistoryEvent(Struct, frozen=True, kw_only=True):
    """What one report said of one claim.

    Attributes:
        claim: its id.
        profile, commit, finished: of the report.
        parameters: of its largest network; null where none was trained.
        part: whether the report is of a part of the tests.
        verdict: of the claim.
        statement, scale, unit: of its first comparison; empty without one. Effects of another comparison are another line.
        estimate, low, high, margin: of that comparison, as it is decided.
    """

    claim: str
    profile: str
    commit: str
    finished: Moment
    parameters: int | None
    verdict: Verdict
    part: bool = False
    statement: str = ""
    scale: EffectScale = "difference"
    unit: str = ""
    estimate: Number = None
    low: Number = None
    high: Number = None
    margin: Number = None


def events(results: Results) -> list[HistoryEvent]:
    """Return what results say of every claim; of a part of the tests, only of those that it measured."""
    parameters = max((run.parameters for run in results.runs if run.parameters), default=None)
    told = [
        claim for claim in results.claims if claim.verdict is not Verdict.NOT_MEASURED or not words.partial(results)
    ]
    return [_event(results, claim, parameters) for claim in told]


def _event(results: Results, claim: ClaimResult, parameters: int | None) -> HistoryEvent:
    primaries = words.primaries(results.hypotheses_of(claim))
    first = next((h for h in primaries if math.isfinite(h.effect.estimate)), None)
    base = HistoryEvent(
        claim=claim.id,
        profile=results.profile.name,
        commit=results.provenance.commit[:12],
        finished=results.provenance.finished,
        parameters=parameters,
        verdict=claim.verdict,
        part=words.partial(results),
    )
    if first is None:
        return base
    effect = first.effect
    estimate, low, high, margin = (
        value if math.isfinite(value) else None for value in (effect.estimate, *effect.deciding, effect.margin)
    )
    return msgspec.structs.replace(
        base, statement=first.statement, scale=effect.scale, unit=words.effect_unit(first.unit, effect),
        estimate=estimate, low=low, high=high, margin=margin,
    )  # fmt: skip


def read(folder: Path) -> list[HistoryEvent]:
    """Return the events that a folder of reports keeps; none where it keeps no history yet.

    Raises:
        VitworkError: the file cannot be read, or is not a history.
    """
    path = folder / NAME
    try:
        return msgspec.json.decode(read_regular(path, MOST_BYTES), type=list[HistoryEvent])
    except FileNotFoundError:
        return []
    except OSError as error:
        raise VitworkError(f"The history {path} cannot be read: {error.strerror or error}.") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise VitworkError(f"The history {path} is malformed: {error}.") from error


def joined(known: Iterable[HistoryEvent], found: Iterable[HistoryEvent]) -> list[HistoryEvent]:
    """Return all events in order of time, one for each claim of a report; today's words replace what was known of it."""
    every = {(event.finished, event.profile, event.claim): event for event in (*known, *found)}
    return [every[key] for key in sorted(every)]


def dump(events: Iterable[HistoryEvent]) -> bytes:
    """Return events as JSON, a line for each, so that a version control system shows what came."""
    lines = ",\n".join(msgspec.json.encode(event).decode() for event in events)
    return f"[\n{lines}\n]\n".encode()
