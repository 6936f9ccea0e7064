"""Processes that tests fork: what they begin with, and how they end."""

from __future__ import annotations

import signal
import subprocess
from pathlib import Path

import pytest

from tests import forked

TOLD = """
import sys

print("vitwork.session.worker" in sys.modules)
import torch
from vitwork.store.sources import source_hash

print(torch.get_num_threads(), source_hash.cache_info().currsize > 0)
"""

DRAWN = """
import random

import numpy
import torch

print(random.random(), numpy.random.random(), torch.rand(1).item())
"""
LONG = """
import time

print("begun", flush=True)
time.sleep(20)
print("outlived")
"""
ENDING = """
import atexit
import sys
import threading

atexit.register(print, "at exit")
threading.Timer(0.1, print, ["a thread"]).start()
sys.exit("a message")
"""


def test_a_fork_begins_warm_and_with_one_thread(tmp_path: Path) -> None:
    """Imports and digests are there, which the fork server passes over in silence where they fail."""
    (tmp_path / "told.py").write_text(TOLD)
    assert forked.run("told", cwd=tmp_path).stdout.split() == ["True", "1", "True"]


def test_forks_draw_numbers_of_their_own(tmp_path: Path) -> None:
    """The global generators are not in the state of the server's."""
    (tmp_path / "drawn.py").write_text(DRAWN)
    drawn = [number for _ in range(2) for number in forked.run("drawn", cwd=tmp_path).stdout.split()]
    assert len(set(drawn)) == 6


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_fork_ends_with_its_front(tmp_path: Path, sent: signal.Signals) -> None:
    """What ends the process that a test started ends the fork, too, which would print otherwise."""
    (tmp_path / "long.py").write_text(LONG)
    with subprocess.Popen(
        forked.command("long"), cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as front:
        assert front.stdout is not None
        assert front.stdout.readline() == b"begun\n"
        front.send_signal(sent)
        assert front.communicate()[0] == b""
    assert front.returncode == -sent


def test_a_fork_ends_as_python_does(tmp_path: Path) -> None:
    """A message to `sys.exit` is printed and means status 1; threads end and functions at exit run before that."""
    (tmp_path / "ending.py").write_text(ENDING)
    done = forked.run("ending", cwd=tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (1, "a thread\nat exit\n", "a message\n")
