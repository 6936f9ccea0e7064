"""Tasks on their way: what another process refuses, and what it says."""

from __future__ import annotations

import socket
from dataclasses import replace
from pathlib import Path

import pytest

from tests.engines.small import VIT, plan
from vitwork.engines.parcel import Parcel, SealedParcel
from vitwork.errors import VitworkError
from vitwork.session.engine import Resources
from vitwork.session.worker import Worker
from vitwork.session.workload import tasks
from vitwork.store.seals import sealed
from vitwork.store.store import CorruptFileError, Store


@pytest.fixture
def parcel(tmp_path: Path) -> Parcel:
    planned, store = plan(VIT, seeds=1), Store(tmp_path)
    (task,) = tasks(planned, store, planned.runs.values(), together=True)
    return Parcel.of(task, Worker(store, device="cpu", planned=1), Resources(cpus=2))


def test_a_parcel_arrives_as_it_was_sent(parcel: Parcel) -> None:
    """Sealed and opened, a parcel is the same, and its code and images are those of this process."""
    assert parcel.pack().open() == parcel
    parcel.check()
    assert {"vitwork.training.train", "tests.engines.small", "torch"} <= parcel.code.keys()


def test_a_parcel_that_was_altered_is_not_opened(parcel: Parcel) -> None:
    """A bit that flipped on the way is noticed before anything is unpickled."""
    packed = parcel.pack()
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
def test_other_code_or_images_are_refused(parcel: Parcel, change: dict[str, object], sentence: str) -> None:
    """A process that would do something else says so for every run of the task, and does nothing."""
    other = replace(parcel, **change)  # type: ignore[arg-type]
    lacks = other.perform(other.opened(), "worker")
    assert set(lacks) == set(parcel.task.keys)
    assert {lack.what.partition(": ")[0] for lack in lacks.values()} == {f"{socket.gethostname()} {sentence}"}
    assert not other.opened().has(parcel.task.keys[0])


def test_a_measurement_that_is_not_there_is_other_code(parcel: Parcel) -> None:
    """A parcel that names a module which a node does not have is told in the same words."""
    content = b"\x80\x04\x8c\x0bno_such_mod\x94\x8c\x05Thing\x94\x93\x94."
    with pytest.raises(VitworkError, match="has other code than the session"):
        SealedParcel((), sealed(content)).open()
