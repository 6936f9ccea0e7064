"""An earlier session as baseline: the question is no longer whether a claim holds, but whether that changed. No torch."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from vitwork.errors import VitworkError
from vitwork.language.changes import Event, compare_to_baseline
from vitwork.language.document import Results
from vitwork.report.document import read


@dataclass(frozen=True, slots=True)
class Baseline:
    """The results of an earlier session of the same profile."""

    results: Results

    @classmethod
    def read(cls, path: Path, profile: str) -> Baseline:
        """Read a results file.

        Raises:
            VitworkError: there is no such file, it is no results file, or it is of another profile.
        """
        results = read(path)
        if results.profile.name != profile:
            raise VitworkError(f"The baseline {path} is of the profile {results.profile.name!r}, not of {profile!r}.")
        return cls(results)

    def changes(self, now: Results) -> list[Event]:
        """Return what changed since, judged over all hypotheses of the session at once."""
        return compare_to_baseline(self.results, now, now.alpha)

    def notices(self, now: Results) -> list[Event]:
        """Return what a complete session has to say of whole claims, breaking events first."""
        return [event for event in self.changes(now) if not event.hypothesis]
