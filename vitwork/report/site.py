"""Several reports as one site: an index with every claim at every profile."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from vitwork.errors import VitworkError
from vitwork.language.document import ClaimResult, Hypothesis, Results
from vitwork.report import words
from vitwork.report.document import Json, read
from vitwork.report.html import anchors, environment, shown
from vitwork.report.tables import NAMES, tables
from vitwork.store.store import write_atomically


def index(folder: Path) -> Path:
    """Write ``index.html`` into a folder of reports, and the tables that a report links to but lost on its way there.

    Args:
        folder: each of its sub-folders that holds ``report.html`` and ``results.json`` is listed.

    Returns:
        The path of the index.

    Raises:
        VitworkError: there is no report, one cannot be read, or the index cannot be written.
    """
    places = sorted(path.parent for path in folder.glob("*/report.html") if (path.parent / "results.json").is_file())
    if not places:
        raise VitworkError(f"There is no report in {folder}: expected sub-folders with report.html and results.json.")
    found = {place: read(place) for place in places}
    reports = [_Report.of(place.name, shown(results)) for place, results in found.items()]
    page = environment().get_template("index.html.j2").render(
        scripts=("theme.js",), reports=[_card(report) for report in reports], chapters=_chapters(reports)
    )  # fmt: skip
    for place, results in found.items():
        missing = [name for name in NAMES if not (place / f"{name}.parquet").is_file()]
        made = tables(results) if missing else {}
        for name in missing:
            write_atomically(place / f"{name}.parquet", made[name])
    write_atomically(folder / "index.html", page.encode())
    return folder / "index.html"


@dataclass(frozen=True, slots=True)
class _Report:
    """A report on the site, with its claims and hypotheses by id."""

    link: str
    results: Results
    claims: Mapping[str, ClaimResult]
    hypotheses: Mapping[str, Hypothesis]
    anchors: Mapping[str, str]

    @classmethod
    def of(cls, name: str, results: Results) -> _Report:
        """Return the report in the sub-folder `name`."""
        claims = {claim.id: claim for claim in results.claims}
        hypotheses = {hypothesis.id: hypothesis for hypothesis in results.hypotheses}
        return cls(f"./{quote(name)}/report.html", results, claims, hypotheses, anchors("claim", claims))


def _card(report: _Report) -> Json:
    results = report.results
    paper, ours = words.apart(results.claims)
    return {
        "link": report.link,
        "name": results.profile.name,
        "paper": f"{words.plural(len(paper), 'claim')} of the paper",
        "tally": words.tally(paper),
        "ours": words.counted(ours),
        "price": words.price(results),
        "correction": words.correction(results),
        "commit": results.provenance.commit[:12],
        "when": words.moment(results.provenance.finished),
        "runs": words.plural(len(results.runs), "run"),
        "summary": words.summary(results),
    }


def _chapters(reports: Sequence[_Report]) -> list[Json]:
    """Return every claim of any report with its verdict in each, by chapter; those of ours last."""
    chapters: dict[str, dict[str, ClaimResult]] = {}
    ours = {id: claim for report in reports for id, claim in report.claims.items() if claim.ours}
    for report in reports:
        for id, claim in report.claims.items():
            if id not in ours:
                chapters.setdefault(claim.chapter, {}).setdefault(id, claim)
    if ours:
        chapters[words.OURS] = ours
    return [
        {
            "name": chapter,
            "claims": [
                {"id": id, "sentence": claim.sentence, "cells": [_cell(report, id) for report in reports]}
                for id, claim in claims.items()
            ],
        }
        for chapter, claims in chapters.items()
    ]


def _cell(report: _Report, id: str) -> Json | None:
    """Return verdict, link and first effect of a claim in a report; None where it is not in it."""
    claim = report.claims.get(id)
    if claim is None:
        return None
    found = [report.hypotheses[id] for id in claim.hypotheses if id in report.hypotheses]
    first = next(iter(words.primaries(found)), None)
    return {
        "verdict": claim.verdict,
        "qualifiers": words.qualifiers(claim, found),
        "link": f"{report.link}#{report.anchors[id]}",
        "numbers": _numbers(first) if first else "",
    }


def _numbers(hypothesis: Hypothesis) -> str:
    """Return effect, interval and n; empty where there is no estimate."""
    found = hypothesis.effect
    if not math.isfinite(found.estimate):
        return ""
    n = "\u00a0+\u00a0".join(str(count) for count in (found.n_a, found.n_b) if count)
    return f"{words.effect(found, hypothesis.unit)}, n\u00a0=\u00a0{n}"
