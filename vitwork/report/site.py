"""Several reports as one site: an index with every claim at every scale, and over time."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import msgspec

from vitwork.errors import VitworkError
from vitwork.facts.claims import ClaimResult, Hypothesis
from vitwork.facts.document import Results
from vitwork.report import findings, history, words
from vitwork.report.document import Json, read
from vitwork.report.figures.base import Palette
from vitwork.report.figures.effect_history import courses
from vitwork.report.history import HistoryEvent
from vitwork.report.html import all_visible, anchors, environment, visible
from vitwork.report.tables import NAMES, tables
from vitwork.statistics.effect import Verdict
from vitwork.store.store import write_atomically


def index(folder: Path) -> Path:
    """Write ``index.html`` and ``history.json`` into a folder of reports, and the tables that a report lost on its way there.

    The history keeps what earlier calls found: a report that is replaced by a newer one leaves its verdicts and effects.

    Args:
        folder: each of its sub-folders that holds ``report.html`` and ``results.json`` is listed.

    Returns:
        The path of the index.

    Raises:
        VitworkError: there is no report, one or the history cannot be read, or the index cannot be written.
    """
    places = sorted(path.parent for path in folder.glob("*/report.html") if (path.parent / "results.json").is_file())
    if not places:
        raise VitworkError(f"There is no report in {folder}: expected sub-folders with report.html and results.json.")
    found = {place: read(place) for place in places}
    reports = [_Report.of(place.name, all_visible(results)) for place, results in found.items()]
    reports.sort(key=lambda report: (-findings.largest(report.results), report.link))
    past = history.joined(history.read(folder), (e for results in found.values() for e in history.events(results)))
    page = environment().get_template("index.html.j2").render(
        scripts=("theme.js",), answer=findings.answer(_scales(reports)), table=_table(reports),
        reports=[_card(report, reports) for report in reports], **_claims(reports, shown_events(past)),
    )  # fmt: skip
    for place, results in found.items():
        missing = [name for name in NAMES if not (place / f"{name}.parquet").is_file()]
        made = tables(results) if missing else {}
        for name in missing:
            write_atomically(place / f"{name}.parquet", made[name])
    write_atomically(folder / history.NAME, history.dump(past))
    write_atomically(folder / "index.html", page.encode())
    return folder / "index.html"


@dataclass(frozen=True, slots=True)
class _Report:
    """A report on the site, with its claims by id."""

    link: str
    results: Results
    claims: Mapping[str, ClaimResult]
    anchors: Mapping[str, str]

    @classmethod
    def of(cls, name: str, results: Results) -> _Report:
        """Return the report in the sub-folder `name`."""
        claims = {claim.id: claim for claim in results.claims}
        return cls(f"./{quote(name)}/report.html", results, claims, anchors("claim", claims))

    @property
    def name(self) -> str:
        """What the site calls it."""
        part = " (a part of the tests)" if words.partial(self.results) else ""
        return f"{self.results.profile.name}{part}"


def _card(report: _Report, reports: Sequence[_Report]) -> Json:
    results = report.results
    paper, ours = words.apart(results.claims)
    return {
        "link": report.link,
        "name": report.name,
        "partly": words.partly(results),
        "paper": f"{words.plural(len(paper), 'claim')} of the paper",
        "tally": words.tally(paper),
        "ours": words.counted(ours),
        "price": words.price(results),
        "headline": words.headline(results),
        "correction": words.correction(results),
        "older": words.older(results, (other.results for other in reports)),
        "commit": results.provenance.commit[:12],
        "when": words.moment(results.provenance.finished),
        "runs": words.plural(words.ended(results), "run"),
        "summary": words.summary(results),
    }


def _scales(reports: Sequence[_Report]) -> list[Results]:
    """Return the newest whole report of each profile, and what there is where none is whole, in the order of these."""
    whole = [report.results for report in reports if not words.partial(report.results)]
    newest: dict[str, Results] = {}
    for results in whole or [report.results for report in reports]:
        known = newest.get(results.profile.name)
        if known is None or known.provenance.finished < results.provenance.finished:
            newest[results.profile.name] = results
    return list(newest.values())


def _ordered(reports: Sequence[_Report]) -> list[ClaimResult]:
    """Return every claim of any report once, by chapter, those of ours last."""
    every = {id: claim for report in reversed(reports) for id, claim in report.claims.items()}
    return sorted(every.values(), key=lambda claim: (claim.ours, claim.paper.section or math.inf))


def _table(reports: Sequence[_Report]) -> dict[str, list[Json]]:
    """Return a row for each claim that a report measured, by chapter: its sentence, and a cell for each report."""
    chapters: dict[str, list[Json]] = {}
    for claim in _ordered(reports):
        found = [findings.decision(claim.id, report.results) for report in reports]
        if any(one.verdict is not Verdict.NOT_MEASURED for one in found):
            statement = findings.stated(found)
            cells = [_judged(report, claim.id, one, statement) for report, one in zip(reports, found, strict=True)]
            row = {"id": claim.id, "sentence": claim.sentence, "statement": statement, "cells": cells}
            chapters.setdefault(words.OURS if claim.ours else claim.chapter, []).append(row)
    return chapters


def _judged(report: _Report, id: str, found: findings.Decision, statement: str) -> Json:
    """Return a claim's verdict in a report, with the effect that bears it, of another comparison than `statement` by name."""
    other = f"{found.statement}: " if found.effect and statement and found.statement != statement else ""
    return {
        "verdict": found.verdict,
        "link": f"{report.link}#{report.anchors[id]}" if id in report.claims else "",
        "said": [text for text in (f"{other}{found.effect}", *found.qualifiers) if text],
    }


