"""Decides whether a session has no work left, so that it needs no workers.

Starting four workers that read the claims takes longer than judging all claims. A session that left nothing undone
writes a note with a digest of everything that it read. As long as nothing of that changes, the next session with the
same command line has nothing to do. The note only decides who works, never what work is done: if it is wrong, one
process does the work.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

import vitwork
from vitwork.data import fingerprint
from vitwork.design.deviation import Missing
from vitwork.design.profile import Profile
from vitwork.errors import VitworkError
from vitwork.facts.forecast import NoWork
from vitwork.session import options
from vitwork.session.findings import Finding
from vitwork.session.plan import code
from vitwork.store.cache import stamp
from vitwork.store.keys import digest
from vitwork.store.objects import is_url
from vitwork.store.store import read_regular, write_atomically

LONGEST = 100
"""Largest size of a note in bytes."""
IMPORTED = pytest.StashKey[list[Path]]()
"""A user's files that were imported before any claim: conftests, and what they import."""


def no_work(config: pytest.Config) -> NoWork | None:
    """Return why a session has nothing to train or measure, by the last session's note; None if it may have work."""
    if config.option.plan or config.option.source is not None:
        return NoWork.ASKED
    config.stash[IMPORTED] = _imported(config.rootpath)
    with suppress(OSError, VitworkError):
        if read_regular(_note(config), LONGEST) == _read_by(config).encode():
            return NoWork.DONE
    return None


def note(config: pytest.Config, findings: Iterable[Finding], reached: set[str]) -> None:
    """Write a note if a session left nothing undone: all of its tests belong to claims, and no measurement failed.

    Args:
        config: pytest's configuration of the session.
        findings: the findings of its tests.
        reached: names of all tests that ran.
    """
    found = {finding.test: finding.lack for finding in findings}
    faults = any(lack is not None and lack.missing in {Missing.FAULT, Missing.REACH} for lack in found.values())
    with suppress(OSError, VitworkError):
        if IMPORTED in config.stash and not faults and reached == found.keys():
            write_atomically(_note(config), _read_by(config).encode())


def _note(config: pytest.Config) -> Path:
    return options.store_of(config) / "idle"


def _read_by(config: pytest.Config) -> str:
    """Return a digest of everything that decides which work is left: command line, code, claims, images and records.

    Raises:
        VitworkError: a part of it cannot be read, or is not on this machine.
    """
    option, profile = config.option, options.profile_of(config)
    own = any(not module.startswith("vitwork.") for arm in profile.arms.values() for module in code(arm))
    elsewhere = own or option.substitutes or profile.loaded or option.engine != "local" or is_url(option.store)
    if elsewhere or options.budget_of(config) is not None:
        raise VitworkError("what there is to do depends on more than the files that are known here")
    records = sorted((options.store_of(config) / "records").glob("*"))  # a folder's time stamp changes with its content
    typed = [*config.invocation_params.args, os.environ.get("PYTEST_ADDOPTS", "")]
    files = [[str(path), *stamp(path)] for path in (*_sources(config), *records)]
    return digest([str(config.invocation_params.dir), typed, files, _images(profile, option.data)])


def _sources(config: pytest.Config) -> Iterator[Path]:
    """Return the files of vitwork, of the claims, of pytest's settings, and of the reports given by ``--records``.

    Conftests above the claims and what they import, such as profiles, are included: they are imported before the
    session begins.
    """
    for name in (str(Path(vitwork.__file__).parent), *config.args):
        path = config.invocation_params.dir / name.partition("::")[0]
        yield from sorted((path if path.is_dir() else path.parent).rglob("*.py"))
    yield from config.stash[IMPORTED]
    if config.inipath is not None:
        yield config.inipath
    if (records := config.option.records) is not None:
        yield Path(records, "results.json") if Path(records).is_dir() else Path(records)


def _imported(root: Path) -> list[Path]:
    """Return the files under a project's root that are imported by now, without those of its virtual environment."""
    files = {Path(found) for module in list(sys.modules.values()) if (found := getattr(module, "__file__", None))}
    return sorted(path for path in files if path.is_relative_to(root) and not path.is_relative_to(sys.prefix))


def _images(profile: Profile, data: Path | None) -> list[str]:
    return sorted({fingerprint(arm.data, data) for arm in profile.arms.values()})
