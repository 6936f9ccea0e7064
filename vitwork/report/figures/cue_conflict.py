"""Which cue decides where outline and texture disagree: shape bias, one point per network."""

from __future__ import annotations

from vitwork.report.figures.base import DrawnRecord, Figure, Panel, View
from vitwork.report.figures.points import cloud, strips
from vitwork.report.words import quantity

COLUMNS = ("shape_bias", "shape_share", "texture_share", "accuracy")


def draw(view: View) -> Figure | None:
    """Return shape bias by arm, and how often each cue decides."""
    part = view.plain().last()
    bias = {arm: [_bias(entry) for entry in part.of(arm)] for arm in part.arms}
    shares = {
        arm: [(_percent(e, "texture_share"), _percent(e, "shape_share"), f"{arm}, seed {e.seed}") for e in part.of(arm)]
        for arm in part.arms
    }
    labels = ("decided by texture (% of images)", "decided by shape (%)")
    title = "Shape bias of every network"
    panels = [
        Panel(title, strips(title, "shape bias (% of decisions)", bias, view.palette, rule=50.0)),
        Panel("Which cue decides", cloud("Which cue decides", labels, shares, view.palette)),
    ]
    rows = [(entry.arm, entry.seed, *(entry.values.get(name) for name in (*COLUMNS, "n"))) for entry in view.entries]
    return Figure(
        tuple(panels),
        "On images whose outline shows one class and whose texture another; at the dashed line both cues decide equally "
        f"often ({part.seeds()}).",
        part.palette.legend(part.arms),
        ("arm", "seed", *(name.replace("_", " ") for name in COLUMNS), "decided images"),
        tuple(rows),
    )


def _percent(entry: DrawnRecord, name: str) -> float | None:
    value = entry.values[name]
    return None if value is None else 100 * value


def _bias(entry: DrawnRecord) -> tuple[float | None, str]:
    bias = _percent(entry, "shape_bias")
    return bias, f"{entry.arm}, seed {entry.seed}: {quantity(bias)} % of {entry.values['n']} decisions"
