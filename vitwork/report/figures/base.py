"""What a figure is, and how a figure sees the measurements of a claim."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from vitwork.facts.document import Results
from vitwork.report.axis import excessive
from vitwork.report.document import Json
from vitwork.report.words import settings

Row = tuple[Any, ...]
Values = TypeVar("Values")
MALFORMED = (KeyError, IndexError, TypeError, ValueError, ArithmeticError, AttributeError)
"""What a record of another shape, from a user's own measurement or from an altered document, makes of a drawing."""
Point = tuple[float | None, float | None, str]
"""Place and name of a mark; one without a number is left out."""


@dataclass(frozen=True, slots=True)
class Panel:
    """One drawing with its heading.

    Attributes:
        heading: what is drawn, and of what.
        svg: an SVG element written by `vitwork.report.svg`, all text in it escaped.
        surface: heights for a view in three dimensions that can be turned, empty for flat drawings.
    """

    heading: str
    svg: str
    surface: str = ""


@dataclass(frozen=True, slots=True)
class Figure:
    """Panels that show one measurement, with the data behind them.

    Attributes:
        panels: drawings, the paper's own quantity first; the paper's values are on the same axes.
        note: how to read it, and n.
        legend: series (index of colour and mark) and what they are.
        header, rows: the data as a table.
        turnable: further panels that a reader can turn, kept folded.
    """

    panels: tuple[Panel, ...]
    note: str = ""
    legend: tuple[tuple[int, str], ...] = ()
    header: tuple[str, ...] = ()
    rows: tuple[Row, ...] = ()
    turnable: tuple[Panel, ...] = ()


@dataclass
class Palette:
    """The same colour and mark for an arm in every figure of a report."""

    order: dict[str, int] = field(default_factory=dict)

    @classmethod
    def of(cls, results: Results) -> Palette:
        """Give every arm of results an index, in the order of their runs."""
        arms = [*(run.arm for run in results.runs), *(entry.arm for entry in results.measurements)]
        return cls({arm: place for place, arm in enumerate(dict.fromkeys(arms))})

    def __getitem__(self, arm: str) -> int:
        """Return the index of an arm; arms of the paper that were not run here follow."""
        return self.order.setdefault(arm, len(self.order))

    def legend(self, arms: Iterable[str]) -> tuple[tuple[int, str], ...]:
        """Return the legend of these arms."""
        return tuple((self[arm], arm) for arm in arms)


@dataclass(frozen=True, slots=True)
class DrawnRecord:
    """A record that has values.

    Attributes:
        arm, seed: of its run.
        parameters: of the measurement.
        values: what it found.
    """

    arm: str
    seed: int
    parameters: Json
    values: Json


@dataclass(frozen=True, slots=True)
class View:
    """What a figure draws from: measurements of one kind.

    Attributes:
        entries: the records, those of what decides before those of controls.
        palette: colours by arm.
        options: of the network, by arm.
        number: of the paper's figure, whose values are drawn as well; empty for another.
        controls: arms that no comparison which decides has.
    """

    entries: tuple[DrawnRecord, ...]
    palette: Palette
    options: Mapping[str, Json] = field(default_factory=dict)
    number: str = ""
    controls: frozenset[str] = frozenset()

    @property
    def arms(self) -> list[str]:
        """The arms in the order of the palette."""
        return sorted(dict.fromkeys(entry.arm for entry in self.entries), key=self.palette.__getitem__)

    @property
    def layers(self) -> list[str]:
        """The arms in the order in which lines are drawn: what decides lies above its controls."""
        return sorted(self.arms, key=lambda arm: arm not in self.controls)

    def of(self, arm: str) -> list[DrawnRecord]:
        """Return the records of an arm, by seed."""
        return sorted((entry for entry in self.entries if entry.arm == arm), key=lambda entry: entry.seed)

    def bounded(self) -> tuple[View, list[DrawnRecord]]:
        """Return the records that can be drawn, and those that hold numbers too large to be."""
        left = [entry for entry in self.entries if excessive(entry.values)]
        return (self._part(entry for entry in self.entries if entry not in left) if left else self), left

    def varied(self) -> list[str]:
        """Return the parameters in which the records differ, the moment of training first."""
        keys = {name for entry in self.entries for name in entry.parameters}
        return sorted(
            (key for key in keys if len({str(entry.parameters.get(key)) for entry in self.entries}) > 1),
            key=lambda key: (key != "when", key),
        )

    def setting(self, entry: DrawnRecord) -> str:
        """Return the parameters that tell a record from the others, in words."""
        return settings({key: entry.parameters.get(key) for key in self.varied()})

    def plain(self) -> View:
        """Return the records with the first setting of each arm, at every moment of training.

        A ResNet measured with BatchNorm in two modes is drawn in the one that decides; the table has both.
        """
        firsts = {arm: _fixed(next(entry for entry in self.entries if entry.arm == arm)) for arm in self.arms}
        return self._part(entry for entry in self.entries if _fixed(entry) == firsts[entry.arm])

    def moments(self) -> list[str | int]:
        """Return the moments of training at which there are records, in order."""
        found = {entry.parameters.get("when", "end"): None for entry in self.entries}
        return sorted(found, key=_moment)

    def at(self, when: str | int) -> View:
        """Return the records of one moment of training."""
        return self._part(entry for entry in self.entries if entry.parameters.get("when", "end") == when)

    def of_arm(self, arm: str) -> View:
        """Return the records of one arm alone."""
        return self._part(entry for entry in self.entries if entry.arm == arm)

    def last(self) -> View:
        """Return the records of the last moment."""
        return self.at(self.moments()[-1])

    def _part(self, entries: Iterable[DrawnRecord]) -> View:
        return replace(self, entries=tuple(entries))

    @property
    def single(self) -> bool:
        """Whether every arm has one network alone, which is its own mean."""
        return all(len({entry.seed for entry in self.of(arm)}) == 1 for arm in self.arms)

    def seeds(self) -> str:
        """Say how many networks per arm are drawn."""
        counts = sorted({len({entry.seed for entry in self.of(arm)}) for arm in self.arms})
        shown = str(counts[0]) if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"
        return f"n = {shown} network{'' if counts == [1] else 's'} per arm"


def _fixed(entry: DrawnRecord) -> str:
    """Return a record's parameters but the moment, comparable."""
    return settings({key: value for key, value in sorted(entry.parameters.items()) if key != "when"})


def _moment(when: Any) -> tuple[int, float]:
    """Return where a snapshot stands in time: init, warm-up, epochs in order, end."""
    named = {"init": 0, "warmup": 1, "end": 3, None: 0}
    return (named[when], 0.0) if when in named else (2, float(when) if str(when).isdigit() else 0.0)


def finite_mean(values: Iterable[float | None]) -> float | None:
    """Return the mean of the finite values that there are, None if there is none."""
    known = [value for value in values if value is not None and math.isfinite(value)]
    return sum(known) / len(known) if known else None


def seed_means(rows: Iterable[Iterable[float | None]]) -> list[float | None]:
    """Return the mean over seeds, place by place."""
    return [finite_mean(column) for column in zip(*rows, strict=False)]


def known(view: View, published: Mapping[str, Values]) -> dict[str, Values]:
    """Return the paper's values of the networks that have one beside them here: the same arm, or a variant of it."""
    return {
        arm: values
        for arm, values in published.items()
        if any(ours == arm or ours.startswith(f"{arm}-") for ours in view.arms)
    }
