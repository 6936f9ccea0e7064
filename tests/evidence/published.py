"""A report of small claims, made as a session makes it, of records that are written by hand."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from msgspec import structs

from tests.session.small import MEANS, PROFILE, Reading, case, error, sharpness
from vitwork.design.deviation import Lack
from vitwork.facts.claims import ClaimResult
from vitwork.facts.document import MeasurementResult, Results
from vitwork.language.measure import Measure
from vitwork.language.quantity import quantity
from vitwork.session.from_report import ReportPlan
from vitwork.session.judge import judged
from vitwork.session.plan import Plan, Run
from vitwork.session.reading import Case
from vitwork.session.registration import Registry, declarations
from vitwork.session.results import Evidence, Session
from vitwork.session.troubles import Troubles
from vitwork.statistics.effect import Verdict
from vitwork.store.keys import plain
from vitwork.store.store import Store

UNDECIDED = {"p": None, "q": None, "holm_p": None}
SEEDS = 9
LAYERS = 12
PROFILE = replace(PROFILE, seeds=SEEDS)
MACHINE = {"versions": {"torch": "2.15"}, "hardware": {"processor": "one"}}


def smaller(measure: Measure) -> None:
    assert measure(error)("vit") < measure(error)("resnet")
    assert measure(sharpness)("vit") < measure(sharpness)("resnet")


def alike(measure: Measure) -> None:
    assert measure(error)("alternet") < measure(error)("resnet")


@quantity(Reading, name="layer")
def layer(record: dict[str, Any], place: int = 0) -> float:
    return float(record["layers"][place])


def layers(measure: Measure) -> None:
    for place in range(LAYERS):
        assert measure(layer, place=place)("vit") < measure(layer, place=place)("resnet")
        assert measure(layer, place=place)("alternet") < 9.0


CASES = (case("smaller", smaller), case("alike", alike))


def train(run: Run, store: Store, *, dice: int = 0, **changes: Any) -> None:
    """Write the record of a training; another `dice` is another training of the same seed."""
    noise = np.random.default_rng([dice, run.seed, *run.arm.name.encode()])
    record = {
        "arm": plain(run.arm), "seed": run.seed, "finished": 1e9 + run.seed, "origin": MACHINE, "status": "finished",
        "history": [{"epoch": 1, "loss": 2.0 + 0.01 * noise.standard_normal()}], "seconds": 1.0, "joules": None,
        "parameters": 10, "images_per_second": 1.0, "mode": "cpu",
    }  # fmt: skip
    store.write(run.key, {**record, **changes})


def work(plan: Plan, store: Store, *, dice: int = 0, shifts: Mapping[str, float] | None = None) -> Store:
    """Write every record of a plan.

    Args:
        plan: whose runs and measurements.
        store: where they go.
        dice: another one gives other trainings of the same seeds.
        shifts: what is added to the values of an arm.
    """
    for run in plan.runs.values():
        train(run, store, dice=dice)
    for want in plan.wanted.values():
        noise = np.random.default_rng([1 + dice, want.run.seed, *want.run.arm.name.encode()])
        arm = want.run.arm.name
        value = MEANS[arm] + 0.1 * noise.standard_normal() + (shifts or {}).get(arm, 0.0)
        record = {
            "run": want.run.key, "name": want.measurement.name, "parameters": plain(want.measurement.parameters),
            "seconds": 0.5, "joules": None, "origin": MACHINE,
            "values": {
                "error": value, "acc": 0.5, "classes": 10, "undefined": [float("nan"), float("inf"), None],
                "layers": (MEANS[arm] + 0.1 * noise.standard_normal(LAYERS)).tolist(),
            },
        }  # fmt: skip
        store.write(want.key, record)
    return store


def planned(cases: Iterable[Case] = CASES, first: int = 0, seeds: int = SEEDS) -> Plan:
    """Return the plan of a session."""
    plan = Plan(replace(PROFILE, seeds=seeds, first_seed=first))
    for one in cases:
        plan.add(one, seeds)
    return plan


def report(plan: Plan, store: Store, registry: Registry | None = None) -> Results:
    """Return the results of a session."""
    found = judged(plan, store, Troubles())
    session = Session(
        plan.profile, None, "pytest claims", 0.0, "c0ffee", False, {}, list(plan.tests),
        registry=registry or Registry(),
    )  # fmt: skip
    return session.results(Evidence(found, dict(plan.code), declared=declarations(plan)), store)


def published(folder: Path, *, first: int = 0, seeds: int = SEEDS, **how: Any) -> Results:
    """Return the report of a whole session."""
    plan = planned(first=first, seeds=seeds)
    return report(plan, work(plan, Store(folder), **how))


def again(results: Results, cases: Iterable[Case] = CASES) -> ReportPlan:
    """Return the plan by which a report is judged again."""
    told = results.profile
    profile = replace(PROFILE, seeds=told.seeds, first_seed=told.first_seed, deviations=told.deviations)
    return ReportPlan(profile, report=results).read(cases)


def changed(results: Results, entry: str, key: Callable[[Any], bool], **changes: Any) -> Results:
    """Return results in which some entries have other fields."""
    entries = tuple(structs.replace(one, **changes) if key(one) else one for one in getattr(results, entry))
    return structs.replace(results, **{entry: entries})


def unmeasured(results: Results, id: str, lack: Lack | None, verdict: Verdict = Verdict.NOT_MEASURED) -> ClaimResult:
    """Return a further claim, as a session that measures nothing for it tells it."""
    first = results.claims[0]
    return structs.replace(
        first, id=id, verdict=verdict, lack=lack, hypotheses=(), measurements=(), arms=(), cost_seconds=0.0, **UNDECIDED,
        rerun=first.rerun.replace(first.id, id), file=id, files=(id,),
    )  # fmt: skip


def without(results: Results, gone: Callable[[MeasurementResult], bool]) -> Results:
    """Return a report without some records, also where its claims list them."""
    kept = tuple(entry for entry in results.measurements if not gone(entry))
    keys = {entry.key for entry in kept}
    claims = tuple(
        structs.replace(claim, measurements=tuple(key for key in claim.measurements if key in keys))
        for claim in results.claims
    )
    return structs.replace(results, measurements=kept, claims=claims)
