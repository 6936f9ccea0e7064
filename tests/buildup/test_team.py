"""Workers that train side by side."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

STARTS = """
import os
import time
from pathlib import Path

from vitwork.buildup.team import team
from vitwork.store.store import Store

if __name__ == "__main__":
    with team(Store(Path("store")), None, "cpu", 2) as people:
        tasks = [people.pool.submit(time.sleep, 600) for _ in range(2)]
        while len(people.pool._processes) < 2 or not all(task.running() for task in tasks):
            time.sleep(0.05)
        print(*people.pool._processes, flush=True)
        time.sleep(600)
"""


def alive(process: int) -> bool:
    """Say whether a process runs; one that ended and that nobody has waited for does not."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="processes are looked up in /proc")
def test_workers_end_with_the_process_that_started_them(tmp_path):
    """Also where that one is killed, busy ones too: none is left with its memory."""
    (tmp_path / "starts.py").write_text(STARTS)
    with subprocess.Popen([sys.executable, "starts.py"], cwd=tmp_path, stdout=subprocess.PIPE, text=True) as started:
        assert started.stdout is not None
        workers = [int(number) for number in started.stdout.readline().split()]
        os.kill(started.pid, signal.SIGKILL)
        started.wait()
        assert len(workers) == 2
        until = time.monotonic() + 60
        while any(map(alive, workers)) and time.monotonic() < until:
            time.sleep(0.1)
        left = [worker for worker in workers if alive(worker)]
        for worker in left:
            os.kill(worker, signal.SIGKILL)
        assert not left
