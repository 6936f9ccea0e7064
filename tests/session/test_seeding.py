"""How many seeds a session has: what its workers agree on, and what its time allows."""

from __future__ import annotations

import math
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from tests.session import small
from vitwork.design.deviation import Missing
from vitwork.session.plan import Plan
from vitwork.session.seeding import Budget, agreed, settle
from vitwork.session.troubles import Troubles
from vitwork.session.worker import Worker
from vitwork.statistics.effect import Verdict
from vitwork.store.store import Store


def test_first_answer_holds_for_all(tmp_path: Path) -> None:
    """Workers that ask the same question get the answer of the first, whatever they would have said."""
    path = tmp_path / "rounds" / "session" / "0"
    assert agreed(path, "stop") == "stop"
    assert agreed(path, "go on") == "stop"


def test_concurrent_answers_agree(tmp_path: Path) -> None:
    """Workers that ask at the same moment agree, and leave one file."""
    path = tmp_path / "0"
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda own: agreed(path, own), ["1", "2", "2", "1"]))
    assert len(set(answers)) == 1
    assert [file.name for file in tmp_path.iterdir()] == ["0"]


@dataclass(frozen=True)
class Scripted(Worker):
    """A worker that brings in the seeds that a test says, and no more once time is up."""

    does: Callable[[int, str], bool] = lambda seed, arm: True

    def drain(self, plan: Plan, until: float = math.inf) -> None:
        """Store what is wanted of a run and of its measurements."""
        for run in plan.runs.values():
            if self.does(run.seed, run.arm.name):
                self.store.write(run.key, {})
        small.recorded(self.store, [want for want in plan.wanted.values() if self.store.has(want.run.key)])


def limited(folder: Path, does: Callable[[int, str], bool], most: int = 20) -> tuple[Plan, Verdict, Missing | None]:
    """Return what becomes of one test in a session whose time is limited."""
    plan = small.planned(small.case("one", small.smaller), seeds=3)
    plan.profile = replace(plan.profile, seeds=3)
    worker = Scripted(Store(folder), troubles=Troubles(), does=does)
    found = settle(plan, worker, Budget(most, 60.0, settles=False), folder / "rounds")
    (finding,) = found.findings
    return plan, finding.verdict, finding.lack and finding.lack.missing


def test_seeds_are_added_until_there_are_enough(tmp_path: Path) -> None:
    """Three at a time, and never more than the profile has."""
    plan, verdict, _ = limited(tmp_path, lambda seed, arm: True, most=7)
    assert (plan.profile.seeds, plan.tests["one"].seeds, verdict) == (7, 7, Verdict.REPRODUCED)


def test_what_every_arm_has_is_judged_when_time_is_up(tmp_path: Path) -> None:
    """A seed that one arm lacks is no seed of the session, though another arm has it."""
    plan, verdict, _ = limited(tmp_path, lambda seed, arm: seed < (5 if arm == "vit" else 4))
    assert (plan.profile.seeds, plan.tests["one"].seeds, verdict) == (4, 4, Verdict.REPRODUCED)


@pytest.mark.parametrize("arm", ["vit", "resnet"])
def test_a_session_without_one_whole_seed_measures_nothing(tmp_path: Path, arm: str) -> None:
    """Its tests were not reached."""
    plan, verdict, missing = limited(tmp_path, lambda seed, name: name != arm)
    assert (plan.profile.seeds, verdict, missing) == (0, Verdict.NOT_MEASURED, Missing.REACH)
