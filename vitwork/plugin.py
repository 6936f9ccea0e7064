"""The pytest plugin: options, the `measure` fixture, the session's work, verdicts as outcomes.

Every process reads the collected tests once and so makes the same plan. Each worker (or the only process) helps to
carry the plan out, reads or makes the session's judgement in the store, and delivers the verdicts of its share of the
tests. The reporting process gets the plan and the findings of the whole session, so that no verdict depends on which
tests ran. If a session ends early, claims with missing findings count as not measured.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Generator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import msgspec
import pytest

from vitwork import profiles
from vitwork.data import fingerprint
from vitwork.design import overrides
from vitwork.design.deviation import Lack, Missing
from vitwork.design.profile import Profile
from vitwork.device import place
from vitwork.errors import VitworkError
from vitwork.networks import selection
from vitwork.report import words
from vitwork.session import closing, nothing_to_do, options, preflight, properties
from vitwork.session.baseline import Baseline, Changes
from vitwork.session.collecting import Held, read_claims
from vitwork.session.collector import Collector, Mistakes
from vitwork.session.delivery import deliver
from vitwork.session.display import Display
from vitwork.session.findings import Finding, Judgement
from vitwork.session.forecast import NothingRuns
from vitwork.session.invocation import by_name, command
from vitwork.session.judge import judged, unjudged
from vitwork.session.left_out_tests import left_out
from vitwork.session.output import lasting
from vitwork.session.plan import Plan
from vitwork.session.registration import Registry, declarations
from vitwork.session.results import Evidence, Session
from vitwork.session.seeding import settle
from vitwork.session.termination import Unplanned, interruptible
from vitwork.session.troubles import Troubles
from vitwork.session.worker import Worker, place_among
from vitwork.statistics.effect import Verdict
from vitwork.store.keys import digest
from vitwork.store.machine import commit
from vitwork.store.store import Store, check_writable, read_sealed, write_sealed

STORE: pytest.StashKey[Store] = pytest.StashKey()
PLAN: pytest.StashKey[Plan] = pytest.StashKey()
COLLECTOR: pytest.StashKey[Collector] = pytest.StashKey()
FINDINGS: pytest.StashKey[dict[str, Finding]] = pytest.StashKey()
BASELINE: pytest.StashKey[Baseline] = pytest.StashKey()
HELD: pytest.StashKey[Held] = pytest.StashKey()
WHOLE: pytest.StashKey[bool] = pytest.StashKey()
CHANGES: pytest.StashKey[Changes] = pytest.StashKey()
HOLDS: pytest.StashKey[bool] = pytest.StashKey()
"""Key of a test's stash: whether the property that it checks holds."""


def pytest_addoption(parser: pytest.Parser) -> None:
    options.add(parser)


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "claim(claim): the test decides a claim of the paper")
    config.addinivalue_line("filterwarnings", "ignore::DeprecationWarning:timm.*")
    config.stash[HELD] = Held()
    surroundings = ExitStack()
    surroundings.enter_context(lasting(patient=True))  # before pytest's terminal reporter takes the streams
    config.add_cleanup(surroundings.close)
    if _is_worker(config):
        config.pluginmanager.register(Mistakes())
    else:
        surroundings.enter_context(interruptible())  # workers end with the reporting process
        config.stash[COLLECTOR] = Collector(commit(config.rootpath))
        config.pluginmanager.register(config.stash[COLLECTOR])
        config.pluginmanager.register(Unplanned(config.stash[COLLECTOR], config.stash[HELD]))
        if options.given(config):
            prepare(config)
        if getattr(config.option, "dist", "no") != "no" and (why := nothing_to_do.no_work(config)):
            config.option.dist, config.stash[COLLECTOR].alone = "no", why


def prepare(config: pytest.Config) -> None:
    """Check profile, data and store before any worker starts, so that a mistake ends in one sentence at once.

    A session that only lists its tests needs none of them, and creates no store.

    Raises:
        pytest.UsageError: one of them cannot be used.
    """
    if STORE in config.stash or config.option.collectonly:
        return
    option = config.option
    try:
        if option.substitutes:
            preflight.import_from_here()
        options.check_paths(config)
        profile = options.profile_of(config)
        Registry.of(config.rootpath, profile.name)
        if options.report_from(config) is None:
            _prepare_work(config, profile)
        config.stash[STORE] = options.open_store(config)
        if not _is_worker(config):
            options.engine_of(config).make(Worker(config.stash[STORE]))
        if option.report is not None:
            check_writable(option.report)
        if option.baseline is not None:
            config.stash[BASELINE] = Baseline.read(option.baseline, profile.name)
    except VitworkError as error:
        raise pytest.UsageError(str(error)) from error


