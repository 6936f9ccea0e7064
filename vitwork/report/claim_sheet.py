"""The claim sheet: every claim with the paper's evidence, what tests it, and how that differs, as Markdown."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from vitwork.language.claim import Claim, Paper
from vitwork.report.words import OURS

SPECIAL = re.compile(r"([\\`*_\[\]|<>])")
HEAD = """# Claim sheet

What the paper states, where, with which numbers, and the sentences that test it. Written from the tests in `claims/`.
"""


@dataclass(frozen=True, slots=True)
class SheetEntry:
    """What one test contributes to the sheet; tests of the same claim are shown together.

    Attributes:
        claim: as declared.
        chapter: the part of the paper.
        sentences: what the test states, as formulas: the paper's reading, which decides.
        arms: what it compares, by name.
        controls: its controls as condition and formula, which qualify the verdict.
    """

    claim: Claim
    chapter: str
    sentences: tuple[str, ...]
    arms: tuple[str, ...]
    controls: tuple[tuple[str, str], ...] = ()


def markdown(entries: Iterable[SheetEntry]) -> str:
    """Return the sheet: chapters and claims in the order in which they first come, claims of ours last."""
    chapters: dict[str, list[SheetEntry]] = {}
    for entry in sorted(_by_claim(entries), key=lambda entry: entry.claim.ours):
        chapters.setdefault(OURS if entry.claim.ours else entry.chapter, []).append(entry)
    parts = [HEAD]
    for chapter, found in chapters.items():
        parts += [f"## {_escaped(chapter)}\n", *map(_section, found)]
    return "\n".join(parts)


def _by_claim(entries: Iterable[SheetEntry]) -> Iterable[SheetEntry]:
    """Join the entries of each claim."""
    claims: dict[str, SheetEntry] = {}
    for entry in entries:
        known = claims.setdefault(entry.claim.id, replace(entry, sentences=(), arms=(), controls=()))
        claims[entry.claim.id] = replace(
            known,
            sentences=tuple(dict.fromkeys(known.sentences + entry.sentences)),
            arms=tuple(dict.fromkeys(known.arms + entry.arms)),
            controls=tuple(dict.fromkeys(known.controls + entry.controls)),
        )
    return claims.values()


def _section(entry: SheetEntry) -> str:
    """Return one claim."""
    claim = entry.claim
    lines = [f"### {claim.id}", "", _escaped(claim.sentence), "", f"- Paper: {_evidence(claim.paper)}"]
    lines += _listed("Tested by", map(_code, entry.sentences))
    lines += _listed(
        "Qualified by", (f"{_escaped(condition)}: {_code(formula)}" for condition, formula in entry.controls)
    )
    lines += [f"- Arms: {', '.join(map(_code, entry.arms))}"] if entry.arms else []
    lines += _listed("Contradicted by", map(_escaped, filter(None, [claim.contradicted_by])))
    lines += _listed("Differs from the paper", map(_escaped, claim.differences()))
    lines += _listed("Not excluded", map(_escaped, claim.confounds))
    lines += _listed(
        "Looked into after the data", (f"`{profile}`: {_escaped(text)}" for profile, text in claim.examined.items())
    )
    return "\n".join([*lines, ""])


def _evidence(paper: Paper) -> str:
    """Return where the paper says it, with its numbers and how they were obtained."""
    read = f"; read from the {paper.read_from}" if paper.read_from else ""
    networks = f"{paper.networks} network{'s' if paper.networks > 1 else ''} per arm"
    return _escaped(f"{paper.where}: {paper.values} ({paper.setup}; {networks}{read})")


def _listed(title: str, items: Iterable[str]) -> Iterator[str]:
    """Yield a point of the list: in a line of its own for one item, with a list below it for several."""
    found = list(items)
    if len(found) == 1:
        yield f"- {title}: {found[0]}"
    elif found:
        yield f"- {title}:"
        yield from (f"    - {item}" for item in found)


def _escaped(text: str) -> str:
    """Return text so that Markdown shows it as it is, on one line."""
    return SPECIAL.sub(r"\\\1", " ".join(text.split()))


def _code(text: str) -> str:
    return f"`{text}`"
