"""The command line of vitwork: `run`, `plan`, `models` and other modules' commands. Imports torch only to compute."""

from __future__ import annotations

import argparse
import inspect
import io
import sys
from collections.abc import Callable, Sequence
from importlib.metadata import entry_points, version

from vitwork.analyse.command import analyse
from vitwork.errors import VitworkError, told
from vitwork.session.output import discard, lasting

Command = Callable[[Sequence[str]], int]


def models(arguments: Sequence[str]) -> int:
    """List the models that can be made by name."""
    from vitwork.models.zoo.table import lines

    _parser("models", models).parse_args(arguments)
    print("\n".join(lines()))
    return 0


def run(arguments: Sequence[str]) -> int:
    """Run the claims of the paper from any folder; takes every option of pytest and of the suite (`vitwork run --help`)."""
    import pytest

    from vitwork.session.invocation import PlainUsage
    from vitwork.session.invocation import arguments as session

    return int(pytest.main(session(arguments), plugins=[PlainUsage()]))


def plan(arguments: Sequence[str]) -> int:
    """Show what a session of claims would cost and the smallest effects it could see; takes the options of `vitwork run`."""
    quiet = [] if {"-v", "-vv", "--verbose"} & set(arguments) else ["-q"]
    return run([*quiet, "--plan", *arguments])


def _parser(name: str, command: Command) -> argparse.ArgumentParser:
    return argparse.ArgumentParser(f"vitwork {name}", description=command.__doc__)


COMMANDS: dict[str, Command] = {"run": run, "plan": plan, "analyse": analyse, "models": models}


def command(name: str) -> Command | None:
    """Return a command of this module, or of an installed package's entry point in ``vitwork.commands``, or None."""
    if name in COMMANDS:
        return COMMANDS[name]
    added: list[Command] = [point.load() for point in entry_points(group="vitwork.commands", name=name)]
    return added[0] if added else None


def usage() -> str:
    """Return the usage text, with a line for each command."""
    names = [*COMMANDS, *sorted(entry_points(group="vitwork.commands").names)]
    lines = [f"  {name:9}{(inspect.getdoc(command(name)) or '').partition(chr(10))[0]}" for name in names]
    return "\n".join(
        ["usage: vitwork COMMAND …, or vitwork --version; `vitwork COMMAND --help` says more of one.", "", *lines]
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; a user's mistake or an error of the operating system ends in one sentence and exit status 2."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    if isinstance(sys.stdout, io.TextIOWrapper):  # what the encoding lacks is written as Python escapes
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        with lasting(patient=False):
            return _run(given)
    except VitworkError as error:
        print(f"vitwork: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # the reader, such as `head`, has ended
        discard(sys.stdout)
        return 141  # the shell's exit status for a program that a closed pipe ended
    except OSError as error:
        discard(sys.stdout)
        print(f"vitwork: {told(error)}.", file=sys.stderr)
        return 2


def _run(given: Sequence[str]) -> int:
    """Run the command that the first word names, or print the usage text."""
    if not given:
        print(usage(), file=sys.stderr)
        return 2
    name, *arguments = given
    if name in {"-h", "--help"}:
        print(usage())
        return 0
    if name == "--version":
        print(f"vitwork {version('vitwork')}")
        return 0
    found = command(name)
    if found is None:
        raise VitworkError(f"There is no command {name!r}; `vitwork --help` lists those there are.")
    return found(arguments)
