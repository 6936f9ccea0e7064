"""The table of verdicts for a terminal: a row per claim, in its width. Imports rich when it is called."""

from __future__ import annotations

import math
import shutil
import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Literal

from vitwork.design.deviation import Missing
from vitwork.facts.claims import ClaimResult, Hypothesis
from vitwork.facts.document import Results
from vitwork.report import words
from vitwork.statistics.effect import Verdict

HEADER = ("claim", "verdict", "effect [interval]", "n", "p", "q", "compares")
GAP = 2
NAME = 24
"""Characters that the column of names keeps before others are left out; a longer name has a line of its own."""
SHORT = 10
"""Characters that it keeps before p and q are left out."""
NARROWEST = 40
"""Columns below which a terminal is taken to be wider than it is."""
INDENT = "    "
"""Of a row's last cell, where it stands below the others."""
LEAST = 16
"""Characters that the last column takes at least, where it is shown."""
STYLES: dict[str, str] = {
    Verdict.REPRODUCED: "green",
    Verdict.CONTRADICTED: "bold red",
    Verdict.INCONCLUSIVE: "yellow",
    Verdict.NOT_MEASURED: "dim",
}
BARE = len(HEADER)
"""Where a row has its effect without the unit, which is shown whole or not at all."""
Row = tuple[str, ...]
"""A cell for each column of the header, and the effect without its unit."""


def terminal_columns() -> int:
    """Return the columns of the terminal; 80 where the output is none."""
    return max(NARROWEST, shutil.get_terminal_size().columns)


def wrapped(line: str, width: int, hang: int = 2) -> list[str]:
    """Return a line in lines of a width; words, names with hyphens among them, are not broken.

    Args:
        line: its indent is that of what follows too.
        width: of a line.
        hang: columns by which what follows is indented further.
    """
    if len(line) <= width:
        return [line]
    indent = " " * (len(line) - len(line.lstrip()) + hang)
    return textwrap.wrap(line, width, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)


def table(results: Results, width: int = 160, *, every: bool = False, colour: bool = False) -> list[str]:
    """Return the lines of a session's verdicts: claims with what bears their verdict, decided ones first, ours last.

    Args:
        results: of the session.
        width: of the terminal, which the lines of the table keep to; only names are never cut.
        every: also a row for every hypothesis, controls last, and one for every claim that was not measured, which are
            counted by reason otherwise; what a row compares is whole then, below it where it does not fit beside.
        colour: whether the terminal shows colours.
    """
    paper, ours = (list(_rows(results, claims, every=every)) for claims in words.apart(results.claims))
    heading: list[Row] = [("", *[""] * BARE), ("claims of ours", *[""] * BARE)] if ours else []
    lines = ["", *_drawn([*paper, *heading, *ours], width, whole=every, colour=colour), ""] if paper or ours else [""]
    swapped = (
        f"The arm {arm} is {what}, not the profile’s own."
        for arm, (what, _) in words.substitutes(results.profile).items()
    )
    price = [f"{price}."] if (price := words.price(results)) else []
    unmeasured = [] if every else words.unmeasured(results.claims)
    said = [*unmeasured, *swapped, *filter(None, [words.correction(results)]), *price]
    return [*lines, *(part for line in said for part in wrapped(line, width)), *totals(results)]


def totals(results: Results) -> list[str]:
    """Return how many claims have which verdict, the paper's and ours apart, and whether that is a part of the tests only."""
    part = "; a part of the tests" if words.partial(results) else ""
    return [
        f"{words.decided(claims)} of {words.plural(len(claims), 'claim')} of {whose} decided at profile "
        f"{results.profile.name}{words.properties(claims)}: {words.counted(claims) or 'none was tested'}{part}."
        for claims, whose in words.sides(results.claims)
    ]


def _rows(results: Results, claims: Iterable[ClaimResult], *, every: bool) -> Iterator[Row]:
    verdicts = list(Verdict)
    for claim in sorted(claims, key=lambda claim: verdicts.index(claim.verdict)):
        found = list(map(words.from_zero, results.hypotheses_of(claim)))
        folded = claim.verdict is Verdict.NOT_MEASURED and not every
        if not folded or (claim.lack is not None and claim.lack.missing is Missing.FAULT):
            yield _claim(claim, found)
        alone = len(found) == 1 and words.bearing(claim.verdict, found) is not None  # which the claim's row shows
        if every and not alone:
            yield from map(_hypothesis, sorted(found, key=lambda hypothesis: bool(hypothesis.control)))


