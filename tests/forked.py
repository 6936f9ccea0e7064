"""``python -m MODULE …`` in a process of its own that starts warm: a fork of one that did nothing but what `tests/warmed.py` does.

torch, timm and the rest take five seconds to import, which most sessions in these tests and their workers would spend and none
is about. What a fork imports, sets or leaves behind is its own, as in any other process. Not for a test of what is imported or
of digests of this project's sources, and not for one that sets an environment variable which a library reads while it is imported.
"""

from __future__ import annotations

import atexit
import os
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path

TESTS = Path(__file__).parent
NOT_REWRITTEN = (
    "-W ignore::pytest.PytestAssertRewriteWarning"  # libraries that are also plugins, and whose tests these are not
)
UNUSED = "-p no:hypothesispytest -p no:anyio -p no:pytest_cov"  # which every worker of a session would import


@cache
def server() -> str:
    """Start the server of this process, which ends with it, and return its socket."""
    folder = tempfile.TemporaryDirectory()
    place = str(Path(folder.name, "socket"))
    words = [sys.executable, "-m", "tests.warmed", place]
    serving = subprocess.Popen(words, cwd=TESTS.parent, stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def end() -> None:
        serving.communicate()
        folder.cleanup()

    atexit.register(end)
    assert serving.stdout is not None
    assert serving.stdout.readline() == b"ready\n"
    return place


def command(module: str, *arguments: str) -> list[str]:
    """Return the words that run a module as the main program, for a test that starts them in its own way."""
    return [sys.executable, "-IS", str(TESTS / "warm_process.py"), server(), "-m", module, *arguments]


def run(module: str, *arguments: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a module as the main program, in a folder, with further environment variables, and return what it printed."""
    env = {**os.environ, **environment}
    env["PYTEST_ADDOPTS"] = f"{env.get('PYTEST_ADDOPTS', '')} {NOT_REWRITTEN} {UNUSED}"
    words = command(module, *arguments)
    return subprocess.run(words, cwd=cwd, env=env, capture_output=True, text=True, check=False)
