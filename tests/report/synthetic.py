"""Results made of random numbers, to develop and test the report with. SYNTHETIC: nothing here was measured."""

from __future__ import annotations

import dataclasses
import math
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from tests.report.sheet import CHAPTERS
from vitwork.design.deviation import Lack, Missing, declared
from vitwork.facts.changes import compare_to_baseline
from vitwork.facts.claims import ClaimResult, Constant, Hypothesis, Sample
from vitwork.facts.document import DatasetResult, MeasurementResult, ProfileResult, Provenance, Results, RunResult
from vitwork.language.claim import Paper
from vitwork.report.compare import write_comparison
from vitwork.report.html import all_visible
from vitwork.statistics.effect import Effect, Scale, Test, Verdict

Json = dict[str, Any]

HOSTILE = (
    "<script>alert('x')</script><img src=x onerror=alert(1)>\"'&]]>--></style></title>{{7*7}}=cmd|' /C calc'!A0\u202e"
)
"""Markup, quotes, template syntax, a spreadsheet formula and a direction override in one string."""

ARMS = ("resnet", "vit", "vit-local-3", "vit-local-5", "vit-cls", "alternet", "resnet-matched", "alternet-stage-start")
QUANTITIES: tuple[tuple[str, str, Scale], ...] = (
    ("APE", "", "log-ratio"),
    ("NEP", "%", "difference"),
    ("accuracy", "%", "difference"),
)
VERDICTS = (
    *(Verdict.REPRODUCED, Verdict.REPRODUCED, Verdict.REPRODUCED, Verdict.CONTRADICTED),
    *(Verdict.INCONCLUSIVE, Verdict.INCONCLUSIVE, Verdict.NOT_MEASURED),
)
OURS = ("stage-end-msa-matters", "attention-matrix-lowpass", "msa-averages-values")
"""Claims that the paper does not make."""
SECTIONS = dict(zip(CHAPTERS, (2, 3, 3, 4, 4), strict=True))
BATCHNORM = "with BatchNorm in train mode"
P = {"p": 0.0004, "q": 0.006}
SPECTRAL = ("1c", "4", "6", "7b", "C.2b", "C.4b", "C.5", "C.6", "C.7", "C.7c", "F.1b", "12c")
CORRUPTIONS = (
    "gaussian_noise",
    "shot_noise",
    "defocus_blur",
    "motion_blur",
    "fog",
    "brightness",
    "contrast",
    "pixelate",
)
MEASURED_BY_CLAIM = {
    "alternet-robust": ("corruptions",),
    "shape-vs-texture": ("cue_conflict",),
    "data-specificity-not-range": ("attention",),
}
MEASURED_BY_FIGURE = {
    **dict.fromkeys(SPECTRAL, ("spectrum",)),
    "1a": ("surface",),
    "C.4a": ("surface",),
    "1b": ("trajectory",),
    "2a": ("log_amplitude",),
    "8": ("log_amplitude",),
    "D.2": ("log_amplitude",),
    "2b": ("noise_bands",),
    "9": ("variance",),
    "D.1": ("variance",),
    "10a": ("similarity",),
    "D.3": ("similarity",),
    "10b": ("lesion",),
    "D.4": ("lesion",),
}


def results(seeds: int = 5, claims: int | None = None, *, hostile: bool = False, grid: int = 21) -> Results:
    """Return synthetic results of the full sheet or of its first `claims` claims.

    Args:
        seeds: networks per arm.
        claims: how many claims; None for all of them.
        hostile: whether names and sentences hold markup and other things that a page must not execute.
        grid: points per side of the loss surfaces.
    """
    dice = random.Random(7)
    arms = [HOSTILE, *ARMS[1:]] if hostile else list(ARMS)
    runs = tuple(_run(dice, arm, seed) for arm in arms for seed in range(seeds))
    measurements = tuple(
        entry for arm in arms for seed in range(seeds) for entry in _measurements(dice, arm, seed, grid)
    )
    sheet = [(chapter, *entry) for chapter, entries in CHAPTERS.items() for entry in entries]
    judged = [
        _claim(dice, (measurements, range(seeds)), arms, (chapter, id, where), place)
        for place, (chapter, id, where) in enumerate(sheet[:claims])
    ]
    if hostile:
        judged = [
            (named, [replace(h, claim=named.id, statement=HOSTILE) for h in found])
            for named, found in ((_hostile(claim), found) for claim, found in judged)
        ]
    return Results(
        profile=ProfileResult(
            name=HOSTILE if hostile else "synthetic",
            summary="SYNTHETIC numbers for developing this page: nothing on it was measured",
            seeds=seeds,
            deviations=declared("random numbers in place of measurements", "five epochs"),
        ),
        provenance=_provenance(),
        claims=tuple(claim for claim, _ in judged),
        hypotheses=tuple(hypothesis for _, found in judged for hypothesis in found),
        runs=runs,
        measurements=measurements,
        family=len(judged),
    )


