"""What becomes of the runs that a store's claims name, asked of their engines. Imports no torch."""

from __future__ import annotations

from collections.abc import Sequence

from vitwork.errors import VitworkError
from vitwork.session.claims import Claim, Claims
from vitwork.session.engine import Choice, State
from vitwork.store.store import Store


def states(found: Sequence[Claim], store: Store) -> dict[str, State]:
    """Return where the runs of claims are, by key; `UNKNOWN` for those whose engine cannot be asked."""
    from vitwork.session.worker import Worker  # which hands runs over itself

    told: dict[str, State] = {}
    for name in dict.fromkeys(claim.engine for claim in found):
        jobs = {claim.key: claim.job for claim in found if claim.engine == name and claim.job and claim.lasting}
        try:
            described = Choice(name).make(Worker(store)).describe(set(jobs.values())) if jobs else {}
        except (VitworkError, ValueError):  # no such engine here
            described = {}
        told |= {key: described.get(job, State.UNKNOWN) for key, job in jobs.items()}
    return {claim.key: told.get(claim.key, State.UNKNOWN) for claim in found}


def standing(claims: Claims, found: Sequence[Claim], store: Store) -> list[Claim]:
    """Return the claims that somebody works on.

    Those of a job that goes on without its session stand until the job has ended; others, until their session has been
    silent for a while.
    """
    known = states(found, store)
    jobs = [claim for claim in found if claim.job and claim.lasting]
    others = [claim for claim in found if claim not in jobs]
    silent = claims.silent(others)
    return [
        *(claim for claim in jobs if known[claim.key] is not State.ENDED),
        *(claim for claim in others if claim not in silent),
    ]


def shown(claims: Sequence[Claim]) -> str:
    """Return the claims of other sessions in one sentence."""
    jobs = list(dict.fromkeys(f"{claim.engine} {claim.job or claim.session} of {claim.host}" for claim in claims))
    more = f" and {len(jobs) - 3} more" if len(jobs) > 3 else ""
    return f"{len(claims)} of the runs are with {', '.join(jobs[:3])}{more}: this session waits for them."
