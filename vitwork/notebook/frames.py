"""Results as tidy pandas frames: a row per item, a column per number. Every column is described in `COLUMNS`.

Values without fixed fields (parameters, options, recipes) are spread over columns, such as ``recipe.lr``; items of
lists are numbered, such as ``options.depths.0``. Unknown numbers are NaN.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import pandas as pd
from msgspec import structs

from vitwork.facts.claims import ClaimResult, Hypothesis, Sample
from vitwork.facts.document import MeasurementResult, Results, RunResult
from vitwork.report import words

Row = dict[str, Any]
DEPTH = 3
"""Most indices of a measured array that have columns; deeper arrays have further indices in the quantity's name."""

COLUMNS: dict[str, dict[str, str]] = {
    "claims": {
        "id": "the claim's name; index",
        "chapter": "the part of the paper",
        "sentence": "what is claimed",
        "ours": "whether it is a claim of ours that the paper does not make",
        "verdict": "reproduced, contradicted, inconclusive or not measured",
        "reason": "why, in words",
        "p": "of the claim",
        "q": "p, corrected for the false discovery rate over the profile's claims",
        "holm_p": "p, corrected by Holm over the same claims",
        "paper": "the paper's effect in the first primary hypothesis",
        "where": "figure or section of the paper",
        "primaries": "number of hypotheses that decide",
        "controls": "number of hypotheses that qualify",
        "cost_seconds": "of all runs and measurements that it rests on, those that other claims share included",
        "cost_joules": "likewise",
    },
    "hypotheses": {
        "id": "claim, parameters and place; index",
        "claim": "id of the claim",
        "control": "what it controls for; empty for a hypothesis that decides",
        "form": "comparison, trend, order, correlation or sameness",
        "statement": "the sentence as a formula",
        "quantity": "what is compared",
        "unit": "of the quantity",
        "arms": "names of the arms, in the order of the sentence",
        "verdict": "at the level that the profile's claims left to it",
        "scale": "of the effect: difference, log-ratio (natural logarithm), probability or slope",
        "estimate": "the effect",
        "low": "lower end of its own 95 % interval",
        "high": "upper end",
        "deciding_low": "lower end of the interval that decides",
        "deciding_high": "upper end",
        "margin": "what separates the sides",
        "alternative": "the paper's side of the margin",
        "n_a": "networks of the first arm",
        "n_b": "networks of the second arm; 0 for a constant",
        "p": "two-sided, before correction",
        "p_for": "one-sided, small where the paper's side is shown",
        "p_against": "one-sided, small where the other side is shown",
        "adjusted_p": "q of the claim, or p where it decides none",
        "plain_p": "scipy's p of the textbook test",
        "test": "the test that gave p",
        "seeds_needed": "networks per arm that would probably settle it; NaN where that is unknown",
    },
    "values": {
        "hypothesis": "id",
        "claim": "id",
        "side": "place of the arm in the sentence, from 0",
        "arm": "name",
        "label": "the arm as the sentence has it",
        "seed": "of the trained network",
        "value": "what was measured, on the quantity's own scale; NaN for no finite value",
    },
    "runs": {
        "key": "of the run in the store; index",
        "arm": "name",
        "seed": "of the training",
        "model": "name of the architecture",
        "parameters": "number of trainable weights",
        "status": "finished or diverged; what was planned and not trained has no row",
        "epochs": "that were trained",
        "loss": "of the last epoch",
        "accuracy": "on the training images of the last epoch",
        "seconds": "of the training",
        "joules": "likewise",
        "images_per_second": "of the training",
        "mode": "device, precision and kernels",
    },
    "history": {
        "run": "key of the run",
        "arm": "name",
        "seed": "of the training",
        "epoch": "from 1",
        "loss": "mean over the epoch's training images",
        "accuracy": "on the same",
        "lr": "learning rate at the epoch's end",
    },
    "measurements": {
        "key": "of the record in the store",
        "run": "key of the run",
        "arm": "name",
        "seed": "of the training",
        "name": "of the measurement",
        "when": "the snapshot that was measured",
        "quantity": "path of the number in the record",
        "i": "first index where the quantity is an array; NaN where it is not",
        "j": "second index",
        "k": "third index",
        "value": "the number; NaN for text",
        "text": "names of blocks, kinds and the like; empty for numbers",
    },
}
"""The meaning of the columns, by frame; ``recipe.*``, ``options.*`` and ``parameter.*`` need no description."""


def claims(results: Results) -> pd.DataFrame:
    """Return a row per claim."""
    found: dict[str, list[Hypothesis]] = {claim.id: [] for claim in results.claims}
    for hypothesis in results.hypotheses:
        found.setdefault(hypothesis.claim, []).append(hypothesis)
    return _frame("claims", (_claim(claim, found[claim.id]) for claim in results.claims), index="id")


def _claim(claim: ClaimResult, hypotheses: list[Hypothesis]) -> Row:
    deciding = len(words.primaries(hypotheses))
    return {
        **structs.asdict(claim),
        "verdict": str(claim.verdict),
        "reason": words.claim_reason(claim, hypotheses),
        "paper": claim.paper.effect,
        "where": claim.paper.where,
        "primaries": deciding,
        "controls": len(hypotheses) - deciding,
    }


