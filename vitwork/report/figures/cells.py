"""Maps of coloured cells, compact: one path per colour."""

from __future__ import annotations

from collections.abc import Sequence

from vitwork.report.axis import number
from vitwork.report.figures.colours import colour

Grid = Sequence[Sequence[float | None]]


def cells(grid: Grid, box: tuple[float, float, float, float], interval: tuple[float, float]) -> str:
    """Return the cells of a grid as SVG paths; missing values stay empty.

    Args:
        grid: rows from the bottom of the box upwards.
        box: left, top, width and height in pixels.
        interval: the values of the darkest and the lightest colour.
    """
    left, top, width, height = box
    dx, dy = width / len(grid[0]), height / len(grid)
    # a little wider than the grid asks for, so that no seam shows between neighbours
    wide, tall = number(dx + 0.3), number(dy + 0.3)
    low, high = interval
    paths: dict[str, list[str]] = {}
    for row, values in enumerate(grid):
        y = top + height - (row + 1) * dy
        for column, value in enumerate(values):
            if value is not None:
                fill = colour((value - low) / (high - low) if high > low else 0.5)
                corner = f"M{number(left + column * dx)} {number(y)}h{wide}v{tall}h-{wide}z"
                paths.setdefault(fill, []).append(corner)
    return "".join(f'<path class="cell" fill="{fill}" d="{"".join(parts)}"/>' for fill, parts in paths.items())


def ramp(x: float, y: float, width: float, words: tuple[str, str]) -> str:
    """Return a legend of the colours: a bar with a word at either end."""
    step = width / 20
    bar = "".join(
        f'<rect x="{number(x + place * step)}" y="{number(y)}" width="{step + 0.5:.1f}" height="8" fill="{colour(place / 19)}"/>'
        for place in range(20)
    )
    low, high = words
    return (
        f'{bar}<text x="{number(x - 4)}" y="{number(y + 8)}" text-anchor="end">{low}</text>'
        f'<text x="{number(x + width + 4)}" y="{number(y + 8)}">{high}</text>'
    )
