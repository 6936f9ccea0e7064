from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from tests.session.small import both, case, error, planned, smaller
from vitwork.language.measure import Measure
from vitwork.session.forecast import plan_lines
from vitwork.store.store import Store


def exotic(measure: Measure) -> None:
    assert measure(error)("swin") < 1.0


def test_plan_tells_the_smallest_effect_of_each_claim(tmp_path: Path) -> None:
    """Before anything is trained, `--plan` says per claim what it could see; more seeds see less."""

    def smallest(seeds: int) -> dict[str, float]:
        plan = planned(case("one", smaller), case("two", both))
        plan.profile = replace(plan.profile, seeds=seeds)
        lines = plan_lines(plan, Store(tmp_path))
        return {line.split()[0]: float(line.split()[1]) for line in lines if line.startswith("  ")}

    five, ten = smallest(5), smallest(10)
    assert set(five) == {"one", "two"}
    assert all(ten[claim] < five[claim] for claim in five)


def test_plan_tells_runs_minutes_and_what_is_lacking(tmp_path: Path) -> None:
    """Runs that were timed in this store give the expected minutes; claims that cannot be measured say why."""
    plan, store = planned(case("one", smaller), case("elsewhere", exotic)), Store(tmp_path)
    assert "no run of some arms was timed" in "\n".join(plan_lines(plan, store))
    for want in plan.wanted.values():
        if want.run.seed == 0:
            store.write(want.run.key, {"seconds": 100.0})
            store.write(want.key, {"seconds": 20.0})
    text = "\n".join(plan_lines(plan, store, workers=2))
    assert "8 runs to do: about 9 minutes with 2 at a time." in text
    assert "elsewhere: not measured, needs the arm swin" in text
