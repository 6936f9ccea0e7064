"""The pytest side: options, the `measure` fixture, the session's work, verdicts as outcomes. Imports no torch.

Every process collects the same claims and so knows the same plan. Each worker (or the only process) first helps to
bring the plan into the store, then weighs all claims, and then runs its share of the tests. The controller collects
what the tests found through their reports, which survive a killed worker.
"""

from __future__ import annotations

import inspect
import os
import time
from collections.abc import Generator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from vitwork.data import fingerprint
from vitwork.design import overrides, profiles
from vitwork.errors import VitworkError
from vitwork.statistics.effect import Verdict
from vitwork.language.comparison import Sample
from vitwork.report.terminal import table
from vitwork.session.baseline import Baseline
from vitwork.session.forecast import plan_lines
from vitwork.session.judge import Case, Court, Measure
from vitwork.session.plan import Plan
from vitwork.session.progress import Ticker
from vitwork.session.results import Collector, payload
from vitwork.session.seeding import Budget, settle
from vitwork.session.worker import Worker, cores
from vitwork.statistics.change import Event
from vitwork.store.keys import commit
from vitwork.store.store import Store, check_writable

MOST_SEEDS = 20
"""Seeds per arm with ``--seeds auto`` unless ``--max-seeds`` says otherwise."""
FIRST_SEEDS = 3
"""Seeds per arm of the first look with ``--seeds auto``: fewer never decide."""

PART = (
    "These tests were chosen: the correction for several hypotheses covers their {} alone. A session of all claims corrects "
    "for all of theirs, and can leave undecided what is decided here."
)

STORE: pytest.StashKey[Store] = pytest.StashKey()
COURT: pytest.StashKey[Court] = pytest.StashKey()
COLLECTOR: pytest.StashKey[Collector] = pytest.StashKey()
BASELINE: pytest.StashKey[Baseline] = pytest.StashKey()
CHANGES: pytest.StashKey[list[Event]] = pytest.StashKey()


class Hooks:
    """The hook that this plugin offers."""

    @pytest.hookspec
    def pytest_vitwork_results(self, config: pytest.Config, results: dict[str, Any], folder: Path) -> list[str]:  # type: ignore[empty-body]
        """Called on the controller with the session's results; returns lines to print, such as a report's path."""


class NothingRuns:
    """A plugin that ends a session well before its first test."""

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self) -> bool:
        """Stand in for the loop over the tests."""
        return True


def pytest_addhooks(pluginmanager: pytest.PytestPluginManager) -> None:
    pluginmanager.add_hookspecs(Hooks)


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("vitwork", "claims of 'How Do Vision Transformers Work?'")
    group.addoption("--profile", default="smoke", help=f"scale: {', '.join(profiles.PROFILES)} (default: smoke)")
    group.addoption(
        "--data",
        type=Path,
        help="folder of images (Parquet files as on the Hugging Face hub, tar shards, class folders), or hf://owner/name",
    )
    group.addoption("--store", type=Path, help="folder of runs and records (default: .vitwork beside the claims)")
    group.addoption(
        "--report",
        type=Path,
        help="folder of the report (default: report-PROFILE in the store, -changed and -part for sessions of other settings "
        "and of chosen tests)",
    )
    group.addoption("--seeds", help="trained networks per arm in place of the profile's number, or auto: until settled")
    group.addoption("--max-seeds", type=int, help=f"most seeds per arm with --seeds auto (default: {MOST_SEEDS})")
    group.addoption("--max-minutes", type=float, help="with --seeds auto, start no further seed after this time")
    group.addoption(
        "--baseline", type=Path, help="results.json of an earlier session: fail only where something changed"
    )
    group.addoption("--plan", action="store_true", help="print what the session would cost and could see, and stop")
    group.addoption("--tensorboard", type=Path, metavar="DIR", help="write TensorBoard event files of trainings there")
    group.addoption("--device", default="auto", help="auto, cpu or a torch device (default: auto)")
    group.addoption(
        "--model",
        action="append",
        default=[],
        dest="substitutes",
        metavar="[ARM=]MODEL",
        help="test a model of your own in place of an arm's (default: vit): module:function or timm:NAME",
    )
    for name, details in overrides.OPTIONS.items():
        group.addoption(name, **details)


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "claim(claim): the test decides a claim of the paper")


def prepare(config: pytest.Config) -> None:
    """Ask for profile, data and store before any worker starts, so that a mistake costs one sentence and no time.

    Raises:
        pytest.UsageError: one of them cannot be used.
    """
    try:
        if config.option.substitutes:
            overrides.import_from_here()
        profile = _profile(config)
        overrides.check_data(profile, config.option.data)
        if not _is_worker(config):
            overrides.check_device(config.option.device)
        for spec in {arm.data for arm in profile.arms.values()}:
            fingerprint(spec, config.option.data)
        if not _is_worker(config):
            overrides.try_models(profile, profiles.find(profile.name))
        chosen: Path = config.option.store or config.rootpath / ".vitwork"
        config.stash[STORE] = Store(chosen.resolve())
        if config.option.report is not None:
            check_writable(config.option.report)
        if config.option.baseline is not None:
            config.stash[BASELINE] = Baseline.read(config.option.baseline, profile.name)
    except VitworkError as error:
        raise pytest.UsageError(str(error)) from error
    if not _is_worker(config):
        config.stash[COLLECTOR] = Collector(time.time(), commit(config.rootpath))
        config.pluginmanager.register(config.stash[COLLECTOR])


