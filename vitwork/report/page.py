"""The page: results in words and drawings, put into the template."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import structs

from vitwork.language.document import ClaimResult, Hypothesis, Results, RunResult, Sample
from vitwork.report import words
from vitwork.report.csv_link import Tables
from vitwork.report.document import Json
from vitwork.report.figures import draw, effect, structure, training
from vitwork.report.figures.base import Figure, Palette
from vitwork.report.html import anchors, environment
from vitwork.statistics.effect import Verdict


def render(results: Results) -> str:
    """Return the page of results whose texts hide nothing, as `vitwork.report.html.shown` returns them."""
    palette, tables = Palette.of(results), Tables()
    paper, ours = words.apart(results.claims)
    arm_anchors = anchors("arm", [*palette.order, *(arm for claim in results.claims for arm in claim.arms)])
    return (
        environment()
        .get_template("page.html.j2")
        .render(
            name=results.profile.name,
            summary=words.summary(results),
            deviations=_deviations(results),
            correction=words.correction(results),
            lead=" ".join([_lead(results), *words.part(results)]),
            tally=words.tally(paper),
            ours=words.counted(ours),
            price=words.price(results),
            hardware=_hardware(results),
            cost=_cost(results),
            when=words.moment(results.provenance.started),
            chapters=_chapters(results, palette, tables),
            anchors=arm_anchors,
            arms=_arms(results, palette, arm_anchors),
            curves=_with_data(training.draw(results.runs, palette), "training", tables),
            provenance=_provenance(results),
            tables=tables,
            scripts=("theme.js", "report.js"),
        )
    )


def _deviations(results: Results) -> list[str]:
    return [words.deviation(deviation) for deviation in results.profile.deviations]


def _lead(results: Results) -> str:
    paper, ours = words.apart(results.claims)
    measured = len(paper) - words.tally(paper)[Verdict.NOT_MEASURED]
    own = f" Of {words.plural(len(ours), 'claim')} of ours, {words.decided(ours)} could." if ours else ""
    return (
        f"{words.plural(len(paper), 'claim')} of the paper, {measured} of them put to the test on "
        f"{words.plural(len(results.runs), 'trained network')}; {words.decided(paper)} could be decided at "
        f"{results.profile.name}.{own}"
    )


def _hardware(results: Results) -> str:
    found = results.provenance.hardware
    parts = [
        found.get("accelerator"),
        found.get("processor"),
        f"{found['cores']} cores" if found.get("cores") else None,
    ]
    parts += [f"{words.size(found['memory'])} memory" if found.get("memory") else None, found.get("system")]
    return ", ".join(str(part) for part in parts if part)


def _cost(results: Results) -> str:
    trained = sum(run.seconds or 0.0 for run in results.runs)
    measured = sum(entry.seconds or 0.0 for entry in results.measurements)
    parts = f"{words.duration(trained)} of training, {words.duration(measured)} of measuring"
    return f"{parts}{_energy(results)}; this session took {words.duration(results.provenance.seconds)}"


def _energy(results: Results) -> str:
    """Return the energy of all runs and measurements, and of how many it is known when not of all."""
    every = [*(run.joules for run in results.runs), *(entry.joules for entry in results.measurements)]
    known = [joules for joules in every if joules is not None]
    if not known:
        return ""
    part = "" if len(known) == len(every) else f" (known for {len(known)} of {len(every)} runs and measurements)"
    return f", {words.energy(sum(known))}{part}"


def _provenance(results: Results) -> list[tuple[str, str]]:
    found = results.provenance
    dataset = found.dataset
    return [
        ("Command", found.command),
        ("Commit", f"{found.commit or 'outside git'}{', with uncommitted changes' if found.dirty else ''}"),
        ("Started", words.moment(found.started)),
        ("Finished", words.moment(found.finished)),
        ("Data", f"{dataset.name}, fingerprint {dataset.fingerprint}" if dataset.name else ""),
        ("Seeds", ", ".join(map(str, sorted({run.seed for run in results.runs})))),
        (
            "Hardware",
            ", ".join(
                f"{key} {words.size(value) if key == 'memory' else value}"
                for key, value in found.hardware.items()
                if value is not None
            ),
        ),
        ("Code", ", ".join(f"{module} {hash}" for module, hash in found.code.items())),
        ("Versions", ", ".join(f"{name} {version}" for name, version in found.versions.items())),
    ]


def _chapters(results: Results, palette: Palette, tables: Tables) -> list[Json]:
    hypotheses = {hypothesis.id: hypothesis for hypothesis in results.hypotheses}
    places = anchors("claim", [claim.id for claim in results.claims])
    chapters: dict[str, list[Json]] = {}
    deviations, foreign = _deviations(results), words.substitutes(results.profile)
    paper, ours = words.apart(results.claims)
    for claim in (*paper, *ours):
        found = [hypotheses[id] for id in claim.hypotheses if id in hypotheses]
        drawn = draw(claim, results.measurements, palette)
        anchor = places[claim.id]
        entry = {
            **_claim(claim, found, palette, results),
            "anchor": anchor,
            "csv": tables.link(SEED_COLUMNS, _seed_rows(found)),
            # what a profile changes in its trainings changes nothing for a claim that rests on none
            "all_deviations": [*(deviations if claim.arms else []), *claim.deviations],
            "foreign": {arm: foreign[arm] for arm in claim.arms if arm in foreign},
            "figures": [_with_data(figure, f"{anchor}-{place}", tables) for place, figure in enumerate(drawn, start=1)],
        }
        chapters.setdefault(words.OURS if claim.ours else claim.chapter, []).append(entry)
    return [{"name": name, "short": name.partition(":")[0], "claims": claims} for name, claims in chapters.items()]


def _claim(claim: ClaimResult, hypotheses: Sequence[Hypothesis], palette: Palette, results: Results) -> Json:
    deciding = words.primaries(hypotheses)
    effects = [hypothesis.effect for hypothesis in deciding]
    sizes = sorted({count for found in effects for count in (found.n_a, found.n_b) if count})
    plain = words.claim_reason(claim, hypotheses)
    return {
        **structs.asdict(claim),
        "plain": plain,
        "qualifiers": words.qualifiers(claim, hypotheses),
        "said": words.verdict(claim, hypotheses, results.profile.name),
        "p_values": words.p_values(claim, results),
        "registered": words.registered(claim),
        "shown_q": words.quantity(claim.q, 2),
        "holm": words.by_holm(claim, results),
        "search": " ".join([claim.id, claim.sentence, claim.paper.where, plain, *claim.arms]).lower(),
        "hypotheses": [_hypothesis(hypothesis, palette) for hypothesis in deciding],
        "controls": [_hypothesis(hypothesis, palette) for hypothesis in hypotheses if hypothesis.control],
        "tiny": effect.tiny(effects),
        "headline": words.effect(effects[0], deciding[0].unit) if len(effects) == 1 else f"{len(effects)} comparisons",
        "n": "–".join(str(size) for size in (sizes[:1] + sizes[-1:] if len(sizes) > 1 else sizes)),
        "cost": words.spent(claim),
        "whole_cost": words.spent(claim, whole=True),
        "trains": bool(claim.arms) or claim.verdict is Verdict.NOT_MEASURED,
    }


def _hypothesis(hypothesis: Hypothesis, palette: Palette) -> Json:
    return {
        **structs.asdict(hypothesis),
        "given": words.settings(hypothesis.parameters),
        "words": words.effect(hypothesis.effect, hypothesis.unit),
        "decision": words.decision(hypothesis),
        "seeds": effect.seeds(hypothesis, palette),
        "interval": effect.interval(hypothesis),
    }


SEED_COLUMNS = ("hypothesis", "arm", "seed", "quantity", "unit", "value")


def _seed_rows(hypotheses: Sequence[Hypothesis]) -> list[tuple[Any, ...]]:
    return [
        (hypothesis.id, side.arm, seed, hypothesis.quantity, hypothesis.unit, value)
        for hypothesis in hypotheses
        for side in hypothesis.sides
        if isinstance(side, Sample)
        for seed, value in zip(side.seeds, side.values, strict=False)
    ]


def _with_data(figure: Figure | None, name: str, tables: Tables) -> Json | None:
    if figure is None:
        return None
    drawn = {field: getattr(figure, field) for field in ("title", "panels", "note", "legend", "rows")}
    return {**drawn, "csv": tables.link(figure.header, figure.rows), "file": f"{name}.csv"}


def _arms(results: Results, palette: Palette, places: Mapping[str, str]) -> list[Json]:
    runs: dict[str, list[RunResult]] = {}
    foreign = words.substitutes(results.profile)
    for run in results.runs:
        runs.setdefault(run.arm, []).append(run)
    return [
        {
            "name": arm,
            "anchor": places[arm],
            "series": palette[arm],
            "line": _line(group),
            "foreign": arm in foreign,
            "model": group[0].model,
            "options": words.settings(group[0].options),
            "recipe": words.settings(group[0].recipe),
            "modes": "; ".join(dict.fromkeys(run.mode for run in group if run.mode)),
            "structure": structure.draw(arm, results.measurements),
            "metered": any(run.joules is not None for run in group),
            "runs": [_run(run) for run in sorted(group, key=lambda run: run.seed)],
        }
        for arm, group in runs.items()
    ]


def _line(group: Sequence[RunResult]) -> str:
    parts = [group[0].model or "model unknown"]
    if group[0].parameters:
        parts.append(f"{words.count(group[0].parameters)} parameters")
    parts.append(words.plural(len(group), "run"))
    if diverged := sum(run.status == "diverged" for run in group):
        parts.append(f"{diverged} diverged")
    return ", ".join(parts)


def _run(run: RunResult) -> Json:
    return {
        "seed": run.seed,
        "status": run.status,
        "loss": words.fixed(run.history[-1].get("loss") if run.history else None, 4),
        "time": words.fixed(run.seconds, 1),
        "energy": words.energy(run.joules),
        "speed": words.fixed(run.images_per_second, 0),
        "key": run.key,
    }
