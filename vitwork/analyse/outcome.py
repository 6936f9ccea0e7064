"""The results of analyses on one model or several, as a table, a pandas frame, figures and files."""

from __future__ import annotations

import csv
import html
import io
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, fields
from functools import cached_property
from pathlib import Path
from typing import Any

import msgspec

from vitwork.analyse.findings import Made, Number
from vitwork.analyse.table import ANALYSES
from vitwork.errors import VitworkError
from vitwork.facts.not_made import NotMade, Obstruction
from vitwork.report import words
from vitwork.report.document import dump
from vitwork.report.terminal import terminal_columns
from vitwork.store.store import check_writable, write_atomically

SCHEMA = "vitwork-analyses/2"
ENDINGS = (".json", ".csv", ".html")
LABELS, COLUMN = 44, 18
"""Widths in characters of a table's first two columns together, and of a model's column."""


@dataclass(slots=True)
class Analysed:
    """One model with the results of its analyses.

    Attributes:
        model: its name.
        weights: source of its weights, in words.
        trained: whether its weights are trained ones, not random.
        parameters: number of its parameters.
        images: source, fingerprint, side and number of its images.
        analyses: results by name, in the order in which they were made.
    """

    model: str
    weights: str
    trained: bool
    parameters: int
    images: dict[str, Any]
    analyses: dict[str, Made | NotMade] = field(default_factory=dict)

    @property
    def failed(self) -> bool:
        """Whether an analysis failed with an unexpected error."""
        return any(isinstance(found, NotMade) and found.reason is Obstruction.FAULT for found in self.analyses.values())

    @property
    def measured(self) -> list[tuple[str, Made]]:
        """The analyses that were made, in the order of the table."""
        return [(name, found) for name in ANALYSES if isinstance(found := self.analyses.get(name), Made)]

    @property
    def numbers(self) -> dict[tuple[str, str], Number]:
        """The numbers by analysis and quantity."""
        return {(name, number.quantity): number for name, found in self.measured for number in found.numbers}