def _profile(config: pytest.Config) -> profiles.Profile:
    option = config.option
    profile = overrides.substitute(profiles.find(option.profile), option.substitutes)
    profile = overrides.override(profile, option.changes, deterministic=option.deterministic)
    seeds = option.seeds
    if seeds != "auto" and (option.max_seeds, option.max_minutes) != (None, None):
        raise VitworkError(
            "--max-seeds and --max-minutes end a session with --seeds auto; without it they say nothing."
        )
    if option.max_seeds is not None and option.max_seeds < FIRST_SEEDS:
        raise VitworkError(
            f"--max-seeds takes a number from {FIRST_SEEDS}, with which every arm begins, not {option.max_seeds}."
        )
    if option.max_minutes is not None and not option.max_minutes > 0:
        raise VitworkError(f"--max-minutes takes a time above 0, not {option.max_minutes:g}.")
    if seeds is None:
        return profile
    if seeds == "auto":
        return replace(profile, seeds=FIRST_SEEDS)
    if not seeds.isdecimal() or int(seeds) < 1:
        raise VitworkError(f"--seeds takes a number from 1, or auto, not {seeds}.")
    return replace(profile, seeds=int(seeds))


def _budget(config: pytest.Config) -> Budget | None:
    option = config.option
    return Budget(option.max_seeds or MOST_SEEDS, option.max_minutes) if option.seeds == "auto" else None


def _is_worker(config: pytest.Config) -> bool:
    return hasattr(config, "workerinput")


# Plan, work, weigh.


def pytest_collection_finish(session: pytest.Session) -> None:
    """Read every collected claim and note the runs and measurements that it needs."""
    items = [item for item in session.items if isinstance(item, pytest.Function) and item.get_closest_marker("claim")]
    if items:
        config = session.config
        if STORE not in config.stash:
            prepare(config)
        court = Court(
            _profile(config),
            config.stash[STORE],
            Plan(config.option.data),
            sequential=_budget(config) is not None,
        )
        court.hear([_case(item) for item in items])
        config.stash[COURT] = court
        if config.option.plan:
            config.pluginmanager.register(NothingRuns())
            terminal = config.pluginmanager.get_plugin("terminalreporter")
            for line in plan_lines(court, cores()):
                (terminal.write_line if terminal else print)(line)


def _case(item: pytest.Function) -> Case:
    marker = item.get_closest_marker("claim")
    assert marker is not None
    parameters = dict(item.callspec.params) if hasattr(item, "callspec") else {}
    chapter = (inspect.getdoc(item.module) or item.module.__name__).splitlines()[0].rstrip(".")
    body = item.function if "measure" in item.fixturenames else None
    return Case(item.nodeid, marker.args[0], chapter, parameters, body)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtestloop(session: pytest.Session) -> Generator[None, Any, Any]:
    """Work and weigh before the first test; where the workers can be seen, show what they do meanwhile."""
    config = session.config
    ticker = _ticker(config)
    try:
        court = config.stash.get(COURT, None)
        if court is not None and not (config.option.collectonly or config.option.plan):
            worker = _worker(config, court.store)
            settle(court, worker, _budget(config), _session_name(config))
            if BASELINE in config.stash:
                config.stash[CHANGES] = config.stash[BASELINE].events(court)
        return (yield)
    finally:
        ticker.stop()


def _ticker(config: pytest.Config) -> Ticker:
    terminal = config.pluginmanager.get_plugin("terminalreporter")
    store = config.stash.get(STORE, None)
    ticker = Ticker(store.root if store else Path(), terminal.write_line if terminal else print)
    if store is not None and terminal is not None and not _is_worker(config):
        ticker.start()
    return ticker


def _worker(config: pytest.Config, store: Store) -> Worker:
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
    )


def _session_name(config: pytest.Config) -> str:
    given = getattr(config, "workerinput", {})
    return str(given.get("testrunuid", f"{os.getpid()}-{time.time_ns()}"))


# Deliver.


@pytest.fixture
def measure(request: pytest.FixtureRequest) -> Measure:
    """Measure a quantity on arms: ``measure(quantity, **parameters)(arm)`` is a sample with one value per seed."""
    court = request.config.stash[COURT]
    case = court.cases[request.node.nodeid]
    if case.broken:
        pytest.fail(f"not measured: {case.lacking}", pytrace=False)
    if case.lacking:
        _fail_if_changed(request.node, case)
        pytest.skip(f"not measured: {case.lacking}")
    return court.measure(case)


