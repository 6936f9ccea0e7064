from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from vitwork.store import sources
from vitwork.store.sources import source_hash

SOURCE = '''
"""A docstring."""
import os
from userpkg import part

DEPTH = 2
"""What tells of a constant."""

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
        sources.forget()
        return source_hash("userpkg.net")

    return hashed


def test_words_do_not_count(user_package: Callable[[str, str], str]) -> None:
    """Comments, docstrings, texts behind constants and layout leave the hash, and so the stored results, alone."""
    before = user_package(SOURCE, "WIDTH = 3")
    assert (
        user_package(
            SOURCE.replace("a comment", "other").replace("Another", "Words").replace("What tells", "Tells"),
            "WIDTH  =  3\n\n",
        )
        == before
    )


def test_behaviour_counts_also_when_imported(user_package: Callable[[str, str], str]) -> None:
    """A changed constant in an imported module changes the hash."""
    assert user_package(SOURCE, "WIDTH = 3") != user_package(SOURCE, "WIDTH = 4")


@pytest.mark.parametrize(
    "line", ["from .part import WIDTH", "from . import part", "import helper", "from helper import WIDTH"]
)
def test_what_lies_beside_a_module_counts(user_package: Callable[[str, str], str], tmp_path: Path, line: str) -> None:
    """Relative imports, and modules of the same folder, change the hash as a package's own do."""
    (tmp_path / "helper.py").write_text("WIDTH = 3")
    before = user_package(line, "WIDTH = 3")
    assert user_package(line, "WIDTH = 3") == before
    (tmp_path / "helper.py").write_text("WIDTH = 4")
    assert user_package(line, "WIDTH = 4") != before


def test_the_packages_of_a_module_count(user_package: Callable[[str, str], str], tmp_path: Path) -> None:
    """A package's ``__init__.py`` runs before its module does."""
    before = user_package("import os", "")
    (tmp_path / "userpkg" / "__init__.py").write_text("import torch\ntorch.set_default_dtype(torch.float64)\n")
    assert user_package("import os", "") != before


def test_installed_libraries_do_not_count(user_package: Callable[[str, str], str]) -> None:
    """Their versions are part of a key, not their files."""
    user_package("import msgspec, json\nimport pytest", "")
    names = "import msgspec, json\nimport pytest"
    assert not any(sources._belongs(name, "userpkg") for name in ("msgspec", "json", "pytest"))
    assert sources.source_hash("userpkg.net") == user_package(names, "")


def test_no_package_is_looked_for_on_behalf_of_this_project() -> None:
    """Where the packages lie that vitwork imports does not matter, and costs no time."""
    sources.forget()
    source_hash("vitwork.device.memory")
    assert not sources._folder.cache_info().misses


def test_lazily_imported_code_counts() -> None:
    """The hash of a measurement covers the analysis that it imports inside its function."""
    code = (
        "import vitwork.store.sources as p; seen = []; find = p._source_path\n"
        "p._source_path = lambda name: seen.append(name) or find(name)\n"
        "p.source_hash('vitwork.measurements.hessian'); print(*seen)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert {"vitwork.analysis.hessian", "vitwork.analysis.curvature.lanczos", "vitwork.language.quantity"} <= set(
        done.stdout.split()
    )


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Keep what is parsed here apart from the user's cache."""
    monkeypatch.setenv("VITWORK_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(sources._Kept, "entries", None)
    sources.forget()
    yield
    sources.forget()


def test_what_was_parsed_is_not_parsed_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """A second process finds the digests of unchanged files on disk, and comes to the same hash."""
    first = source_hash("vitwork.measurements.hessian")
    monkeypatch.setattr(sources._Kept, "entries", None)
    monkeypatch.setattr(sources.ast, "parse", lambda *_: pytest.fail("parsed again"))
    sources.forget()
    assert source_hash("vitwork.measurements.hessian") == first


@pytest.mark.parametrize("damage", [b"", b"{", b"[1]", b'{"a": 3}'])
def test_a_damaged_cache_costs_only_time(monkeypatch: pytest.MonkeyPatch, damage: bytes) -> None:
    """Whatever is in the cache's file, hashes are those of the sources."""
    first = source_hash("vitwork.store.keys")
    sources._Kept.path().write_bytes(damage)
    monkeypatch.setattr(sources._Kept, "entries", None)
    sources.forget()
    assert source_hash("vitwork.store.keys") == first
