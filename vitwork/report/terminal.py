"""The table of verdicts for a terminal. Imports no torch."""

from __future__ import annotations

import math
import re
from collections.abc import Sized
from typing import Any

HEADER = ("claim", "verdict", "effect [interval]", "n", "cost", "hypothesis")
SUBSTITUTE = re.compile(r"the arm (\S+) is (.+), not the profile's own model")


def table(results: dict[str, Any]) -> list[str]:
    """Return the table's lines: a row per claim, and below it a row per hypothesis."""
    hypotheses = {hypothesis["id"]: hypothesis for hypothesis in results["hypotheses"]}
    rows: list[tuple[str, ...]] = [HEADER]
    for claim in results["claims"]:
        reason = "" if claim["hypotheses"] else lacking(claim["reason"])
        # what others share with it is no cost of a claim that was not measured
        seconds = 0.0 if claim["verdict"] == "not measured" else claim["cost_seconds"]
        rows.append((claim["id"], claim["verdict"], "", "", _minutes(seconds), reason))
        rows += [_row(hypotheses[id]) for id in claim["hypotheses"]]
    # the last column holds sentences, which need no padding
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEADER) - 1)] + [0]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    swapped = [f"The arm {arm} is {model}, not the profile's own." for arm, model in substitutes(results).items()]
    return ["", *lines[:1], "-" * len(lines[0]), *lines[1:], "", _totals(results), *swapped]


def lacking(reason: str) -> str:
    """Return what a claim that was not measured needs, without the verdict that stands beside it anyway."""
    return re.sub(r"^(\d+ of \d+ hypotheses not measured; )?not measured: ", "", reason)


def substitutes(results: dict[str, Any]) -> dict[str, str]:
    """Return the models that stand in place of a profile's own, by arm, as `vitwork.design.overrides.substitute` notes them."""
    noted = (SUBSTITUTE.fullmatch(note) for note in results["profile"].get("deviations", []))
    return {found[1]: found[2] for found in noted if found}


def _row(hypothesis: dict[str, Any]) -> tuple[str, ...]:
    effect = hypothesis["effect"]
    given = ", ".join(f"{name} {value}" for name, value in hypothesis["parameters"].items())
    statement = hypothesis["statement"] + (f" ({given})" if given else "")
    n = f"{effect['n_a']}" + (f"+{effect['n_b']}" if effect["n_b"] else "")
    return "", effect["verdict"], interval(effect, hypothesis["unit"]), n, "", statement


def interval(effect: dict[str, Any], unit: str = "") -> str:
    """Return an effect and its interval in words; logarithms of ratios are shown as factors."""
    values = [effect[name] for name in ("estimate", "low", "high")]
    if effect["scale"] == "log-ratio":
        values = [value if value is None else math.exp(min(value, 700.0)) for value in values]
    sign = "" if effect["scale"] == "log-ratio" else "+"
    unknown = ("?", "-∞", "∞")
    shown = [mark if value is None else f"{value:{sign}.3g}" for value, mark in zip(values, unknown, strict=True)]
    times = "×" if effect["scale"] == "log-ratio" else ""
    unit = effect_unit(unit, effect["scale"])
    return f"{times}{shown[0]} [{shown[1]}, {shown[2]}]{f' {unit}' if unit else ''}"


def effect_unit(unit: str, scale: str) -> str:
    """Return the unit of an effect on a scale: factors and probabilities have none, and percentages differ by points."""
    if scale in ("log-ratio", "ratio", "probability"):
        return ""
    return "pp" if unit == "%" and scale == "difference" else unit


def _minutes(seconds: float) -> str:
    return f"{seconds / 60:.1f} min"


def _totals(results: dict[str, Any]) -> str:
    counts: dict[str, int] = {}
    for claim in results["claims"]:
        counts[claim["verdict"]] = counts.get(claim["verdict"], 0) + 1
    found = ", ".join(f"{count} {verdict}" for verdict, count in counts.items())
    trained = sum(run["seconds"] or 0.0 for run in results["runs"])
    return (
        f"{_counted(results['claims'], 'claim')} at profile {results['profile']['name']}: {found}. "
        f"{_counted(results['runs'], 'run')}, {_minutes(trained)} of training; costs of runs that claims share count for each."
    )


def _counted(things: Sized, name: str) -> str:
    return f"{len(things)} {name}{'' if len(things) == 1 else 's'}"
