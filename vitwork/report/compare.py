"""Two results side by side: verdicts, effects with intervals, new and vanished claims."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from vitwork.facts.changes import Event, paired
from vitwork.facts.claims import Hypothesis
from vitwork.facts.document import Results
from vitwork.report import words
from vitwork.report.annotations import workflow_commands
from vitwork.report.document import Json
from vitwork.report.figures.effect import pair
from vitwork.report.html import environment
from vitwork.report.summary import escaped, plain
from vitwork.statistics.effect import Verdict
from vitwork.store.store import write_atomically


def write_comparison(events: Sequence[Event], old: Results, new: Results, folder: Path) -> Path:
    """Write a comparison of earlier results with new ones into `folder`.

    Args:
        events: what changed between them.
        old, new: before and now; their texts hide nothing, as `vitwork.report.html.all_visible` returns them.
        folder: gets ``compare.html``, ``compare.md`` and ``annotations.txt`` (GitHub workflow commands).

    Returns:
        The path of ``compare.html``.

    Raises:
        VitworkError: the folder cannot be written.
    """
    files = {
        "compare.md": markdown(events, old, new),
        "annotations.txt": "".join(f"{line}\n" for line in workflow_commands(events, new)),
        "compare.html": _page(events, old, new),
    }
    for name, content in files.items():
        write_atomically(folder / name, content.encode())
    return folder / "compare.html"


def title(new: Results) -> str:
    """Return what is compared, in words."""
    return f"Claims at profile {new.profile.name} against the baseline"


def markdown(events: Sequence[Event], old: Results, new: Results) -> str:
    """Return the changes as Markdown."""
    lines = [
        f"## {escaped(title(new))}",
        "",
        *([escaped(limits), ""] if (limits := words.limits(old, new)) else []),
        "| verdict | before | now |",
        "|---|---|---|",
        *(f"| {words.SYMBOLS[verdict]} {verdict} | {before} | {now} |" for verdict, before, now in tallies(old, new)),
        "",
        *([escaped(own), ""] if (own := ours(old, new)) else []),
    ]
    if not events:
        return "\n".join([*lines, words.unchanged(old, new), ""])
    lines += ["| | what | claim | detail |", "|---|---|---|---|"]
    for event in events:
        mark = "**!**" if event.breaking else ""
        detail = escaped(words.event(event, new))
        lines.append(f"| {mark} | {event.kind} | {plain(event.hypothesis or event.claim)} | {detail} |")
    return "\n".join([*lines, ""])


def _page(events: Sequence[Event], old: Results, new: Results) -> str:
    changes = [
        {
            "kind": event.kind,
            "breaking": event.breaking,
            "what": event.hypothesis or event.claim,
            "detail": words.event(event, new),
        }
        for event in events
    ]
    return (
        environment()
        .get_template("compare.html.j2")
        .render(
            scripts=("theme.js",),
            old=_side(old),
            new=_side(new),
            limits=words.limits(old, new),
            tallies=tallies(old, new),
            ours=ours(old, new),
            corrections=dict.fromkeys(filter(None, [words.correction(old), words.correction(new)])),
            events=changes,
            breaking=sum(event.breaking for event in events),
            rows=_rows(old, new),
        )
    )


def tallies(old: Results, new: Results) -> list[tuple[Verdict, int, int]]:
    """Return how many claims of the paper had and have each verdict."""
    before, now = (words.tally(words.apart(results.claims)[0]) for results in (old, new))
    return [(verdict, before[verdict], now[verdict]) for verdict in Verdict]


def ours(old: Results, new: Results) -> str:
    """Return the same of the claims that the paper does not make, in a sentence; empty where there are none."""
    before, now = (words.counted(words.apart(results.claims)[1]) for results in (old, new))
    return (
        f"Claims of ours, which the paper does not make: {before or 'none'} before, {now or 'none'} now."
        if before or now
        else ""
    )


def _side(results: Results) -> Json:
    return {
        "profile": results.profile.name,
        "commit": results.provenance.commit[:12] or "outside git",
        "when": words.moment(results.provenance.finished),
    }


def _rows(old: Results, new: Results) -> list[Json]:
    """Return every hypothesis of either document with both effects, those with another verdict first."""
    before = {now.id: was for was, now in paired(old, new)}
    gone = {hypothesis.id for hypothesis in old.hypotheses} - {was.id for was in before.values()}
    rows = [_row(before.get(now.id), now) for now in new.hypotheses]
    rows += [_row(was, None) for was in old.hypotheses if was.id in gone]
    return sorted(rows, key=lambda row: not row["changed"])


def _row(was: Hypothesis | None, now: Hypothesis | None) -> Json:
    named = next(side for side in (now, was) if side is not None)
    earlier, later = (side.effect if side else None for side in (was, now))
    verdicts = [found.verdict if found else Verdict.NOT_MEASURED for found in (earlier, later)]
    return {
        "id": named.id,
        "statement": named.statement,
        "control": named.control,
        "verdicts": verdicts,
        "shown": [words.effect(side.effect, side.unit) if side else "–" for side in (was, now)],
        "changed": verdicts[0] is not verdicts[1],
        "drawn": pair(earlier, later),
    }
