"""What a session leaves out: tests of its files that were not chosen, and files that earlier reports know of."""

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
    """What a report tells of a claim's tests: their files, below the folder of its project."""

    id: str
    files: tuple[str, ...] = ()
    file: str = ""


class Outline(Struct, frozen=True):
    """What matters here of results."""

    claims: tuple[Told, ...] = ()

    @classmethod
    def of(cls, report: Path) -> Outline:
        """Read a report's folder; empty where there is none, or none that can be read."""
        try:
            return msgspec.json.decode(read_regular(report / "results.json", MOST_BYTES), type=cls)
        except (OSError, ValueError, RecursionError):
            return cls()


def left_out(config: pytest.Config, held: Held, chosen: Collection[str]) -> tuple[dict[str, Lack], bool]:
    """Return what claims lack of which not all tests were chosen, and whether the session is one of a part of the tests.

    It is one, too, where the report that it would replace, or judges again, tells of claims that it leaves out.

    Args:
        config: of the session.
        held: what the files hold that it looked through.
        chosen: names of its tests.
    """
    store, judged = options.store_of(config), options.report_from(config)
    places = store / f"report-{options.profile_of(config).name}", options.report_of(config, store, part=False)
    known = {place: Outline.of(place).claims for place in set(places)}  # mostly one and the same, of some megabytes
    usual, replaced = known[places[0]], [*known[places[1]]]
    replaced += [Told(claim.id, claim.files, claim.file) for claim in (judged.claims if judged is not None else ())]
    folders = options.projects(config)
    beyond = elsewhere(replaced, folders, held.files)
    named = elsewhere(usual, folders, held.files) | beyond | held.left_out(chosen)
    lacks = {id: Lack(Missing.REACH, what=test) for id, test in named.items()}
    return lacks, bool(beyond or held.claims & lacks.keys())


def elsewhere(claims: Iterable[Told], folders: Collection[Path], looked_through: set[Path]) -> dict[str, str]:
    """Return, by claim, a file that holds tests of it and was not looked through.

    A file that is gone holds none, and one that was looked through says itself what it holds.

    Args:
        claims: as earlier reports tell of them.
        folders: that the files may be relative to.
        looked_through: files, resolved.
    """
    found = {}
    for claim in claims:
        for name in (*claim.files, claim.file):
            paths = [path.resolve() for folder in folders if name and (path := folder / name).is_file()]
            if paths and looked_through.isdisjoint(paths):
                found[claim.id] = name
    return found
