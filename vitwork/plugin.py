"""The pytest plugin: options, the `measure` fixture, the session's work, verdicts as outcomes. Imports no torch.

Every process reads the collected tests once and so knows the same plan. Each worker (or the only process) helps to bring
the plan into the store, finds or makes the session's judgement there, and delivers the verdicts of its share of the tests.
The process that reports gets what was found for the whole session, so that no verdict depends on which tests ran.
"""

from __future__ import annotations

import inspect
import os
import shutil
import time
from collections.abc import Generator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from vitwork import profiles
from vitwork.data import fingerprint
from vitwork.device import place
from vitwork.errors import VitworkError
from vitwork.language.document import Results
from vitwork.language.measure import Measure
from vitwork.session import options, preflight
from vitwork.session.baseline import Baseline, Changes
from vitwork.session.delivery import deliver
from vitwork.session.findings import Finding
from vitwork.session.forecast import plan_lines
from vitwork.session.plan import Plan
from vitwork.session.progress import Ticker
from vitwork.session.reading import Case, read
from vitwork.session.results import Evidence, Session
from vitwork.session.seeding import settle
from vitwork.session.troubles import Troubles
from vitwork.session.worker import Worker
from vitwork.statistics.effect import Verdict
from vitwork.store.machine import commit
from vitwork.store.store import Store, check_writable

STORE: pytest.StashKey[Store] = pytest.StashKey()
PLAN: pytest.StashKey[Plan] = pytest.StashKey()
COLLECTOR: pytest.StashKey[Collector] = pytest.StashKey()
FINDINGS: pytest.StashKey[dict[str, Finding]] = pytest.StashKey()
BASELINE: pytest.StashKey[Baseline] = pytest.StashKey()
CHANGES: pytest.StashKey[Changes] = pytest.StashKey()


class Collector:
    """Keeps what the process that reports has to know: the evidence, and the outcomes of tests that measure nothing."""

    def __init__(self, revision: tuple[str, bool]) -> None:
        self.started, self.revision = time.time(), revision
        self.evidence: Evidence | None = None
        self.passed: dict[str, bool] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Keep a test's outcome; the reports of xdist's workers pass here too."""
        if report.when == "call":
            self.passed[report.nodeid] = report.passed

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        """Take over what a worker of xdist found; all find the same, and one that was killed says nothing."""
        if found := getattr(node, "workeroutput", {}).get("vitwork"):
            self.evidence = msgspec.msgpack.decode(found, type=Evidence)


class NothingRuns:
    """A plugin that ends a session well before its first test."""

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self) -> bool:
        """Stand in for the loop over the tests."""
        return True


def pytest_addoption(parser: pytest.Parser) -> None:
    options.add(parser)


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "claim(claim): the test decides a claim of the paper")
    if not _is_worker(config):
        config.stash[COLLECTOR] = Collector(commit(config.rootpath))
        config.pluginmanager.register(config.stash[COLLECTOR])
        if options.given(config):
            prepare(config)


def prepare(config: pytest.Config) -> None:
    """Ask for profile, data and store before any worker starts, so that a mistake costs one sentence and no time.

    Raises:
        pytest.UsageError: one of them cannot be used.
    """
    if STORE in config.stash:
        return
    option = config.option
    try:
        if option.substitutes:
            preflight.import_from_here()
        profile = options.profile_of(config)
        preflight.check_data(profile, option.data)
        if not _is_worker(config):
            place.check(option.device)
        for spec in {arm.data for arm in profile.arms.values()}:
            fingerprint(spec, option.data)
        if not _is_worker(config):
            preflight.try_models(profile, profiles.find(option.profile))
        config.stash[STORE] = Store(options.store_of(config))
        if option.report is not None:
            check_writable(option.report)
        if option.baseline is not None:
            config.stash[BASELINE] = Baseline.read(option.baseline, profile.name)
    except VitworkError as error:
        raise pytest.UsageError(str(error)) from error


def _is_worker(config: pytest.Config) -> bool:
    return hasattr(config, "workerinput")


# Read, plan, work, judge.


def pytest_collection_finish(session: pytest.Session) -> None:
    """Read every collected claim and plan the runs and measurements that it needs."""
    config = session.config
    if not (cases := read_claims(session)):
        return
    prepare(config)
    profile = options.profile_of(config)
    plan = Plan(profile, config.option.data)
    for case in cases:
        plan.add(case, profile.seeds)
    config.stash[PLAN] = plan
    if config.option.plan:
        config.pluginmanager.register(NothingRuns())
        _say(config, plan_lines(plan, config.stash[STORE], place.cores()))


def read_claims(session: pytest.Session) -> list[Case]:
    """Return the tests of claims among those that were collected, read at the session's profile."""
    items = [item for item in session.items if isinstance(item, pytest.Function) and item.get_closest_marker("claim")]
    if not items:
        return []
    profile = options.profile_of(session.config)
    return [_read(item, Measure(profile)) for item in items]


