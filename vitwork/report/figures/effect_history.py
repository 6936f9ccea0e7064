"""A claim's effect over scales and over time, for the index of reports."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from vitwork.report import words
from vitwork.report.axis import number, span
from vitwork.report.figures.base import Palette
from vitwork.report.history import HistoryEvent
from vitwork.report.svg import Plot, fitted, mark
from vitwork.report.words import factor, shown

WIDTH, HEIGHT = 300.0, 150.0
DAY = 86_400.0


def courses(events: Sequence[HistoryEvent], palette: Palette) -> list[str]:
    """Return a claim's effect by scale, with its interval, and over time; nothing where no report has a number.

    Effects are those of the comparison that the newest report makes; where a report made another one, or none, the sign of
    its verdict stands at the lower edge.

    Args:
        events: of one claim, in order of time.
        palette: colours and marks by profile.
    """
    last = next((event for event in reversed(events) if event.estimate is not None), None)
    if last is None:
        return []
    alike = [event for event in events if event.estimate is not None and _kind(event) == _kind(last)]
    latest = sorted({event.profile: event for event in events}.values(), key=_size)
    ends = [_value(e, v) for e in latest if e in alike for v in (e.low, e.high)]
    ends += [_value(event, v) for event in alike for v in (event.estimate, event.margin)]
    frame = _Frame(last, span(ends, log=factor(last.scale), pad=0.16), palette)
    return [_by_scale(frame, latest), _over_time(frame, events)]


def _kind(event: HistoryEvent) -> tuple[str, str, str]:
    """Return what an event's effect is of; earlier reports gave slopes of percentages in %."""
    return event.statement, event.scale, event.unit.replace("%", "pp")


def _size(event: HistoryEvent) -> tuple[int, str]:
    return event.parameters or 0, event.profile


def _value(event: HistoryEvent, value: float | None) -> float | None:
    return None if value is None else shown(value, event.scale)


@dataclass(frozen=True, slots=True)
class _Frame:
    """What both drawings of a claim share: the event whose comparison is drawn, the vertical axis, marks by profile."""

    last: HistoryEvent
    reach: tuple[float, float]
    palette: Palette

    def plot(self, title: str, x: tuple[float, float]) -> Plot:
        """Return an empty panel with the margin."""
        unit = f" ({self.last.unit})" if self.last.unit else ""
        plot = Plot(
            f"{self.last.statement} {title}", x, self.reach, "", f"effect{unit}", log_y=factor(self.last.scale),
            width=WIDTH, height=HEIGHT, margin=(46, 8, 8, 24),
        )  # fmt: skip
        plot.rule(y=_value(self.last, self.last.margin), kind="dashrule")
        return plot

    def draw(self, plot: Plot, x: float, event: HistoryEvent, *, whole: bool) -> None:
        """Draw an event in the colour of its verdict, with its interval where the `whole` is asked for."""
        verdict, at = f"v-{event.verdict.replace(' ', '-')}", plot.sx(x)
        estimate, low, high = (_value(event, value) for value in (event.estimate, event.low, event.high))
        if estimate is None or _kind(event) != _kind(self.last):
            plot.text(at, HEIGHT - 28, words.SYMBOLS[event.verdict], kind=f"sign {verdict}")
            return
        if whole:
            ends = [plot.sy(edge if end is None else end) for end, edge in zip((low, high), plot.y, strict=True)]
            plot.parts.append(
                f'<path class="interval {verdict}" d="M{number(at)} {number(ends[0])}V{number(ends[1])}"/>'
            )
        said = f"{event.profile}, {words.moment(event.finished)}, commit {event.commit or 'unknown'}: {event.verdict}"
        outline = mark(at, plot.sy(estimate), self.palette[event.profile], 3.6)
        plot.parts.append(
            plot.tipped(f'class="estimate {verdict}" d="{outline}"', f"{said}, {words.quantity(estimate)}")
        )


def _by_scale(frame: _Frame, events: Sequence[HistoryEvent]) -> str:
    plot = frame.plot("by scale", (-0.5, len(events) - 0.5))
    for place, event in enumerate(events):
        frame.draw(plot, place, event, whole=True)
    room = (WIDTH - 60) / len(events)
    return plot.render(xticks=[(place, fitted(event.profile, room)) for place, event in enumerate(events)])


def _over_time(frame: _Frame, events: Sequence[HistoryEvent]) -> str:
    days = [event.finished / DAY for event in events]
    room = max(0.5, 0.08 * (days[-1] - days[0]))
    plot = frame.plot("over time", (days[0] - room, days[-1] + room))
    for profile in dict.fromkeys(event.profile for event in events):
        own = [(event.finished / DAY, _value(event, event.estimate)) for event in events
               if event.profile == profile and _kind(event) == _kind(frame.last)]  # fmt: skip
        plot.line(own, frame.palette[profile], opacity=0.6)
    for day, event in zip(days, events, strict=True):
        frame.draw(plot, day, event, whole=False)
    ends = {words.moment(day * DAY)[:10]: day for day in (days[0], days[-1])}
    return plot.render(xticks=[(day, date) for date, day in ends.items()])
