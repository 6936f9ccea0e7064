"""Results of a session: what tests report to the controller, and the document made of it. Imports no torch."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from vitwork.data import fingerprint
from vitwork.design.profiles import Profile
from vitwork.language.claim import combine
from vitwork.statistics.effect import Verdict
from vitwork.language.comparison import Assertion, Sample
from vitwork.session.judge import Case
from vitwork.session.plan import code
from vitwork.store.keys import plain, source_hash
from vitwork.store.machine import hardware, versions
from vitwork.store.store import Store

SCHEMA = "vitwork-results/1"
Json = dict[str, Any]
Costs = Mapping[str, float]


def payload(case: Case, *, passed: bool) -> Json:
    """Return what the report of a test carries to the controller: plain data only.

    Args:
        case: the test's case, weighed.
        passed: whether the test passed, which is the verdict of a test that measures nothing.
    """
    verdict = case.verdict
    if case.body is None:
        verdict = Verdict.REPRODUCED if passed else Verdict.CONTRADICTED
    hypotheses = [
        {
            **plain(hypothesis),
            "quantity": comparison.a.quantity.name,
            "unit": comparison.a.quantity.unit,
            **_sides(comparison),
        }
        for hypothesis, comparison in zip(case.hypotheses, case.comparisons, strict=True)
    ]
    evidence = {
        "nodeid": case.name,
        "place": case.place,
        "claim": plain(case.claim),
        "chapter": case.chapter,
        "verdict": str(verdict),
        "lacking": case.lacking,
        "hypotheses": without_nan(hypotheses),
        "wanted": [[want.key, want.run.key, want.run.arm.name, want.run.seed] for want in case.wanted],
        "code": _code(case),
    }
    plain_data: Json = json.loads(json.dumps(evidence))  # what xdist sends must have no types of ours or of numpy
    return plain_data


def _code(case: Case) -> dict[str, str]:
    """Return the hash of the code that the case's runs and measurements were keyed by, for each of its modules."""
    modules = {module for want in case.wanted for module in code(want.run.arm)}
    modules |= {want.measurement.function.__module__ for want in case.wanted}
    return {module: source_hash(module) for module in sorted(modules)}


def _sides(comparison: Assertion) -> Json:
    first, *between, last = (_side(side) for side in comparison.sides)
    return {"a": first, "b": last, **({"between": between} if between else {}), **comparison.declared}


def _side(side: Sample | float) -> Json:
    if isinstance(side, Sample):
        return {"arm": side.arm, "label": side.label, "seeds": list(side.seeds), "values": list(side.values)}
    return {"constant": side}