def hypotheses(results: Results) -> pd.DataFrame:
    """Return a row per hypothesis, with its effect and a column ``parameter.NAME`` for each of its test's parameters."""
    return _frame("hypotheses", map(_hypothesis, results.hypotheses), index="id")


def _hypothesis(found: Hypothesis) -> Row:
    effect = found.effect
    low, high = effect.deciding
    return {
        **structs.asdict(found),
        **{name: getattr(effect, name) for name in COLUMNS["hypotheses"] if hasattr(effect, name)},
        "verdict": str(effect.verdict),
        "test": str(effect.test),
        "arms": ", ".join(side.arm for side in found.sides if isinstance(side, Sample)),
        "deciding_low": low,
        "deciding_high": high,
        **spread("parameter", found.parameters),
    }


def values(results: Results) -> pd.DataFrame:
    """Return a row per trained network of every side of every hypothesis."""
    return _frame("values", (row for found in results.hypotheses for row in _values(found)))


def _values(found: Hypothesis) -> Iterator[Row]:
    for side, sample in enumerate(found.sides):
        if isinstance(sample, Sample):
            known = {
                "hypothesis": found.id,
                "claim": found.claim,
                "side": side,
                "arm": sample.arm,
                "label": sample.label,
            }
            for seed, value in zip(sample.seeds, sample.values, strict=True):
                yield {**known, "seed": seed, "value": value}


def runs(results: Results) -> pd.DataFrame:
    """Return a row per training, with a column for each field of its recipe and each option of its model.

    Runs that a session planned but never made are left out: nothing is known about them, and the claims say what they
    lack.
    """
    return _frame("runs", (_run(run) for run in results.runs if run.status is not None), index="key")


def _run(run: RunResult) -> Row:
    last = run.history[-1] if run.history else {}
    reached = {"epochs": len(run.history), "loss": last.get("loss"), "accuracy": last.get("accuracy")}
    return {**structs.asdict(run), **reached, **spread("options", run.options), **spread("recipe", run.recipe)}


def history(results: Results) -> pd.DataFrame:
    """Return a row per epoch of every training."""
    return _frame(
        "history",
        ({"run": run.key, "arm": run.arm, "seed": run.seed, **epoch} for run in results.runs for epoch in run.history),
    )


def measurements(results: Results) -> pd.DataFrame:
    """Return a row per measured number, and one per text among the numbers.

    A column ``parameter.NAME`` for each parameter of the measurements distinguishes records of the same name.
    """
    return _frame("measurements", (row for entry in results.measurements for row in _measured(entry)))


def _measured(entry: MeasurementResult) -> Iterator[Row]:
    known = {name: getattr(entry, name) for name in ("key", "run", "arm", "seed", "name")}
    known["when"] = str(entry.parameters.get("when", ""))
    known |= spread("parameter", {name: value for name, value in entry.parameters.items() if name != "when"})
    for path, indices, value in _leaves(entry.values or {}):  # noqa: PD011 - not a frame
        place = dict(zip("ijk", indices, strict=False))
        text = value if isinstance(value, str) else ""
        yield {**known, "quantity": path, **place, "value": None if text else value, "text": text}


def _leaves(value: Any, path: str = "", indices: tuple[int, ...] = ()) -> Iterator[tuple[str, tuple[int, ...], Any]]:
    """Yield every number and text of a record with its path and its indices."""
    if isinstance(value, Mapping):
        for name, item in value.items():
            yield from _leaves(item, f"{path}.{name}" if path else str(name), indices)
    elif isinstance(value, (list, tuple)):
        for place, item in enumerate(value):
            deeper = len(indices) >= DEPTH
            yield from _leaves(item, f"{path}.{place}" if deeper else path, indices if deeper else (*indices, place))
    else:
        yield path, indices, float(value) if isinstance(value, (bool, int)) else value


def spread(prefix: str, value: Any) -> Row:
    """Return a value without fixed fields as columns, with names joined by dots and items of lists numbered."""
    if isinstance(value, Mapping):
        items: Iterable[tuple[Any, Any]] = value.items()
    elif isinstance(value, (list, tuple)):
        items = enumerate(value)
    else:
        return {prefix: value}
    return {name: found for key, item in items for name, found in spread(f"{prefix}.{key}", item).items()}


def _frame(name: str, rows: Iterable[Row], index: str = "") -> pd.DataFrame:
    """Return rows as a frame with the documented columns first, then the spread ones."""
    found = list(rows)
    columns = list(COLUMNS[name])
    further = dict.fromkeys(key for row in found for key in row if "." in key)
    frame = pd.DataFrame(
        [[row.get(column) for column in (*columns, *further)] for row in found], columns=[*columns, *further]
    )
    for column in columns:
        if frame[column].isna().all():
            frame[column] = frame[column].astype(float)
    for column in further:  # a list with numbers and names, as a recipe's snapshots: a column has one type
        if {str} < set(map(type, frame[column].dropna())):
            frame[column] = frame[column].map(str, na_action="ignore")
    return frame.set_index(index) if index else frame
