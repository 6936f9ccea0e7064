"""Prints the end of a session: plan or verdicts, changes, the reason for the exit status, and the report's path."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

import pytest

from vitwork.facts.document import Results
from vitwork.report import paper_comparison, words
from vitwork.session import options
from vitwork.session.baseline import Changes
from vitwork.session.collector import Collector
from vitwork.session.findings import Finding
from vitwork.session.forecast import plan_lines, task_lines
from vitwork.session.plan import Plan
from vitwork.session.worker import Worker
from vitwork.statistics.effect import Verdict
from vitwork.store.store import Store

WIDTH = 160
"""Columns of an output that is not a terminal."""


EXPLAINED = (pytest.ExitCode.TESTS_FAILED, pytest.ExitCode.OK, pytest.ExitCode.INTERNAL_ERROR)
"""Exit statuses beside which failures are explained: of failed tests, of success (which a user's code must have set if
something failed), and of a session that broke off, as with xdist when a test calls `pytest.exit`."""


def say(config: pytest.Config, lines: Iterable[str]) -> None:
    """Write lines to pytest's output."""
    terminal = config.pluginmanager.get_plugin("terminalreporter")
    for line in lines:
        (terminal.write_line if terminal else print)(line)


def spare_hypothesis(config: pytest.Config) -> None:
    """Leave out the summary of hypothesis if no test drew examples, neither here nor, by their reports, in a worker.

    The summary would only import the library, which takes as long as all our verdicts.
    """
    terminal = config.pluginmanager.get_plugin("terminalreporter")
    reports = (report for found in terminal.stats.values() for report in found) if terminal is not None else ()
    drawn = any(name.startswith("_hypothesis") for report in reports for name in getattr(report, "__dict__", ()))
    if "hypothesis" not in sys.modules and not drawn and config.pluginmanager.has_plugin("hypothesispytest"):
        config.pluginmanager.unregister(name="hypothesispytest")


def width() -> int:
    """Return the columns of the terminal; `WIDTH` if the output is not a terminal."""
    return shutil.get_terminal_size((WIDTH, 24)).columns


def fitted(lines: Iterable[str]) -> list[str]:
    """Return lines wrapped to the terminal's width; names are not broken."""
    from vitwork.report.terminal import wrapped

    columns = width()
    return [part for line in lines for part in wrapped(line, columns)]


def forecast(config: pytest.Config, plan: Plan, store: Store) -> list[str]:
    """Return the lines that a session prints if it only plans."""
    engine = options.engine_of(config).make(Worker(store))
    every = config.get_verbosity() > 0
    device = None if engine.remote else config.option.device
    said = plan_lines(plan, store, options.at_once(config), device, every=every)
    return fitted([*said, *(task_lines(plan, store, engine) if engine.remote else ())])


def verdicts(config: pytest.Config, results: Results, changes: Changes) -> list[str]:
    """Return the table of verdicts and the notes below it; the counts alone under pytest's ``-q``."""
    from vitwork.report.terminal import table, totals

    if config.get_verbosity() < 0:
        return [*changes.lines(), *totals(results)]
    colour = config.pluginmanager.has_plugin("terminalreporter") and config.get_terminal_writer().hasmarkup
    every = config.get_verbosity() > 0
    shown = table(results, width(), every=every, colour=colour)
    return [*shown, *paper_comparison.lines(results), *fitted([*changes.lines(), *words.part(results)])]


def why(findings: Iterable[Finding], ended: Collector, changes: Changes, *, unreached: bool) -> str:
    """Return what failed in a session, in words; empty if nothing failed.

    The findings count, not the outcomes of the tests, because marks of pytest can change an outcome.

    Args:
        findings: of the session.
        ended: how its tests ended.
        changes: since the baseline; empty without a baseline.
        unreached: whether the session ended before all of its tests ran, and no other line reports that.
    """
    known = {finding.test: finding for finding in findings}
    changed = {test for test, finding in known.items() if changes.failing(finding)}
    against = {
        test: finding.claim
        for test, finding in known.items()
        if test not in changed and _contradicts(finding, ended.held, changes)
    }
    return words.ending(
        contradicted=len({claim.id for claim in against.values()}),
        ours=len({claim.id for claim in against.values() if claim.ours}),
        failed=len(ended.failed - changed - against.keys()),
        changed=len(changed) + sum(event.breaking for event in changes.notices),
        unreached=unreached,
    )


def _contradicts(finding: Finding, held: Mapping[str, bool], changes: Changes) -> bool:
    """Return whether a test contradicts its claim and did not in the baseline; a property does if its test failed."""
    if not finding.statistical:
        return held.get(finding.test) is False
    decides = finding.lack is None and not finding.qualifies
    return decides and finding.verdict is Verdict.CONTRADICTED and not changes.excuse(finding)


def write(config: pytest.Config, results: Results) -> Path:
    """Write the report and return the path of its page.

    Raises:
        VitworkError: the report cannot be written.
    """
    from vitwork.report.placement import placed, standing_page

    folder = placed(results, options.report_of(config, options.store_of(config), part=words.partial(results)))
    return standing_page(results, folder) or _built(results, folder)


def _built(results: Results, folder: Path) -> Path:
    from vitwork.report import build  # imports all drawing code, which a session with nothing new does not need

    return build.write(results, folder)
