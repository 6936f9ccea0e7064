"""Builds the pytest commands that run the suite's own claims from any folder, and the commands that reports show."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Generator, Iterable, Sequence
from pathlib import Path, PurePosixPath, PureWindowsPath

import pytest

from vitwork import profiles
from vitwork.design import overrides
from vitwork.design.deviation import Change
from vitwork.design.profile import Profile
from vitwork.errors import VitworkError

NAME = "vitwork.claims"
"""Name of the claims as a package, if vitwork is installed from its wheel."""
PLUGIN = ("-p", "vitwork.plugin", "-W", "ignore:Module already imported:pytest.PytestAssertRewriteWarning")
"""Arguments that give a session the suite's options and fixture, whether or not a conftest.py names the plugin."""
FOLDER = "DIR"
"""Placeholder for a folder in a command, as in the documentation."""
WORD = re.compile(r"(--?[\w-]+=)?(.*?)(::.*)?", re.DOTALL)
"""Parts of a command's word: ``--option=`` if there is one, a path or another value, and ``::test`` within a file."""
ALONE = (*PLUGIN, "-c", os.devnull, "--rootdir", ".")
"""Arguments that make a session depend only on the given options, and not on the settings of a surrounding project."""


class PlainUsage:
    """A plugin of ``vitwork run`` that reports a bad option in one sentence and does not mention settings files."""

    @pytest.hookimpl(wrapper=True)
    def pytest_cmdline_parse(self) -> Generator[None, pytest.Config, pytest.Config]:
        """Shorten pytest's message to the sentence that says what is wrong.

        Raises:
            pytest.UsageError: an option is unknown, or its value is not allowed.
        """
        try:
            return (yield)
        except pytest.UsageError as error:
            if (found := re.search(r": error: (.*)", str(error))) is None:
                raise
            wrong = re.sub(r"^unrecognized arguments: (.*)", r"There is no option \1", found[1])
            raise pytest.UsageError(f"{wrong}; `vitwork run --help` lists the options.") from error

    @pytest.hookimpl(wrapper=True)
    def pytest_report_header(self) -> Generator[None, list[str | list[str]], list[str | list[str]]]:
        """Leave the empty settings file out of the header."""
        said = yield
        return [
            part if isinstance(part, str) else [line for line in part if not line.startswith("configfile: ")]
            for part in said
        ]


def claims() -> Path:
    """Return the folder of the claims: in the installed package, or beside it in the project's repository.

    Raises:
        VitworkError: there is no such folder.
    """
    package = Path(__file__).parents[1]
    for folder in (package / "claims", package.parent / "claims"):
        if (folder / "__init__.py").is_file():
            return folder
    raise VitworkError("The claims are not installed with this package: install vitwork from its wheel.")


def arguments(given: Iterable[str]) -> list[str]:
    """Return pytest's arguments for a session of the claims with the given options."""
    return [*ALONE, *given, str(claims())]


def by_name(given: Sequence[str | os.PathLike[str]]) -> bool:
    """Return whether a command names the suite's claims as a package (`NAME`) and not by their files."""
    words = list(map(str, given))
    return _alone(words) or any(word.partition("::")[0].startswith(NAME) for word in words)


def command(given: Sequence[str | os.PathLike[str]]) -> str:
    """Return a session's command line; absolute paths keep only their last part, which reveals nothing of a machine."""
    words = list(map(str, given))
    typed = words[len(ALONE) : -1] if _alone(words) else words
    return " ".join(["vitwork run" if _alone(words) else "pytest", *map(_shortened, typed)])


def _shortened(word: str) -> str:
    """Return a word in which a path outside the working folder is shortened to its last part."""
    option, path, test = WORD.fullmatch(word).groups(default="")  # type: ignore[union-attr]  # matches any text
    own = path.removeprefix("file://")
    away = own.startswith("~") or any(system(own).is_absolute() for system in (PurePosixPath, PureWindowsPath))
    return f"{option}{PureWindowsPath(own).name or own}{test}" if away else word


def again(tests: Iterable[str], *, by_name: bool) -> str:
    """Return the command that runs some tests again, each named by its file and function."""
    if not by_name:
        return " ".join(["pytest", *tests])
    return f'vitwork run -k "{" or ".join(test.rpartition("::")[2] for test in tests)}"'


def options(profile: Profile, *, data: bool, weights: bool, sequential: bool) -> str:
    """Return the options that reproduce a session at a changed profile; folders are placeholders to fill in.

    Args:
        profile: with its changes among its deviations.
        data, weights: whether folders of images and of weights are needed.
        sequential: whether seeds are added until verdicts are settled.
    """
    changes = profile.deviations
    # Arms that differ only in name have the same networks, which `--model` names once.
    networks = {found.networks: found.arm for found in reversed(changes) if found.change is Change.NETWORKS}
    own = [f"{arm}=timm:{','.join(names)}" for names, arm in networks.items()]
    usual = profiles.PROFILES.get(profile.name, profile).first_seed
    seeds = "auto" if sequential else next((found.value for found in changes if found.change is Change.SEEDS), "")
    given = [
        ("--profile", profile.name),
        *[("--data", FOLDER)] * data,
        *[("--weights", FOLDER)] * weights,
        *(("--model", model) for model in [*overrides.models(changes), *own]),
        *(("--set", assignment) for assignment in overrides.assignments(changes)),
        *[("--seeds", seeds)] * bool(seeds),
        *[("--first-seed", str(profile.first_seed))] * (profile.first_seed != usual),
    ]
    return " ".join(f"{name} {shlex.quote(value)}" for name, value in given)


def _alone(words: Sequence[str]) -> bool:
    return tuple(words[: len(ALONE)]) == ALONE