def without_nan(value: Any) -> Any:
    """Return `value` with None in place of NaN and infinities, which JSON does not have."""
    if isinstance(value, dict):
        return {key: without_nan(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [without_nan(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


@dataclass(slots=True)
class Collector:
    """A pytest plugin of the controller that keeps the evidence of every test that ended.

    Attributes:
        started: when the session started, in seconds since the epoch.
        revision: the project's git commit at that time, and whether the tree had changes.
        evidence: what `payload` returned, by test.
    """

    started: float
    revision: tuple[str, bool]
    evidence: dict[str, Json] = field(default_factory=dict)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Keep a report's evidence; the reports of xdist's workers pass here too."""
        if evidence := getattr(report, "vitwork", None):
            self.evidence[evidence["nodeid"]] = evidence

    def results(self, profile: Profile, store: Store, command: str, data: Path | None) -> Json:
        """Return the session's results in the published schema."""
        evidence = sorted(self.evidence.values(), key=lambda item: int(item["place"]))
        wanted = {key: (run, arm, seed) for item in evidence for key, run, arm, seed in item["wanted"]}
        runs = {run: (arm, seed) for run, arm, seed in wanted.values()}
        trained = [_run(store, key, *place) for key, place in runs.items()]
        measurements = [_measurement(store, key, *place) for key, place in wanted.items()]
        entries = [*trained, *measurements]
        seconds = {entry["key"]: entry["seconds"] or 0.0 for entry in entries}
        joules = {entry["key"]: entry["joules"] for entry in entries if entry["joules"] is not None}
        finished = time.time()
        specs = {arm.data for arm in profile.arms.values()}
        results = {
            "schema": SCHEMA,
            "profile": {"name": profile.name, "summary": profile.summary, "deviations": list(profile.deviations)},
            "provenance": {
                "command": command,
                "commit": self.revision[0],
                "dirty": self.revision[1],
                "code": dict(sorted({pair for item in evidence for pair in item["code"].items()})),
                "versions": versions(),
                "hardware": hardware(),
                "dataset": {
                    "name": ", ".join(sorted({spec.source for spec in specs})),
                    "fingerprint": ", ".join(sorted(fingerprint(spec, data) for spec in specs)),
                },
                "started": self.started,
                "finished": finished,
                "seconds": finished - self.started,
            },
            "runs": trained,
            "measurements": measurements,
        }
        found = judged(evidence, seconds, joules)
        for claim in found["claims"]:
            claim["rerun"] += f" --profile {profile.name}"
        return dict(without_nan({**results, **found}))


def judged(evidence: Iterable[Json], seconds: Costs, joules: Costs | None = None) -> Json:
    """Return the claims and hypotheses of a results document.

    Args:
        evidence: what `payload` returned for each test.
        seconds: what runs and measurements cost, by key.
        joules: the energy of those of which it is known.
    """
    items = list(evidence)
    return {
        "claims": [_claim(group, seconds, joules or {}) for group in _by_claim(items)],
        "hypotheses": [hypothesis for item in items for hypothesis in item["hypotheses"]],
    }


def _by_claim(evidence: Iterable[Json]) -> list[list[Json]]:
    groups: dict[str, list[Json]] = {}
    for item in evidence:
        groups.setdefault(item["claim"]["id"], []).append(item)
    return list(groups.values())


def _claim(group: list[Json], seconds: Costs, joules: Costs) -> Json:
    """Return a claim's entry, made of the tests that decide it."""
    first = group[0]
    rule = first["claim"]["rule"]
    verdicts = [Verdict(hypothesis["effect"]["verdict"]) for item in group for hypothesis in item["hypotheses"]]
    verdicts += [Verdict(item["verdict"]) for item in group if not item["hypotheses"]]
    verdict = combine(verdicts, rule)
    keys = {key for item in group for pair in item["wanted"] for key in pair[:2]}
    return {
        **first["claim"],
        "chapter": first["chapter"],
        "verdict": str(verdict),
        "reason": _reason(group, verdict, verdicts),
        "hypotheses": [hypothesis["id"] for item in group for hypothesis in item["hypotheses"]],
        "measurements": sorted({key for item in group for key, *_ in item["wanted"]}),
        "arms": sorted({arm for item in group for _, _, arm, _ in item["wanted"]}),
        "cost_seconds": sum(seconds.get(key, 0.0) for key in keys),
        # part of the energy would read like all of it
        **({"cost_joules": sum(joules[key] for key in keys)} if keys and keys <= joules.keys() else {}),
        "rerun": " ".join(["pytest", *dict.fromkeys(item["nodeid"].partition("[")[0] for item in group)]),
    }


def _reason(group: list[Json], verdict: Verdict, verdicts: list[Verdict]) -> str:
    """Return why a claim's verdict is what it is: the reason of the first hypothesis that bears it."""
    reasons = [
        f"{hypothesis['statement']}: {hypothesis['effect']['reason']}"
        for item in group
        for hypothesis in item["hypotheses"]
        if hypothesis["effect"]["verdict"] == verdict
    ]
    reasons += [f"not measured: {item['lacking']}" for item in group if item["lacking"]]
    bearing = sum(found is verdict for found in verdicts)
    count = f"{bearing} of {len(verdicts)} hypotheses {verdict}" if len(verdicts) > 1 else ""
    return "; ".join(part for part in (count, reasons[0] if reasons else "") if part) or f"the test says {verdict}"


def _run(store: Store, key: str, arm: str, seed: int) -> Json:
    record = store.read(key) or {}
    planned = record.get("arm", {})
    return {
        "key": key,
        "arm": arm,
        "seed": seed,
        "model": planned.get("model"),
        "options": planned.get("options", {}),
        "recipe": planned.get("recipe", {}),
        **{
            name: record.get(name)
            for name in ("parameters", "status", "seconds", "joules", "images_per_second", "mode")
        },
        "history": record.get("history", []),
    }


def _measurement(store: Store, key: str, run: str, arm: str, seed: int) -> Json:
    record = store.read(key) or {}
    return {
        "key": key,
        "run": run,
        "arm": arm,
        "seed": seed,
        **{name: record.get(name) for name in ("name", "parameters", "seconds", "joules", "values")},
    }