def _prepare_work(config: pytest.Config, profile: Profile) -> None:
    """Check device, images and networks."""
    option = config.option
    if any(arm.recipe.deterministic for arm in profile.arms.values()):
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # CUDA reads it once, when it first computes
    preflight.check_data(profile, option.data)
    if not _is_worker(config):
        place.check(option.device)
    for spec in {arm.data for arm in profile.arms.values()} if option.data or not option.plan else ():
        fingerprint(spec, option.data)
    if not _is_worker(config):
        closing.say(config, closing.fitted(preflight.try_models(profile, profiles.find(option.profile))))
        closing.say(config, closing.fitted(selection.lines(profile)))


def _is_worker(config: pytest.Config) -> bool:
    return hasattr(config, "workerinput")


# Read, plan, work, judge.


def pytest_itemcollected(item: pytest.Item) -> None:
    """Let `-k` also choose a claim by its id, which tables and reports show, and let its test return nothing."""
    if (marker := item.get_closest_marker("claim")) is not None:
        item.extra_keyword_matches.add(marker.args[0].id)
        item.add_marker(pytest.mark.filterwarnings("error::pytest.PytestReturnNotNoneWarning"))


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Note all tests of a file before a name, an option, a conftest or a plugin leaves any out."""
    report = yield
    if report.passed:
        collector.config.stash[HELD].look_through(collector, report.result)
    return report


def pytest_collection_finish(session: pytest.Session) -> None:
    """Read every collected claim and plan the runs and measurements that it needs."""
    config = session.config
    held = config.stash[HELD]
    if not session.items and config.option.keyword and held.claims:
        closing.say(config, [words.no_match(config.option.keyword, held.claims)])
    if config.option.collectonly or not any(item.get_closest_marker("claim") for item in session.items):
        return
    prepare(config)
    profile = options.profile_of(config)
    try:
        cases = read_claims(session.items, profile)
    except VitworkError as error:
        raise pytest.UsageError(str(error)) from error
    if not cases:
        return
    lacks, part = left_out(config, held, {item.nodeid for item in session.items})
    plan = options.plan_of(config, profile, cases, lacks)
    plan.declared |= held.claims
    config.stash[PLAN], config.stash[WHOLE] = plan, not (part or session.testsfailed)
    if options.works(config):
        _keep(config, plan, unjudged(plan, Lack(Missing.REACH)))
    if config.option.plan:
        config.pluginmanager.register(NothingRuns())
        closing.say(config, closing.forecast(config, plan, config.stash[STORE]))


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtestloop(session: pytest.Session) -> Generator[None, Any, Any]:
    """Work and judge before the first test; show the workers' progress meanwhile if the output allows it."""
    config = session.config
    display = _display(config)
    try:
        broken = session.testsfailed and not config.option.continue_on_collection_errors
        if PLAN in config.stash and options.works(config) and not broken:
            with lasting(patient=True):  # pytest's capturing has restored the plain streams
                _settle(config, config.stash[PLAN], config.stash[STORE])
        return (yield)
    finally:
        display.stop()


def _settle(config: pytest.Config, plan: Plan, store: Store) -> None:
    shared = _shared(config, store)
    try:
        if config.option.source is None:
            judgement = settle(plan, _worker(config, store, shared), options.budget_of(config), shared / "rounds")
        else:
            report = options.report_from(config)
            judgement = judged(plan, store, Troubles(), sequential=report is not None and report.sequential)
    except (VitworkError, OSError) as fault:  # the store was removed, for example: every test reports it
        judgement = unjudged(plan, Lack(Missing.FAULT, what=str(fault)))
    config.stash[FINDINGS] = {finding.test: finding for finding in judgement.findings}
    evidence = _keep(config, plan, judgement)
    if BASELINE in config.stash:
        config.stash[CHANGES] = config.stash[BASELINE].changes(_session(config, evidence).results(evidence, store))


