"""What all pages share: templates, escaping, hashed scripts and styles, ids."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from msgspec import structs

from vitwork.errors import VitworkError
from vitwork.facts.document import Results
from vitwork.report import words
from vitwork.report.svg import SERIES, mark

TEMPLATES = Path(__file__).parent / "templates"
HIDDEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff\ud800-\udfff]")
"""Control characters, lone surrogates and marks that change the direction of text."""
NUMBERS = {int, float, type(None)}


def visible(value: Any) -> Any:
    """Return `value` with characters that could hide or reorder text replaced, in all strings and keys within."""
    if isinstance(value, str):
        return HIDDEN.sub("\ufffd", value)
    if isinstance(value, Mapping):
        return {visible(str(key)): visible(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        # numbers are the bulk of a document: rows of them pass as they are
        return value if NUMBERS.issuperset(map(type, value)) else [visible(item) for item in value]
    return value


def all_visible(results: Results) -> Results:
    """Return results as pages show them: `visible` in every text, and every comparison with a number `from_zero`.

    Raises:
        VitworkError: a record is nested too deeply.
    """
    try:
        shown = msgspec.convert(visible(msgspec.to_builtins(results)), Results)
    except RecursionError as error:
        raise VitworkError("The results are nested too deeply to be shown.") from error
    return structs.replace(shown, hypotheses=tuple(map(words.from_zero, shown.hypotheses)))


@cache
def environment() -> Environment:
    """Return the environment of the templates; everything is escaped that is not `Markup`."""
    made = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters["sentence"] = words.sentence
    made.globals |= {"symbols": words.SYMBOLS, "swatch": swatch, "asset": asset}
    return made


def swatch(series: int) -> Markup:
    """Return the mark of a series for a legend."""
    outline = mark(8, 8, series, 5.5)
    return Markup(  # noqa: S704 - made of numbers
        f'<svg class="swatch s{series % SERIES}" viewBox="0 0 16 16" aria-hidden="true"><path d="{outline}"/></svg>'
    )


class Asset(NamedTuple):
    """A style sheet or script, and its hash for the content security policy."""

    text: Markup
    hash: Markup


@cache
def asset(name: str) -> Asset:
    """Return a style sheet or script of ours by its file name."""
    text = (TEMPLATES / name).read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
    return Asset(Markup(text), Markup(f"'sha256-{digest}'"))  # noqa: S704 - files of this package, nothing from outside


def anchors(kind: str, names: Iterable[str]) -> dict[str, str]:
    """Return an id of the page for each name: letters, digits and hyphens only, all different."""
    found: dict[str, str] = {}
    for name in dict.fromkeys(names):
        stem = f"{kind}-{re.sub('[^a-z0-9]+', '-', name.lower()).strip('-')[:80]}"
        taken = set(found.values())
        found[name] = next(
            stem + tail for tail in ("", *(f"-{n}" for n in range(2, len(found) + 3))) if stem + tail not in taken
        )
    return found
