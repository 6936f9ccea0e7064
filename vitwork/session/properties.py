"""Tests of claims that measure nothing: a property that held holds as long as the code behind it is the same.

Checking a property takes torch, whose import alone takes longer than a session that has nothing to do.
"""

from __future__ import annotations

import pytest

from vitwork.store.keys import digest
from vitwork.store.machine import versions
from vitwork.store.sources import source_hash
from vitwork.store.store import Store

UNTOLD = (pytest.skip.Exception, pytest.xfail.Exception, pytest.PytestReturnNotNoneWarning)
"""Ways in which a test leaves its own code without an answer: a value that it returns is looked at by nobody."""


def outcome(call: pytest.CallInfo[None]) -> bool | None:
    """Return whether the property holds that a test checked, whatever marks make of its end; None where it did not tell."""
    if call.excinfo is None:
        return True
    return None if call.excinfo.errisinstance(UNTOLD) else False


def held(item: pytest.Function, store: Store) -> bool:
    """Return whether a property held before, with the same code and the same versions of everything it uses."""
    return store.has(_key(item))


def hold(item: pytest.Function, store: Store) -> None:
    """Note that a property holds."""
    if not held(item, store):
        store.write(_key(item), {"property": item.nodeid})


def _key(item: pytest.Function) -> str:
    return digest([item.nodeid, source_hash(item.module.__name__), versions()])
