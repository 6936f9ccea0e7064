"""Why a claim has its verdict, in plain words made of its effects."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from vitwork.report import words
from vitwork.report.terminal import lacking

Json = Mapping[str, Any]
SIDES = {"reproduced": "the paper’s side", "contradicted": "the other side"}


def reason(claim: Json, hypotheses: Sequence[Json]) -> str:
    """Return how many comparisons speak for and against a claim, and the first one that bears its verdict."""
    if not hypotheses:
        return _without_comparison(claim)
    found = [_verdict(hypothesis) for hypothesis in hypotheses]
    bearing = hypotheses[found.index(claim["verdict"]) if claim["verdict"] in found else 0]
    parts = (_counted(found, claim["rule"]), _said(bearing), _settled(claim, hypotheses))
    return " ".join(part for part in parts if part)


def _without_comparison(claim: Json) -> str:
    said = lacking(str(claim["reason"]))
    if claim["verdict"] == "not measured":
        return said[:1].upper() + said[1:]
    passed = claim["verdict"] == "reproduced"
    return f"A property that is checked on examples, without statistics: {'it holds' if passed else 'it fails'} there."


def _counted(verdicts: Sequence[str], rule: str) -> str:
    """Return how many of several comparisons have which verdict, as a sentence."""
    if len(verdicts) == 1:
        return ""
    names = (
        ("reproduced", "supports the paper", "support the paper"),
        ("contradicted", "speaks against it", "speak against it"),
        ("inconclusive", "is undecided", "are undecided"),
        ("not measured", "was not measured", "were not measured"),
    )
    known = [(n, one if n == 1 else more) for name, one, more in names if (n := verdicts.count(name))]
    if len(known) == 1:
        every = "Both" if len(verdicts) == 2 else f"All {len(verdicts)}"
        return f"{every} comparisons {known[0][1]}."
    parts = [f"{n} {said}" for n, said in known]
    needed = "one suffices" if rule == "any" else "all are needed"
    return f"Of {len(verdicts)} comparisons ({needed}), {', '.join(parts[:-1])} and {parts[-1]}."


def _said(hypothesis: Json) -> str:
    """Return one comparison as a sentence."""
    found = hypothesis["effect"] or {}
    given = words.settings(hypothesis["parameters"])
    name = f"{hypothesis['statement']}{f' ({given})' if given else ''}"
    return f"{name}: {words.effect(found, hypothesis.get('unit', ''))}; {_side(found)}."


def _settled(claim: Json, hypotheses: Sequence[Json]) -> str:
    """Return the networks that would settle an undecided claim; empty where for a comparison it needs none is known.

    Where all comparisons are needed it is the one that takes most, where one suffices the one that takes least.
    """
    if claim["verdict"] != "inconclusive":
        return ""
    open_ones = [hypothesis["effect"] or {} for hypothesis in hypotheses if _verdict(hypothesis) != "reproduced"]
    needed = [found.get("seeds_needed") for found in open_ones]
    known = [seeds for seeds in needed if seeds]
    if not known or (claim["rule"] != "any" and len(known) < len(needed)):
        return ""
    more, every = (min(known), "it") if claim["rule"] == "any" else (max(known), "all of them")
    return f"About {more} networks per arm would probably settle {'it' if len(known) == 1 else every}."


def _side(found: Json) -> str:
    """Return where the interval lies; what no interval explains is said in the test's own words."""
    verdict, place = _verdict({"effect": found}), _place(found)
    if place and SIDES.get(verdict) == place:
        return f"the whole interval lies on {place} of the margin"
    if verdict == "inconclusive" and place:
        return f"its interval lies on {place}, but not when all comparisons of the session are counted"
    directed = found.get("alternative") in ("less", "greater") and found.get("p") is not None
    if verdict == "inconclusive" and directed and found.get("low") != found.get("high"):
        return "the interval reaches both sides of the margin"
    return words.because(found) or verdict


def _place(found: Json) -> str | None:
    low, high, margin = (found.get(name) for name in ("low", "high", "margin"))
    less = {"less": True, "greater": False}.get(str(found.get("alternative")))
    if less is None or margin is None:
        return None
    below, above = high is not None and high < margin, low is not None and low > margin
    if not (below or above):
        return None
    return SIDES["reproduced" if below is less else "contradicted"]


def _verdict(hypothesis: Json) -> str:
    return str((hypothesis["effect"] or {}).get("verdict", "not measured"))
