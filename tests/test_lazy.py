"""Packages whose names are fetched when they are first used."""

from __future__ import annotations

import subprocess
import sys

import pytest

from vitwork import data, models, statistics
from vitwork.lazy import attributes


@pytest.mark.parametrize("package", [data, models, statistics], ids=lambda package: package.__name__)
def test_every_name_is_fetched_and_no_other(package):
    """All that a package offers is there, and what it does not offer is said like a module's."""
    assert all(getattr(package, name) is not None for name in package.__all__)
    with pytest.raises(AttributeError, match=f"^module '{package.__name__}' has no attribute 'nothing'"):
        _ = package.nothing


@pytest.mark.parametrize("package", ["vitwork", "vitwork.data", "vitwork.models", "vitwork.statistics"])
def test_every_name_is_offered_before_it_is_used(package):
    """A notebook completes what a package offers, although nothing of it is imported yet."""
    code = f"import sys, {package} as one; sys.exit(not set(one.__all__) <= set(dir(one)) or 'torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_nothing_is_imported_before_it_is_used(monkeypatch):
    """A package with lazy names imports its modules at the first use alone."""
    monkeypatch.delitem(sys.modules, "json.tool", raising=False)
    fetch = attributes("json", {"main": "tool"})
    assert "json.tool" not in sys.modules
    assert fetch("main").__module__ == "json.tool"


def test_the_plugin_starts_without_what_only_a_judge_or_a_report_needs() -> None:
    """Every process of a session imports it, also of one that collects or finds everything stored."""
    code = (
        "import sys, vitwork.plugin; sys.exit(bool({'torch', 'numpy', 'scipy', 'rich', 'pandas'} & sys.modules.keys()))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
