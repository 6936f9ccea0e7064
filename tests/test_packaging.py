"""What is installed: the tested versions, and types for users."""

from __future__ import annotations

import re
import tomllib
from importlib.resources import files
from pathlib import Path

from packaging.requirements import Requirement

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
CONSTRAINTS = dict(
    line.split("==")
    for line in (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    if not line.startswith("#")
)


def test_constraints_fix_every_direct_dependency_within_its_bounds():
    """Each dependency of the project and of its development has one tested version, which its own bound allows."""
    wanted = [Requirement(text) for text in PROJECT["project"]["dependencies"] + PROJECT["dependency-groups"]["dev"]]
    assert [each.name for each in wanted if each.name not in CONSTRAINTS] == []
    assert [str(each) for each in wanted if not each.specifier.contains(CONSTRAINTS[each.name])] == []


def test_constraints_are_names_and_versions_only():
    """No hosts, and no versions that a single index knows, such as those of one CUDA."""
    assert all(re.fullmatch(r"[\w-]+", name) and re.fullmatch(r"[\w.]+", tag) for name, tag in CONSTRAINTS.items())


def test_the_package_says_that_it_is_typed():
    """Type checkers read the package's own hints only where this file is."""
    assert files("vitwork").joinpath("py.typed").is_file()
