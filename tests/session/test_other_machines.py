"""A store on a network file system that two machines work on is noticed."""

from __future__ import annotations

import time
import warnings
from pathlib import Path

import msgspec
import pytest

from vitwork.session import other_machines
from vitwork.session.other_machines import OtherMachines, network
from vitwork.session.progress import Status
from vitwork.store.store import write_atomically


def elsewhere(root: Path, host: str) -> None:
    """Leave the status of a worker of another machine."""
    status = Status("gw0", "vit seed 0", "training", 0, 1, time.time(), time.time(), 1, host)
    write_atomically(root / "progress" / "other.json", msgspec.json.encode(status))


def test_two_machines_on_a_network_file_system_are_warned_of_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file system is told by the kernel's own number for it; the warning names the risk and the engines to use."""
    shared = Path("/dev/shm")  # noqa: S108 - only asked what it is
    if not shared.is_dir():
        pytest.skip("needs a file system in memory")
    assert network(shared) == ""
    monkeypatch.setitem(other_machines.NETWORK, 0x01021994, "NFS")  # of file systems in memory
    assert network(shared) == "NFS"
    monkeypatch.setattr(other_machines, "network", lambda _: "NFS")
    watching = OtherMachines(tmp_path)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        watching.look()
    elsewhere(tmp_path, "another-machine")
    with pytest.warns(
        UserWarning, match="another-machine works on the store .* NFS: file locks may not hold .* --engine slurm"
    ):
        watching.look()
    watching.look()


def test_a_local_file_system_is_not_warned_of(tmp_path: Path) -> None:
    """Where locks hold, a status of another machine is no reason for a word; a path that is not there is none either."""
    elsewhere(tmp_path, "another-machine")
    OtherMachines(tmp_path).look()
    assert network(tmp_path / "nowhere") == ""