def shown_events(events: Iterable[HistoryEvent]) -> list[HistoryEvent]:
    """Return events as pages show them: `visible` in every text."""
    return msgspec.convert(visible(msgspec.to_builtins(events)), list[HistoryEvent])


def _claims(reports: Sequence[_Report], events: Sequence[HistoryEvent]) -> Json:
    """Return every claim of any report by chapter, those of ours last, with its verdicts; and what no report measured."""
    past: dict[str, list[HistoryEvent]] = {}
    for event in events:
        past.setdefault(event.claim, []).append(event)
    palette = Palette({})
    for event in sorted(events, key=lambda event: event.parameters or 0):
        palette[event.profile]  # in the order of their scales
    chapters: dict[str, list[Json]] = {}
    missing: list[ClaimResult] = []
    for claim in _ordered(reports):
        known = past.get(claim.id, [])
        if all(event.verdict is Verdict.NOT_MEASURED for event in known):
            missing.append(claim)
            continue
        entry = {
            "id": claim.id,
            "sentence": claim.sentence,
            "statement": (statement := next((event.statement for event in reversed(known) if event.statement), "")),
            "cells": [cell for report in reports if (cell := _cell(report, claim.id, statement))],
            "courses": courses(known, palette),
        }
        chapters.setdefault(words.OURS if claim.ours else claim.chapter, []).append(entry)
    return {
        "chapters": [{"name": chapter, "claims": claims} for chapter, claims in chapters.items()],
        "missing": missing,
        "profiles": [(palette[profile], profile) for profile in palette.order],
        "since": words.moment(min((event.finished for event in events), default=0.0))[:10],
        "sessions": words.sessions({(event.finished, event.profile): event.part for event in events}.values()),
    }


def _cell(report: _Report, id: str, statement: str) -> Json | None:
    """Return verdict, link and first effect of a claim in a report; None where it is not in it.

    The effect stands with its own comparison where that is not `statement`, which the site prints above all reports' effects.
    """
    claim = report.claims.get(id)
    if claim is None:
        return None
    found = report.results.hypotheses_of(claim)
    first = next(iter(words.primaries(found)), None)
    return {
        "name": report.name,
        "verdict": claim.verdict,
        "qualifiers": words.qualifiers(claim, found, report.results.quantities),
        "link": f"{report.link}#{report.anchors[id]}",
        "numbers": _numbers(first, statement) if first else "",
    }


def _numbers(hypothesis: Hypothesis, statement: str) -> str:
    """Return effect, interval and n, behind the comparison if it is not `statement`; empty where there is no estimate."""
    found = hypothesis.effect
    if not math.isfinite(found.estimate):
        return ""
    n = "\u00a0+\u00a0".join(map(str, words.networks(hypothesis)))
    other = "" if hypothesis.statement == statement else f"{hypothesis.statement}: "
    return f"{other}{words.effect(found, hypothesis.unit)}, n\u00a0=\u00a0{n}"