def _keep(config: pytest.Config, plan: Plan, judgement: Judgement) -> Evidence:
    """Keep what is known so far for the reporting process, because a worker may be killed at any time."""
    limited = FINDINGS in config.stash and _limit(config) is not None
    evidence = Evidence(
        judgement, dict(plan.code), whole=config.stash[WHOLE], declared=declarations(plan),
        seeds=plan.profile.seeds if limited else None,
    )  # fmt: skip
    if not _is_worker(config):
        config.stash[COLLECTOR].evidence = evidence
        return evidence
    encoded = evidence.packed()
    config.workeroutput["vitwork"] = encoded  # type: ignore[attr-defined]  # xdist's
    path = _shared(config, config.stash[STORE]) / "evidence"
    if FINDINGS in config.stash or not path.exists():  # a worker that replaces another one does not know more at first
        with suppress(VitworkError):  # a full disk: what a worker sends as it ends is enough, unless all are killed
            write_sealed(path, encoded)
    return evidence


def _limit(config: pytest.Config) -> int | None:
    """Return how many seeds a session asks for whose time is limited; None for any other."""
    budget = options.budget_of(config)
    return None if budget is None or budget.settles else budget.seeds


def _display(config: pytest.Config) -> Display:
    """Return the display of progress until the first test; it is not started in a worker or under ``-q``."""
    terminal = config.pluginmanager.get_plugin("terminalreporter")
    writer = config.get_terminal_writer() if terminal is not None and terminal.isatty else None
    display = Display(options.store_of(config), writer, lambda line: closing.say(config, [line]))
    if terminal is not None and not _is_worker(config) and config.get_verbosity() >= 0:
        config.stash[COLLECTOR].at_first_test = display.stop
        display.start()
    return display


def _worker(config: pytest.Config, store: Store, shared: Path) -> Worker:
    given = getattr(config, "workerinput", {"workerid": "gw0", "workercount": 1})
    name = str(given["workerid"])
    return Worker(
        store,
        config.option.data,
        name,
        place_among(name),
        int(given["workercount"]),
        config.option.device,
        events=config.option.tensorboard,
        troubles=Troubles(shared / "troubles"),
        engine=options.engine_of(config),
        say=lambda line: closing.say(config, [line]),
    )


def _shared(config: pytest.Config, store: Store) -> Path:
    """Return the folder through which the processes of this session agree."""
    name = config.workerinput["testrunuid"] if _is_worker(config) else config.stash[COLLECTOR].name  # type: ignore[attr-defined]
    return store.root / "sessions" / digest(name)


# Deliver.


@pytest.fixture
def measure(request: pytest.FixtureRequest) -> None:
    """Measure a quantity on arms; a test with this fixture is read when collected, and delivers its verdict later."""
    if request.node.get_closest_marker("claim") is None:
        pytest.fail("A test that takes `measure` states a claim: decorate it with @claim.", pytrace=False)


