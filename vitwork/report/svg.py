"""A panel that writes SVG: axes, lines, marks, bars. Standard library only.

Why not matplotlib: importing it takes longer than a small report may, and its figures do not follow the reader's light
or dark theme. Here colours are classes (``s0`` … ``s7``) that the page's style sheet fills in, text stays text, and a
figure takes a millisecond and a few kilobytes.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from html import escape
from itertools import pairwise
from typing import Literal

from vitwork.report.axis import Point, Scale, labels, number

BEFORE = {"start": 0.0, "middle": 0.5, "end": 1.0}
"""The part of a text that stands before its place, by anchor."""
Stroke = Literal["line", "thin", "dash", "contour", "dashrule"]
SERIES = 8
"""Colours in the style sheet; later series repeat them with other marks."""
LETTER = 6.4
"""Width of a letter in pixels, rather too wide: the reader's own font draws the text."""


def fitted(words: str, room: float) -> str:
    """Return words cut so that they need no more than `room` pixels."""
    most = int(room / LETTER)
    return words if len(words) <= most else f"{words[: most - 1]}…"


@dataclass(slots=True)
class Plot:
    """One panel: axes, grid and marks, in pixels of its own view box.

    Attributes:
        title: what a screen reader says of it.
        x, y: value intervals of the axes.
        xlabel, ylabel: names with units.
        log_x, log_y: logarithmic axes.
        width, height: of the view box.
        margin: left, top, right, bottom.
        parts: what was drawn so far.
        tagged: left end, right end and base line of the names written so far.
        dots: centres of the marks drawn so far.
    """

    title: str
    x: Point
    y: Point
    xlabel: str = ""
    ylabel: str = ""
    log_x: bool = False
    log_y: bool = False
    width: float = 340
    height: float = 220
    margin: tuple[float, float, float, float] = (46, 8, 10, 36)
    parts: list[str] = field(default_factory=list)
    tagged: list[tuple[float, float, float]] = field(default_factory=list)
    dots: list[Point] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Make room for the numbers of the vertical axis between its name and the panel."""
        if self.ylabel:
            longest = max(map(len, labels(self.sy.ticks(), log=self.log_y)), default=0)
            self.margin = (max(self.margin[0], 20 + LETTER * longest), *self.margin[1:])

    @property
    def sx(self) -> Scale:
        """The horizontal scale."""
        return Scale(*self.x, self.margin[0], self.width - self.margin[2], self.log_x)

    @property
    def sy(self) -> Scale:
        """The vertical scale; large values are at the top."""
        return Scale(*self.y, self.height - self.margin[3], self.margin[1], self.log_y)

    def line(
        self,
        points: Iterable[tuple[float | None, float | None]],
        series: int,
        kind: Stroke = "line",
        opacity: float = 1.0,
    ) -> None:
        """Draw a line through the finite points, broken where one is missing."""
        sx, sy = self.sx, self.sy
        parts: list[list[Point]] = [[]]
        for x, y in points:
            if x is None or y is None or not (math.isfinite(x) and math.isfinite(y)):
                parts.append([])
            else:
                parts[-1].append((sx(x), sy(y)))
        path = "".join(
            f"{'L' if place else 'M'}{number(x)} {number(y)}"
            for part in parts
            for place, (x, y) in enumerate(straightened(part))
        )
        faded = f' opacity="{opacity:.2f}"' if opacity < 1 else ""
        self.parts.append(f'<path class="{kind} s{series % SERIES}"{faded} d="{path}"/>')

    def marks(
        self,
        points: Iterable[tuple[float | None, float | None, str]],
        series: int,
        kind: Literal["mark", "hollow", "faint", "other"] = "mark",
        size: float = 3.2,
    ) -> None:
        """Draw a mark per finite point, in the outline of its series; its text shows when a pointer rests on it."""
        for x, y, text in points:
            if x is not None and y is not None and math.isfinite(x) and math.isfinite(y):
                self.dots.append((self.sx(x), self.sy(y)))
                outline = mark(*self.dots[-1], series, size)
                self.parts.append(self.tipped(f'class="{kind} s{series % SERIES}" d="{outline}"', text))

    @staticmethod
    def tipped(attributes: str, text: str) -> str:
        """Return a path whose text shows when a pointer rests on it."""
        tip = f"<title>{escape(text)}</title>" if text else ""
        return f"<path {attributes}>{tip}</path>"

    def bar(self, x: float, value: float, series: int, half: float, text: str = "") -> None:
        """Draw an upright bar from zero to `value` around `x`, with `half` its width in pixels."""
        top, bottom = sorted((self.sy(0.0), self.sy(value)))
        box = f'x="{number(self.sx(x) - half)}" y="{number(top)}" width="{number(2 * half)}"'
        tip = f"<title>{escape(text)}</title>" if text else ""
        self.parts.append(f'<rect class="bar s{series % SERIES}" {box} height="{number(bottom - top)}">{tip}</rect>')

    def rule(self, *, x: float | None = None, y: float | None = None, kind: str = "zero") -> None:
        """Draw a line across the panel at `x` or `y`."""
        left, top, right, bottom = self.margin
        if x is not None:
            ends = f"M{number(self.sx(x))} {number(top)}V{number(self.height - bottom)}"
        else:
            ends = f"M{number(left)} {number(self.sy(y or 0.0))}H{number(self.width - right)}"
        self.parts.append(f'<path class="{kind}" d="{ends}"/>')

    def text(self, x: float, y: float, words: str, anchor: str = "middle", kind: str = "note") -> None:
        """Write words at pixels."""
        self.parts.append(
            f'<text class="{kind}" x="{number(x)}" y="{number(y)}" text-anchor="{anchor}">{escape(words)}</text>'
        )

    def tag(self, x: float, y: float, words: str) -> None:
        """Write the name of a point next to it, where no other name and no mark is; farther off with a line to it."""
        px, py, length = self.sx(x), self.sy(y), LETTER * len(words)
        right, left = (px + 7, py + 4, "start"), (px - 7, py + 4, "end")
        above, below = (px, py - 7, "middle"), (px, py + 15, "middle")
        higher, lower = (px + 7, py - 5, "start"), (px + 7, py + 13, "start")
        near = (right, left, above, below, higher, lower)
        far = [(px + side * 20, py + 4 + down, anchor) for down in (-16, 16, -30, 30, -44, 44)
               for side, anchor in ((1, "start"), (-1, "end"))]  # fmt: skip
        at, base, anchor = max((*near, *far), key=lambda place: self._room(place, length))
        if (at, base, anchor) in far:
            self.parts.append(f'<path class="zero" d="M{number(px)} {number(py)}L{number(at)} {number(base - 4)}"/>')
        start = at - BEFORE[anchor] * length
        self.tagged.append((start, start + length, base))
        self.text(at, base, words, anchor)

    def _room(self, place: tuple[float, float, str], length: float) -> tuple[bool, bool, bool]:
        """Return how well a name can stand at a place: inside the drawing first of all, off other names, off marks."""
        at, base, anchor = place
        start = at - BEFORE[anchor] * length
        inside = start >= self.margin[0] and start + length <= self.width
        inside = inside and 10 <= base <= self.height - self.margin[3] - 2
        free = all(abs(base - b) > 10 or start > stop or start + length < begin for begin, stop, b in self.tagged)
        bare = not any(start - 3 < dx < start + length + 3 and base - 11 < dy < base + 3 for dx, dy in self.dots)
        return inside, free, bare

    def render(self, *, xticks: Sequence[tuple[float, str]] | None = None, grid: bool = True) -> str:
        """Return the SVG element.

        Args:
            xticks: values and texts in place of round numbers; an empty list for none.
            grid: whether lines are drawn at the ticks of the vertical axis, with their numbers.
        """
        axes = self._axis_x(xticks)
        if grid:
            axes += self._axis_y()
        return (
            f'<svg viewBox="0 0 {number(self.width)} {number(self.height)}" role="img" aria-label="{escape(self.title)}">'
            f"{''.join(axes)}{''.join(self.parts)}</svg>"
        )

    def _axis_x(self, xticks: Sequence[tuple[float, str]] | None) -> list[str]:
        left, _, right, bottom = self.margin
        base = self.height - bottom
        parts = [f'<path class="axis" d="M{number(left)} {number(base)}H{number(self.width - right)}"/>']
        for tick, words in self._spaced() if xticks is None else xticks:
            at = number(self._inside(tick, words))
            parts.append(f'<path class="axis" d="M{number(self.sx(tick))} {number(base)}v4"/>')
            parts.append(f'<text x="{at}" y="{number(base + 15)}" text-anchor="middle">{escape(words)}</text>')
        if self.xlabel:
            length, room = 5.8 * len(self.xlabel), self.width - 6
            squeezed = f' textLength="{number(room)}" lengthAdjust="spacingAndGlyphs"' if length > room else ""
            half = min(length, room) / 2
            middle = min(max((left + self.width - right) / 2, 3 + half), self.width - 3 - half)
            parts.append(
                f'<text class="name" x="{number(middle)}" y="{number(self.height - 5)}" text-anchor="middle"{squeezed}>'
                f"{escape(self.xlabel)}</text>"
            )
        return parts

    def _inside(self, tick: float, words: str) -> float:
        """Return the middle of a tick's text, moved where it would leave the drawing."""
        half = LETTER * len(words) / 2 + 2
        return min(max(self.sx(tick), half), max(half, self.width - half))

    def _spaced(self) -> list[tuple[float, str]]:
        """Return the ticks of the horizontal axis with their texts, so few that the texts keep apart."""
        every = [self.sx.ticks(about) for about in (5, 4, 3, 2)]
        for ticks in (*every, every[-1][::2], every[-1][:1]):
            texts = labels(ticks, log=self.log_x)
            places = [(self._inside(tick, words), words) for tick, words in zip(ticks, texts, strict=True)]
            if all(b - a >= LETTER * (len(x) + len(y)) / 2 + 8 for (a, x), (b, y) in pairwise(places)):
                break
        return list(zip(ticks, texts, strict=True))

    def _axis_y(self) -> list[str]:
        left, top, right, bottom = self.margin
        parts = []
        ticks = self.sy.ticks()
        for tick, words in zip(ticks, labels(ticks, log=self.log_y), strict=True):
            at = self.sy(tick)
            parts.append(f'<path class="grid" d="M{number(left)} {number(at)}H{number(self.width - right)}"/>')
            parts.append(f'<text x="{number(left - 5)}" y="{number(at + 3.5)}" text-anchor="end">{words}</text>')
        if self.ylabel:
            middle = (top + self.height - bottom) / 2
            turn = f'transform="translate(10 {number(middle)}) rotate(-90)"'
            parts.append(f'<text class="name" {turn} text-anchor="middle">{escape(self.ylabel)}</text>')
        return parts


