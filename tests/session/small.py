"""Tests of claims, read and planned at a small scale, and a store in which everything they need was measured."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

from vitwork.design.measurement import Measurement
from vitwork.language.claim import Claim, Paper
from vitwork.language.measure import Measure
from vitwork.language.quantity import AbsentError, quantity
from vitwork.profiles import SMOKE
from vitwork.session.findings import Finding
from vitwork.session.judge import judged
from vitwork.session.plan import Plan, Wanted
from vitwork.session.reading import Case, read_test
from vitwork.session.troubles import Troubles
from vitwork.store.store import Store

Body = Callable[..., None]
MEANS = {"vit": 1.0, "resnet": 3.0, "alternet": 3.01}
WOBBLE = (0.0, 0.1, -0.1, 0.05, -0.05)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading(Measurement):
    """Stands for any measurement; its records are written by hand."""

    name: ClassVar[str] = "reading"
    when: str | int = "end"
    effort: int = 1

    def measure(self, run: Any) -> dict[str, Any]:
        raise AssertionError("the judge reads records; it never measures")


PROFILE = replace(SMOKE, seeds=5, first_seed=0, left_out=(), effort=(Reading(effort=2),))


@quantity(Reading, name="error")
def error(record: dict[str, Any], factor: float = 1.0) -> float:
    return factor * float(record["error"])


@quantity(Reading, name="APE", scale="log-ratio")
def sharpness(record: dict[str, Any]) -> float:
    return math.exp(float(record["error"]))


@quantity(Reading, name="rough error", error=lambda record: 1.0, drawn=True)
def rough(record: dict[str, Any]) -> float:
    return float(record["error"])


@quantity(Reading, name="nothing")
def absent(record: dict[str, Any]) -> float:
    raise AbsentError("MSA block")


def case(name: str, body: Body, **parameters: Any) -> Case:
    """Return a test, read."""
    return read_test(
        Case(name, Claim(name, "A sentence.", Paper("Fig. 1", "")), "Chapter", parameters), body, Measure(PROFILE)
    )


def planned(*cases: Case, seeds: int = PROFILE.seeds) -> Plan:
    """Return the plan of some tests."""
    plan = Plan(PROFILE)
    for one in cases:
        plan.add(one, seeds)
    return plan


def measured(folder: Path, plan: Plan) -> Store:
    """Return a store with every record that a plan needs."""
    return recorded(Store(folder), plan.wanted.values())


def recorded(store: Store, wanted: Iterable[Wanted]) -> Store:
    """Return a store with the records of measurements."""
    for want in wanted:
        values = {"error": MEANS[want.run.arm.name] + WOBBLE[want.run.seed % 5], "acc": 0.5, "classes": 10}
        store.write(want.key, {"values": values})
    return store


def found(folder: Path, *cases: Case) -> dict[str, Finding]:
    """Return what is found for some tests, by name."""
    plan = planned(*cases)
    return {finding.test: finding for finding in judged(plan, measured(folder, plan), Troubles()).findings}


def smaller(measure: Measure) -> None:
    assert measure(error)("vit") < measure(error)("resnet")


def larger(measure: Measure) -> None:
    assert measure(error)("vit") > measure(error)("resnet")


def same(measure: Measure) -> None:
    assert measure(error)("alternet") < measure(error)("resnet")


def both(measure: Measure) -> None:
    assert measure(error)("vit") < measure(error)("resnet")
    assert measure(error)("alternet") < measure(error)("resnet")
