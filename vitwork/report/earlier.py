"""Whether an earlier session's report still stands, so that a session that found nothing new draws nothing."""

from __future__ import annotations

import hashlib
from pathlib import Path

import msgspec
from msgspec.structs import replace

from vitwork.language.document import Moment, Results
from vitwork.report.document import dump
from vitwork.store.keys import digest
from vitwork.store.sources import source_hash

TEMPLATES = Path(__file__).parent / "templates"
FILES = ("report.html", "summary.md", "badge.svg", "ro-crate-metadata.json")


def pages_hash() -> str:
    """Return a digest of everything that turns results into a report's files."""
    templates = [(file.name, hashlib.sha256(file.read_bytes()).hexdigest()) for file in sorted(TEMPLATES.iterdir())]
    return digest([source_hash("vitwork.report.build"), templates])


def standing(results: Results, folder: Path) -> Path | None:
    """Return the page that stands in `folder` if it shows just these results, made by the same code; else None.

    Only the session's own times may differ: a session that found everything stored keeps the report of the one that
    trained and measured, with what that took.
    """
    try:
        content = (folder / "results.json").read_bytes()
        times = msgspec.json.decode(content, type=_Stored).provenance
    except (OSError, ValueError):  # none, or not ours: `build` says what cannot be written
        return None
    if not all((folder / name).is_file() for name in FILES):
        return None
    earlier = replace(results.provenance, started=times.started, finished=times.finished, seconds=times.seconds)
    return folder / "report.html" if dump(replace(results, provenance=earlier)) == content else None


class _Times(msgspec.Struct):
    started: Moment
    finished: Moment
    seconds: float


class _Stored(msgspec.Struct):
    provenance: _Times
