"""Collects what the reporting process needs of a session: the evidence, which tests ran, and how they ended."""

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
"""Key of a user's mistake in the output of a worker."""


class Collector:
    """A plugin of pytest that keeps what the reporting process needs of a session.

    Attributes:
        started: seconds since the epoch.
        revision: the project's commit, and whether its tree had changes.
        name: name of the session, the same in all of its processes.
        evidence: the plan and the findings; None before anything is known.
        begun, reached: tests that began, and tests that ended.
        given_back: crash reports of tests that xdist queued again, by test.
        held: by test name, whether the property that it checks holds; only for tests that ran to their end.
        failed: tests that failed, also in setup or teardown.
        exited: whether ``pytest.exit`` ended the session with an exit status of its own.
        at_first_test: called when the first test begins.
        alone: why the session does not start the requested workers; None if it does, or if none were requested.
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
        """Say why the requested workers are not started."""
        return f"vitwork: {words.no_workers(self.alone)}" if self.alone else None

    @pytest.hookimpl(tryfirst=True)  # before anything of the test is printed
    def pytest_runtest_logstart(self, nodeid: str) -> None:
        """Note that a test begins, in any worker."""
        if self.at_first_test is not None and not self.begun:
            self.at_first_test()
        self.begun.add(nodeid)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Keep a test's outcome; xdist passes its workers' reports here too, and those of crashed tests."""
        if report.when == "teardown":
            self.reached.add(report.nodeid)
        if (holds := getattr(report, "holds", None)) is not None:
            self.held[report.nodeid] = holds
        if report.failed:
            self.failed.add(report.nodeid)
            if report.when == "teardown" and self.held.get(report.nodeid):  # the teardown may be a part of the check
                del self.held[report.nodeid]

    def pytest_keyboard_interrupt(self, excinfo: pytest.ExceptionInfo[BaseException]) -> None:
        """Note whether the session ends with a status that a user's code chose; pytest calls this for Ctrl-C too."""
        self.exited = getattr(excinfo.value, "returncode", None) is not None

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:
        """Take over the name that xdist gives this session in its workers."""
        self.name = str(node.workerinput["testrunuid"])

    @pytest.hookimpl(optionalhook=True)
    def pytest_handlecrashitem(self, crashitem: str, report: pytest.TestReport, sched: Any) -> None:
        """Queue a test again if its worker died before it began; xdist assumes that the worker died during the test."""
        if crashitem not in self.begun:
            with suppress(NotImplementedError):  # a scheduler of xdist that takes no tests back
                sched.mark_test_pending(crashitem)
                self.given_back[crashitem] = copy.copy(report)
                report.outcome = "rerun"  # type: ignore[assignment]  # as pytest-rerunfailures calls it

    @pytest.hookimpl(wrapper=True)
    def pytest_runtestloop(self, session: pytest.Session) -> Generator[None, Any, Any]:
        """Report the queued tests that no worker was left to run: their crashes are failures after all."""
        try:
            return (yield)
        finally:
            for test, report in self.given_back.items():
                if test not in self.begun:
                    session.config.hook.pytest_runtest_logreport(report=report)

    def pytest_report_teststatus(self, report: Any) -> tuple[str, str, str] | None:
        """Name the outcome of a test that was queued again."""
        return ("rerun", "R", "RERUN") if report.outcome == "rerun" and report.when == "???" else None

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        """Take over the evidence of a worker of xdist; all workers have the same, and a killed one sends nothing.

        Raises:
            pytest.UsageError: the worker found a mistake in the command line, which ends every other worker too.
        """
        if mistake := getattr(node, "workeroutput", {}).get(MISTAKE):
            raise pytest.UsageError(mistake)
        if found := getattr(node, "workeroutput", {}).get("vitwork"):
            self.evidence = msgspec.msgpack.decode(found, type=Evidence)


class Mistakes:
    """A plugin of workers: sends the reporting process mistakes that only they see, such as an unreadable ``-k``."""

    @pytest.hookimpl(wrapper=True)
    def pytest_collection(self, session: pytest.Session) -> Generator[None, object, object]:
        """Send the error message; xdist itself only reports that a worker ended with tests left to do."""
        try:
            return (yield)
        except pytest.UsageError as error:
            session.config.workeroutput[MISTAKE] = str(error)  # type: ignore[attr-defined]  # xdist's
            raise
