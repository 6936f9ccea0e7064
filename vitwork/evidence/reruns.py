"""Compares the files of a claim's tests, and the command that runs them again, with the installed tests and the profile."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import product

from vitwork.design.deviation import Missing
from vitwork.facts.checks import Kind, Moved
from vitwork.facts.claims import ClaimResult
from vitwork.session.from_report import ReportPlan
from vitwork.session.invocation import again, options

FIELDS = ("rerun", "file", "files")
PLAIN = re.compile(r"([\w.@+~][\w.@+~-]*/)*")
"""A folder that no shell reads as anything else. Where tests lie in their project, only the project knows."""


def told_of_tests(plan: ReportPlan, claim: ClaimResult) -> Iterator[Moved]:
    """Yield the command and the files of a claim that are not those of its tests.

    A claim of which tests were left out names those that were chosen.
    """
    tests = list(
        dict.fromkeys(name.partition("[")[0] for name, test in plan.tests.items() if test.case.claim.id == claim.id)
    )
    files = list(dict.fromkeys(test.partition("::")[0] for test in tests))
    some = claim.lack is not None and claim.lack.missing is Missing.REACH
    own = options(plan.profile, data=False, weights=False, sequential=plan.report.sequential)
    if not _runs(claim.rerun, tests, plan, some=some):
        yield Moved("", "rerun", claim.rerun, f"{again(tests, by_name=False)} {own}", Kind.DECLARED)
    if claim.files and not _alike(claim.files, files, some=some):  # older reports hold none
        yield Moved("", "files", claim.files, tuple(files), Kind.DECLARED)
    if claim.file and not _alike([claim.file], files[:1] if not some else files, some=some):
        yield Moved("", "file", claim.file, files[0], Kind.DECLARED)


def _runs(command: str, tests: Sequence[str], plan: ReportPlan, *, some: bool) -> bool:
    """Return whether a command runs a claim's tests with the options of its session, by their files or by their names.

    Whether its session was given folders of images and weights, a report does not say elsewhere.
    """
    for data, weights in product((False, True), repeat=2):
        given = f" {options(plan.profile, data=data, weights=weights, sequential=plan.report.sequential)}"
        if command.endswith(given):
            start = command.removesuffix(given)
            if named := re.fullmatch(r'vitwork run -k "(.*)"', start):
                return _alike(named[1].split(" or "), [test.rpartition("::")[2] for test in tests], some=some)
            return start == again(tests, by_name=False) or (
                start.startswith("pytest ") and _alike(start.split(" ")[1:], tests, some=some)
            )
    return False


def _alike(told: Sequence[str], own: Sequence[str], *, some: bool) -> bool:
    """Return whether tests or files are a claim's own, in their order; `some` allows that others are left out."""
    rest = iter(own)
    found = [any(_same(name, other) for other in rest) for name in told]
    return bool(found) and all(found) and (some or len(told) == len(own))


def _same(told: str, own: str) -> bool:
    """Return whether a test or file is the claim's own, in whichever plain folder."""
    folder, name = re.match(r"(.*/)?(.*)", own, re.DOTALL).groups(default="")  # type: ignore[union-attr]  # matches any text
    start = told.removesuffix(name)
    return told.endswith(name) and (start == folder or PLAIN.fullmatch(start) is not None)
