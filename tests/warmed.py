"""A server of processes that start warm: libraries and our modules imported, our sources digested, one thread.

``python -m tests.warmed`` prints the place of its socket and forks for every request that `tests/warm_process.py` sends there,
until its standard input ends.
"""

from __future__ import annotations

import atexit
import gc
import json
import os
import runpy
import select
import signal
import socket
import struct
import sys
import threading
import traceback
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from types import ModuleType

import execnet.gateway_io
import numpy as np
import torch

from tests.forked import TESTS, front
from vitwork import measurements
from vitwork.store.machine import versions
from vitwork.store.sources import source_hash

IMPORTED = [  # but not vitwork.plugin, whose assertions pytest rewrites as it loads it
    "timm", "torchvision", "pandas", "scipy.stats", "matplotlib.figure", "hypothesis", "xdist.plugin", "xdist.looponfail",
    "xdist.remote", "execnet.multi", "anyio.pytest_plugin", "pytest_cov.plugin", "rich.table", "torch.utils.flop_counter",
    "vitwork.cli", "vitwork.evidence.commands", "vitwork.report.build", "vitwork.session.closing", "vitwork.networks.command",
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


def serve() -> None:
    """Fork for each request; the fork answers with the status of the process that it starts."""
    with socket.create_server("", family=socket.AF_UNIX) as listening:  # Linux finds a name, which is no file
        place = listening.getsockname()[1:].decode()
        print(place, flush=True)
        while sys.stdin not in select.select([listening, sys.stdin], [], [])[0]:
            asking, _ = listening.accept()
            if not os.fork():
                try:
                    listening.close()
                    attend(asking, place)
                finally:
                    os._exit(1)
            asking.close()


def attend(asking: socket.socket, place: str) -> None:
    """Start the process that is asked for, hand its front's signals on to it, and answer with its status; it ends with its front."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    if struct.unpack("3i", asking.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))[1] != os.getuid():
        return  # anybody on this machine can connect
    size, streams, *_ = socket.recv_fds(asking, 4, 3)
    arguments, folder, environment = json.loads(asking.recv(int.from_bytes(size, "big"), socket.MSG_WAITALL))
    child = os.fork()
    if not child:
        asking.close()
        for number, stream in enumerate(streams):
            os.dup2(stream, number)
            os.close(stream)
        os.chdir(folder)
        os.environ.clear()
        os.environ.update(environment)
        os._exit(status_of(arguments, place))
    for stream in streams:
        os.close(stream)
    ended = os.pidfd_open(child)
    while ended not in select.select([asking, ended], [], [])[0]:
        os.kill(child, (asking.recv(1) or bytes([signal.SIGKILL]))[0])
    with suppress(OSError):  # where the front has ended
        asking.send(str(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])).encode())


def status_of(arguments: list[str], place: str) -> int:
    """Run ``-m MODULE …`` or ``-c CODE …`` as the main program, end as Python does, and return the exit status."""
    status: object = 0
    try:
        begin(place)
        run(arguments)
    except SystemExit as ending:
        status = 0 if ending.code is None else ending.code
        if not isinstance(status, int):
            print(status, file=sys.stderr)
    except BaseException as fault:  # noqa: BLE001, as at the end of every program
        traceback.print_exc()
        status = fault
    threading._shutdown()
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    if isinstance(status, KeyboardInterrupt):
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGINT)
    return status if isinstance(status, int) else 1


def begin(place: str) -> None:
    """Give this process what the server's is not to be shared: standard input, states of generators, a way to start workers."""
    sys.stdin = open(0, closefd=False)  # noqa: SIM115, the old one has the server's buffer
    np.random.seed()  # noqa: NPY002, the global generator; that of `random` is seeded by every fork
    torch.default_generator.seed()
    torch.set_num_threads(torch.get_num_threads())  # replaces the pool that a fork breaks; autograd's threads race to
    start_workers_warm(place)


def start_workers_warm(place: str) -> None:
    """Let xdist's workers be forks, too, unless their session made a process group of its own, in which no fork would be."""
    cold, group = execnet.gateway_io.popen_args, os.getpgrp()
    warm = [*front(place), "-c", execnet.gateway_io.popen_bootstrapline]
    execnet.gateway_io.popen_args = lambda spec: warm if os.getpgrp() == group else cold(spec)


def run(arguments: list[str]) -> None:
    """Run a module or code as the main program."""
    (kind, what), sys.argv = arguments[:2], arguments[1:]
    sys.path[:] = [str(Path.cwd()), *(entry for entry in sys.path if not Path(entry).is_relative_to(TESTS))]
    if kind == "-m":
        runpy.run_module(what, run_name="__main__", alter_sys=True)
    else:
        sys.modules["__main__"] = ModuleType("__main__")
        exec(what, vars(sys.modules["__main__"]))  # noqa: S102, as python -c does


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)  # which shells have what runs in their background ignore
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # forks whose end nobody waits for
    warm_up()
    serve()
    os._exit(0)  # what is frozen would be told of as leaked
