"""A claim's effect over scales and over time, for the index of reports."""

from __future__ import annotations

from collections.abc import Sequence

from vitwork.report import words
from vitwork.report.axis import number, span
from vitwork.report.figures.base import Palette
from vitwork.report.history import Event
from vitwork.report.svg import Plot, fitted, mark
from vitwork.report.words import factor, shown

WIDTH, HEIGHT = 300.0, 150.0
DAY = 86_400.0


def courses(events: Sequence[Event], palette: Palette) -> list[str]:
    """Return a claim's effect by scale, with its interval, and over time; nothing where no report has a number.

    Effects of the comparison of the last report alone are drawn, since others cannot be compared with it.

    Args:
        events: of one claim, in order of time.
        palette: colours by profile.
    """
    last = next((event for event in reversed(events) if event.estimate is not None), None)
    if last is None:
        return []
    kind = (last.statement, last.scale, last.unit)
    drawn = [event for event in events if event.estimate is not None and (event.statement, event.scale, event.unit) == kind]
    latest = list({event.profile: event for event in drawn}.values())
    ends = [shown(v, last.scale) for e in latest for v in (e.estimate, e.low, e.high, e.margin) if v is not None]
    ends += [shown(event.estimate, last.scale) for event in drawn if event.estimate is not None]
    reach = span(ends, log=factor(last.scale), pad=0.1)
    ylabel = f"effect{f' ({last.unit})' if last.unit else ''}"
    return [_by_scale(latest, reach, ylabel), _over_time(drawn, reach, ylabel, palette)]


def _value(event: Event, value: float | None) -> float | None:
    return None if value is None else shown(value, event.scale)


def _by_scale(events: Sequence[Event], reach: tuple[float, float], ylabel: str) -> str:
    ordered = sorted(events, key=lambda event: (event.parameters or 0, event.profile))
    plot = Plot(
        f"{ordered[0].statement} by scale", (-0.5, len(ordered) - 0.5), reach, "", ylabel,
        log_y=factor(ordered[0].scale), width=WIDTH, height=HEIGHT, margin=(46, 8, 8, 24),
    )  # fmt: skip
    plot.rule(y=_value(ordered[-1], ordered[-1].margin), kind="dashrule")
    for place, event in enumerate(ordered):
        _draw(plot, place, event, whole=True)
    room = (WIDTH - 60) / len(ordered)
    return plot.render(xticks=[(place, fitted(event.profile, room)) for place, event in enumerate(ordered)])


def _over_time(events: Sequence[Event], reach: tuple[float, float], ylabel: str, palette: Palette) -> str:
    days = [event.finished / DAY for event in events]
    room = max(0.5, 0.08 * (days[-1] - days[0]))
    plot = Plot(
        f"{events[0].statement} over time", (days[0] - room, days[-1] + room), reach, "", ylabel,
        log_y=factor(events[0].scale), width=WIDTH, height=HEIGHT, margin=(46, 8, 8, 24),
    )  # fmt: skip
    plot.rule(y=_value(events[-1], events[-1].margin), kind="dashrule")
    for profile in dict.fromkeys(event.profile for event in events):
        own = [event for event in events if event.profile == profile]
        plot.line([(event.finished / DAY, _value(event, event.estimate)) for event in own], palette[profile])
    for day, event in zip(days, events, strict=True):
        _draw(plot, day, event, whole=False)
    ends = dict.fromkeys((days[0], days[-1]))
    return plot.render(xticks=[(day, words.moment(day * DAY)[:10]) for day in ends][-1 if days[-1] - days[0] < 1 else 0 :])


def _draw(plot: Plot, x: float, event: Event, *, whole: bool) -> None:
    """Draw an event in the colour of its verdict, with its interval where the `whole` is asked for."""
    verdict = f"v-{event.verdict.replace(' ', '-')}"
    estimate, low, high = (_value(event, value) for value in (event.estimate, event.low, event.high))
    if estimate is None:
        return
    at = plot.sx(x)
    if whole:
        ends = [plot.sy(end if end is not None else edge) for end, edge in ((low, plot.y[0]), (high, plot.y[1]))]
        plot.parts.append(f'<path class="interval {verdict}" d="M{number(at)} {number(ends[0])}V{number(ends[1])}"/>')
    tip = f"{event.profile}, {words.moment(event.finished)}, commit {event.commit or 'unknown'}: {event.verdict}, {words.quantity(estimate)}"
    plot.parts.append(plot.tipped(f'class="estimate {verdict}" d="{mark(at, plot.sy(estimate), 3, 4.2)}"', tip))
