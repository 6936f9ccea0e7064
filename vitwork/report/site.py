"""Several reports as one site: an index with every claim at every profile, and its effects as forest plots."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from vitwork.errors import VitworkError
from vitwork.report import words
from vitwork.report.document import load
from vitwork.report.figures import forest
from vitwork.report.html import anchors, environment, visible
from vitwork.report.tables import NAMES, write_tables

Json = dict[str, Any]


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
    documents = {place: load(place) for place in places}
    reports = [(place.name, visible(document)) for place, document in documents.items()]
    page = folder / "index.html"
    try:
        for place, document in documents.items():
            if not all((place / f"{name}.parquet").is_file() for name in NAMES):
                write_tables(document, place)
        page.write_text(_page(reports), encoding="utf-8")
    except OSError as error:
        raise VitworkError(f"The index cannot be written to {folder}: {error.strerror or error}.") from error
    return page


def _page(reports: Sequence[tuple[str, Json]]) -> str:
    return (
        environment()
        .get_template("index.html.j2")
        .render(
            scripts=("theme.js",),
            reports=[_report(name, document) for name, document in reports],
            chapters=_chapters(reports),
        )
    )


def _report(name: str, document: Json) -> Json:
    provenance = document["provenance"]
    return {
        "link": f"./{quote(name)}/report.html",
        "profile": document["profile"],
        "tally": words.tally(document["claims"]),
        "commit": str(provenance.get("commit") or "")[:12],
        "when": words.moment(provenance.get("finished")),
        "runs": words.plural(len(document["runs"]), "run"),
        "summary": words.summary(document),
    }


def _chapters(reports: Sequence[tuple[str, Json]]) -> list[Json]:
    """Return every claim of any report with its verdict in each, by chapter."""
    found = []
    for name, document in reports:
        places = anchors("claim", [claim["id"] for claim in document["claims"]])
        effects = {hypothesis["id"]: hypothesis for hypothesis in document["hypotheses"]}
        found.append((name, {claim["id"]: claim for claim in document["claims"]}, places, effects))
    chapters: dict[str, dict[str, Json]] = {}
    for _, claims, _, _ in found:
        for id, claim in claims.items():
            chapters.setdefault(claim["chapter"], {}).setdefault(id, claim)
    return [
        {
            "name": chapter,
            "claims": [
                {
                    "id": id,
                    "sentence": claim["sentence"],
                    "cells": [
                        (
                            claims[id]["verdict"],
                            f"./{quote(name)}/report.html#{places[id]}",
                            _numbers(claims[id], effects),
                        )
                        if id in claims
                        else None
                        for name, claims, places, effects in found
                    ],
                    "forest": forest.draw([_effects(claims.get(id), effects) for _, claims, _, effects in found]),
                }
                for id, claim in entries.items()
            ],
        }
        for chapter, entries in chapters.items()
    ]


def _numbers(claim: Json, hypotheses: Json) -> str:
    """Return effect, interval and n of a claim's first hypothesis; empty where there is no estimate."""
    found = _effects(claim, hypotheses)
    if not found:
        return ""
    n = " + ".join(str(found[name]) for name in ("n_a", "n_b") if found.get(name)).replace(" ", "\u00a0")
    return f"{words.effect(found, hypotheses[claim['hypotheses'][0]].get('unit', ''))}, n\u00a0=\u00a0{n}"


def _effects(claim: Json | None, hypotheses: Json) -> Json | None:
    """Return the effect of a claim's first hypothesis, None where there is no estimate."""
    ids = claim["hypotheses"] if claim else []
    effect = hypotheses[ids[0]]["effect"] if ids and ids[0] in hypotheses else None
    return effect if effect and effect.get("estimate") is not None else None
