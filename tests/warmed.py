"""A server of processes that start warm: libraries and our modules imported, our sources digested, one thread.

``python -m tests.warmed SOCKET`` forks for every request that `tests/warm_process.py` sends, until its standard input ends.
"""

from __future__ import annotations

import gc
import json
import os
import runpy
import select
import signal
import socket
import sys
import traceback
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from types import ModuleType

import execnet.gateway_io
import torch

from vitwork import measurements
from vitwork.store.machine import versions
from vitwork.store.sources import source_hash

TESTS = Path(__file__).parent
IMPORTED = [  # but not vitwork.plugin, whose assertions pytest rewrites as it loads it
    "timm", "torchvision", "pandas", "scipy.stats", "matplotlib.figure", "hypothesis", "xdist.plugin", "xdist.looponfail",
    "xdist.remote", "execnet.multi", "anyio.pytest_plugin", "pytest_cov.plugin", "rich.table", "torch.utils.flop_counter",
    "vitwork.cli", "vitwork.evidence.commands", "vitwork.report.build", "vitwork.session.closing", "vitwork.session.commands",
    "vitwork.session.forecast", "vitwork.session.options", "vitwork.session.seeding", "vitwork.session.worker",
    "vitwork.measurements.loaded_run", "vitwork.training.speed", "vitwork.training.together",
]  # fmt: skip
DIGESTED = [
    "vitwork.session.judge",
    "vitwork.training.train",
    "vitwork.training.speed",
    *(f"{measurements.__name__}.{module.name}" for module in iter_modules(measurements.__path__)),
]


def warm_up() -> None:
    """Do what a session begins with."""
    torch.set_num_threads(1)  # as every test begins: several on the cores that workers share wait for each other
    for name in IMPORTED:
        import_module(name)
    for name in DIGESTED:
        source_hash(name)
    versions()
    gc.freeze()  # what was imported is no garbage, which pytest looks for again and again


def serve(place: str) -> None:
    """Fork for each request; the fork answers with the status of the process that it starts."""
    with socket.create_server(place, family=socket.AF_UNIX) as listening:
        print("ready", flush=True)
        while True:
            ready, *_ = select.select([listening, sys.stdin], [], [])
            if sys.stdin in ready:
                os._exit(0)  # what is frozen would be told of as leaked
            asking, _ = listening.accept()
            if not os.fork():
                listening.close()
                attend(asking, place)
            asking.close()


def attend(asking: socket.socket, place: str) -> None:
    """Start the process that is asked for, wait for its end, and answer with its status."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    said, streams, *_ = socket.recv_fds(asking, 1 << 20, 3)
    while more := asking.recv(1 << 20):
        said += more
    if child := os.fork():
        for stream in streams:
            os.close(stream)
        asking.send(str(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])).encode())
        os._exit(0)
    asking.close()
    arguments, folder, environment = json.loads(said)
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    sys.stdin = open(0, closefd=False)  # noqa: SIM115, the old one has the server's buffer
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    start_workers_warm(place)
    os._exit(status_of(arguments))


def start_workers_warm(place: str) -> None:
    """Let xdist's workers be forks, too, unless their session made a process group of its own, in which no fork would be."""
    cold, group = execnet.gateway_io.popen_args, os.getpgrp()
    warm = [sys.executable, "-IS", str(TESTS / "warm_process.py"), place, "-c", execnet.gateway_io.popen_bootstrapline]
    execnet.gateway_io.popen_args = lambda spec: warm if os.getpgrp() == group else cold(spec)


def status_of(arguments: list[str]) -> int:
    """Run ``-m MODULE …`` or ``-c CODE …`` as the main program and return its exit status."""
    (kind, what), sys.argv = arguments[:2], arguments[1:]
    sys.path[:] = [str(Path.cwd()), *(entry for entry in sys.path if not Path(entry).is_relative_to(TESTS))]
    try:
        if kind == "-m":
            runpy.run_module(what, run_name="__main__", alter_sys=True)
        else:
            sys.modules["__main__"] = ModuleType("__main__")
            exec(what, vars(sys.modules["__main__"]))  # noqa: S102, as python -c does
        status = 0
    except SystemExit as ending:
        status = int(ending.code or 0)
    except BaseException:  # noqa: BLE001, as at the end of every program
        traceback.print_exc()
        status = 1
    sys.stdout.flush()
    sys.stderr.flush()
    return status


if __name__ == "__main__":
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # forks whose end nobody waits for
    warm_up()
    serve(sys.argv[1])