def earlier(results: Results) -> Results:
    """Return results as they were before claims had primaries and a family: every hypothesis corrected by Holm."""
    unknown = {"p_for": math.nan, "p_against": math.nan, "plain_p": math.nan}
    unknown |= {"adjusted_low": math.nan, "adjusted_high": math.nan}
    hypotheses = tuple(
        replace(hypothesis, effect=dataclasses.replace(hypothesis.effect, **unknown))
        for hypothesis in results.hypotheses
        if not hypothesis.control
    )
    kept = {hypothesis.id for hypothesis in hypotheses}
    bare: Json = {"p": None, "q": None, "holm_p": None, "unmeasured": (), "ours": False}
    claims = tuple(
        replace(claim, hypotheses=tuple(id for id in claim.hypotheses if id in kept), **bare)
        for claim in results.claims
    )
    return replace(results, claims=claims, hypotheses=hypotheses, family=0)


def _hostile(claim: ClaimResult) -> ClaimResult:
    lack = Lack(Missing.FAULT, what=HOSTILE) if claim.lack else None
    paper = dataclasses.replace(claim.paper, values=HOSTILE)
    named = {"sentence": HOSTILE, "chapter": HOSTILE, "id": f"{HOSTILE}-{claim.id}"}
    return replace(claim, lack=lack, paper=paper, **named)


def claim_of(results: Results, place: int = 0, **changed: Any) -> Results:
    """Return results in which one claim has other fields."""
    claims = list(results.claims)
    claims[place] = replace(claims[place], **changed)
    return replace(results, claims=tuple(claims))


def hypothesis_of(results: Results, place: int = 0, effect: Json | None = None, **changed: Any) -> Results:
    """Return results in which one hypothesis, or its effect, has other fields."""
    hypotheses = list(results.hypotheses)
    found = dataclasses.replace(hypotheses[place].effect, **(effect or {}))
    hypotheses[place] = replace(hypotheses[place], **{"effect": found, **changed})
    return replace(results, hypotheses=tuple(hypotheses))


def changed(results: Results) -> Results:
    """Return results in which the first claim flipped, the last one is gone, and a new one was added."""
    flipped = claim_of(results, verdict=Verdict.CONTRADICTED)
    new = replace(results.claims[1], id="brand-new", sentence="Something else is true.", hypotheses=())
    return of_claims(flipped, *flipped.claims[:-1], new)


def compared(old: Results, new: Results, folder: Path) -> Path:
    """Write the comparison of two results, as the command does."""
    old, new = all_visible(old), all_visible(new)
    return write_comparison(compare_to_baseline(old, new), old, new, folder)


def of_claims(results: Results, *claims: ClaimResult) -> Results:
    """Return results of these claims alone, with the hypotheses that they list."""
    listed = {id for claim in claims for id in claim.hypotheses}
    return replace(results, claims=claims, hypotheses=tuple(one for one in results.hypotheses if one.id in listed))


def provenance_of(results: Results, **changed: Any) -> Results:
    """Return results of another origin."""
    return replace(results, provenance=replace(results.provenance, **changed))


def profile_of(results: Results, **changed: Any) -> Results:
    """Return results of another profile."""
    return replace(results, profile=replace(results.profile, **changed))


