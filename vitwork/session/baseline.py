"""Claims against a baseline: the question is no longer whether a claim holds, but whether that changed. No torch."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vitwork.errors import VitworkError
from vitwork.session.judge import Court
from vitwork.session.results import judged, payload
from vitwork.statistics.change import Event, compare_to_baseline


@dataclass(frozen=True, slots=True)
class Baseline:
    """An earlier results document.

    Attributes:
        path: its file.
        document: its content.
    """

    path: Path
    document: dict[str, Any]

    @classmethod
    def read(cls, path: Path, profile: str) -> Baseline:
        """Read the results file of an earlier session of the same profile.

        Raises:
            VitworkError: there is no such file, it is no results file, or it is of another profile.
        """
        try:
            document = json.loads(path.read_text(encoding="utf-8"))
            found = document["profile"]["name"]
        except OSError as error:
            raise VitworkError(f"Cannot read the baseline {path}: {error.strerror}.") from error
        except (ValueError, KeyError, TypeError) as error:
            raise VitworkError(f"The baseline {path} is not a results file.") from error
        if found != profile:
            raise VitworkError(f"The baseline {path} is of the profile {found!r}, not of {profile!r}.")
        return cls(path, document)

    def events(self, court: Court) -> list[Event]:
        """Return what changed since, judged over all hypotheses of the session at once."""
        now = judged([payload(case, passed=True) for case in court.cases.values()], {})
        return compare_to_baseline(self.document, now, court.profile.alpha)

    def notices(self, results: dict[str, Any], alpha: float = 0.05) -> list[Event]:
        """Return what a complete session has to say of whole claims, breaking events first.

        Vanished claims break; renamed, new, newly decided, newly inconclusive and slower ones are told.

        Args:
            results: the session's results document, with its costs.
            alpha: probability of any false alarm, as in `compare_to_baseline`.
        """
        return [event for event in compare_to_baseline(self.document, results, alpha) if not event.hypothesis]