def _claim(claim: ClaimResult, hypotheses: Sequence[Hypothesis]) -> Row:
    """Return the row of a claim with the hypothesis that bears its verdict, and what qualifies it."""
    said = list(words.qualifiers(claim, hypotheses))
    deciding = words.primaries(hypotheses)
    if claim.lack is not None:
        said.append(words.lack(claim.lack))
    elif not hypotheses:
        said.append(f"the test says {claim.verdict}")
    effect = counts = bare = ""
    if (bearing := words.bearing(claim.verdict, hypotheses)) is not None:
        effect, bare = (words.effect(bearing.effect, unit) for unit in (bearing.unit, ""))
        counts = _seeds(bearing)
        said.append(": ".join(filter(None, [words.rank(claim.verdict, len(deciding)), words.compared(bearing)])))
    p, q = (words.probability(value) if value is not None else "" for value in (claim.p, claim.q))
    return claim.id, claim.verdict, effect, counts, p, q, "; ".join(said), bare


def _hypothesis(hypothesis: Hypothesis) -> Row:
    effect = hypothesis.effect
    control = f"control: {hypothesis.control}: " if hypothesis.control else ""
    p = "" if math.isnan(effect.p) else words.probability(effect.p)
    shown, bare = (words.effect(effect, unit) for unit in (hypothesis.unit, ""))
    return "", effect.verdict, shown, _seeds(hypothesis), p, "", f"{control}{words.compared(hypothesis)}", bare


def _seeds(hypothesis: Hypothesis) -> str:
    found = hypothesis.effect
    return f"{found.n_a}" + (f"+{found.n_b}" if found.n_b and len(words.networks(hypothesis)) > 1 else "")


def _drawn(rows: Sequence[Row], width: int, *, whole: bool, colour: bool) -> list[str]:
    """Return rows as lines of a terminal of that width; with `whole`, a last column that would be cut stands below each row."""
    from rich.cells import cell_len

    rows = [tuple(" ".join(cell.splitlines()) for cell in row) for row in rows]  # a message of pytest's has several
    widths = [max(cell_len(row[column]) for row in (HEADER, *rows)) for column in range(len(HEADER))]
    interval = max([len(HEADER[2]), *(len(row[BARE]) for row in rows)])
    last = len(HEADER) - 1
    shown = _fitting(widths, interval, width)
    below = whole and shown.get(last, 0) < widths[last]
    if below:
        shown = _fitting([*widths[:last], 0], interval, width)
        shown.pop(last, None)
    apart = [cell_len(row[0]) > shown[0] for row in rows]
    cells = [
        (
            "" if alone else row[0],
            row[1],
            row[2] if cell_len(row[2]) <= shown.get(2, 0) else row[BARE],
            *row[3:BARE],
        )
        for row, alone in zip(rows, apart, strict=True)
    ]
    head, *drawn = _columns(cells, shown, width, colour=colour)
    lines = [head]
    for row, line, alone in zip(rows, drawn, apart, strict=True):
        lines += [*([row[0]] if alone else []), *([line] if any(row[1:]) or not alone else [])]
        lines += (
            textwrap.wrap(row[last], max(width, 2 * LEAST), initial_indent=INDENT, subsequent_indent=INDENT)
            if below
            else []
        )
    return lines


def _columns(rows: Sequence[Row], shown: Mapping[int, int], width: int, *, colour: bool) -> list[str]:
    """Return the header and rows as a line each, with the columns of `shown` in their widths."""
    from io import StringIO

    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    made = Table(box=None, pad_edge=False, padding=(0, GAP, 0, 0), header_style="bold")
    for column in shown:
        made.add_column(Text(HEADER[column]), no_wrap=True, overflow="ellipsis", width=shown[column])
    for row in rows:
        made.add_row(*(Text(row[column], STYLES.get(row[column], "")) for column in shown))  # a verdict is its own word
    file = StringIO()
    system: Literal["standard"] | None = "standard" if colour else None
    console = Console(
        file=file, width=width, force_terminal=colour, color_system=system, legacy_windows=False, force_jupyter=False
    )
    console.print(made)
    return [line.rstrip() for line in file.getvalue().splitlines()]


def _fitting(widths: Sequence[int], interval: int, width: int) -> dict[int, int]:
    """Return the columns that fit side by side and their widths: all but the verdict are cut or left out, the least telling first.

    Args:
        widths: that the columns would take.
        interval: what the effect takes without its unit.
        width: of the terminal.
    """
    shown = dict(enumerate(widths))

    def left() -> int:
        return width - sum(shown.values()) - GAP * (len(shown) - 1)

    name, _, effect, seeds, p, q, last = range(len(widths))
    least = (
        (last, LEAST),
        (name, NAME),
        (last, 0),
        (seeds, 0),
        (effect, interval),
        (name, SHORT),
        (p, 0),
        (q, 0),
        (name, 1),
    )
    for column, kept in least:
        if left() < 0:
            shown[column] = max(min(kept, widths[column]), shown[column] + left())
            if not kept:
                del shown[column]
    for column in (name, effect):  # what was left out later made room again
        shown[column] = min(widths[column], shown[column] + max(0, left()))
    return shown
