"""What stands where a report goes: the same one, so that nothing is drawn anew, or one that tells more, which stays."""

from __future__ import annotations

import hashlib
import os
from contextlib import suppress
from pathlib import Path

import msgspec
from msgspec.structs import replace

from vitwork.errors import VitworkError
from vitwork.facts.document import Moment, Results
from vitwork.report import words
from vitwork.report.crate import FILES, METADATA
from vitwork.report.document import MOST_BYTES, dump, read
from vitwork.store.keys import digest
from vitwork.store.sources import source_hash
from vitwork.store.store import read_regular

TEMPLATES = Path(__file__).parent / "templates"
LESS = {"changed": words.changed, "part": words.partial}
"""What makes a report less than another one, by what its folder is called then."""


def pages_hash() -> str:
    """Return a digest of everything that turns results into a report's files."""
    templates = [(file.name, hashlib.sha256(file.read_bytes()).hexdigest()) for file in sorted(TEMPLATES.iterdir())]
    return digest([source_hash("vitwork.report.build"), templates])


def placed(results: Results, folder: Path) -> Path:
    """Return where a report goes: into `folder`, or beside it where the report that stands there is more than this one.

    What stands there and cannot be read is taken for a whole report.
    """
    less = [kind for kind, is_less in LESS.items() if is_less(results)]
    if not less or not (folder / "results.json").exists():
        return folder
    with suppress(VitworkError):
        there = read(folder)
        less = [kind for kind in less if not LESS[kind](there)]
    whole = Path(os.path.abspath(folder))  # noqa: PTH100 - a link stays the name that was given, and "." gets one
    return placed(results, whole.with_name("-".join([whole.name, *less]))) if less else folder


def standing_page(results: Results, folder: Path) -> Path | None:
    """Return the page that stands in `folder` if it shows just these results, made by the same code; else None.

    Only the session's own times may differ: a session that found everything stored keeps the report of the one that
    trained and measured, with what that took.
    """
    try:
        content = read_regular(folder / "results.json", MOST_BYTES)
        times = msgspec.json.decode(content, type=_Stored).provenance
    except (OSError, ValueError):  # none, or not ours: `build` says what cannot be written
        return None
    if not all((folder / name).is_file() for name in (*FILES, METADATA)):
        return None
    earlier = replace(results.provenance, started=times.started, finished=times.finished, seconds=times.seconds)
    return folder / "report.html" if dump(replace(results, provenance=earlier)) == content else None


class _Times(msgspec.Struct):
    started: Moment
    finished: Moment
    seconds: float


class _Stored(msgspec.Struct):
    provenance: _Times
