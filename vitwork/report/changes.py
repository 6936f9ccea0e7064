"""What changed between two results, in the report's words: factors as factors, durations in their unit."""

from __future__ import annotations

import re
from dataclasses import asdict
from typing import Any

from vitwork.statistics.effect import Effect
from vitwork.report import words
from vitwork.report.reasons import reason
from vitwork.report.terminal import lacking
from vitwork.statistics.change import Event

Json = dict[str, Any]


def told(event: Event, results: Json) -> str:
    """Return what happened in one sentence.

    Args:
        event: a change against the baseline; its own sentence names seconds and the logarithms of ratios.
        results: today's results, which hold the effect or the claim that changed.
    """
    hypotheses = {hypothesis["id"]: hypothesis for hypothesis in results.get("hypotheses", [])}
    if event.kind == "slower":
        return re.sub(r"(\S+) s\b", lambda found: words.duration(float(found[1])), event.detail)
    if event.change is not None:
        return _moved(event.change, str(hypotheses.get(event.hypothesis, {}).get("unit", "")))
    verdicts, now, _ = event.detail.partition(" now: ")
    why = _why(event, results, hypotheses) if now else ""
    return f"{verdicts} now: {why}" if why else event.detail


def _why(event: Event, results: Json, hypotheses: Json) -> str:
    """Return why a comparison or a claim has its verdict now; empty where today's results do not know it."""
    if event.hypothesis:
        found = hypotheses.get(event.hypothesis) or {}
        effect = found.get("effect") or {}
        return f"{words.effect(effect, found['unit'])}; {words.because(effect) or effect['verdict']}" if effect else ""
    claim = next((claim for claim in results["claims"] if claim["id"] == event.claim), None)
    if claim is None or claim["verdict"] == "not measured":
        return lacking(claim["reason"]) if claim else ""
    return reason(claim, [hypotheses[id] for id in claim["hypotheses"] if id in hypotheses])


def _moved(change: Effect, unit: str) -> str:
    by = words.effect({name: value for name, value in asdict(change).items() if value is not None}, unit)
    p = words.quantity(change.adjusted_p, 2)
    return f"now against before: {by}; p = {p}, corrected for all comparisons of the two results"


def of_profiles(old: Json, new: Json) -> str:
    """Return that two results are of different profiles, in a sentence; empty where they are not."""
    before, now = old["profile"]["name"], new["profile"]["name"]
    if before == now:
        return ""
    return f"These are different profiles, {before} before and {now} now, so that differences need not be changes of the code."
