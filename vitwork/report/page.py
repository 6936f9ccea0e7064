"""The page: results in words and drawings, put into the template."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import structs

from vitwork.facts.claims import ClaimResult, Hypothesis, Sample
from vitwork.facts.document import Results, RunResult
from vitwork.report import paper_comparison, words
from vitwork.report.cite import ARXIV, bibtex
from vitwork.report.crate import SHARED
from vitwork.report.document import Json, dump
from vitwork.report.figures import PAPER, GalleryFigure, effect, gallery, structure, training
from vitwork.report.figures.base import Figure, Palette
from vitwork.report.html import anchors, environment
from vitwork.report.page_files import Link, PageFiles
from vitwork.statistics.effect import Verdict

ANSWERED = {
    "contradicted": Verdict.CONTRADICTED,
    "reproduced": Verdict.REPRODUCED,
    "undecided": Verdict.INCONCLUSIVE,
}
"""How claims stand below the question that they answer."""
EVALUATION = "evaluation"
"""The measurement that holds a network's accuracy."""


def render(results: Results, files: Mapping[str, bytes] | None = None) -> str:
    """Return the page of results.

    Args:
        results: whose texts hide nothing, as `vitwork.report.html.all_visible` returns them.
        files: what lies next to the page, by name; kept in the page as well, so that it is complete when it is sent alone.
    """
    palette, packed = Palette.of(results), PageFiles()
    arm_anchors = anchors("arm", [*palette.order, *(arm for claim in results.claims for arm in claim.arms)])
    plates = gallery(results, palette)
    claims = _claims(results, palette, packed, plates)
    paper, ours = words.apart(results.claims)
    return (
        environment()
        .get_template("page.html.j2")
        .render(
            name=results.profile.name,
            headline=words.headline(results),
            lead=" ".join([words.lead(results), *words.partly(results)]),
            summary=words.summary(results),
            deviations=_deviations(results),
            correction=words.correction(results),
            tally=words.tally(paper),
            ours=words.counted(ours),
            hardware=_hardware(results),
            cost=_cost(results),
            when=words.moment(results.provenance.started),
            answers=_answers(results, claims),
            beside=[
                (row, claims[row.name]["anchor"] if row.name in claims else "")
                for row in paper_comparison.rows(results)
            ],
            beside_title=words.BESIDE,
            groups=[
                group
                for group in (
                    _group("paper", "Claims of the paper", paper, claims),
                    _group("ours", words.OURS, ours, claims),
                )
                if group
            ],
            questions=words.QUESTIONS,
            plates=[_plate(plate, claims, packed) for plate in plates],
            undrawn=_undrawn(results, plates),
            anchors=arm_anchors,
            arms=_arms(results, palette, arm_anchors),
            throughput=words.throughput(results),
            curves=_with_data(training.draw(results.runs), "figure-training", packed),
            provenance=_provenance(results),
            citations=bibtex(results, (files or {}).get("results.json") or dump(results)),
            arxiv=ARXIV,
            files={name: packed.file(name, files[name]) if files else Link(name) for name in SHARED},
            packed=packed,
            scripts=("theme.js", "report.js"),
        )
    )


def _deviations(results: Results) -> list[str]:
    return [words.deviation(deviation) for deviation in results.profile.deviations]


def _hardware(results: Results) -> str:
    found = results.provenance.hardware
    parts = [
        found.get("accelerator"),
        found.get("processor"),
        found.get("vectors"),
        f"{found['cores']} cores" if found.get("cores") else None,
    ]
    parts += [f"{words.size(found['memory'])} memory" if found.get("memory") else None, found.get("system")]
    return ", ".join(str(part) for part in parts if part)


