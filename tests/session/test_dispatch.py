"""How runs are handed to an engine, with one that does nothing but what a test tells it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from vitwork.design.deviation import Lack, Missing
from vitwork.errors import VitworkError
from vitwork.profiles import SMOKE
from vitwork.session import dispatch, jobs
from vitwork.session.bookings import Bookings, booked
from vitwork.session.dispatch import Dispatcher
from vitwork.session.engine import Choice, Resources, State, Task, TaskError, names
from vitwork.session.forecast import task_lines
from vitwork.session.plan import Plan
from vitwork.session.troubles import Troubles
from vitwork.session.workload import tasks
from vitwork.store.store import Store


@dataclass
class Handed:
    """A task that is done when it is asked for."""

    task: Task
    does: Callable[[Task], Mapping[str, Lack]]
    id: str

    def done(self) -> bool:
        return True

    def result(self) -> Mapping[str, Lack]:
        return self.does(self.task)


@dataclass
class Scripted:
    """An engine whose tasks do what a test says."""

    does: Callable[[Task], Mapping[str, Lack]]
    name: str = "scripted"
    remote: bool = True
    lasting: bool = False
    together: bool = True
    resources: Resources = field(default_factory=Resources)
    submitted: list[Task] = field(default_factory=list)

    def submit(self, tasks: Sequence[Task]) -> list[tuple[Task, Handed]]:
        self.submitted += tasks
        return [
            (task, Handed(task, self.does, f"job-{len(self.submitted)}-{place}")) for place, task in enumerate(tasks)
        ]

    def cancel(self, ids: Collection[str]) -> None:
        raise AssertionError("nothing is left to cancel")

    def describe(self, ids: Collection[str]) -> dict[str, State]:
        return dict.fromkeys(ids, State.ENDED)

    def close(self) -> None:
        pass


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dispatch, "POLL_SECONDS", 0.01)
    monkeypatch.setattr(dispatch, "LOOK_SECONDS", 0.05)


def planned(seeds: int = 2, *arms: str) -> Plan:
    made = Plan(SMOKE)
    for seed in range(seeds):
        for arm in arms or ("vit", "resnet"):
            made.run(SMOKE.arms[arm], seed)
    return made


def writing(store: Store) -> Callable[[Task], Mapping[str, Lack]]:
    """Return what trains: it writes records."""

    def does(task: Task) -> Mapping[str, Lack]:
        for run in task.runs:
            store.write(run.key, {"status": "finished", "seconds": 1.0})
        return {}

    return does


def test_a_task_is_an_arm_with_its_seeds(tmp_path: Path) -> None:
    """All missing seeds of an arm go together, each run once; no booking and no pending task is left."""
    store = Store(tmp_path)
    engine = Scripted(writing(store))
    Dispatcher(engine, store, Troubles()).drain(planned())
    assert [(task.runs[0].arm.name, len(task.runs)) for task in engine.submitted] == [("vit", 2), ("resnet", 2)]
    assert booked(store.root) == []


def test_longest_tasks_are_first(tmp_path: Path) -> None:
    """Tasks are ordered by what their arm's runs took; an arm that was never timed, by its images at the others' pace."""
    store, plan = Store(tmp_path), planned(3, "vit", "resnet", "alternet")
    for run in plan.runs.values():
        if run.seed == 0 and run.arm.name != "alternet":
            store.write(run.key, {"seconds": {"vit": 3600.0, "resnet": 1800.0}[run.arm.name]})
    found = tasks(plan, store, plan.missing(store), together=True)
    assert [(task.runs[0].arm.name, task.hours) for task in found] == [
        ("alternet", None),
        ("vit", 2.0),
        ("resnet", 1.0),
    ]
    alone = tasks(plan, store, plan.missing(store), together=False)
    assert [task.name for task in alone][:3] == ["alternet seed 0", "vit seed 1", "alternet seed 1"]
    text = "\n".join(task_lines(plan, store, Scripted(writing(store))))
    assert "scripted: 3 tasks, each with 1 core" in text
    assert "hours of some arms unknown" in text


def test_a_task_that_is_lost_is_handed_over_again(tmp_path: Path) -> None:
    """A lost task is tried three times; then its runs lack what the engine said, and the others are done."""
    store, said = Store(tmp_path), list[str]()

    def does(task: Task) -> Mapping[str, Lack]:
        if task.runs[0].arm.name == "vit":
            raise TaskError("The job 5 ended without a result; its log is 5.err.")
        return writing(store)(task)

    engine, troubles = Scripted(does), Troubles()
    Dispatcher(engine, store, troubles, said.append).drain(planned(1))
    assert [task.runs[0].arm.name for task in engine.submitted].count("vit") == dispatch.MOST_ATTEMPTS
    (lack,) = troubles.known.values()
    assert lack == Lack(Missing.FAULT, "vit", "The job 5 ended without a result; its log is 5.err.")
    assert said[0].endswith("5.err. It is handed over again.")


def test_a_task_without_records_does_not_pass_for_done(tmp_path: Path) -> None:
    """A task that ends well without its records is handed over again, and at last told."""
    troubles = Troubles()
    Dispatcher(Scripted(lambda task: {}), Store(tmp_path), troubles).drain(planned(1, "vit"))
    assert [lack.what for lack in troubles.faults] == ["The task of vit seed 0 ended without a record of it."]


def test_what_a_task_could_not_do_is_not_tried_again(tmp_path: Path) -> None:
    """A fault that the task itself tells is noted under its key, once."""
    lack = Lack(Missing.FAULT, "vit", "broken")
    engine, troubles = Scripted(lambda task: dict.fromkeys(task.keys, lack)), Troubles()
    Dispatcher(engine, Store(tmp_path), troubles).drain(planned(1, "vit"))
    assert len(engine.submitted) == 1
    assert list(troubles.known.values()) == [lack]


def test_the_runs_of_another_session_are_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs whose jobs another session submitted are named, and not handed over while these stand."""
    store, plan, said = Store(tmp_path), planned(1), list[str]()
    other = Bookings(store.root, "slurm", lasting=True)
    for run in plan.runs.values():
        if run.arm.name == "vit":
            other.take(run.key, "vit seed 0")
            other.tell(run.key, "17_3")
    states = iter([State.RUNNING, State.RUNNING, State.ENDED])
    monkeypatch.setattr(
        jobs, "states", lambda bookings, _: {booking.key: next(states, State.ENDED) for booking in bookings}
    )
    engine = Scripted(writing(store))
    Dispatcher(engine, store, Troubles(), said.append).drain(plan)
    assert [task.name for task in engine.submitted] == ["resnet seed 0", "vit seed 0"]
    assert len(said) == 1
    assert said[0].startswith("1 of the runs is with slurm 17_3 of ")


def test_an_engine_that_refuses_leaves_no_bookings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nothing can be handed over, the error is the engine's, and nobody waits for runs that no one has."""

    def refuses(self: Scripted, tasks: Sequence[Task]) -> list[tuple[Task, Handed]]:
        raise VitworkError("Slurm takes no jobs.")

    monkeypatch.setattr(Scripted, "submit", refuses)
    with pytest.raises(VitworkError, match="takes no jobs"):
        Dispatcher(Scripted(lambda task: {}), Store(tmp_path), Troubles()).drain(planned())
    assert booked(tmp_path) == []


def test_engines_are_chosen_by_name_and_settings() -> None:
    """`--engine` takes an installed engine's name, with an address where it has one; settings are pairs."""
    assert {"local", "slurm", "ray"} <= set(names())
    assert Choice.of("ray://head:10001", ["gpus=0.5"]).settings == {"address": "ray://head:10001", "gpus": "0.5"}
    with pytest.raises(VitworkError, match="There is no engine 'magic'; there are local, ray, slurm"):
        Choice.of("magic")
    with pytest.raises(VitworkError, match="KEY=VALUE, not 'gpus'"):
        Choice.of("ray", ["gpus"])
