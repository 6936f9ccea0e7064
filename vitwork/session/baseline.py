"""An earlier session as baseline: tests then ask whether a verdict changed, not whether the claim holds."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from vitwork.errors import VitworkError
from vitwork.facts.changes import Event, Kind, compare_to_baseline, still_contradicted
from vitwork.facts.document import Results
from vitwork.report import words
from vitwork.report.document import read
from vitwork.session.findings import Finding
from vitwork.statistics.effect import Verdict


@dataclass(frozen=True, slots=True)
class Baseline:
    """The results of an earlier session of the same profile."""

    results: Results

    @classmethod
    def read(cls, path: Path, profile: str) -> Baseline:
        """Read a results file.

        Raises:
            VitworkError: the file does not exist, is not a results file, is of another profile, or holds no claims.
        """
        results = read(path)
        if not results.claims:
            raise VitworkError(f"The baseline {path} holds no claims.")
        if results.profile.name != profile:
            raise VitworkError(f"The baseline {path} is of the profile {results.profile.name!r}, not of {profile!r}.")
        return cls(results)

    def changes(self, now: Results) -> Changes:
        """Return what changed since the baseline, judged over all hypotheses of the session at once."""
        events = tuple(compare_to_baseline(self.results, now, now.alpha))
        return Changes(events, now, still_contradicted(self.results, now), words.other_profile(self.results, now))


@dataclass(frozen=True, slots=True)
class Changes:
    """What changed since a baseline.

    Attributes:
        events: breaking ones first.
        now: the results in which the changes were found.
        contradicted: hypotheses that are contradicted now and were contradicted in their own entries of the baseline.
        limits: sentences that say what the comparison cannot decide.
    """

    events: tuple[Event, ...]
    now: Results
    contradicted: frozenset[str] = frozenset()
    limits: str = ""

    def excuse(self, finding: Finding) -> bool:
        """Return whether everything that is contradicted in a test was already contradicted in the baseline."""
        return all(
            hypothesis.id in self.contradicted
            for hypothesis in finding.hypotheses
            if hypothesis.effect.verdict is Verdict.CONTRADICTED
        )

    def failing(self, finding: Finding) -> list[str]:
        """Return why a test fails: changes of its hypotheses, or of its claim if the test is newly skipped."""
        own = {hypothesis.id for hypothesis in finding.hypotheses}
        skipped = finding.claim.id if finding.lack is not None else None
        return [
            f"{event.kind}: {words.event(event, self.now)}"
            for event in self.events
            if event.breaking and (event.hypothesis in own or (event.kind is Kind.SKIPPED and event.claim == skipped))
        ]

    @property
    def notices(self) -> list[Event]:
        """The changes of whole claims, and of comparisons that no present test makes."""
        made = {hypothesis.id for hypothesis in self.now.hypotheses}
        return [event for event in self.events if event.hypothesis not in made]

    def lines(self) -> list[str]:
        """Return the limits of the comparison, then the notices, in words."""
        return [self.limits] * bool(self.limits) + [
            f"{event.kind} since the baseline: {event.claim}: {words.event(event, self.now)}" for event in self.notices
        ]
