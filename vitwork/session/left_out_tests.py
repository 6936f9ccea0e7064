"""Finds the tests that a session leaves out: those not chosen from its files, and those in files of earlier reports."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from pathlib import Path

import msgspec
import pytest
from msgspec import Struct

from vitwork.design.deviation import Lack, Missing
from vitwork.report.document import MOST_BYTES
from vitwork.session import options
from vitwork.session.collecting import Held
from vitwork.store.store import read_regular


class Told(Struct, frozen=True):
    """A claim of a report with the files of its tests, relative to the folder of its project."""

    id: str
    files: tuple[str, ...] = ()
    file: str = ""


class Outline(Struct, frozen=True):
    """The part of a results document that is needed here."""

    claims: tuple[Told, ...] = ()

    @classmethod
    def of(cls, report: Path) -> Outline:
        """Read a report's folder; empty if there is no report, or it cannot be read."""
        try:
            return msgspec.json.decode(read_regular(report / "results.json", MOST_BYTES), type=cls)
        except (OSError, ValueError, RecursionError):
            return cls()


def left_out(config: pytest.Config, held: Held, chosen: Collection[str]) -> tuple[dict[str, Lack], bool]:
    """Return a lack for each claim of which a test was left out, and whether the session covers only part of the tests.

    It also covers only part of them if it leaves out claims of the report that it would replace, or judges again.

    Args:
        config: pytest's configuration of the session.
        held: the claims in the files that the session collected from.
        chosen: names of the session's tests.
    """
    store, judged = options.store_of(config), options.report_from(config)
    places = store / f"report-{options.profile_of(config).name}", options.report_of(config, store, part=False)
    known = {place: Outline.of(place).claims for place in set(places)}  # usually one report of some megabytes
    usual, replaced = known[places[0]], [*known[places[1]]]
    replaced += [Told(claim.id, claim.files, claim.file) for claim in (judged.claims if judged is not None else ())]
    folders = options.projects(config)
    beyond = elsewhere(replaced, folders, held.files)
    named = elsewhere(usual, folders, held.files) | beyond | held.left_out(chosen)
    lacks = {id: Lack(Missing.REACH, what=test) for id, test in named.items()}
    return lacks, bool(beyond or held.claims & lacks.keys())


def elsewhere(claims: Iterable[Told], folders: Collection[Path], looked_through: set[Path]) -> dict[str, str]:
    """Return, by claim, a file with tests of it that the session did not collect from.

    Files that no longer exist are left out.

    Args:
        claims: the claims of earlier reports.
        folders: folders that the files may be relative to.
        looked_through: the files that the session collected from, resolved.
    """
    found = {}
    for claim in claims:
        for name in (*claim.files, claim.file):
            paths = [path.resolve() for folder in folders if name and (path := folder / name).is_file()]
            if paths and looked_through.isdisjoint(paths):
                found[claim.id] = name
    return found
