"""``python -m MODULE …`` in a process of its own that starts warm: a fork of one that did nothing but what `tests/warmed.py` does.

torch, timm and the rest take five seconds to import, which most sessions in these tests would spend and none is about. What a
fork imports, sets or leaves behind is its own, as in any other process. Not for a test of what is imported or of digests of
this project's sources, and not for one that sets an environment variable which a library reads while it is imported.
"""

from __future__ import annotations

import gc
import multiprocessing
import os
import runpy
import subprocess
import sys
import tempfile
from pathlib import Path

TESTS = Path(__file__).parent
NOT_REWRITTEN = (
    "-W ignore::pytest.PytestAssertRewriteWarning"  # libraries that are also plugins, and whose tests these are not
)
UNUSED = "-p no:hypothesispytest -p no:anyio -p no:pytest_cov"  # which every worker of a session would import
FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(["tests.warmed"])


def run(module: str, *arguments: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a module as the main program, in a folder, with further environment variables, and return what it printed."""
    with tempfile.TemporaryDirectory() as folder:
        printed = Path(folder, "out"), Path(folder, "err")
        process = FORKS.Process(target=_main, args=(module, arguments, cwd, {**os.environ, **environment}, printed))
        process.start()
        process.join()
        out, err = (path.read_text(encoding="utf-8") for path in printed)
        return subprocess.CompletedProcess([module, *arguments], process.exitcode or 0, out, err)


def _main(
    module: str, arguments: tuple[str, ...], cwd: Path, environment: dict[str, str], printed: tuple[Path, Path]
) -> None:
    gc.freeze()  # what was imported is no garbage, which pytest looks for again and again
    for number, path in enumerate(printed, 1):
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT), number)
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(environment, PYTEST_ADDOPTS=f"{environment.get('PYTEST_ADDOPTS', '')} {NOT_REWRITTEN} {UNUSED}")
    sys.path[:] = [str(cwd), *(entry for entry in sys.path if not Path(entry).is_relative_to(TESTS))]
    sys.argv = [module, *arguments]
    runpy.run_module(module, run_name="__main__", alter_sys=True)