def _provenance() -> Provenance:
    return Provenance(
        command="pytest claims -n 4",
        commit="0123456789abcdef0123456789abcdef01234567",
        dirty=True,
        versions={"python": "3.11.9", "vitwork": "0.1.0", "torch": "2.15.0", "timm": "1.0.31", "numpy": "2.2.0"},
        hardware={
            "processor": "Synthetic CPU @ 2.0 GHz",
            "cores": 2,
            "memory": 8 * 2**30,
            "system": "Linux x86_64",
            "accelerator": "2 × Synthetic GPU",
            "driver": "570.86.15",
            "cuda": "13.2",
        },
        code={"vitwork.measurements.hessian": "a" * 20, "vitwork.training.train": "b" * 20},
        dataset=DatasetResult(name="synthetic", fingerprint="0" * 20),
        started=1_760_000_000.0,
        finished=1_760_000_295.0,
        seconds=295.0,
    )


def _run(dice: random.Random, arm: str, seed: int) -> RunResult:
    losses = [2.3 * math.exp(-epoch / 6) + dice.uniform(0, 0.1) for epoch in range(9)]
    return RunResult(
        key=f"run-{arm}-{seed}",
        arm=arm,
        seed=seed,
        model="vit_ti" if "vit" in arm else "preresnet_18",
        options={"patch_size": 2, "dim": 64},
        recipe={"name": "micro", "epochs": 8, "warmup_epochs": 1, "optimizer": "adamw", "lr": 0.003},
        parameters=180_000 if "vit" in arm else 175_000,
        status="finished",
        seconds=dice.uniform(3, 9),
        joules=dice.uniform(100, 200),
        images_per_second=dice.uniform(2000, 4000),
        mode="single",
        history=tuple(
            {"epoch": float(epoch), "loss": loss, "accuracy": 1 - loss / 2.5} for epoch, loss in enumerate(losses)
        ),
    )


def _measurements(dice: random.Random, arm: str, seed: int, grid: int) -> list[MeasurementResult]:
    made = [
        ("evaluation", {"when": "end", "batch_size": 250}, _evaluation(dice, arm)),
        ("log_amplitude", {"when": "end"}, _log_amplitude(dice, arm)),
        ("variance", {"when": "end"}, _variance(dice, arm)),
        ("noise_bands", {"when": "end", "power": "equal"}, _noise(dice)),
        ("similarity", {"when": "end"}, _similarity(dice, arm)),
        ("lesion", {"when": "end"}, _lesion(dice, arm)),
        ("trajectory", {}, _trajectory(dice, arm)),
        ("attention", {"when": "end"}, _attention(dice)),
        ("corruptions", {"when": "end"}, _corruptions(dice, arm)),
        ("cue_conflict", {"when": "end"}, _cue_conflict(dice)),
    ]
    made += [
        ("spectrum", {"when": when, "batchnorm": batchnorm, "which": "magnitude"}, _spectrum(dice, arm, when))
        for when in ("warmup", "end")
        for batchnorm in ("eval", "train")
    ]
    if seed == 0:
        made.append(("surface", {"when": "end", "batchnorm": "train"}, _surface(dice, arm, grid)))
    return [
        MeasurementResult(
            key=f"{name}-{place}-{arm}-{seed}",
            run=f"run-{arm}-{seed}",
            arm=arm,
            seed=seed,
            name=name,
            figure=name,
            parameters=parameters,
            seconds=dice.uniform(0.2, 3),
            joules=dice.uniform(5, 60),
            values=values,
        )
        for place, (name, parameters, values) in enumerate(made)
    ]


def _evaluation(dice: random.Random, arm: str) -> Json:
    acc = (0.62 if "vit" in arm else 0.74) + dice.gauss(0, 0.01)
    edges = [place / 10 for place in range(11)]
    return {
        "acc": acc,
        "nll": 2.6 * (1 - acc),
        "ece": dice.uniform(0.02, 0.09),
        "signed_ece": dice.uniform(-0.08, 0.08),
        "train_nll": 3.1 * (1 - acc) + dice.gauss(0, 0.02),
        "bins": {
            "edges": edges,
            "count": [0, 0, *(dice.randrange(20, 300) for _ in range(8))],
            "accuracy": [0.0, 0.0, *(min(1, edge + dice.uniform(0.0, 0.12)) for edge in edges[2:10])],
            "confidence": [0.0, 0.0, *(edge + 0.05 for edge in edges[2:10])],
        },
    }


