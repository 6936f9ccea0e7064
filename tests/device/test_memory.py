"""Memory: the peak that is reported."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch

from vitwork.device.memory import Meter, peak_memory

CPU = torch.device("cpu")


STARTED = """
import re
import torch
from vitwork.device.memory import peak_memory

now = 1024 * int(re.search(r"VmRSS:\\s+(\\d+)", open("/proc/self/status").read())[1])
print(peak_memory(torch.device("cpu")) - now)
"""
STARTING = f"""
import os
import sys

mine = b"1" * (1 << 30)
os.execv(sys.executable, [sys.executable, "-c", {STARTED!r}])
"""


@pytest.mark.skipif(sys.platform != "linux", reason="/proc is Linux's")
def test_the_peak_is_not_that_of_the_starting_process():
    """A process that a large one became, whose own peak the system hands on, says its own."""
    done = subprocess.run([sys.executable, "-c", STARTING], capture_output=True, text=True, check=False)
    assert 0 <= int(done.stdout) < 200 << 20, done.stderr


def test_the_peak_is_known_where_the_system_keeps_no_status(monkeypatch):
    """Where there is no /proc, the peak is the one that every Unix tells."""
    monkeypatch.setattr("vitwork.device.memory._peak_of_own", lambda: None)
    assert peak_memory(CPU) >= 50 << 20


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux lets a process lower its mark")
def test_the_peak_is_the_analysis_own():
    """Memory used before an analysis does not count, memory used during it does, even when it is free again."""
    before = torch.ones(50 << 20)  # 200 MiB
    del before
    meter = Meter(CPU)
    low = meter.cost(0).peak_bytes
    during = torch.ones(50 << 20)
    del during
    found = meter.cost(7)
    assert found.images == 7
    assert found.seconds > 0
    assert found.peak_bytes - low > 150 << 20
