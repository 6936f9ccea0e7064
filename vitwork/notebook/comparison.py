"""`vitwork.compare`: two results side by side."""

from __future__ import annotations

from functools import cached_property
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from vitwork.facts.changes import Event, compare_to_baseline
from vitwork.notebook.loaded import Loaded, load
from vitwork.report import words
from vitwork.report.compare import ours, tallies, title

if TYPE_CHECKING:
    from matplotlib.figure import Figure

EVENTS = {
    "kind": "what happened",
    "claim": "id of the claim",
    "hypothesis": "id of the hypothesis; empty for the claim as a whole",
    "breaking": "whether something no longer holds",
    "before": "the verdict or name before; empty for seconds",
    "now": "likewise, now",
    "seconds_before": "of a claim that takes longer now",
    "seconds_now": "likewise, now",
    "change": "of an effect that left its interval: the effects' difference, now minus before",
    "p": "of that change, corrected for all comparisons of the two results",
}
"""The columns of `Comparison.events`."""


def compare(before: str | Path | Loaded, now: str | Path | Loaded, alpha: float = 0.05) -> Comparison:
    """Return what changed between two results.

    Args:
        before: the earlier results, or an argument of `vitwork.load`.
        now: the later results, or an argument of `vitwork.load`.
        alpha: probability of any false alarm.

    Raises:
        VitworkError: one of them cannot be loaded.
    """
    old, new = (found if isinstance(found, Loaded) else load(found) for found in (before, now))
    return Comparison(old, new, alpha)


class Comparison:
    """What changed between two results.

    Attributes:
        before, now: the results.
        changes: the changes, breaking ones first.
    """

    def __init__(self, before: Loaded, now: Loaded, alpha: float = 0.05) -> None:
        self.before, self.now = before, now
        self.changes: list[Event] = compare_to_baseline(before.results, now.results, alpha)

    @property
    def holds(self) -> bool:
        """Whether everything that held still holds."""
        return not any(event.breaking for event in self.changes)

    @cached_property
    def events(self) -> pd.DataFrame:
        """A row per change, breaking ones first."""
        return pd.DataFrame([_row(event) for event in self.changes], columns=list(EVENTS))

    @cached_property
    def claims(self) -> pd.DataFrame:
        """A row per claim of either result: its verdict, p and q before and now."""
        sides = {"before": self.before.claims, "now": self.now.claims}
        return pd.concat({name: found[["verdict", "p", "q"]] for name, found in sides.items()}, axis=1)

    @cached_property
    def hypotheses(self) -> pd.DataFrame:
        """A row per hypothesis of either result: its effect and interval before and now."""
        sides = {"before": self.before.hypotheses, "now": self.now.hypotheses}
        return pd.concat({name: found[["verdict", "estimate", "low", "high"]] for name, found in sides.items()}, axis=1)

    def plot(self) -> Figure:
        """Draw the new effects against the earlier ones, with their intervals."""
        from vitwork.notebook.plots import against

        return against(self)

    def __repr__(self) -> str:
        old, new = self.before.results, self.now.results
        table = [("", "before", "now"), *((str(verdict), str(a), str(b)) for verdict, a, b in tallies(old, new))]
        head = [title(new), "", *filter(None, [words.limits(old, new)])]
        counted = [f"{verdict:<16}{before:>8}{now:>8}" for verdict, before, now in table]
        changed = [
            f"{'!' if event.breaking else ' '} {event.kind}: {event.hypothesis or event.claim}: {words.event(event, new)}"
            for event in self.changes
        ]
        return "\n".join(
            [*head, *counted, *filter(None, [ours(old, new)]), "", *(changed or [words.unchanged(old, new)])]
        )

    def _repr_html_(self) -> str:
        return f"<p>{escape(title(self.now.results))}</p>{self.events.to_html(border=0, na_rep='')}"


def _row(event: Event) -> list[object]:
    change, sides = event.change, (event.before, event.after)
    return [
        str(event.kind), event.claim, event.hypothesis, event.breaking,
        *(None if side is None or isinstance(side, float) else str(side) for side in sides),
        *(side if isinstance(side, float) else None for side in sides),
        change.estimate if change else None, change.adjusted_p if change else None,
    ]  # fmt: skip
