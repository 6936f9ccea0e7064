"""Writes ``docs/claim-sheet.md``: ``python docs/claim_sheet.py`` collects the claims as a session does."""

from __future__ import annotations

import contextlib
import io
from pathlib import Path

import pytest

from vitwork.plugin import read_claims
from vitwork.report.claim_sheet import Entry, markdown

ROOT = Path(__file__).parents[1]
SHEET = Path(__file__).parent / "claim-sheet.md"


class Reader:
    """A plugin that keeps the claims of a session that only collects."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Keep what each test states."""
        for case in read_claims(session):
            arms = (side.arm for sentence in case.sentences for side in sentence.references)
            sentences = tuple(
                f"{sentence.statement} (control: {sentence.control})" if sentence.control else sentence.statement
                for sentence in case.sentences
            )
            self.entries.append(Entry(case.claim, case.chapter, sentences, tuple(dict.fromkeys(arms))))


def sheet() -> str:
    """Return the claim sheet."""
    reader = Reader()
    arguments = [str(ROOT / "claims"), "--collect-only", "-q", "-p", "no:cacheprovider", f"--rootdir={ROOT}"]
    with contextlib.redirect_stdout(io.StringIO()):
        pytest.main(arguments, plugins=[reader])
    return markdown(reader.entries)


if __name__ == "__main__":
    SHEET.write_text(sheet(), encoding="utf-8")
