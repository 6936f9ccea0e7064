"""Asks engines for the states of the runs that a store's bookings name."""

from __future__ import annotations

from collections.abc import Sequence

from vitwork.errors import VitworkError
from vitwork.session.bookings import Booking, Bookings
from vitwork.session.engine import Choice, State
from vitwork.store.store import Store


def states(found: Sequence[Booking], store: Store) -> dict[str, State]:
    """Return the states of booked runs, by key; `UNKNOWN` if the engine cannot be reached."""
    from vitwork.session.worker import Worker  # which imports this module

    told: dict[str, State] = {}
    for name in dict.fromkeys(booking.engine for booking in found):
        jobs = {
            booking.key: booking.job for booking in found if booking.engine == name and booking.job and booking.lasting
        }
        try:
            described = Choice(name).make(Worker(store)).describe(set(jobs.values())) if jobs else {}
        except (VitworkError, ValueError):  # the engine is not installed here
            described = {}
        told |= {key: described.get(job, State.UNKNOWN) for key, job in jobs.items()}
    return {booking.key: told.get(booking.key, State.UNKNOWN) for booking in found}


def worked_on(bookings: Bookings, found: Sequence[Booking], store: Store) -> list[Booking]:
    """Return the bookings that are still valid.

    The booking of a job that goes on without its session is valid until the job ends. Others are valid until their
    session has not renewed them for a while.
    """
    known = states(found, store)
    jobs = [booking for booking in found if booking.job and booking.lasting]
    others = [booking for booking in found if booking not in jobs]
    silent = bookings.silent(others)
    return [
        *(booking for booking in jobs if known[booking.key] is not State.ENDED),
        *(booking for booking in others if booking not in silent),
    ]


def waiting_for(bookings: Sequence[Booking]) -> str:
    """Return the bookings of other sessions in one sentence."""
    jobs = list(
        dict.fromkeys(f"{booking.engine} {booking.job or booking.session} of {booking.host}" for booking in bookings)
    )
    more = f" and {len(jobs) - 3} more" if len(jobs) > 3 else ""
    are = "is" if len(bookings) == 1 else "are"
    return f"{len(bookings)} of the runs {are} with {', '.join(jobs[:3])}{more}: this session waits for them."