def _structure(arm: str) -> Json:
    if "vit" in arm:
        kinds = ["stem", *["msa", "mlp"] * 4]
        stages, ends = [0] + [1] * 8, [False] * 8 + [True]
    else:
        kinds = ["stem", *["conv"] * 6] if "alternet" not in arm else ["stem", *["conv"] * 3, "msa", "conv", "msa"]
        stages, ends = [0, 1, 1, 2, 2, 3, 3], [False, False, True, False, True, False, True]
    names = [f"blocks.{place}.{kind}" for place, kind in enumerate(kinds)]
    down = [before < after and after > 1 for before, after in zip([0, *stages], stages, strict=False)]
    return {"blocks": names, "kinds": kinds, "stages": stages, "downsamples": down, "stage_end": ends}


def _observed(arm: str) -> Json:
    return {name: value for name, value in _structure(arm).items() if name != "stage_end"}


def _log_amplitude(dice: random.Random, arm: str) -> Json:
    structure, level, delta = _observed(arm), -3.0 if "vit" in arm else -6.0, []
    for kind, down in zip(structure["kinds"], structure["downsamples"], strict=True):
        level += {"msa": -0.25, "mlp": 0.15, "conv": 0.1}.get(kind, 0.0) + 1.2 * down + dice.gauss(0, 0.05)
        delta.append([level * (place / 3) ** 0.5 for place in range(4)])
    return {
        **structure,
        "frequencies": [[place / 4 for place in range(4)] for _ in delta],
        "delta": delta,
        "relative": [[value - row[1] for value in row] for row in delta],
    }


def _variance(dice: random.Random, arm: str) -> Json:
    structure, level, levels = _observed(arm), 0.05, []
    for kind, down in zip(structure["kinds"], structure["downsamples"], strict=True):
        level = max(0.01, level + {"msa": -0.01, "mlp": 0.03, "conv": 0.05}.get(kind, 0.0) - 0.06 * down)
        levels.append(level * dice.uniform(0.95, 1.05))
    return {**structure, "variance": levels}


def _noise(dice: random.Random) -> Json:
    bands = [place / 10 for place in range(1, 10)]
    return {
        "frequencies": bands,
        "accuracy_change": [-0.05 - 0.1 * band + dice.gauss(0, 0.01) for band in bands],
        "rms": [0.2] * 9,
    }


def _similarity(dice: random.Random, arm: str) -> Json:
    structure = _structure(arm)
    places = range(len(structure["blocks"]))
    noise = [[dice.uniform(0, 0.05) for _ in places] for _ in places]
    stages = structure["stages"]
    cka = [
        [
            1.0 if i == j else max(0, 0.95 - 0.12 * abs(i - j) - 0.2 * (stages[i] != stages[j]) - noise[i][j])
            for j in places
        ]
        for i in places
    ]
    return {"blocks": structure["blocks"], "stages": stages, "cka": cka, "within_minus_across": dice.uniform(0.1, 0.4)}


def _lesion(dice: random.Random, arm: str) -> Json:
    structure = _structure(arm)
    keep = slice(1, None)
    change = [-dice.uniform(0.002, 0.2) for _ in structure["blocks"][keep]]
    return {
        "units": structure["blocks"][keep],
        "kinds": structure["kinds"][keep],
        "stages": structure["stages"][keep],
        "stage_end": structure["stage_end"][keep],
        "accuracy_change": change,
        "nll_change": [-4 * value for value in change],
    }


def _trajectory(dice: random.Random, arm: str) -> Json:
    steps = [place / 12 for place in range(13)]
    wide = 0.4 if "resnet" in arm else 0.0
    return {
        "epochs": list(range(13)),
        "radius": [(1 - step) * (1 + wide * math.sin(3 * step)) + dice.uniform(0, 0.02) for step in steps[:-1]] + [0.0],
        "angle": [0.0, *(1.5 * step**0.6 for step in steps[1:-1]), None],
    }


