"""Bookings on runs in a store: one session has each, and a booking of nobody counts for nothing."""

from __future__ import annotations

import os
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from vitwork.session.bookings import FILE, SILENT_SECONDS, Bookings, booked

KEY = "0" * 20


def bookings(root: Path, *, lasting: bool = True) -> Bookings:
    return Bookings(root, "somewhere", lasting=lasting)


def test_one_of_many_sessions_has_a_run(tmp_path: Path) -> None:
    """However many ask at the same moment, one gets the booking, and all read the same."""
    sessions = [bookings(tmp_path) for _ in range(16)]
    with ThreadPoolExecutor(16) as pool:
        taken = list(pool.map(lambda session: session.take(KEY, "vit seed 0"), sessions))
    assert sum(taken) == 1
    (booking,) = booked(tmp_path)
    assert booking.session == sessions[taken.index(True)].session
    assert [path.name for path in (tmp_path / "bookings").iterdir()] == [KEY]


def test_a_booking_names_its_job_until_it_is_given_up(tmp_path: Path) -> None:
    """The job is told once it is known; what was given up can be taken by another session."""
    one, two = bookings(tmp_path), bookings(tmp_path)
    assert one.take(KEY, "vit seed 0")
    one.tell(KEY, "17_3")
    found = two.read(KEY)
    assert found is not None
    assert (found.job, found.run, found.engine) == ("17_3", "vit seed 0", "somewhere")
    assert not two.take(KEY, "vit seed 0")
    one.drop([KEY])
    assert two.take(KEY, "vit seed 0")


def test_silence_is_told_by_the_file_systems_clock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine whose clock is ten minutes ahead takes no booking for silent; one that nobody stood behind for long is."""
    one = bookings(tmp_path, lasting=False)
    one.take(KEY, "vit seed 0")
    found = booked(tmp_path)
    now = time.time
    monkeypatch.setattr(time, "time", lambda: now() + 600)
    assert bookings(tmp_path).silent(found) == []
    long_ago = now() - SILENT_SECONDS - 5
    os.utime(tmp_path / "bookings" / KEY / FILE, (long_ago, long_ago))
    assert bookings(tmp_path).silent(found) == found
    one.beat([KEY])
    assert bookings(tmp_path).silent(found) == []


def test_what_is_no_booking_is_passed_over(tmp_path: Path) -> None:
    """An empty folder, a damaged file or none at all are no bookings."""
    assert booked(tmp_path) == []
    (tmp_path / "bookings" / KEY).mkdir(parents=True)
    assert booked(tmp_path) == []
    (tmp_path / "bookings" / KEY / FILE).write_bytes(b"{")
    assert booked(tmp_path) == []
