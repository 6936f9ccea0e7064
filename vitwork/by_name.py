"""Gives ``pytest --pyargs vitwork.claims`` the suite's options; pytest loads this wherever vitwork is installed.

pytest reads options before it looks for tests, so a plugin that the claims name themselves would be loaded too late.
Other sessions are not affected, and neither torch nor the rest of the package is imported for them.

pytest fixes its root, its settings file and the first conftest.py from positional words before plugins add options.
So ``--data DIR`` (without ``=``) makes DIR look like a test path. A plugin cannot prevent this, so it is detected: a
session that pytest leads to the wrong place ends in one sentence that asks for ``--data=DIR``.
"""

from __future__ import annotations

import os
from collections.abc import Generator, Sequence
from itertools import pairwise
from pathlib import Path

import pytest

PLUGIN = "vitwork.plugin"
PATHS = ("--baseline", "--data", "--from", "--records", "--report", "--store", "--tensorboard", "--weights")
"""The suite's options whose values are paths."""


@pytest.hookimpl(wrapper=True)
def pytest_load_initial_conftests(
    early_config: pytest.Config, parser: pytest.Parser, args: Sequence[str]
) -> Generator[None]:
    """Load the suite's plugin if the installed claims are named as a package, and refuse misread paths.

    Raises:
        pytest.UsageError: pytest took the path after one of our options for a test path, so its root would be wrong.
    """
    if any(str(word).partition("::")[0].startswith("vitwork.claims") for word in args):
        early_config.pluginmanager.import_plugin(PLUGIN)
    yield
    apart = {
        value: option
        for option, value in pairwise(map(str, args))
        if option in PATHS and os.path.exists(value)  # noqa: PTH110 - also False for a text that cannot be a path
    }
    if apart and _misled(early_config, parser, args, apart):
        instead = " ".join(f"{option}={value}" for value, option in apart.items())
        raise pytest.UsageError(
            f"pytest takes {' and '.join(apart)} for places of tests and looks there for the project: write {instead}."
        )


def _misled(config: pytest.Config, parser: pytest.Parser, args: Sequence[str], apart: dict[str, str]) -> bool:
    """Return whether values of our options made pytest choose another root or settings file than it would without them.

    Args:
        config, parser: pytest's objects of the session, after the first conftest.py was loaded.
        args: the session's arguments.
        apart: our options by their values.
    """
    # If the plugin is not loaded although our options are used, pytest missed the conftest.py that names it.
    if not config.pluginmanager.has_plugin(PLUGIN):
        _, unknown = parser.parse_known_and_unknown_args(args)
        return not set(unknown).isdisjoint(apart.values())
    known = config.known_args_namespace
    if known.rootdir or known.inifilename:
        return False
    places = [word for word in known.file_or_dir if word not in apart]
    return (config.rootpath, config.inipath) != _found(places)


def _found(places: Sequence[str]) -> tuple[Path, Path | None]:
    """Return the root and the settings file that pytest finds from test paths."""
    config = pytest.Config.fromdictargs({}, ["--noconftest", "--assert=plain", "--capture=no", *places])
    return config.rootpath, config.inipath
