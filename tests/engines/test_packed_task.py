"""Tasks on their way: what another process refuses, and what it says."""

from __future__ import annotations

import socket
from dataclasses import replace
from pathlib import Path

import pytest

from tests.engines.small import VIT, plan
from vitwork.engines.packed_task import PackedTask, SealedTask
from vitwork.errors import VitworkError
from vitwork.session.engine import Resources
from vitwork.session.worker import Worker
from vitwork.session.workload import tasks
from vitwork.store.seals import sealed
from vitwork.store.store import CorruptFileError, Store


@pytest.fixture
def packed_task(tmp_path: Path) -> PackedTask:
    planned, store = plan(VIT, seeds=1), Store(tmp_path)
    (task,) = tasks(planned, store, planned.runs.values(), together=True)
    return PackedTask.of(task, Worker(store, device="cpu", planned=1), Resources(cpus=2))


def test_a_packed_task_arrives_as_it_was_sent(packed_task: PackedTask) -> None:
    """Sealed and opened, a task is the same, and its code and images are those of this process."""
    assert packed_task.pack().open() == packed_task
    packed_task.check()
    assert {"vitwork.training.train", "tests.engines.small", "torch"} <= packed_task.code.keys()


def test_a_packed_task_that_was_altered_is_not_opened(packed_task: PackedTask) -> None:
    """A bit that flipped on the way is noticed before anything is unpickled."""
    packed = packed_task.pack()
    flipped = bytes([packed.content[0] ^ 1]) + packed.content[1:]
    with pytest.raises(CorruptFileError, match="A task was altered on its way"):
        replace(packed, content=flipped).open()


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"code": {"vitwork.training.train": "another"}}, "has other code in vitwork.training.train than the session"),
        ({"code": {"torch": "1.0"}}, "has other code in torch than the session"),
        ({"images": "others"}, "has other images than the session"),
    ],
)
def test_other_code_or_images_are_refused(packed_task: PackedTask, change: dict[str, object], sentence: str) -> None:
    """A process that would do something else says so for every run of the task, and does nothing."""
    other = replace(packed_task, **change)  # type: ignore[arg-type]
    lacks = other.perform(other.opened(), "worker")
    assert set(lacks) == set(packed_task.task.keys)
    assert {lack.what.partition(": ")[0] for lack in lacks.values()} == {f"{socket.gethostname()} {sentence}"}
    assert not other.opened().has(packed_task.task.keys[0])


def test_a_measurement_that_is_not_there_is_other_code(packed_task: PackedTask) -> None:
    """A packed_task that names a module which a node does not have is told in the same words."""
    content = b"\x80\x04\x8c\x0bno_such_mod\x94\x8c\x05Thing\x94\x93\x94."
    with pytest.raises(VitworkError, match="has other code than the session"):
        SealedTask((), sealed(content)).open()