def straightened(path: Sequence[Point], near: float = 0.1) -> list[Point]:
    """Return a line without the points that it passes by anyway, which saves most of a smooth curve's characters.

    Args:
        path: points in pixels.
        near: distance in pixels within which the line still passes every point that is left out.
    """
    kept, skipped = list(path[:1]), list[Point]()
    for point, following in pairwise(path[1:]):
        skipped.append(point)
        # looking back over a few points only keeps the time linear
        if len(skipped) > 8 or any(_distance(passed, kept[-1], following) > near for passed in skipped):
            kept.append(point)
            skipped.clear()
    return [*kept, *path[-1:]] if len(path) > 1 else kept


def _distance(point: Point, start: Point, end: Point) -> float:
    """Return the distance of a point from the segment between two others."""
    dx, dy = end[0] - start[0], end[1] - start[1]
    length = dx * dx + dy * dy
    part = ((point[0] - start[0]) * dx + (point[1] - start[1]) * dy) / length if length else 0.0
    part = min(1.0, max(0.0, part))
    return math.hypot(point[0] - start[0] - part * dx, point[1] - start[1] - part * dy)


# Outlines within -1 … 1, of about equal area, in the order of the series: after the disc (drawn as an arc) square,
# triangle, diamond, triangle upside down, plus, cross and upright bar. Colour is never the only difference.
OUTLINES: tuple[tuple[Point, ...], ...] = (
    (),
    ((-0.9, -0.9), (0.9, -0.9), (0.9, 0.9), (-0.9, 0.9)),
    ((0, -1.25), (1.2, 0.9), (-1.2, 0.9)),
    ((0, -1.35), (1.35, 0), (0, 1.35), (-1.35, 0)),
    ((0, 1.25), (1.2, -0.9), (-1.2, -0.9)),
    tuple(
        (x / 2.4, y / 2.4)
        for x, y in (
            (-1, -3),
            (1, -3),
            (1, -1),
            (3, -1),
            (3, 1),
            (1, 1),
            (1, 3),
            (-1, 3),
            (-1, 1),
            (-3, 1),
            (-3, -1),
            (-1, -1),
        )
    ),
    (
        (-1.1, -0.6),
        (-0.6, -1.1),
        (0, -0.5),
        (0.6, -1.1),
        (1.1, -0.6),
        (0.5, 0),
        (1.1, 0.6),
        (0.6, 1.1),
        (0, 0.5),
        (-0.6, 1.1),
        (-1.1, 0.6),
        (-0.5, 0),
    ),
    ((-0.5, -1.3), (0.5, -1.3), (0.5, 1.3), (-0.5, 1.3)),
)


def mark(x: float, y: float, shape: int, size: float = 3.2) -> str:
    """Return the outline of a mark at pixels as path data.

    Args:
        x, y: centre.
        shape: index of the series; one whose colour is that of an earlier one has another outline.
        size: about half its width.
    """
    outline = OUTLINES[(shape + shape // SERIES) % len(OUTLINES)]
    if not outline:
        return f"M{number(x - size)} {number(y)}a{size} {size} 0 1 0 {2 * size} 0a{size} {size} 0 1 0 {-2 * size} 0"
    corners = (f"{number(x + dx * size)} {number(y + dy * size)}" for dx, dy in outline)
    return f"M{'L'.join(corners)}z"
