"""The page: results in words and drawings, put into the template."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vitwork.report import words
from vitwork.report.csv_link import Tables
from vitwork.report.figures import draw, effect, structure, training
from vitwork.report.figures.base import Figure, Palette
from vitwork.report.html import anchors, environment, visible
from vitwork.report.reasons import reason
from vitwork.report.terminal import substitutes

Json = dict[str, Any]


def render(results: Json) -> str:
    """Return the page of a results document.

    Args:
        results: a document of the schema ``vitwork-results/1``.
    """
    results = visible(results)
    palette, tables = Palette.of(results), Tables()
    arm_anchors = anchors("arm", [*palette.order, *(arm for claim in results["claims"] for arm in claim["arms"])])
    return (
        environment()
        .get_template("page.html.j2")
        .render(
            profile={**results["profile"], "summary": words.summary(results)},
            family=_family(results),
            lead=_lead(results),
            tally=words.tally(results["claims"]),
            hardware=_hardware(results),
            cost=_cost(results),
            when=words.moment(results["provenance"].get("started")),
            chapters=_chapters(results, palette, tables),
            anchors=arm_anchors,
            arms=_arms(results, palette, arm_anchors),
            curves=_with_data(training.draw(results["runs"], palette), "training", tables),
            provenance=_provenance(results),
            tables=tables,
            scripts=("theme.js", "report.js"),
        )
    )


def _lead(results: Json) -> str:
    tally = words.tally(results["claims"])
    measured = len(results["claims"]) - tally["not measured"]
    return (
        f"{words.plural(len(results['claims']), 'claim')}, {measured} of them put to the test on "
        f"{words.plural(len(results['runs']), 'trained network')}; "
        f"{tally['reproduced'] + tally['contradicted']} could be decided at this scale."
    )


def _family(results: Json) -> int:
    """Return how many hypotheses the session's correction was over: those that have a p-value."""
    return sum((hypothesis["effect"] or {}).get("p") is not None for hypothesis in results["hypotheses"])


def _hardware(results: Json) -> str:
    found = results["provenance"].get("hardware", {})
    parts = [
        found.get("accelerator"),
        found.get("processor"),
        f"{found['cores']} cores" if found.get("cores") else None,
    ]
    parts += [f"{words.size(found['memory'])} memory" if found.get("memory") else None, found.get("system")]
    return ", ".join(str(part) for part in parts if part)


def _cost(results: Json) -> str:
    trained = sum(run["seconds"] or 0.0 for run in results["runs"])
    measured = sum(entry["seconds"] or 0.0 for entry in results["measurements"])
    session = results["provenance"].get("seconds")
    parts = f"{words.duration(trained)} of training, {words.duration(measured)} of measuring"
    return f"{parts}{_energy(results)}; this session took {words.duration(session)}"


def _energy(results: Json) -> str:
    """Return the energy of all runs and measurements, and of how many it is known when not of all."""
    entries = [*results["runs"], *results["measurements"]]
    known = [entry["joules"] for entry in entries if entry.get("joules") is not None]
    if not known:
        return ""
    part = "" if len(known) == len(entries) else f" (known for {len(known)} of {len(entries)} runs and measurements)"
    return f", {words.energy(sum(known))}{part}"


def _provenance(results: Json) -> list[tuple[str, str]]:
    found = results["provenance"]
    hardware = found.get("hardware", {})
    dataset = found.get("dataset", {})
    commit = str(found.get("commit") or "outside git")
    return [
        ("Command", found.get("command", "")),
        ("Commit", f"{commit}{', with uncommitted changes' if found.get('dirty') else ''}"),
        ("Started", words.moment(found.get("started"))),
        ("Finished", words.moment(found.get("finished"))),
        ("Data", f"{dataset.get('name', '')}, fingerprint {dataset.get('fingerprint', '')}" if dataset else ""),
        ("Seeds", ", ".join(map(str, sorted({run["seed"] for run in results["runs"]})))),
        (
            "Hardware",
            ", ".join(
                f"{key} {words.size(value) if key == 'memory' else value}"
                for key, value in hardware.items()
                if value is not None
            ),
        ),
        ("Code", ", ".join(f"{module} {hash}" for module, hash in found.get("code", {}).items())),
        ("Versions", ", ".join(f"{name} {version}" for name, version in found.get("versions", {}).items())),
    ]