def _cost(results: Results) -> str:
    trained = sum(run.seconds or 0.0 for run in results.runs)
    measured = sum(entry.seconds or 0.0 for entry in results.measurements)
    parts = f"{words.duration(trained)} of {'loading' if results.profile.loaded else 'training'}, {words.duration(measured)} of measuring"
    return f"{parts}{_energy(results)}"


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
    prints = ", ".join(dict.fromkeys(dataset.fingerprint.split(", ")))  # a pooled or joined report has one of each part
    return [
        ("Claims", words.tested(results)),
        ("Registration", words.sentence(words.registration(results))),
        ("Pooling", words.pooled(results)),
        ("Command", words.command(found.command)),
        ("Commit", f"{found.commit or 'outside git'}{', with uncommitted changes' if found.dirty else ''}"),
        ("Started", words.moment(found.started)),
        ("Finished", words.moment(found.finished)),
        ("This session", words.duration(found.seconds)),
        ("Decisions", words.price(results)),
        ("Data", f"{dataset.name}, fingerprint {prints}" if dataset.name else ""),
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


def _claims(results: Results, palette: Palette, packed: PageFiles, plates: Sequence[GalleryFigure]) -> dict[str, Json]:
    """Return what the page shows of every claim, by id."""
    places = anchors("claim", [claim.id for claim in results.claims])
    deviations, foreign = results.profile.deviations, words.substitutes(results.profile)
    made = {}
    for claim in results.claims:
        found = results.hypotheses_of(claim)
        made[claim.id] = {
            **_claim(claim, found, palette, results),
            "anchor": places[claim.id],
            "csv": packed.table(SEED_COLUMNS, _seed_rows(found)),
            # what a profile changes in its trainings changes nothing for a claim that rests on none
            "profile_deviations": len(deviations) if claim.arms else 0,
            "foreign": {arm: foreign[arm] for arm in claim.arms if arm in foreign},
            "plates": [(_anchor(plate), _numbered(plate)) for plate in plates if claim.id in plate.claims],
        }
    return made


def _answers(results: Results, claims: Mapping[str, Json]) -> list[Json]:
    """Return the paper's questions with their answers and the claims behind them."""
    answers = []
    for question, found in words.by_question(results.claims).items():
        short, said = words.answer(found, results.profile.name)
        strong = words.by_strength(found)
        groups = {
            name: [claims[claim.id] for claim in strong if claim.verdict is verdict]
            for name, verdict in ANSWERED.items()
        }
        answers.append({"question": question, "short": short, "said": said, **groups})
    return answers


def _group(anchor: str, title: str, found: Sequence[ClaimResult], claims: Mapping[str, Json]) -> Json | None:
    """Return claims in the order in which they are read; None where there are none."""
    strong = words.by_strength(found)
    missing = words.by_reason([claim for claim in found if claim.verdict is Verdict.NOT_MEASURED])
    group = {
        "title": title,
        "anchor": anchor,
        "decided": [claims[claim.id] for claim in strong if claim.verdict in words.DECIDED],
        "undecided": [claims[claim.id] for claim in strong if claim.verdict is Verdict.INCONCLUSIVE],
        "missing": {reason: [claims[claim.id] for claim in lacking] for reason, lacking in missing.items()},
    }
    return group if found else None


def _anchor(plate: GalleryFigure) -> str:
    return f"figure-{plate.name.replace('.', '-').replace('_', '-').lower()}"


def _numbered(plate: GalleryFigure) -> str:
    return f"Fig. {plate.name}" if plate.of_paper else words.figure_title(plate.name)


def _plate(plate: GalleryFigure, claims: Mapping[str, Json], packed: PageFiles) -> Json:
    drawn = _with_data(plate.figure, _anchor(plate), packed) or {}
    return {
        **drawn,
        "anchor": _anchor(plate),
        "number": f"Fig. {plate.name}" if plate.of_paper else "",
        "title": words.figure_title(plate.name),
        "claims": [claims[id] for id in plate.claims],
    }


def _undrawn(results: Results, plates: Sequence[GalleryFigure]) -> list[str]:
    """Return the numbers of the paper's figures that claims name and that could not be drawn."""
    named = {number for claim in results.claims for number in claim.paper.figures}
    return [number for number in PAPER if number in named - {plate.name for plate in plates}]


def _claim(claim: ClaimResult, hypotheses: Sequence[Hypothesis], palette: Palette, results: Results) -> Json:
    deciding = words.primaries(hypotheses)
    effects = [hypothesis.effect for hypothesis in deciding]
    borne = words.bearing(claim.verdict, hypotheses)
    sizes = sorted({count for found in effects for count in (found.n_a, found.n_b) if count})
    plain = words.claim_reason(claim, hypotheses)
    quantities = {found.name: found for found in results.quantities}
    return {
        **structs.asdict(claim),
        "plain": plain,
        "qualifiers": words.qualifiers(claim, hypotheses, results.quantities),
        "said": words.verdict(claim, hypotheses, results.profile.name, results.quantities),
        "p_values": words.p_values(claim, results),
        "shown_q": words.probability(claim.q) if claim.q is not None else "",
        "section": claim.paper.section,
        "registered": words.registered(claim),
        "search": " ".join([claim.id, claim.sentence, claim.paper.where, plain, *claim.arms]).lower(),
        "audits": [
            said
            for name in dict.fromkeys(h.quantity for h in hypotheses)
            if name in quantities and (said := words.audit(quantities[name]))
        ],
        "hypotheses": [
            _hypothesis(hypothesis, palette, None if place else claim.paper.effect)
            for place, hypothesis in enumerate(deciding)
        ],
        "controls": [_hypothesis(hypothesis, palette) for hypothesis in hypotheses if hypothesis.control],
        "tiny": effect.tiny(effects),
        "headline": words.found_of(borne) if borne else "",
        "image_error": words.image_error(claim, hypotheses, results.quantities),
        "reruns": not (claim.lack and claim.lack.missing in words.FIXED),
        "rank": words.rank(claim.verdict, len(deciding)) if borne else "",
        "n": "–".join(str(size) for size in (sizes[:1] + sizes[-1:] if len(sizes) > 1 else sizes)),
        "whole_cost": words.spent(claim, whole=True),
        "trains": bool(claim.arms) or claim.verdict is Verdict.NOT_MEASURED,
    }


def _hypothesis(hypothesis: Hypothesis, palette: Palette, paper: float | None = None) -> Json:
    return {
        **structs.asdict(hypothesis),
        "statement": words.formula(hypothesis),
        "given": words.told(hypothesis),
        "words": words.effect(hypothesis.effect, hypothesis.unit),
        "decision": words.decision(hypothesis),
        "seeds": effect.seeds(hypothesis, palette),
        "interval": effect.interval(hypothesis, paper),
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


def _with_data(figure: Figure | None, name: str, packed: PageFiles) -> Json | None:
    if figure is None:
        return None
    drawn = {field: getattr(figure, field) for field in ("panels", "note", "legend", "rows", "turnable")}
    return {**drawn, "csv": packed.table(figure.header, figure.rows), "file": f"{name}.csv"}


def _arms(results: Results, palette: Palette, places: Mapping[str, str]) -> list[Json]:
    runs: dict[str, list[RunResult]] = {}
    foreign, loaded = words.substitutes(results.profile), results.profile.loaded
    accuracies = {
        entry.run: entry.values.get("acc")
        for entry in results.measurements
        if entry.name == EVALUATION and entry.values
    }
    for run in results.runs:
        runs.setdefault(run.arm, []).append(run)
    return [
        {
            "name": arm,
            "anchor": places[arm],
            "series": palette[arm],
            "line": _line(group, loaded=loaded),
            "foreign": foreign[arm][1] if arm in foreign else "",
            "networks": [_network(run, accuracies) for run in sorted(group, key=lambda run: run.seed) if loaded],
            "model": "" if loaded else group[0].model,
            "options": words.settings(group[0].options),
            "recipe": words.settings(group[0].recipe),
            "modes": "; ".join(dict.fromkeys(run.mode for run in group if run.mode)),
            "structure": structure.draw(arm, results.measurements),
            "metered": any(run.joules is not None for run in group),
            "runs": [_run(run) for run in sorted(group, key=lambda run: run.seed)],
        }
        for arm, group in runs.items()
    ]


def _network(run: RunResult, accuracies: Mapping[str, float | None]) -> Json:
    """Return what is told of a published network: what was loaded, how it saw its images and how many it told right."""
    accuracy = accuracies.get(run.key)
    return {
        "number": run.seed,
        "name": run.network.get("name") or "not loaded",
        "year": run.network.get("year") or "not stated",
        "licence": run.network.get("licence") or "not stated",
        "accuracy": words.fixed(None if accuracy is None else 100.0 * accuracy, 1),
        "parameters": words.count(run.parameters) if run.parameters else "",
        "images": words.settings(run.network.get("preprocessing") or {})
        or "as large as the data's, normalised by its constants",
        "sha256": run.network.get("sha256", ""),
    }


def _line(group: Sequence[RunResult], *, loaded: bool) -> str:
    if loaded:
        return words.plural(len(group), "published network")
    parts = [group[0].model or "model unknown"]
    if group[0].parameters:
        parts.append(f"{words.count(group[0].parameters)} parameters")
    parts.append(words.plural(len(group), "run"))
    if speed := words.speed(group):
        parts.append(f"{speed:.0f} images/s")
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
