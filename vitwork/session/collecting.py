"""From files of claims to cases: what pytest collects, read. Imports no torch."""

from __future__ import annotations

import contextlib
import inspect
import io
from collections.abc import Iterable, Sequence
from pathlib import Path
from types import ModuleType

import pytest

from vitwork.design.profile import Profile
from vitwork.errors import VitworkError
from vitwork.language.measure import Measure
from vitwork.session.reading import Case, read


def read_claims(items: Iterable[pytest.Item], profile: Profile) -> list[Case]:
    """Return the tests of claims among those that were collected, read at a profile."""
    tests = (item for item in items if isinstance(item, pytest.Function) and item.get_closest_marker("claim"))
    return [_read(item, Measure(profile)) for item in tests]


def declared_in(module: ModuleType) -> set[str]:
    """Return the claims of a file, whichever of its tests are chosen."""
    marks = (mark for test in vars(module).values() for mark in getattr(test, "pytestmark", ()))
    return {mark.args[0].id for mark in marks if mark.name == "claim"}


def _read(item: pytest.Function, measure: Measure) -> Case:
    marker = item.get_closest_marker("claim")
    assert marker is not None
    parameters = dict(item.callspec.params) if hasattr(item, "callspec") else {}
    chapter = (inspect.getdoc(item.module) or item.module.__name__).splitlines()[0].rstrip(".")
    statistical = "measure" in item.fixturenames
    case = Case(item.nodeid, marker.args[0], chapter, parameters, statistical=statistical)
    return read(case, item.function, measure) if statistical else case


class _Collected:
    """A plugin that keeps what is collected."""

    def __init__(self) -> None:
        self.items: list[pytest.Item] = []

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Keep the tests."""
        self.items = session.items


def collect(places: Sequence[Path]) -> list[pytest.Item]:
    """Return the tests in files and folders, not read yet; a project's own profiles are known afterwards. None of them runs.

    Raises:
        VitworkError: they cannot be collected, or hold no claim.
    """
    collected, said = _Collected(), io.StringIO()
    arguments = [*map(str, places), "--collect-only", "-q", "-p", "no:cacheprovider"]
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        status = pytest.main(arguments, plugins=[collected])
    named = ", ".join(map(str, places))
    if status != pytest.ExitCode.OK:
        lines = [line for line in said.getvalue().splitlines() if line.startswith(("E ", "ERROR"))]
        raise VitworkError(
            f"The claims in {named} cannot be collected: {lines[0] if lines else said.getvalue().strip()[-200:]}."
        )
    if not any(item.get_closest_marker("claim") for item in collected.items):
        raise VitworkError(f"There are no claims in {named}.")
    return collected.items