def _spectrum(dice: random.Random, arm: str, when: str) -> Json:
    scale = (20 if "vit" in arm else 60) * (2 if when == "end" else 1)
    batches = [sorted((dice.expovariate(1 / scale) + 5 for _ in range(5)), reverse=True) for _ in range(8)]
    if "vit" in arm:
        for batch in batches[::3]:
            batch[4] = -dice.uniform(2, 20)
    return {"eigenvalues": batches, "residuals": [[1e-4] * 5 for _ in batches], "batch_size": 16}


def _surface(dice: random.Random, arm: str, grid: int) -> Json:
    axis = [2 * place / (grid - 1) - 1 for place in range(grid)]
    steep = 2.0 if "vit" in arm else 5.0
    nll = [[1 + steep * (x * x + 1.7 * y * y) + dice.uniform(0, 0.1) for x in axis] for y in axis]
    nll[0][0] = None  # type: ignore[call-overload]  # a loss that is not finite, as JSON has it
    l2 = [[38 + 9 * (x * x + y * y) for x in axis] for y in axis]
    return {"x": axis, "y": axis, "nll": nll, "l2": l2, "weight_decay": 0.05, "curvature": {"nll": steep}}


def _attention(dice: random.Random) -> Json:
    blocks = range(4)
    return {
        "blocks": [f"blocks.{place}.msa" for place in blocks],
        "stages": [1] * len(blocks),
        "frequencies": [[ring / 8 for ring in range(9)] for _ in blocks],
        "distance": [2 + place + dice.uniform(0, 0.5) for place in blocks],
        "entropy": [4 - 0.3 * place + dice.uniform(0, 0.2) for place in blocks],
        "effective_rank": [12.0 + place for place in blocks],
        "gain": [[1 / (1 + (place + 1) * ring) for ring in range(9)] for place in blocks],
    }


def _corruptions(dice: random.Random, arm: str) -> Json:
    clean = 0.62 if "vit" in arm else 0.74
    accuracy = [[clean - 0.06 * severity * dice.random() for severity in range(1, 6)] for _ in CORRUPTIONS]
    return {"names": list(CORRUPTIONS), "severities": [1, 2, 3, 4, 5], "accuracy": accuracy, "clean": clean}


def _cue_conflict(dice: random.Random) -> Json:
    shape, texture = dice.uniform(0.1, 0.5), dice.uniform(0.2, 0.4)
    return {
        "shape_bias": shape / (shape + texture),
        "shape_share": shape,
        "texture_share": texture,
        "accuracy": 0.6,
        "n": int(900 * (shape + texture)),
    }


