"""``python -m MODULE …`` in a process of its own that starts warm: a fork of one that did nothing but what `tests/warmed.py` does.

torch, timm and the rest take five seconds to import, which most sessions in these tests and their workers would spend and none
is about. What a fork imports, sets or leaves behind is its own, as in any other process. Not for a test of what is imported or
of digests of this project's sources, and not for one that sets an environment variable which a library reads while it is imported.
The hash seed, umask, limits of resources, process group and terminal are the server's, not the caller's. It takes Linux.
"""

from __future__ import annotations

import atexit
import os
import subprocess
import sys
from functools import cache
from pathlib import Path

TESTS = Path(__file__).parent
NOT_REWRITTEN = (
    "-W ignore::pytest.PytestAssertRewriteWarning"  # libraries that are also plugins, and whose tests these are not
)
UNUSED = "-p no:hypothesispytest -p no:anyio -p no:pytest_cov"  # which every worker of a session would import


@cache
def server() -> tuple[subprocess.Popen[bytes], str]:
    """Start the server of this process, which ends with it, and return it and the place of its socket."""
    words = [sys.executable, "-m", "tests.warmed"]
    serving = subprocess.Popen(
        words, cwd=TESTS.parent, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        start_new_session=True,  # what a terminal sends to all gets to forks by their fronts, once
    )  # fmt: skip
    atexit.register(serving.__exit__, None, None, None)
    assert serving.stdout is not None
    return serving, serving.stdout.readline().decode().strip()


def front(place: str) -> list[str]:
    """Return the words that start the front of a fork of the server at a place; what the fork runs follows them."""
    return [sys.executable, "-IS", str(TESTS / "warm_process.py"), place]


def command(module: str, *arguments: str) -> list[str]:
    """Return the words that run a module as the main program, for a test that starts them in its own way."""
    serving, place = server()
    if not place or serving.poll() is not None:
        message = "tests/warmed.py, which forks for tests, has ended: what it says of that is in the first test that failed so"
        raise RuntimeError(message)
    return [*front(place), "-m", module, *arguments]


def run(module: str, *arguments: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a module as the main program, in a folder, with further environment variables, and return what it printed."""
    env = {**os.environ, **environment}
    env["PYTEST_ADDOPTS"] = f"{env.get('PYTEST_ADDOPTS', '')} {NOT_REWRITTEN} {UNUSED}"
    words = command(module, *arguments)
    return subprocess.run(words, cwd=cwd, env=env, capture_output=True, text=True, check=False)