def _case_of(item: pytest.Item) -> Case | None:
    court = item.config.stash.get(COURT, None)
    return court.cases.get(item.nodeid) if court else None


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, Any, Any]:
    """Let a test that nothing contradicts but that is not decided end as an expected failure, with the reason.

    Against a baseline, let it fail where something changed, and end as expected where a claim is contradicted as before.
    """
    case = _case_of(item)
    measured = case is not None and case.body is not None
    try:
        outcome = yield
    except AssertionError:
        if case is None or not measured or CHANGES not in item.config.stash:
            raise
        _fail_if_changed(item, case)
        pytest.xfail("contradicted, as in the baseline")
    if case is not None and measured:
        _fail_if_changed(item, case)
        if case.verdict is Verdict.INCONCLUSIVE:
            reasons = [effect.reason for effect in case.effects if effect.verdict is Verdict.INCONCLUSIVE]
            pytest.xfail("inconclusive: " + "; ".join(reasons))
    return outcome


def _fail_if_changed(item: pytest.Item, case: Case) -> None:
    own = {hypothesis.id for hypothesis in case.hypotheses}
    changes = [
        event
        for event in item.config.stash.get(CHANGES, [])
        if event.breaking
        and (
            event.hypothesis in own or (event.kind == "newly skipped" and event.claim == case.claim.id and case.lacking)
        )
    ]
    if changes:
        pytest.fail("changed since the baseline: " + "; ".join(f"{e.kind}: {e.detail}" for e in changes), pytrace=False)


def pytest_assertrepr_compare(config: pytest.Config, op: str, left: object, right: object) -> list[str] | None:
    """Explain a contradicted comparison by its effect, in one line."""
    if not isinstance(left, Sample) or not isinstance(right, (Sample, float, int)) or COURT not in config.stash:
        return None
    asked = left < right if op == "<" else left > right
    reasons = [
        effect.reason
        for case in config.stash[COURT].cases.values()
        for comparison, effect in zip(case.comparisons, case.effects, strict=True)
        if effect.verdict is Verdict.CONTRADICTED and repr(comparison) == repr(asked)
    ]
    return [f"{asked.a!r} {op} {asked.b!r}: {reasons[0] if reasons else 'contradicted'}"]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, Any, pytest.TestReport]:
    """Let the report carry the claim's evidence to the controller, and its verdict into JUnit files."""
    report: pytest.TestReport = yield
    case = _case_of(item)
    if case is not None and (call.when == "call" or (call.when == "setup" and not report.passed)):
        evidence = payload(case, passed=report.passed)
        report.vitwork = evidence  # type: ignore[attr-defined]  # xdist carries attributes of plain types along
        item.user_properties += [("claim", case.claim.id), ("verdict", evidence["verdict"])]
    return report


# The controller's last word.


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_sessionfinish(session: pytest.Session) -> Generator[None, Any, Any]:
    """After everything else has been said, make the report and print the verdicts."""
    outcome = yield
    config = session.config
    collector = config.stash.get(COLLECTOR, None)
    if collector is not None and collector.evidence:
        profile, store = _profile(config), config.stash[STORE]
        if _chosen(config):
            profile = replace(
                profile, deviations=(*profile.deviations, "corrected for the hypotheses of chosen tests only")
            )
        results = collector.results(profile, store, _command(config), config.option.data)
        answers = config.hook.pytest_vitwork_results(config=config, results=results, folder=_report(config, store))
        terminal = config.pluginmanager.get_plugin("terminalreporter")
        notices = _notices(config, results)
        told = [f"{event.kind} since the baseline: {event.claim}: {event.detail}" for event in notices]
        told += [PART.format(len(results["hypotheses"]))] if _chosen(config) else []
        for line in [*table(results), *told, *(line for answer in answers for line in answer)]:
            (terminal.write_line if terminal else print)(line)
        if any(event.breaking for event in notices) and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED
    return outcome


def _command(config: pytest.Config) -> str:
    """Return what was typed; of absolute paths only the last part, since a published report says nothing of a machine."""
    arguments = (str(argument) for argument in config.invocation_params.args)
    return " ".join(["pytest", *(Path(word).name if Path(word).is_absolute() else word for word in arguments)])


def _report(config: pytest.Config, store: Store) -> Path:
    """Return the report's folder: a session of its own settings, or of some tests, does not replace the profile's report."""
    option = config.option
    changed = option.substitutes or option.changes or option.seeds or option.deterministic
    own = f"report-{option.profile}{'-changed' * bool(changed)}{'-part' * _chosen(config)}"
    return option.report or store.root / own


def _chosen(config: pytest.Config) -> bool:
    """Return whether the session is one of chosen tests."""
    option = config.option
    options = (
        option.keyword,
        option.markexpr,
        option.deselect,
        option.ignore,
        option.ignore_glob,
        getattr(option, "lf", False),
    )
    return any(options) or any("::" in argument or argument.endswith(".py") for argument in config.args)


def _notices(config: pytest.Config, results: dict[str, Any]) -> list[Event]:
    """Return what a complete session has to say of whole claims against the baseline; one of chosen tests says nothing."""
    return [] if BASELINE not in config.stash or _chosen(config) else config.stash[BASELINE].notices(results)
