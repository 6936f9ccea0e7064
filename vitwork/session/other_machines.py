"""Warns if several machines work on one store, on a file system whose locks may not hold between them."""

from __future__ import annotations

import ctypes
import socket
import warnings
from dataclasses import dataclass, field
from pathlib import Path

from vitwork.session.progress import statuses

NETWORK = {
    0x6969: "NFS",
    0x517B: "SMB",
    0xFF534D42: "CIFS",
    0xFE534D42: "SMB 2",
    0x47504653: "GPFS",
    0x0BD00BD0: "Lustre",
    0x00C36400: "Ceph",
    0x19830326: "BeeGFS",
    0x013111A8: "GFS2",
    0x5346414F: "AFS",
    0x01021997: "9p",
    0x65735546: "FUSE",
}
"""Names of file systems that several machines may share, by Linux's type numbers (statfs(2))."""


def network(path: Path) -> str:
    """Return the name of the network file system that a path lies on; empty for a local or an unknown one."""
    buffer = ctypes.create_string_buffer(256)
    statfs = getattr(ctypes.CDLL(None), "statfs", None)
    if statfs is None or statfs(bytes(path), buffer) != 0:
        return ""
    return NETWORK.get(ctypes.c_uint32.from_buffer(buffer).value, "")


@dataclass(slots=True)
class OtherMachines:
    """Looks for workers of other machines on a store on a network file system, and warns once.

    Attributes:
        root: folder of the store.
    """

    root: Path
    kind: str = field(init=False)

    def __post_init__(self) -> None:
        self.kind = network(self.root)

    def look(self) -> None:
        """Warn if another machine works on the store now."""
        if not self.kind:
            return
        others = {status.host for status in statuses(self.root)} - {socket.gethostname()}
        if others:
            warnings.warn(
                f"{min(others)} works on the store {self.root}, too, which lies on {self.kind}: file locks may not hold "
                "between machines, and runs may be trained twice; use --engine slurm or ray for several machines.",
                stacklevel=2,
            )
            self.kind = ""
