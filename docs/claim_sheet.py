"""Writes ``docs/claim-sheet.md``, and the claims that each profile can measure: collects the claims as a session does.

``python docs/claim_sheet.py`` renews both.
"""

from __future__ import annotations

import json
from pathlib import Path

from vitwork import profiles
from vitwork.profiles import PROFILES
from vitwork.report.claim_sheet import SheetEntry, markdown
from vitwork.session.collecting import collect, read_claims
from vitwork.session.plan import measurable
from vitwork.session.reading import Case

ROOT = Path(__file__).parents[1]
SHEET = Path(__file__).parent / "claim-sheet.md"
REGISTERED = ROOT / "vitwork" / "profiles" / "registered.json"


def read(profile: str = "smoke") -> list[Case]:
    """Return every test of the claims, with what its sentences are at a profile."""
    return read_claims(collect([ROOT / "claims"]), profiles.find(profile))


def sheet(cases: list[Case]) -> str:
    """Return the claim sheet."""
    return markdown(map(entry, cases))


def entry(case: Case) -> SheetEntry:
    """Return what a test contributes to the sheet."""
    arms = (side.arm for sentence in case.sentences for side in sentence.references)
    stated = tuple(sentence.statement for sentence in case.sentences if not sentence.control)
    controls = tuple((sentence.control, sentence.statement) for sentence in case.sentences if sentence.control)
    return SheetEntry(case.claim, case.chapter, stated, tuple(dict.fromkeys(arms)), controls)


def registered() -> str:
    """Return the claims that each profile can measure, as JSON."""
    return json.dumps({name: measurable(read(name), profile) for name, profile in PROFILES.items()}, indent=2) + "\n"


if __name__ == "__main__":
    SHEET.write_text(sheet(read()), encoding="utf-8")
    REGISTERED.write_text(registered(), encoding="utf-8")
