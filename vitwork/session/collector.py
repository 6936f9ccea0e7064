"""What the process that reports has to know of a session: the evidence, which tests ran, and how they ended."""

from __future__ import annotations

import copy
import os
import time
from collections.abc import Callable, Generator
from contextlib import suppress
from typing import Any

import msgspec
import pytest

from vitwork.facts.forecast import NoWork
from vitwork.report import words
from vitwork.session.results import Evidence

MISTAKE = "vitwork: mistake"
"""What the output of a worker has a user's mistake under."""


class Collector:
    """Keeps what the process that reports has to know, as a plugin of pytest.

    Attributes:
        started: seconds since the epoch.
        revision: the project's commit, and whether its tree had changes.
        name: of the session, by which its processes agree.
        evidence: what was planned and found; None before anything is known.
        begun, reached: tests that began, and that ended.
        given_back: reports of the crashes of workers before a test, by the test, which another worker is to take over.
        held: whether the property that a test checks holds, by the test's name; of those that ran to their end.
        failed: tests that failed, also before or after their own code.
        exited: whether ``pytest.exit`` ended the session with an exit status of its own.
        at_first_test: called when the first test begins.
        alone: why the workers that were asked for are left out; None where they are not.
    """

    def __init__(self, revision: tuple[str, bool]) -> None:
        self.started, self.revision = time.time(), revision
        self.name = f"{os.getpid()}-{time.time_ns()}"
        self.evidence: Evidence | None = None
        self.begun: set[str] = set()
        self.reached: set[str] = set()
        self.given_back: dict[str, pytest.TestReport] = {}
        self.held: dict[str, bool] = {}
        self.failed: set[str] = set()
        self.exited = False
        self.at_first_test: Callable[[], object] | None = None
        self.alone: NoWork | None = None

    def pytest_report_header(self) -> str | None:
        """Say why the workers that were asked for do not appear."""
        return f"vitwork: {words.no_workers(self.alone)}" if self.alone else None

    @pytest.hookimpl(tryfirst=True)  # before anything of the test is printed
    def pytest_runtest_logstart(self, nodeid: str) -> None:
        """Note that a test begins, in any worker."""
        if self.at_first_test is not None and not self.begun:
            self.at_first_test()
        self.begun.add(nodeid)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Keep a test's outcome; the reports of xdist's workers pass here too, and those of tests that a worker died in."""
        if report.when == "teardown":
            self.reached.add(report.nodeid)
        if (holds := getattr(report, "holds", None)) is not None:
            self.held[report.nodeid] = holds
        if report.failed:
            self.failed.add(report.nodeid)
            if report.when == "teardown" and self.held.get(report.nodeid):  # which may be a part of the check
                del self.held[report.nodeid]

    def pytest_keyboard_interrupt(self, excinfo: pytest.ExceptionInfo[BaseException]) -> None:
        """Note that the session ends with a status that somebody's code chose; Ctrl-C passes here too."""
        self.exited = getattr(excinfo.value, "returncode", None) is not None

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:
        """Learn what the workers of xdist call this session."""
        self.name = str(node.workerinput["testrunuid"])

    @pytest.hookimpl(optionalhook=True)
    def pytest_handlecrashitem(self, crashitem: str, report: pytest.TestReport, sched: Any) -> None:
        """Give a test that a worker died before back to the others: xdist takes it for one that the worker died in."""
        if crashitem not in self.begun:
            with suppress(NotImplementedError):  # a way of sharing tests out that takes none back
                sched.mark_test_pending(crashitem)
                self.given_back[crashitem] = copy.copy(report)
                report.outcome = "rerun"  # type: ignore[assignment]  # as pytest-rerunfailures calls it

    @pytest.hookimpl(wrapper=True)
    def pytest_runtestloop(self, session: pytest.Session) -> Generator[None, Any, Any]:
        """Report the crashes before tests that no worker was left to take over: they are failures after all."""
        try:
            return (yield)
        finally:
            for test, report in self.given_back.items():
                if test not in self.begun:
                    session.config.hook.pytest_runtest_logreport(report=report)

    def pytest_report_teststatus(self, report: Any) -> tuple[str, str, str] | None:
        """Name the outcome of a test that was given back."""
        return ("rerun", "R", "RERUN") if report.outcome == "rerun" and report.when == "???" else None

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        """Take over what a worker of xdist found; all find the same, and one that was killed says nothing.

        Raises:
            pytest.UsageError: the worker found a mistake in what was typed, which ends every other one as well.
        """
        if mistake := getattr(node, "workeroutput", {}).get(MISTAKE):
            raise pytest.UsageError(mistake)
        if found := getattr(node, "workeroutput", {}).get("vitwork"):
            self.evidence = msgspec.msgpack.decode(found, type=Evidence)


class Mistakes:
    """Tells the process that reports of mistakes that only workers see, such as a ``-k`` that cannot be read; as their plugin."""

    @pytest.hookimpl(wrapper=True)
    def pytest_collection(self, session: pytest.Session) -> Generator[None, object, object]:
        """Hand on what is wrong; xdist itself only says that a worker ended with tests left to do."""
        try:
            return (yield)
        except pytest.UsageError as error:
            session.config.workeroutput[MISTAKE] = str(error)  # type: ignore[attr-defined]  # xdist's
            raise
