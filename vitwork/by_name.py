"""What pytest loads in every environment that has vitwork: it gives ``pytest --pyargs vitwork.claims`` the suite's options.

pytest reads options before it looks for tests, so a plugin that the claims name themselves would come too late. A session
of anything else gets nothing of it, and neither torch nor the rest of the package is imported.

Earlier still, before it knows any plugin's options, pytest looks for its root, its settings and the first conftest.py from the
words that are no options to it. A path that follows one of ours as a word of its own is one, and nothing that a plugin can do
comes before: a session that it leads elsewhere ends in the one sentence that says what to type.
"""

from __future__ import annotations

import os
from collections.abc import Generator, Sequence
from itertools import pairwise
from pathlib import Path

import pytest

PLUGIN = "vitwork.plugin"
PATHS = ("--baseline", "--data", "--from", "--records", "--report", "--store", "--tensorboard", "--weights")
"""Our options whose values are paths."""


@pytest.hookimpl(wrapper=True)
def pytest_load_initial_conftests(
    early_config: pytest.Config, parser: pytest.Parser, args: Sequence[str]
) -> Generator[None]:
    """Load the suite's plugin where the installed claims are asked for by name, and refuse what pytest misunderstood.

    Raises:
        pytest.UsageError: the path after one of our options was taken for a place of tests, and the session would be another.
    """
    if any(str(word).partition("::")[0].startswith("vitwork.claims") for word in args):
        early_config.pluginmanager.import_plugin(PLUGIN)
    yield
    apart = {
        value: option
        for option, value in pairwise(map(str, args))
        if option in PATHS and os.path.exists(value)  # noqa: PTH110 - which is False, too, for what can be no path
    }
    if apart and _misled(early_config, parser, args, apart):
        instead = " ".join(f"{option}={value}" for value, option in apart.items())
        raise pytest.UsageError(
            f"pytest takes {' and '.join(apart)} for places of tests and looks there for the project: write {instead}."
        )


def _misled(config: pytest.Config, parser: pytest.Parser, args: Sequence[str], apart: dict[str, str]) -> bool:
    """Return whether values of our options led a session of ours away from where it is without them.

    Args:
        config, parser: of the session, its first conftest.py loaded.
        args: of the session.
        apart: options by their values.
    """
    # Without the plugin the conftest.py that names it was missed, if the options are ours.
    if not config.pluginmanager.has_plugin(PLUGIN):
        _, unknown = parser.parse_known_and_unknown_args(args)
        return not set(unknown).isdisjoint(apart.values())
    known = config.known_args_namespace
    if known.rootdir or known.inifilename:
        return False
    places = [word for word in known.file_or_dir if word not in apart]
    return (config.rootpath, config.inipath) != _found(places)


def _found(places: Sequence[str]) -> tuple[Path, Path | None]:
    """Return the root and the file of settings that pytest finds from places of tests."""
    config = pytest.Config.fromdictargs({}, ["--noconftest", "--assert=plain", "--capture=no", *places])
    return config.rootpath, config.inipath
