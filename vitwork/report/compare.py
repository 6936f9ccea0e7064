"""Two results documents side by side: verdicts, effects with intervals, new and vanished claims."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from vitwork.errors import VitworkError
from vitwork.report import words
from vitwork.report.annotations import workflow_commands
from vitwork.report.changes import of_profiles, told
from vitwork.report.document import load
from vitwork.report.figures.effect import pair
from vitwork.report.html import environment, visible
from vitwork.report.summary import plain
from vitwork.statistics.change import Event, compare_to_baseline

Json = dict[str, Any]


def compare(a: Json | Path, b: Json | Path, folder: Path, alpha: float = 0.05) -> Path:
    """Write a comparison of `a` (before) with `b` (now) into `folder`.

    Args:
        a, b: results documents or their paths.
        folder: gets ``compare.html``, ``compare.md`` and ``annotations.txt`` (GitHub workflow commands).
        alpha: probability that any effect is falsely reported to have left its interval.

    Returns:
        The path of ``compare.html``.

    Raises:
        VitworkError: a document cannot be read or the folder cannot be written.
    """
    old, new = load(a), load(b)
    events = compare_to_baseline(old, new, alpha)
    page = folder / "compare.html"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "compare.md").write_text(markdown(events, old, new), encoding="utf-8")
        (folder / "annotations.txt").write_text(
            "".join(f"{line}\n" for line in workflow_commands(events, new)), encoding="utf-8"
        )
        page.write_text(_page(events, visible(old), visible(new)), encoding="utf-8")
    except OSError as error:
        raise VitworkError(f"The comparison cannot be written to {folder}: {error.strerror or error}.") from error
    return page


def markdown(events: list[Event], old: Json, new: Json) -> str:
    """Return the changes as Markdown."""
    before, now = words.tally(old["claims"]), words.tally(new["claims"])
    lines = [
        f"## Claims at profile {plain(new['profile']['name'])} against the baseline",
        "",
        *([plain(other), ""] if (other := of_profiles(old, new)) else []),
        "| verdict | before | now |",
        "|---|---|---|",
        *(f"| {words.SYMBOLS[verdict]} {verdict} | {before[verdict]} | {now[verdict]} |" for verdict in words.VERDICTS),
        "",
    ]
    if not events:
        return "\n".join([*lines, "Nothing changed.", ""])
    lines += ["| | what | claim | detail |", "|---|---|---|---|"]
    for event in events:
        mark = "**!**" if event.breaking else ""
        lines.append(
            f"| {mark} | {event.kind} | {plain(event.hypothesis or event.claim)} | {plain(told(event, new))} |"
        )
    return "\n".join([*lines, ""])


def _page(events: list[Event], old: Json, new: Json) -> str:
    changes = [
        {
            "kind": event.kind,
            "breaking": event.breaking,
            "what": event.hypothesis or event.claim,
            "detail": told(event, new),
        }
        for event in events
    ]
    before, now = words.tally(old["claims"]), words.tally(new["claims"])
    return (
        environment()
        .get_template("compare.html.j2")
        .render(
            scripts=("theme.js",),
            old=_side(old),
            new=_side(new),
            other_profiles=of_profiles(old, new),
            tallies=[(verdict, before[verdict], now[verdict]) for verdict in words.VERDICTS],
            events=visible(changes),
            breaking=sum(event.breaking for event in events),
            rows=_rows(old, new),
        )
    )


def _side(document: Json) -> Json:
    provenance = document["provenance"]
    return {
        "profile": document["profile"]["name"],
        "commit": str(provenance.get("commit") or "outside git")[:12],
        "when": words.moment(provenance.get("finished")),
    }


def _rows(old: Json, new: Json) -> list[Json]:
    """Return every hypothesis of either document with both effects, those with another verdict first."""
    before = {hypothesis["id"]: hypothesis for hypothesis in old["hypotheses"]}
    now = {hypothesis["id"]: hypothesis for hypothesis in new["hypotheses"]}
    rows = []
    for id in dict.fromkeys((*now, *before)):
        sides = [found.get(id) for found in (before, now)]
        known = next(side for side in reversed(sides) if side)
        effects = [(side or {}).get("effect") or {"verdict": "not measured"} for side in sides]
        shown = [
            words.effect(found, known["unit"]) if side else "–" for side, found in zip(sides, effects, strict=True)
        ]
        verdicts = [str(found["verdict"]) for found in effects]
        rows.append(
            {
                "id": id,
                "statement": known["statement"],
                "verdicts": verdicts,
                "shown": shown,
                "changed": verdicts[0] != verdicts[1],
                "drawn": pair(effects[0], effects[1]),
            }
        )
    return sorted(rows, key=lambda row: not row["changed"])