def _chapters(results: Json, palette: Palette, tables: Tables) -> list[Json]:
    hypotheses = {hypothesis["id"]: hypothesis for hypothesis in results["hypotheses"]}
    places = anchors("claim", [claim["id"] for claim in results["claims"]])
    chapters: dict[str, list[Json]] = {}
    profile, foreign = results["profile"], substitutes(results)
    for claim in results["claims"]:
        found = [hypotheses[id] for id in claim["hypotheses"] if id in hypotheses]
        drawn = draw(claim, results["measurements"], palette)
        anchor = places[claim["id"]]
        entry = {
            **_claim(claim, found, palette),
            "anchor": anchor,
            "csv": tables.link(SEED_COLUMNS, _seed_rows(found)),
            # what a profile changes in its trainings changes nothing for a claim that rests on none
            "all_deviations": [*(profile.get("deviations", []) if claim["arms"] else []), *claim["deviations"]],
            "foreign": {arm: foreign[arm] for arm in claim["arms"] if arm in foreign},
            "figures": [_with_data(figure, f"{anchor}-{place}", tables) for place, figure in enumerate(drawn, start=1)],
        }
        chapters.setdefault(claim["chapter"], []).append(entry)
    return [{"name": name, "short": name.partition(":")[0], "claims": claims} for name, claims in chapters.items()]


def _claim(claim: Json, hypotheses: list[Json], palette: Palette) -> Json:
    effects = [hypothesis["effect"] or {} for hypothesis in hypotheses]
    sizes = sorted({count for found in effects for count in (found.get("n_a"), found.get("n_b")) if count})
    return {
        **claim,
        "plain": reason(claim, hypotheses),
        "search": " ".join(
            [claim["id"], claim["sentence"], claim["paper"]["where"], claim["reason"], *claim["arms"]]
        ).lower(),
        "hypotheses": [_hypothesis(hypothesis, palette) for hypothesis in hypotheses],
        "tiny": effect.tiny(effects),
        "headline": words.effect(effects[0], hypotheses[0].get("unit", ""))
        if len(effects) == 1
        else f"{len(effects)} comparisons",
        "n": "–".join(str(size) for size in (sizes[:1] + sizes[-1:] if len(sizes) > 1 else sizes)),
        "cost": words.spent(claim),
        "whole_cost": words.spent(claim, whole=True),
        "trains": bool(claim["arms"]) or claim["verdict"] == "not measured",
    }


def _hypothesis(hypothesis: Json, palette: Palette) -> Json:
    found = hypothesis["effect"] or {"verdict": "not measured"}
    return {
        **hypothesis,
        "effect": found,
        "given": words.settings(hypothesis["parameters"]),
        "words": words.effect(found, hypothesis.get("unit", "")),
        "decision": words.decision(hypothesis) if hypothesis["effect"] else "",
        "seeds": effect.seeds(hypothesis, palette),
        "interval": effect.interval(hypothesis),
    }


SEED_COLUMNS = ("hypothesis", "arm", "seed", "quantity", "unit", "value")


def _seed_rows(hypotheses: list[Json]) -> list[tuple[Any, ...]]:
    return [
        (hypothesis["id"], side["arm"], seed, hypothesis["quantity"], hypothesis["unit"], value)
        for hypothesis in hypotheses
        for side in words.sides(hypothesis)
        if "constant" not in side
        for seed, value in zip(side["seeds"], side["values"], strict=False)
    ]


def _with_data(figure: Figure | None, name: str, tables: Tables) -> Json | None:
    if figure is None:
        return None
    shown = {field: getattr(figure, field) for field in ("title", "panels", "note", "legend", "rows")}
    return {**shown, "csv": tables.link(figure.header, figure.rows), "file": f"{name}.csv"}


def _arms(results: Json, palette: Palette, places: Mapping[str, str]) -> list[Json]:
    runs: dict[str, list[Json]] = {}
    foreign = substitutes(results)
    for run in results["runs"]:
        runs.setdefault(run["arm"], []).append(run)
    return [
        {
            "name": arm,
            "anchor": places[arm],
            "series": palette[arm],
            "line": _line(group),
            "foreign": arm in foreign,
            "model": group[0].get("model"),
            "options": words.settings(group[0].get("options") or {}),
            "recipe": words.settings(group[0].get("recipe") or {}),
            "modes": "; ".join(dict.fromkeys(str(run["mode"]) for run in group if run.get("mode"))),
            "structure": structure.draw(arm, results["measurements"]),
            "metered": any(run.get("joules") is not None for run in group),
            "runs": [_run(run) for run in sorted(group, key=lambda run: run["seed"])],
        }
        for arm, group in runs.items()
    ]


def _line(group: list[Json]) -> str:
    parts = [str(group[0].get("model") or "model unknown")]
    if group[0].get("parameters"):
        parts.append(f"{words.count(group[0]['parameters'])} parameters")
    parts.append(words.plural(len(group), "run"))
    if diverged := sum(run.get("status") == "diverged" for run in group):
        parts.append(f"{diverged} diverged")
    return ", ".join(parts)


def _run(run: Json) -> Json:
    losses = [epoch.get("loss") for epoch in run.get("history") or []]
    return {
        "seed": run["seed"],
        "status": run.get("status"),
        "loss": words.fixed(losses[-1] if losses else None, 4),
        "time": words.fixed(run.get("seconds"), 1),
        "energy": words.energy(run.get("joules")),
        "speed": words.fixed(run.get("images_per_second"), 0),
        "key": run["key"],
    }
