"""How the suite's own claims are called from any folder, and what is said of a call."""

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
"""The claims as a package, where vitwork is installed from its wheel."""
PLUGIN = ("-p", "vitwork.plugin", "-W", "ignore:Module already imported:pytest.PytestAssertRewriteWarning")
"""What gives a session the suite's options and fixture, whether or not a conftest.py names the plugin."""
FOLDER = "DIR"
"""Stands for a folder in a command, as in the documentation."""
WORD = re.compile(r"(--?[\w-]+=)?(.*?)(::.*)?", re.DOTALL)
"""A word of a command: an option that its value follows, a path or another value, and a test within a file."""
ALONE = (*PLUGIN, "-c", os.devnull, "--rootdir", ".")
"""What lets a session depend on nothing but the options that are given: no settings of a project that stands around it."""


class PlainUsage:
    """A plugin of ``vitwork run``: an option that cannot be read is one sentence, and files of settings are not spoken of."""

    @pytest.hookimpl(wrapper=True)
    def pytest_cmdline_parse(self) -> Generator[None, pytest.Config, pytest.Config]:
        """Keep of pytest's own message what is wrong.

        Raises:
            pytest.UsageError: an option is unknown, or its value no value of it.
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
        """Leave out the empty file that stands for no settings."""
        said = yield
        return [
            part if isinstance(part, str) else [line for line in part if not line.startswith("configfile: ")]
            for part in said
        ]


def claims() -> Path:
    """Return the folder of the claims: in the installed package, or beside it in the project's repository.

    Raises:
        VitworkError: there is none.
    """
    package = Path(__file__).parents[1]
    for folder in (package / "claims", package.parent / "claims"):
        if (folder / "__init__.py").is_file():
            return folder
    raise VitworkError("The claims are not installed with this package: install vitwork from its wheel.")


def arguments(given: Iterable[str]) -> list[str]:
    """Return pytest's arguments for a session of the claims with the options that are given."""
    return [*ALONE, *given, str(claims())]


def by_name(given: Sequence[str | os.PathLike[str]]) -> bool:
    """Return whether a session asked for the suite's claims by name and not by their files."""
    words = list(map(str, given))
    return _alone(words) or any(word.partition("::")[0].startswith(NAME) for word in words)


def command(given: Sequence[str | os.PathLike[str]]) -> str:
    """Return what was typed for a session; of absolute paths only the last part, which says nothing of a machine."""
    words = list(map(str, given))
    typed = words[len(ALONE) : -1] if _alone(words) else words
    return " ".join(["vitwork run" if _alone(words) else "pytest", *map(_shortened, typed)])


def _shortened(word: str) -> str:
    """Return a word with the last part of a path in it that is not of the working folder."""
    option, path, test = WORD.fullmatch(word).groups(default="")  # type: ignore[union-attr]  # matches any text
    own = path.removeprefix("file://")
    away = own.startswith("~") or any(system(own).is_absolute() for system in (PurePosixPath, PureWindowsPath))
    return f"{option}{PureWindowsPath(own).name or own}{test}" if away else word


def again(tests: Iterable[str], *, by_name: bool) -> str:
    """Return the command that runs some tests anew, each named by its file and function."""
    if not by_name:
        return " ".join(["pytest", *tests])
    return f'vitwork run -k "{" or ".join(test.rpartition("::")[2] for test in tests)}"'


def options(profile: Profile, *, data: bool, weights: bool, sequential: bool) -> str:
    """Return the options of a session at a profile as it was changed, whose folders are for the reader to name.

    Args:
        profile: with its changes among its deviations.
        data, weights: whether folders of images and of weights are needed.
        sequential: whether seeds are added until verdicts are settled.
    """
    changes = profile.deviations
    # Arms that are alike under several names have the same networks, which `--model` names once.
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