def _finding(item: pytest.Item) -> Finding | None:
    return item.config.stash.get(FINDINGS, {}).get(item.nodeid)


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Deliver the verdict of a test that measures instead of calling it, and pass a property that held before."""
    finding = _finding(pyfuncitem)
    if finding is None:
        return None
    if not finding.statistical:
        return properties.held(pyfuncitem, pyfuncitem.config.stash[STORE]) or None
    verdict = Verdict.NOT_MEASURED if finding.lack else finding.verdict
    pyfuncitem.user_properties += [("claim", finding.claim.id), ("verdict", str(verdict))]
    deliver(finding, pyfuncitem.config.stash.get(CHANGES, None))
    return True


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, Any, pytest.TestReport]:
    """Note the verdict of a test that measures nothing, which is the outcome of its own code, also for JUnit files."""
    finding = _finding(item)
    checks = finding is not None and not finding.statistical
    holds = properties.outcome(call) if checks and call.when == "call" else None
    if finding is not None and holds is not None:
        holding = Verdict.REPRODUCED if finding.lack is None else Verdict.NOT_MEASURED
        item.stash[HOLDS] = holds
        item.user_properties += [
            ("claim", finding.claim.id),
            ("verdict", str(holding if holds else Verdict.CONTRADICTED)),
        ]
    if (
        call.when == "teardown"
        and not call.excinfo
        and item.stash.get(HOLDS, False)
        and isinstance(item, pytest.Function)
        and item.config.option.source is None  # a session that judges a report leaves the store alone
    ):
        with suppress(VitworkError):  # a full disk: the property is checked again next time
            properties.hold(item, item.config.stash[STORE])
    report: pytest.TestReport = yield
    if finding is not None and call.when == "call":  # the attributes that xdist sends on
        vars(report)["holds"] = holds
        if finding.statistical and finding.lack is None:
            vars(report)["claim_verdict"] = str(finding.verdict)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_report_teststatus(
    report: pytest.TestReport, config: pytest.Config
) -> Generator[None, tuple[str, str, Any], tuple[str, str, Any]]:
    """Under ``-q``, print no letter for a verdict, and count contradicted claims separately from failures."""
    status = yield
    if config.get_verbosity() >= 0 or not any(name == "claim" for name, _ in getattr(report, "user_properties", ())):
        return status
    if not report.failed:
        return status[0], "", ""
    return ("contradicted", "", "") if getattr(report, "claim_verdict", "") == Verdict.CONTRADICTED else status


# Report.


def _session(config: pytest.Config, evidence: Evidence) -> Session:
    collector = config.stash.get(COLLECTOR, None) or Collector(("", False))
    profile, report = options.profile_of(config), options.report_from(config)
    typed = config.invocation_params.args
    if (asked := _limit(config)) is not None:
        profile = overrides.with_seeds(profile, evidence.seeds or asked, profiles.find(profile.name).seeds)
    return Session(
        profile, config.option.data, command(typed), collector.started,
        *collector.revision, collector.held, collector.reached, options.chosen(config), by_name(typed), config.option.weights is not None,
        sequential=report.sequential if report else config.option.seeds == "auto",
        measured=report.provenance if report else None, registry=Registry.of(config.rootpath, profile.name),
    )  # fmt: skip


def _evidence(config: pytest.Config) -> Evidence | None:
    """Return the session's plan and findings; if all workers were killed, the part that they left in the store."""
    collector = config.stash.get(COLLECTOR, None)
    if collector is None:
        return None
    if collector.evidence is not None:
        return collector.evidence
    with suppress(VitworkError, OSError, msgspec.MsgspecError):
        prepare(config)
        left = read_sealed(_shared(config, config.stash[STORE]) / "evidence")
        collector.evidence = msgspec.msgpack.decode(left, type=Evidence)
    return collector.evidence


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_sessionfinish(session: pytest.Session) -> Generator[None, Any, Any]:
    """Print the verdicts after all other output, and make the report."""
    config, succeeds = session.config, session.exitstatus == pytest.ExitCode.OK
    if COLLECTOR in config.stash and config.stash[COLLECTOR].evidence is not None:
        closing.spare_hypothesis(config)
    outcome = yield
    evidence = _evidence(config) if options.works(config) else None
    if evidence is None or session.exitstatus == pytest.ExitCode.USAGE_ERROR:  # pytest itself reports the mistake
        return outcome
    prepare(config)  # in case only the workers collected tests
    store = config.stash[STORE]
    results = _session(config, evidence).results(evidence, store)
    changes = config.stash[BASELINE].changes(results) if BASELINE in config.stash else Changes((), results)
    collector = config.stash[COLLECTOR]
    succeeds = succeeds and not collector.exited
    ended = session.exitstatus in closing.EXPLAINED or collector.exited
    unreached = (succeeds or session.exitstatus == pytest.ExitCode.INTERNAL_ERROR) and words.stopped(results)
    why = closing.why(evidence.judgement.findings, collector, changes, unreached=unreached) if ended else ""
    if why and succeeds:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
    status = words.exit_status(session.exitstatus, exited=collector.exited)
    interrupted = session.exitstatus == pytest.ExitCode.INTERRUPTED and not collector.exited
    why = words.interrupted() if interrupted else why
    closing.say(config, closing.verdicts(config, results, changes))  # printed before writing, which may fail
    try:
        page = closing.write(config, results)
    except VitworkError as error:
        raise pytest.UsageError(str(error)) from error
    if (asked := _limit(config)) is not None and evidence.seeds is not None and evidence.seeds < asked:
        closing.say(config, [words.time_up(evidence.seeds, asked)])
    if BASELINE in config.stash:
        breaking = sum(event.breaking for event in changes.events)
        said = words.against_baseline(str(config.option.baseline), breaking, len(changes.events) - breaking)
        closing.say(config, [f"{said} ({status})."])
    if config.get_verbosity() >= 0:
        closing.say(config, [words.last_line(page, f"{why} ({status})" if why else "", interrupted=interrupted)])
    elif why:
        closing.say(config, [f"{why} ({status})."])
    shutil.rmtree(_shared(config, store), ignore_errors=True)
    nothing_to_do.note(config, evidence.judgement.findings, collector.reached)
    return outcome