def _read(item: pytest.Function, measure: Measure) -> Case:
    marker = item.get_closest_marker("claim")
    assert marker is not None
    parameters = dict(item.callspec.params) if hasattr(item, "callspec") else {}
    chapter = (inspect.getdoc(item.module) or item.module.__name__).splitlines()[0].rstrip(".")
    statistical = "measure" in item.fixturenames
    case = Case(item.nodeid, marker.args[0], chapter, parameters, statistical=statistical)
    return read(case, item.function, measure) if statistical else case


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtestloop(session: pytest.Session) -> Generator[None, Any, Any]:
    """Work and judge before the first test; where the workers can be seen, show what they do meanwhile."""
    config = session.config
    ticker = _ticker(config)
    try:
        if PLAN in config.stash and not (config.option.collectonly or config.option.plan):
            _settle(config, config.stash[PLAN], config.stash[STORE])
        return (yield)
    finally:
        ticker.stop()


def _settle(config: pytest.Config, plan: Plan, store: Store) -> None:
    shared = _shared(config, store)
    judgement = settle(plan, _worker(config, store, shared), options.budget_of(config), shared / "rounds")
    evidence = Evidence(judgement, dict(plan.code))
    config.stash[FINDINGS] = {finding.test: finding for finding in judgement.findings}
    if BASELINE in config.stash:
        config.stash[CHANGES] = config.stash[BASELINE].changes(_session(config).results(evidence, store))
    if _is_worker(config):
        config.workeroutput["vitwork"] = msgspec.msgpack.encode(evidence)  # type: ignore[attr-defined]  # xdist's
    else:
        config.stash[COLLECTOR].evidence = evidence


def _ticker(config: pytest.Config) -> Ticker:
    terminal = config.pluginmanager.get_plugin("terminalreporter")
    ticker = Ticker(options.store_of(config), lambda line: _say(config, [line]))
    if terminal is not None and not _is_worker(config):
        ticker.start()
    return ticker


def _worker(config: pytest.Config, store: Store, shared: Path) -> Worker:
    given = getattr(config, "workerinput", {"workerid": "gw0", "workercount": 1})
    name = str(given["workerid"])
    return Worker(
        store,
        config.option.data,
        name,
        int(name.removeprefix("gw")),
        int(given["workercount"]),
        config.option.device,
        events=config.option.tensorboard,
        troubles=Troubles(shared / "troubles"),
    )


def _shared(config: pytest.Config, store: Store) -> Path:
    """Return the folder by which the processes of this session agree."""
    given = getattr(config, "workerinput", {})
    return store.root / "sessions" / str(given.get("testrunuid", f"{os.getpid()}-{time.time_ns()}"))


# Deliver.


@pytest.fixture
def measure() -> None:
    """Measure a quantity on arms; a test that asks for it is read when it is collected, and its verdict delivered later."""


def _finding(item: pytest.Item) -> Finding | None:
    return item.config.stash.get(FINDINGS, {}).get(item.nodeid)


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Deliver the verdict of a test that measures, in place of calling it."""
    finding = _finding(pyfuncitem)
    if finding is None or not finding.statistical:
        return None
    verdict = Verdict.NOT_MEASURED if finding.lack else finding.verdict
    pyfuncitem.user_properties += [("claim", finding.claim.id), ("verdict", str(verdict))]
    deliver(finding, pyfuncitem.config.stash.get(CHANGES, None))
    return True


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, Any, pytest.TestReport]:
    """Note the verdict of a test that measures nothing for JUnit files: it is the test's own outcome."""
    finding = _finding(item)
    if finding is not None and not finding.statistical and call.when == "call":
        verdict = Verdict.CONTRADICTED if call.excinfo else Verdict.REPRODUCED
        item.user_properties += [("claim", finding.claim.id), ("verdict", str(verdict))]
    report: pytest.TestReport = yield
    return report


# Report.


def _session(config: pytest.Config) -> Session:
    collector = config.stash.get(COLLECTOR, None) or Collector(("", False))
    return Session(
        options.reported(config), config.option.data, options.command(config), collector.started,
        *collector.revision, collector.passed,
    )  # fmt: skip


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_sessionfinish(session: pytest.Session) -> Generator[None, Any, Any]:
    """After everything else has been said, print the verdicts and make the report."""
    outcome = yield
    config = session.config
    collector = config.stash.get(COLLECTOR, None)
    if collector is None or collector.evidence is None:
        return outcome
    prepare(config)
    store = config.stash[STORE]
    results = _session(config).results(collector.evidence, store)
    whole = BASELINE in config.stash and not options.chosen(config)  # chosen tests say nothing of the other claims
    changes = config.stash[BASELINE].changes(results) if whole else Changes((), results)
    _report(config, results, changes)
    if any(event.breaking for event in changes.notices) and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
    shutil.rmtree(_shared(config, store), ignore_errors=True)
    return outcome


def _report(config: pytest.Config, results: Results, changes: Changes) -> None:
    """Print the table, then write the report: what fails to be written has been seen."""
    from vitwork.report import words
    from vitwork.report.build import build
    from vitwork.report.terminal import table

    _say(config, [*table(results), *changes.lines()])
    if options.chosen(config):
        _say(config, [words.chosen(results.family)])
    try:
        page = build(results, options.report_of(config, config.stash[STORE].root))
    except VitworkError as error:
        raise pytest.UsageError(str(error)) from error
    _say(config, [f"Report: {page}"])


def _say(config: pytest.Config, lines: list[str]) -> None:
    terminal = config.pluginmanager.get_plugin("terminalreporter")
    for line in lines:
        (terminal.write_line if terminal else print)(line)
