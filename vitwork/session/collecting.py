"""Turns the tests of claims that pytest collects into cases, and notes which claims the files hold."""

from __future__ import annotations

import contextlib
import inspect
import io
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from _pytest.compat import NOTSET  # public: pytest passes it to a test that is parametrised by an empty list

from vitwork.design.profile import Profile
from vitwork.errors import VitworkError
from vitwork.language.measure import Measure
from vitwork.session.examined import examined
from vitwork.session.invocation import PLUGIN, claims
from vitwork.session.invocation import arguments as session
from vitwork.session.reading import Case, read_test


def read_claims(items: Iterable[pytest.Item], profile: Profile) -> list[Case]:
    """Return the tests of claims among the collected items, read at a profile.

    Raises:
        VitworkError: two claims have the same id.
    """
    tests = (item for item in items if isinstance(item, pytest.Function) and item.get_closest_marker("claim"))
    cases = [_read(item, Measure(profile)) for item in tests]
    first: dict[str, Case] = {}
    for case in cases:
        known = first.setdefault(case.claim.id, case)
        if known.claim != case.claim:
            raise VitworkError(
                f"{known.name} and {case.name} declare different claims called {case.claim.id}: an id is one claim's, and "
                "its tests share one declaration."
            )
    return told_apart(cases)


def told_apart(cases: Sequence[Case]) -> list[Case]:
    """Return the tests, with a label added to those of one claim whose hypotheses would otherwise have the same ids."""
    found = list(cases)
    labels: tuple[Callable[[Case], str], ...] = (lambda case: case.name.partition("::")[2], lambda case: case.name)
    for label in labels:
        known = Counter(case.hypothesis(1) for case in found)
        found = [replace(case, label=label(case)) if known[case.hypothesis(1)] > 1 else case for case in found]
    return found


@dataclass(slots=True)
class Held:
    """All claims in the files that pytest collected from, also those whose tests were not chosen.

    Attributes:
        files: the files that pytest collected from, resolved.
        tests: the claim of each test that pytest sees in them, by the test's name.
        declared: the claim of each function with a claim's mark, by its name; settings may hide it from pytest.
        seen: names of the functions that pytest sees.
    """

    files: set[Path] = field(default_factory=set)
    tests: dict[str, str] = field(default_factory=dict)
    declared: dict[str, str] = field(default_factory=dict)
    seen: set[str] = field(default_factory=set)

    def look_through(self, collector: pytest.Collector, found: Iterable[pytest.Item | pytest.Collector]) -> None:
        """Note the claims in a file or class; `found` is what pytest collects from it before it deselects anything."""
        if isinstance(collector, pytest.Module):
            self.files.add(collector.path.resolve())
            self.declared |= {f"{collector.nodeid}::{name}": id for name, id in _declared_in(collector.obj)}
        for item in found:
            marker = item.get_closest_marker("claim")
            if marker is not None and isinstance(item, pytest.Function):
                self.tests[item.nodeid] = marker.args[0].id
                self.seen.add(f"{collector.nodeid}::{item.originalname}")

    @property
    def claims(self) -> set[str]:
        """The ids of all claims."""
        return {*self.tests.values(), *self.declared.values()}

    def left_out(self, chosen: Collection[str]) -> dict[str, str]:
        """Return the claims that have a test which was not chosen, with that test's name."""
        hidden = {name: id for name, id in self.declared.items() if name not in self.seen}
        return {id: name for name, id in (self.tests | hidden).items() if name not in chosen}


def _declared_in(holder: object, above: Sequence[pytest.Mark] = ()) -> Iterator[tuple[str, str]]:
    """Yield name and claim of every function with a claim's mark in a module or class."""
    for name, found in vars(holder).items():
        marks = [*above, *(mark for mark in getattr(found, "pytestmark", ()) if mark.name == "claim")]
        if inspect.isclass(found) and found.__module__ == getattr(holder, "__name__", None):
            yield from ((f"{name}::{inner}", id) for inner, id in _declared_in(found, marks))
        elif marks and inspect.isfunction(found):
            yield name, marks[-1].args[0].id


def _read(item: pytest.Function, measure: Measure) -> Case:
    marker = item.get_closest_marker("claim")
    assert marker is not None
    parameters = dict(item.callspec.params) if hasattr(item, "callspec") else {}
    chapter = (inspect.getdoc(item.module) or item.module.__name__).splitlines()[0].rstrip(".")
    statistical = "measure" in item.fixturenames
    empty = any(value is NOTSET for value in parameters.values())
    claim = marker.args[0]
    claim = replace(claim, examined=examined(item.path.parent).get(claim.id, {}))
    case = Case(item.nodeid, claim, chapter, parameters, statistical=statistical, empty=empty)
    return read_test(case, item.obj, measure) if statistical and not empty else case


class _Collected:
    """A plugin that keeps the collected tests."""

    def __init__(self) -> None:
        self.items: list[pytest.Item] = []

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Keep the tests."""
        self.items = session.items


def collect(places: Sequence[Path] = ()) -> list[pytest.Item]:
    """Collect the tests in files and folders without reading or running them; this also loads a project's own profiles.

    Args:
        places: the files and folders; empty for the suite's own claims, to which no project's settings apply.

    Raises:
        VitworkError: the tests cannot be collected, or none of them belongs to a claim.
    """
    collected, said = _Collected(), io.StringIO()
    called = [*PLUGIN, *map(str, places)] if places else session([])
    arguments = [*called, "--collect-only", "-q", "-p", "no:cacheprovider"]
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        status = pytest.main(arguments, plugins=[collected])
    named = ", ".join(map(str, places)) or str(claims())
    if status != pytest.ExitCode.OK:
        lines = [line for line in said.getvalue().splitlines() if line.startswith(("E ", "ERROR"))]
        raise VitworkError(
            f"The claims in {named} cannot be collected: {lines[0] if lines else said.getvalue().strip()[-200:]}."
        )
    if not any(item.get_closest_marker("claim") for item in collected.items):
        raise VitworkError(f"There are no claims in {named}.")
    return collected.items
