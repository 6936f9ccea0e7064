from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vitwork.store.keys import digest, plain
from vitwork.store.sources import source_hash
from vitwork.store.machine import commit

SOURCE = '''
"""A docstring."""
import os
from userpkg import part

def build():
    """Another."""
    return part.WIDTH  # a comment
'''


@pytest.fixture
def user_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], str]:
    """Write a package of a user and return the hash of its source."""
    monkeypatch.syspath_prepend(str(tmp_path))
    folder = tmp_path / "userpkg"
    folder.mkdir()
    (folder / "__init__.py").write_text("")

    def hashed(net: str, part: str) -> str:
        (folder / "net.py").write_text(net)
        (folder / "part.py").write_text(part)
        source_hash.cache_clear()
        return source_hash("userpkg.net")

    return hashed


def test_words_do_not_count(user_package: Callable[[str, str], str]) -> None:
    """Comments, docstrings and layout leave the hash, and so the stored results, alone."""
    before = user_package(SOURCE, "WIDTH = 3")
    assert user_package(SOURCE.replace("a comment", "other").replace("Another", "Words"), "WIDTH  =  3\n\n") == before


def test_behaviour_counts_also_when_imported(user_package: Callable[[str, str], str]) -> None:
    """A changed constant in an imported module changes the hash."""
    assert user_package(SOURCE, "WIDTH = 3") != user_package(SOURCE, "WIDTH = 4")


def test_lazily_imported_code_counts() -> None:
    """The hash of a measurement covers the analysis that it imports inside its function."""
    code = (
        "import vitwork.store.keys as p; seen = []; find = p._source_path\n"
        "p._source_path = lambda name: seen.append(name) or find(name)\n"
        "p.source_hash('vitwork.measurements.hessian'); print(*seen)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert {"vitwork.analysis.hessian", "vitwork.analysis.curvature.lanczos", "vitwork.language.quantity"} <= set(
        done.stdout.split()
    )


@given(st.dictionaries(st.text(), st.integers() | st.floats(allow_nan=False) | st.text()))
def test_digest_ignores_order_and_nothing_else(value: dict[str, object]) -> None:
    """Equal mappings have one digest whatever their order; another mapping has another."""
    assert digest(dict(reversed(value.items()))) == digest(value)
    assert digest({**value, "further": 1}) != digest({**value, "further": 2})


def test_plain_makes_json_of_specifications() -> None:
    """Dataclasses, tuples and paths become what JSON has."""
    from vitwork.design.profiles import SMOKE

    arm = plain(SMOKE.arms["vit"])
    assert arm["name"] == "vit"
    assert arm["recipe"]["augmentation"]["crop_padding"] == 2
    assert plain((Path("a"), 1)) == ["a", 1]


def test_commit_tells_revision_and_changes(tmp_path: Path) -> None:
    """Provenance has the revision and whether the tree was changed; outside git it has neither."""
    assert commit(tmp_path) == ("", False)
    for arguments in (
        ["init", "-q"],
        ["-c", "user.name=a", "-c", "user.email=a@b", "commit", "-q", "--allow-empty", "-m", "x"],
    ):
        subprocess.run(["git", *arguments], cwd=tmp_path, check=True)
    revision, dirty = commit(tmp_path)
    assert len(revision) == 40
    assert not dirty
    (tmp_path / "new").touch()
    assert commit(tmp_path) == (revision, True)
