"""What a session could not do, shared by its processes: no run or measurement is tried twice."""

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
    """Why runs and measurements could not be had, by key.

    Attributes:
        folder: where the processes of a session tell each other; None for a process of its own.
        known: what is known so far.
    """

    folder: Path | None = None
    known: dict[str, Lack] = field(default_factory=dict)

    def add(self, key: str, lack: Lack) -> None:
        """Note why a run or a measurement could not be had."""
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
        """What failed, without what networks do not allow by their kind."""
        return [lack for lack in self.known.values() if lack.missing is Missing.FAULT]
