"""Caches the outcome of tests without measurements until their code or the library versions change.

Checking such a property needs torch, whose import alone takes longer than a session that has nothing to do.
"""

from __future__ import annotations

import pytest

from vitwork.store.keys import digest
from vitwork.store.machine import versions
from vitwork.store.sources import source_hash
from vitwork.store.store import Store

UNTOLD = (pytest.skip.Exception, pytest.xfail.Exception, pytest.PytestReturnNotNoneWarning)
"""Exceptions after which a test has no outcome: it was skipped, or it returned a value, which nobody checks."""


def outcome(call: pytest.CallInfo[None]) -> bool | None:
    """Return whether a property holds, even if marks change the test's outcome; None if the test did not decide."""
    if call.excinfo is None:
        return True
    return None if call.excinfo.errisinstance(UNTOLD) else False


def held(item: pytest.Function, store: Store) -> bool:
    """Return whether a property held before, with the same code and library versions."""
    return store.has(_key(item))


def hold(item: pytest.Function, store: Store) -> None:
    """Store that a property holds."""
    if not held(item, store):
        store.write(_key(item), {"property": item.nodeid})


def _key(item: pytest.Function) -> str:
    return digest([item.nodeid, source_hash(item.module.__name__), versions()])
