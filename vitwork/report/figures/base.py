"""What a figure is, and how a figure sees the measurements of a claim."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from vitwork.language.document import Results
from vitwork.report.document import Json
from vitwork.report.words import settings

Row = tuple[Any, ...]
MALFORMED = (KeyError, IndexError, TypeError, ValueError, ArithmeticError, AttributeError)
"""What a record of another shape, from a user's own measurement or from an altered document, makes of a drawing."""
FIGURE = re.compile(r"\b(?:[A-F]\.)?\d+[a-d]?\b")


@dataclass(frozen=True, slots=True)
class Panel:
    """One drawing with its heading.

    Attributes:
        heading: what is drawn, and of what.
        svg: an SVG element written by `vitwork.report.svg`, all text in it escaped.
        source: ``ours`` or ``paper``: where the numbers come from.
        surface: heights for the rotatable view, empty for flat drawings.
    """

    heading: str
    svg: str
    source: str = "ours"
    surface: str = ""


@dataclass(frozen=True, slots=True)
class Figure:
    """Panels that show one measurement, with the data behind them.

    Attributes:
        title: what was measured.
        panels: drawings, ours first.
        note: how to read it, and n.
        legend: series (index of colour and mark) and what they are.
        header, rows: the data as a table.
    """

    title: str
    panels: tuple[Panel, ...]
    note: str = ""
    legend: tuple[tuple[int, str], ...] = ()
    header: tuple[str, ...] = ()
    rows: tuple[Row, ...] = ()


@dataclass(frozen=True)
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
class Entry:
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
    """What a figure draws from: the measurements of one kind that a claim rests on.

    Attributes:
        where: the claim's place in the paper, for example ``Fig. 1c, 4``.
        entries: the records.
        palette: colours by arm.
    """

    where: str
    entries: tuple[Entry, ...]
    palette: Palette

    @property
    def figures(self) -> tuple[str, ...]:
        """The numbers of the paper's figures that the claim names, for example ``("1c", "4")``."""
        return figures(self.where)

    @property
    def arms(self) -> list[str]:
        """The arms in the order of the palette."""
        return sorted(dict.fromkeys(entry.arm for entry in self.entries), key=self.palette.__getitem__)

    def of(self, arm: str) -> list[Entry]:
        """Return the records of an arm, by seed."""
        return sorted((entry for entry in self.entries if entry.arm == arm), key=lambda entry: entry.seed)

    def varied(self) -> list[str]:
        """Return the parameters in which the records differ, the moment of training first."""
        keys = {name for entry in self.entries for name in entry.parameters}
        return sorted(
            (key for key in keys if len({str(entry.parameters.get(key)) for entry in self.entries}) > 1),
            key=lambda key: (key != "when", key),
        )

    def setting(self, entry: Entry) -> str:
        """Return the parameters that tell a record from the others, in words."""
        return settings({key: entry.parameters.get(key) for key in self.varied()})

    def settings(self) -> list[tuple[str, View]]:
        """Divide the records by their parameters; each part comes with the parameters that tell it from the others."""
        groups = {self.setting(entry): entry for entry in self.entries}
        ordered = sorted(groups.items(), key=lambda item: _moment(item[1].parameters.get("when")))
        return [(name, View(self.where, self._alike(entry), self.palette)) for name, entry in ordered]

    def _alike(self, model: Entry) -> tuple[Entry, ...]:
        """Return the records with the settings of one; an arm that knows one setting only is there in all of them.

        A ViT has no BatchNorm to switch, so that its spectrum stands next to either of a ResNet's. The moment of
        training is the same for all.
        """
        varied = self.varied()
        fixed = {
            (arm, key)
            for arm in self.arms
            for key in varied
            if key != "when" and len({str(entry.parameters.get(key)) for entry in self.of(arm)}) == 1
        }
        return tuple(
            entry
            for entry in self.entries
            if all(
                (entry.arm, key) in fixed or entry.parameters.get(key) == model.parameters.get(key) for key in varied
            )
        )

    def seeds(self) -> str:
        """Say how many networks per arm are drawn."""
        counts = sorted({len({entry.seed for entry in self.of(arm)}) for arm in self.arms})
        shown = str(counts[0]) if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"
        return f"n = {shown} network{'' if counts == [1] else 's'} per arm"


def figures(where: str) -> tuple[str, ...]:
    """Return the figure numbers in a place of the paper: ``Fig. 1c, 4`` gives ``("1c", "4")``."""
    return tuple(FIGURE.findall(where)) if "Fig" in where else ()


def _moment(when: Any) -> tuple[int, float]:
    """Return where a snapshot stands in time: init, warm-up, epochs in order, end."""
    named = {"init": 0, "warmup": 1, "end": 3, None: 0}
    return (named[when], 0.0) if when in named else (2, float(when) if str(when).isdigit() else 0.0)


def mean(values: Iterable[float | None]) -> float | None:
    """Return the mean of the values that there are, None if there is none."""
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None


def columns(rows: Iterable[Iterable[float | None]]) -> list[float | None]:
    """Return the mean over seeds, place by place."""
    return [mean(column) for column in zip(*rows, strict=False)]
