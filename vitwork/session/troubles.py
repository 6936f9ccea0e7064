"""Shares what a session could not do among its processes, so that no run or measurement is tried twice."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path

from vitwork.design.deviation import Lack, Missing
from vitwork.errors import VitworkError
from vitwork.store.store import write_atomically


@dataclass(slots=True)
class Troubles:
    """The reasons why runs and measurements could not be made, by key.

    Attributes:
        folder: folder through which the processes of a session share the reasons; None for a single process.
        known: the reasons known so far.
    """

    folder: Path | None = None
    known: dict[str, Lack] = field(default_factory=dict)

    def add(self, key: str, lack: Lack) -> None:
        """Note why a run or a measurement could not be made."""
        self.known[key] = lack
        if self.folder is not None:
            with suppress(VitworkError):  # a full disk: other processes will find out for themselves
                write_atomically(self.folder / f"{key}.json", json.dumps(asdict(lack)).encode())

    def refresh(self) -> None:
        """Read what other processes have noted."""
        if self.folder is None:
            return
        for path in self.folder.glob("[!.]*.json"):
            if path.stem in self.known:
                continue
            with suppress(OSError):  # as above
                found = json.loads(path.read_text(encoding="utf-8"))
                self.known[path.stem] = Lack(Missing(found["missing"]), found["arm"], found["what"])

    @property
    def faults(self) -> list[Lack]:
        """The failures, without measurements that a kind of network does not allow."""
        return [lack for lack in self.known.values() if lack.missing is Missing.FAULT]
