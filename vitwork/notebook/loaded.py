"""`vitwork.load`: loads the results of a session in a notebook."""

from __future__ import annotations

from functools import cached_property
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from vitwork.errors import VitworkError
from vitwork.facts.claims import ClaimResult
from vitwork.facts.document import Results
from vitwork.notebook import frames
from vitwork.report import words
from vitwork.report.source import open_report
from vitwork.report.terminal import table, totals

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def load(place: str | Path) -> Loaded:
    """Return the results of a session.

    Args:
        place: ``results.json``, a folder that holds it, a report's page, or the address of any of them.

    Raises:
        VitworkError: it cannot be loaded, or is not a results document that this version reads.
    """
    if not isinstance(place, (str, Path)) or not str(place):
        raise VitworkError(f"Name a results.json, a folder that holds it, or the address of either, not {place!r}.")
    return Loaded(open_report(str(place)))


class Loaded:
    """The results of a session: `claims`, `hypotheses`, `values`, `runs`, `history` and `measurements` are pandas frames.

    Their columns are described in docs/results.md. Printing it shows the table that the session printed at its end.

    Attributes:
        results: the document itself, typed.
    """

    def __init__(self, results: Results) -> None:
        self.results = results

    @cached_property
    def claims(self) -> pd.DataFrame:
        """A row per claim, by id."""
        return frames.claims(self.results)

    @cached_property
    def hypotheses(self) -> pd.DataFrame:
        """A row per hypothesis with its effect, by id."""
        return frames.hypotheses(self.results)

    @cached_property
    def values(self) -> pd.DataFrame:
        """A row per trained network of every side of every hypothesis."""
        return frames.values(self.results)

    @cached_property
    def runs(self) -> pd.DataFrame:
        """A row per training, by key."""
        return frames.runs(self.results)

    @cached_property
    def history(self) -> pd.DataFrame:
        """A row per epoch of every training."""
        return frames.history(self.results)

    @cached_property
    def measurements(self) -> pd.DataFrame:
        """A row per number that was measured."""
        return frames.measurements(self.results)

    def claim(self, id: str) -> LoadedClaim:
        """Return one claim with its values per seed.

        Raises:
            VitworkError: there is no claim of that id.
        """
        found = next((claim for claim in self.results.claims if claim.id == id), None)
        if found is None:
            from difflib import get_close_matches

            near = get_close_matches(str(id), [claim.id for claim in self.results.claims], 1)
            raise VitworkError(
                f"There is no claim {id!r} in these results{f'; did you mean {near[0]!r}?' if near else '.'}"
            )
        return LoadedClaim(found, self)

    def plot(self) -> Figure:
        """Draw p of every claim, grouped by verdict, with the level of the first decision."""
        from vitwork.notebook.plots import overview

        return overview(self)

    def __repr__(self) -> str:
        return "\n".join(table(self.results)).strip("\n")

    def _repr_html_(self) -> str:
        shown = self.claims[["verdict", "p", "q", "sentence"]]
        return f"<p>{' '.join(map(escape, totals(self.results)))}</p>{_html(shown)}"


class LoadedClaim:
    """One claim of loaded results.

    Attributes:
        result: the claim itself, typed.
        loaded: the results that it belongs to.
    """

    def __init__(self, result: ClaimResult, loaded: Loaded) -> None:
        self.result, self.loaded = result, loaded

    @property
    def id(self) -> str:
        """The claim's id."""
        return self.result.id

    @property
    def sentence(self) -> str:
        """The claim in words."""
        return self.result.sentence

    @property
    def verdict(self) -> str:
        """The claim's verdict."""
        return str(self.result.verdict)

    @property
    def hypotheses(self) -> pd.DataFrame:
        """Its hypotheses with their effects, by id."""
        found = self.loaded.hypotheses
        return found[found["claim"] == self.id]

    @property
    def values(self) -> pd.DataFrame:
        """The measured values: a row per trained network of every side of every hypothesis."""
        found = self.loaded.values  # noqa: PD011 - a frame of ours
        return found[found["claim"] == self.id].reset_index(drop=True)

    def plot(self) -> Figure:
        """Draw the values per seed of every side of its hypotheses.

        Raises:
            VitworkError: the claim has no hypotheses.
        """
        from vitwork.notebook.plots import samples

        return samples(self)

    def __repr__(self) -> str:
        results = self.loaded.results
        found = results.hypotheses_of(self.result)
        lines = [
            words.verdict(self.result, found, results.profile.name, results.quantities),
            words.claim_reason(self.result, found),
        ]
        return "\n".join([f"{self.id}: {self.sentence}", *lines])

    def _repr_html_(self) -> str:
        lines = "<br>".join(map(escape, repr(self).splitlines()))
        return f"<p>{lines}</p>{_html(self.hypotheses[['verdict', 'statement', 'estimate', 'deciding_low', 'deciding_high', 'p']])}"


def _html(frame: pd.DataFrame) -> str:
    return str(frame.to_html(border=0, float_format=words.quantity, na_rep=""))