def _claim(
    dice: random.Random,
    measured: tuple[tuple[MeasurementResult, ...], Sequence[int]],
    arms: list[str],
    entry: tuple[str, str, str],
    place: int,
) -> tuple[ClaimResult, list[Hypothesis]]:
    (chapter, id, where), (measurements, seeds) = entry, measured
    verdict = VERDICTS[place % len(VERDICTS)]
    lacking = verdict is Verdict.NOT_MEASURED
    quantity = QUANTITIES[0] if "hessian" in id else QUANTITIES[place % 3]
    used = [arms[0], arms[1], *arms[2 : 2 + place % 2]]
    hypotheses = []
    for number, when in () if lacking else enumerate(("warmup", "end"), start=1):
        decided = verdict if number == 1 or verdict is Verdict.REPRODUCED else Verdict.INCONCLUSIVE
        hypotheses.append(_hypothesis(dice, (id, number, when, decided), used, quantity, tuple(seeds)))
    if place % 3 == 2 and not lacking:
        qualifying = VERDICTS[(place + 1) % len(VERDICTS)]
        name = (id, 3, "end", Verdict.INCONCLUSIVE if qualifying is Verdict.NOT_MEASURED else qualifying)
        made = _hypothesis(dice, name, used, quantity, tuple(seeds))
        alone = dataclasses.replace(made.effect, adjusted_p=made.effect.p)
        hypotheses.append(replace(made, control=BATCHNORM, effect=alone))
    holm_p = 0.02 if place % 2 else 0.2
    by_figure = MEASURED_BY_FIGURE.get(where.removeprefix("Fig. ").split(",")[0], ("evaluation",))
    names = MEASURED_BY_CLAIM.get(id, by_figure)
    claim = ClaimResult(
        id=id,
        sentence=f"SYNTHETIC sentence of {id}: one statement of the paper stands here in plain words.",
        chapter=chapter,
        paper=Paper(
            where,
            "36 against 295 after warm-up",
            read_from="density curve",
            section=SECTIONS[chapter],
            figures=tuple(where.removeprefix("Fig. ").split(", ")) if where.startswith("Fig.") else (),
        ),
        contradicted_by="the interval lies on the other side of the margin",
        verdict=verdict,
        lack=Lack(Missing.ARM, "swin") if lacking else None,
        deviations=("drawn images in place of CIFAR-100",),
        confounds=("batch normalisation against layer normalisation", "number of parameters"),
        examined=("with other mini-batches of the same networks the order is the same",),
        hypotheses=tuple(hypothesis.id for hypothesis in hypotheses),
        arms=tuple(used),
        measurements=tuple(
            entry.key for entry in measurements if not lacking and entry.arm in used and entry.name in names
        ),
        cost_seconds=dice.uniform(5, 90),
        cost_joules=dice.uniform(900, 5000),
        ours=id in OURS,
        unmeasured=("at matched training loss",) if place % 9 == 2 and not lacking else (),
        **(
            {}
            if lacking
            else {"p": 0.2, "q": 0.4, "holm_p": 1.0}
            if verdict is Verdict.INCONCLUSIVE
            else {**P, "holm_p": holm_p}
        ),
        rerun=f"pytest claims/test_synthetic.py::test_{id.replace('-', '_')}",
        file="claims/test_synthetic.py",
    )
    return claim, hypotheses


def _hypothesis(
    dice: random.Random,
    name: tuple[str, int, str, Verdict],
    arms: list[str],
    quantity: tuple[str, str, Scale],
    seeds: tuple[int, ...],
) -> Hypothesis:
    (claim, number, when, verdict), (title, unit, scale) = name, quantity
    centre = {Verdict.REPRODUCED: -1.0, Verdict.CONTRADICTED: 1.0}.get(verdict, -0.1)
    a: list[float | None] = [math.exp(3 + centre / 2 + dice.gauss(0, 0.2)) for _ in seeds]
    b = [math.exp(3 - centre / 2 + dice.gauss(0, 0.2)) for _ in seeds]
    against: Sample | Constant = Sample(arm=arms[0], label=f"{title}({arms[0]})", seeds=seeds, values=tuple(b))
    if not number % 2:
        a[-1] = None  # a diverged run
        against = Constant(value=20.0)
    undecided = verdict is Verdict.INCONCLUSIVE
    effect = Effect(
        centre, centre - 0.4, centre + 0.4, len(seeds), len(seeds) if number % 2 else 0, 0.2 if undecided else 0.0004,
        verdict, scale=scale, test=Test.WELCH if number % 2 else Test.ORDER, adjusted_p=0.4 if undecided else 0.006,
        penalty=(2.0, 3.0) if number % 2 else (1.0, 1.0), lost=(0, 0) if number % 2 else (1, 0),
        seeds_needed=12 if undecided else None, p_for=0.1, p_against=0.9, plain_p=0.003,
        adjusted_low=centre - 0.5, adjusted_high=centre + 0.5,
    )  # fmt: skip
    return Hypothesis(
        id=f"{claim}[when={when}]:{number}",
        claim=claim,
        form="comparison",
        statement=f"{title}({arms[1]}) < {title}({arms[0]})",
        parameters={"when": when},
        quantity=title,
        unit=unit,
        sides=(Sample(arm=arms[1], label=f"{title}({arms[1]})", seeds=seeds, values=tuple(a)), against),
        effect=effect,
    )
