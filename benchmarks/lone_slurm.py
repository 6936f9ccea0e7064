"""A real Slurm of one node on this machine, for tests and injected faults: munged, slurmctld and slurmd on loopback, as root.

python benchmarks/lone_slurm.py FOLDER      # prints what to export, and runs until it is interrupted
"""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "squeue")
START_SECONDS = 60.0

CONFIGURATION = """
ClusterName=lone
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={controller}
SlurmdPort={node}
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket,cred_expire=5
CredType=cred/munge
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
MpiDefault=none
ReturnToService=2
SlurmdTimeout=15
SlurmctldTimeout=15
KillWait=5
JobRequeue=1
MessageTimeout=60
NodeName={host} NodeAddr=127.0.0.1 CPUs={cpus} State=UNKNOWN
PartitionName=all Nodes={host} Default=YES MaxTime=INFINITE State=UP
"""


def absent() -> str:
    """Return why a Slurm cannot be started here; empty where it can."""
    missing = [name for name in PROGRAMS if shutil.which(name) is None]
    if missing:
        return f"needs {missing[0]} (Debian: slurm-wlm and munge)"
    return "" if os.geteuid() == 0 else "needs root, as which Slurm's daemons run here"


def free_port() -> int:
    """Return a port of this machine that nobody uses now."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@dataclass
class LoneSlurm:
    """A Slurm of one node.

    Attributes:
        folder: of its files; its path has to be short, since it holds sockets.
        daemons: by name, those that run.
    """

    folder: Path
    daemons: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    @property
    def configuration(self) -> Path:
        return self.folder / "slurm.conf"

    def __enter__(self) -> Self:
        folder = self.folder
        for name in ("state", "spool", "munge"):
            (folder / name).mkdir(parents=True, exist_ok=True)
        folder.chmod(0o755)
        (folder / "munge").chmod(0o700)
        key = folder / "munge" / "key"
        key.write_bytes(secrets.token_bytes(1024))
        key.chmod(0o600)
        self.configuration.write_text(
            CONFIGURATION.format(
                host=socket.gethostname().partition(".")[0], controller=free_port(), node=free_port(), folder=folder,
                cpus=os.cpu_count(),
            )
        )  # fmt: skip
        os.environ["SLURM_CONF"] = str(self.configuration)
        try:
            for name in ("munged", "slurmctld", "slurmd"):
                self.start(name)
            self.wait_until_idle()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        subprocess.run(["scancel", "--full", "--me"], check=False, capture_output=True, timeout=60)
        for name in ("slurmd", "slurmctld", "munged"):
            self.stop(name)
        os.environ.pop("SLURM_CONF", None)

    def start(self, name: str) -> None:
        """Start a daemon."""
        folder = self.folder
        commands = {
            "munged": [
                "munged", "--foreground", "--force", f"--key-file={folder}/munge/key", f"--socket={folder}/munge.socket",
                f"--pid-file={folder}/munged.pid", f"--log-file={folder}/munged.log", f"--seed-file={folder}/munge/seed",
            ],
            "slurmctld": ["slurmctld", "-D", "-f", str(self.configuration)],
            "slurmd": ["slurmd", "-D", "-f", str(self.configuration)],
        }  # fmt: skip
        quiet = subprocess.DEVNULL
        self.daemons[name] = subprocess.Popen(commands[name], stdout=quiet, stderr=quiet, start_new_session=True)
        end = time.monotonic() + START_SECONDS
        while name == "munged" and not (folder / "munge.socket").exists():
            _wait(end, name)

    def stop(self, name: str, how: signal.Signals = signal.SIGTERM) -> None:
        """Stop a daemon, or kill it."""
        if (daemon := self.daemons.pop(name, None)) is not None:
            with suppress(ProcessLookupError):
                daemon.send_signal(how)
            try:
                daemon.wait(30)
            except subprocess.TimeoutExpired:
                daemon.kill()
                daemon.wait()

    def wait_until_idle(self) -> None:
        """Wait until the node takes jobs."""
        end = time.monotonic() + START_SECONDS
        while "idle" not in self.ask("sinfo", "--noheader", "--format=%T"):
            _wait(end, "the node")

    def ask(self, *command: str) -> str:
        """Return what a command of Slurm says."""
        return subprocess.run(command, check=False, capture_output=True, text=True, timeout=120).stdout

    def job_processes(self) -> list[int]:
        """Return the processes of submitit's jobs on the node."""
        return [pid for pid in self._processes() if b"submitit.core._submit" in _read(pid, "cmdline").split(b"\0")]

    def _processes(self) -> list[int]:
        """Return the processes of this Slurm's jobs."""
        mine = f"SLURM_CONF={self.configuration}".encode()
        found = []
        for pid in (int(path.name) for path in Path("/proc").glob("[0-9]*")):
            environment = _read(pid, "environ").split(b"\0")
            if mine in environment and any(entry.startswith(b"SLURM_JOB_ID=") for entry in environment):
                found.append(pid)
        return found

    def kill_jobs(self) -> None:
        """Kill all processes of jobs with the daemons that watch over them, as the loss of a node does."""
        chosen = set(self._processes())
        for pid in list(chosen):
            parent = pid
            while (parent := _parent(parent)) > 1:
                if _read(parent, "comm").strip() == b"slurmstepd":
                    chosen.add(parent)
        for pid in chosen:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def _read(pid: int, name: str) -> bytes:
    """Return a file of a process; nothing where it has ended."""
    with suppress(OSError):
        return Path(f"/proc/{pid}/{name}").read_bytes()
    return b""


def _parent(pid: int) -> int:
    words = _read(pid, "stat").rpartition(b")")[2].split()
    return int(words[1]) if words else 0


def _wait(end: float, what: str) -> None:
    if time.monotonic() > end:
        raise TimeoutError(f"{what} did not start")
    time.sleep(0.2)


if __name__ == "__main__":
    with LoneSlurm(Path(sys.argv[1]).absolute()) as running:
        print(f"export SLURM_CONF={running.configuration}", flush=True)
        signal.pause()