@dataclass(frozen=True)
class AnalysisOutcome:
    """The results of `vitwork.analyse`: prints as a table, draws with `plot`, and gives a pandas frame as `frame`.

    Attributes:
        models: the models, each with its numbers and records.
        asked: the arguments of the call.
        made_by: versions and hardware.
    """

    models: tuple[Analysed, ...]
    asked: dict[str, Any] = field(default_factory=dict)
    made_by: dict[str, Any] = field(default_factory=dict)

    @property
    def first_line(self) -> str:
        """The sources of the weights, for the first line of every output."""
        return weights_of([(one.model, one.weights, one.trained) for one in self.models])

    @property
    def warning(self) -> str:
        """A warning that names the models with random weights, for the page's banner; empty if there are none."""
        return weights_of([(one.model, one.weights, one.trained) for one in self.models if not one.trained])

    def __str__(self) -> str:
        """Return the weights, a table with a column per model, and what was not measured, at the terminal's width."""
        width = terminal_columns()
        why = [line for reason in self.reasons for line in textwrap.wrap(reason, width, subsequent_indent="  ")]
        errors = [line for text in self.errors for line in ["", *textwrap.wrap(text, width)]]
        return "\n".join([self.first_line, "", *_aligned(self.rows, width), *errors, *([""] if why else []), *why])

    def _repr_html_(self) -> str:
        head, *body = [[html.escape(cell) for cell in row] for row in self.rows]
        lines = ["".join(f"<td>{cell}</td>" for cell in row) for row in body]
        why = "".join(f"<p>{html.escape(text)}</p>" for text in [*self.errors, *self.reasons])
        return (
            f"<p>{html.escape(self.first_line)}</p><table><thead><tr>{''.join(f'<th>{cell}</th>' for cell in head)}</tr>"
            f"</thead><tbody>{''.join(f'<tr>{line}</tr>' for line in lines)}</tbody></table>{why}"
        )

    @property
    def errors(self) -> list[str]:
        """A sentence on what the standard errors are over; empty if there is no number."""
        found: dict[str, dict[str, None]] = {}
        for one in self.models:
            for name, made in one.measured:
                if any(number.value is not None for number in made.numbers):
                    found.setdefault(made.over, {})[name] = None
        return words.analyses.errors({over: list(names) for over, names in found.items()})

    @property
    def reasons(self) -> list[str]:
        """Sentences on why analyses could not be made, one for each model and reason."""
        found: dict[tuple[str, str], list[str]] = {}
        for one in self.models:
            for name, made in one.analyses.items():
                if isinstance(made, NotMade):
                    found.setdefault((one.model, words.analyses.not_made(made)), []).append(name)
        return [words.analyses.without(model, names, why) for (model, why), names in found.items()]

    @property
    def rows(self) -> list[list[str]]:
        """The table as text: a header, then a row for each quantity with a cell for each model."""
        keys = dict.fromkeys(key for one in self.models for key in one.numbers)
        made = {name for name, _ in keys}
        others = dict.fromkeys(name for one in self.models for name in one.analyses if name not in made)
        order = list(ANALYSES)
        rows = [
            (order.index(name), [name, quantity, *(_cell(one, name, quantity) for one in self.models)])
            for name, quantity in keys
        ]
        rows += [(order.index(name), [name, "", *(_cell(one, name, "") for one in self.models)]) for name in others]
        return [["analysis", "quantity", *(one.model for one in self.models)],
                *(row for _, row in sorted(rows, key=lambda pair: pair[0]))]  # fmt: skip

    @cached_property
    def frame(self) -> Any:
        """The numbers as a tidy pandas frame: a row for each model and quantity."""
        import pandas as pd

        columns = ["model", "weights", "analysis", "quantity", "unit", "value", "error", "over", "lacks"]
        rows = [
            [
                one.model,
                one.weights,
                name,
                number.quantity,
                number.unit,
                number.value,
                number.error,
                found.over,
                number.lacks,
            ]
            for one in self.models
            for name, found in one.measured
            for number in found.numbers
        ]
        return pd.DataFrame(rows, columns=columns).astype({"value": float, "error": float})

    def plot(self) -> Any:
        """Draw every quantity that has a value, with its standard error, in its own panel of matplotlib's figure."""
        import matplotlib.pyplot as plt

        keys = [key for key in dict.fromkeys(key for one in self.models for key in one.numbers)
                if any(_value(one, key) is not None for one in self.models)]  # fmt: skip
        if not keys:
            raise VitworkError("There is no number to draw.")
        columns = min(3, len(keys))
        lines = -(-len(keys) // columns)
        height = 0.7 + 0.25 * len(self.models)
        figure, axes = plt.subplots(lines, columns, figsize=(4.2 * columns, (height + 0.5) * lines), squeeze=False)
        for key, panel in zip(keys, axes.flat, strict=False):
            for place, one in enumerate(self.models):
                number = one.numbers.get(key)
                if number is not None and number.value is not None:
                    panel.errorbar(number.value, place, xerr=number.error or 0.0, fmt="o", capsize=3)
            unit = next((number.unit for one in self.models if (number := one.numbers.get(key))), "")
            panel.set_title(key[1], fontsize=9)
            panel.set_xlabel(unit, fontsize=8)
            panel.set_yticks(range(len(self.models)), [one.model for one in self.models], fontsize=8)
            panel.set_ylim(len(self.models) - 0.5, -0.5)
        for panel in axes.flat[len(keys) :]:
            panel.set_axis_off()
        figure.suptitle(self.first_line, fontsize=9)
        figure.tight_layout()
        return figure

    def csv(self) -> str:
        """Return a row for each model: its description, then every quantity and its standard error."""
        keys = list(dict.fromkeys(key for one in self.models for key in one.numbers))
        head = ["model", "weights", "parameters", "image_size", "images"]
        for name, quantity in keys:
            head += [f"{name}: {quantity}", f"{name}: {quantity}, error"]
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(head)
        for one in self.models:
            cells: list[Any] = [one.model, one.weights, one.parameters, one.images["size"], one.images["count"]]
            for key in keys:
                number = one.numbers.get(key)
                cells += [number.value, number.error] if number else [None, None]
            writer.writerow(cells)
        return text.getvalue()

    @property
    def record(self) -> dict[str, Any]:
        """Everything as JSON, records included; the sources of the weights come first."""
        return {
            "weights": self.first_line,
            "schema": SCHEMA,
            "asked": self.asked,
            **self.made_by,
            "models": [_recorded(one) for one in self.models],
        }

    def save(self, path: Path | str) -> Path:
        """Write a file: ``.json`` with all records, ``.csv`` with a row for each model, or ``.html`` with figures.

        Raises:
            VitworkError: the file has another ending, its folder does not exist, or it cannot be written.
        """
        from vitwork.analyse.page import page

        path = check_file(path)
        writers = {
            # The first line states the weights; numbers that are not finite are null in JSON.
            ".json": lambda: msgspec.json.format(dump(self.record), indent=1).replace(b"{\n ", b"{", 1),
            ".csv": lambda: self.csv().encode(),
            ".html": lambda: page(self),
        }
        write_atomically(path, writers[path.suffix]())
        return path


def _recorded(one: Analysed) -> dict[str, Any]:
    """Return a model as JSON, with a sentence on the reason for every analysis that was not made."""
    analyses = {name: _told(found) if isinstance(found, NotMade) else found for name, found in one.analyses.items()}
    return {**{each.name: getattr(one, each.name) for each in fields(one)}, "analyses": analyses}


def _told(found: NotMade) -> dict[str, Any]:
    details = words.analyses.details(found)
    said = {"not_measured": words.analyses.not_made(found), **({"details": details} if details else {})}
    return {**said, **msgspec.to_builtins(found)}


def check_file(path: Path | str) -> Path:
    """Return a path to which `AnalysisOutcome.save` can write.

    Raises:
        VitworkError: the path has another ending or is a folder, or its folder does not exist or cannot be written.
    """
    path = Path(path)
    if path.suffix not in ENDINGS:
        raise VitworkError(f"{path} cannot be written: end it with {', '.join(ENDINGS)}.")
    if not path.parent.is_dir():
        raise VitworkError(f"{path} cannot be written: its folder does not exist.")
    if path.is_dir():
        raise VitworkError(f"{path} cannot be written: it is a folder.")
    check_writable(path.parent)
    return path


def weights_of(models: Sequence[tuple[str, str, bool]]) -> str:
    """Return the sources of the models' weights in one line, random ones first.

    Args:
        models: name of each model, the source of its weights in words, and whether they are trained.
    """
    said: dict[tuple[bool, str], list[str]] = {}
    for model, weights, trained in models:
        said.setdefault((trained, weights), []).append(model)
    first = sorted(said.items(), key=lambda one: one[0][0])
    return "; ".join(f"{weights} ({', '.join(names)})" for (_, weights), names in first)


def lines(name: str, found: Made | NotMade) -> list[str]:
    """Return the printed lines of one analysis of one model: its time and memory, then its numbers."""
    if isinstance(found, NotMade):
        return [f"{name:14} {words.analyses.alone(found)}"]
    first = f"{name:14} {words.analyses.taken(found.seconds, found.peak_bytes, found.over)}"
    return [
        first,
        *(f"{'':14}   {number.quantity}: {shown(number, found)}{_noted(number)}" for number in found.numbers),
    ]


def shown(number: Number, made: Made) -> str:
    """Return a number as printed; a share of 0 or 100 % of the images, which has no error, as a count of them."""
    images = made.values.get("images")  # noqa: PD011 - values of a record
    alike = number.unit == "%" and number.error is None and number.value in (0.0, 100.0)
    if alike and isinstance(images, int) and made.over == "images":
        return f"{images if number.value else 0} of {words.plural(images, 'image')}"
    return number.shown


def _noted(number: Number) -> str:
    return f" ({number.note})" if number.note else ""


def _cell(one: Analysed, name: str, quantity: str) -> str:
    found = one.analyses.get(name)
    if found is None:
        return "–"
    if isinstance(found, NotMade):
        return "not measured"
    return next((shown(number, found) for number in found.numbers if number.quantity == quantity), "–")


def _value(one: Analysed, key: tuple[str, str]) -> float | None:
    number = one.numbers.get(key)
    return number.value if number else None


def _aligned(rows: Sequence[Sequence[str]], width: int) -> Iterator[str]:
    """Yield the lines of a table; models that do not fit side by side follow below, and long cells are wrapped."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(width=width, color_system=None, file=io.StringIO(), force_jupyter=False)
    beside = max(1, (width - LABELS) // COLUMN)
    for first in range(2, len(rows[0]), beside):
        head, *body = [[*row[:2], *row[first : first + beside]] for row in rows]
        table = Table(box=None, padding=(0, 2, 0, 0), header_style="")
        for cell in head:
            table.add_column(Text(cell), overflow="fold")
        for row in body:
            table.add_row(*map(Text, row))
        with console.capture() as drawn:
            console.print(table)
        if first > 2:
            yield ""
        yield from (line.rstrip() for line in drawn.get().splitlines())
