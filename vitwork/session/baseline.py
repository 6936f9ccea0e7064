"""An earlier session as baseline: the question is no longer whether a claim holds, but whether that changed. No torch."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from vitwork.errors import VitworkError
from vitwork.language.changes import Event, Kind, compare_to_baseline
from vitwork.language.document import Results
from vitwork.report import words
from vitwork.report.document import read
from vitwork.session.findings import Finding


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

    def changes(self, now: Results) -> Changes:
        """Return what changed since, judged over all hypotheses of the session at once."""
        return Changes(tuple(compare_to_baseline(self.results, now, now.alpha)), now)


@dataclass(frozen=True, slots=True)
class Changes:
    """What changed since a baseline.

    Attributes:
        events: breaking ones first.
        now: the results in which they are found.
    """

    events: tuple[Event, ...]
    now: Results

    def failing(self, finding: Finding) -> list[str]:
        """Return why a test fails: changes of its hypotheses, or of its claim where the test is newly skipped."""
        own = {hypothesis.id for hypothesis in finding.hypotheses}
        skipped = finding.claim.id if finding.lack is not None else None
        return [
            f"{event.kind}: {words.event(event, self.now)}"
            for event in self.events
            if event.breaking and (event.hypothesis in own or (event.kind is Kind.SKIPPED and event.claim == skipped))
        ]

    @property
    def notices(self) -> list[Event]:
        """What there is to say of whole claims."""
        return [event for event in self.events if not event.hypothesis]

    def lines(self) -> list[str]:
        """Return the notices in words."""
        return [
            f"{event.kind} since the baseline: {event.claim}: {words.event(event, self.now)}" for event in self.notices
        ]
