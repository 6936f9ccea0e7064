"""Parquet tables: one row per claim, per run, per measurement and per hypothesis."""

from __future__ import annotations

from dataclasses import asdict
from io import BytesIO
from typing import Any

from msgspec import structs

from vitwork.facts.claims import Constant, Sample
from vitwork.facts.document import Results
from vitwork.report import words
from vitwork.report.document import Json, dump

Kinds = dict[str, str]
NAMES = {"claims": "claim", "runs": "training run", "measurements": "measurement", "hypotheses": "hypothesis"}
"""The tables, and what each has a row of."""


def tables(results: Results) -> dict[str, bytes]:
    """Return the Parquet files of claims, runs, measurements and hypotheses by name.

    What has no fixed shape (options, recipes, values of a measurement) is a column of JSON text. Rows go through Arrow's
    JSON reader because its converter of Python objects imports pandas, which takes longer than a small report may.
    """
    found = zip(NAMES, (claims(results), runs(results), measurements(results), hypotheses(results)), strict=True)
    return {name: _parquet(rows, kinds) for name, (rows, kinds) in found}


def _parquet(rows: list[Json], kinds: Kinds) -> bytes:
    import pyarrow as pa
    from pyarrow import json as arrow
    from pyarrow import parquet

    types = {
        "text": pa.string(),
        "count": pa.int64(),
        "number": pa.float64(),
        "flag": pa.bool_(),
        "numbers": pa.list_(pa.float64()),
    }
    schema = pa.schema([(column, types[kind]) for column, kind in kinds.items()])
    lines = b"\n".join(map(dump, rows))
    file = BytesIO()
    with parquet.ParquetWriter(file, schema, compression="zstd") as writer:
        if rows:
            reading = arrow.ReadOptions(use_threads=False, block_size=len(lines) + 1)
            writer.write_table(arrow.read_json(BytesIO(lines), reading, arrow.ParseOptions(explicit_schema=schema)))
    return file.getvalue()


def claims(results: Results) -> tuple[list[Json], Kinds]:
    """Return the rows of the claims, with verdicts in words, and the kinds of their columns."""
    described = ("id", "sentence", "chapter", "paper", "verdict", "said", "reason", "lack")
    kinds = dict.fromkeys((*described, "unmeasured", "hypotheses", "arms", "rerun"), "text") | {"ours": "flag"}
    kinds |= dict.fromkeys(("p", "q", "holm_p", "cost_seconds", "cost_joules"), "number")
    rows = []
    for claim in results.claims:
        found = results.hypotheses_of(claim)
        said = {"said": words.verdict(claim, found, results.profile.name), "reason": words.claim_reason(claim, found)}
        rows.append(_row({**structs.asdict(claim), **said}, kinds))
    return rows, kinds


def runs(results: Results) -> tuple[list[Json], Kinds]:
    """Return the rows of the runs and the kinds of their columns."""
    kinds = dict.fromkeys(("key", "arm", "model", "options", "recipe", "status", "mode", "history"), "text")
    kinds |= {"seed": "count", "parameters": "count", "seconds": "number", "joules": "number"}
    kinds |= {"images_per_second": "number"}
    return [_row(structs.asdict(run), kinds) for run in results.runs], kinds


def measurements(results: Results) -> tuple[list[Json], Kinds]:
    """Return the rows of the measurements and the kinds of their columns."""
    kinds = dict.fromkeys(("key", "run", "arm", "name", "parameters", "values"), "text")
    kinds |= {"seed": "count", "seconds": "number", "joules": "number"}
    return [_row(structs.asdict(entry), kinds) for entry in results.measurements], kinds


def hypotheses(results: Results) -> tuple[list[Json], Kinds]:
    """Return the rows of the hypotheses, with effects and the first and last side spread out, and their columns' kinds."""
    described = (
        "id",
        "claim",
        "control",
        "form",
        "statement",
        "parameters",
        "sides",
        "quantity",
        "unit",
        "a_arm",
        "b_arm",
    )
    decided = ("verdict", "alternative", "scale", "test", "obstacle", "penalty", "lost", "method", "reason")
    numbers = ("estimate", "low", "high", "adjusted_low", "adjusted_high", "margin", "band", "within", "constant")
    tested = ("p", "p_for", "p_against", "plain_p", "adjusted_p", "alpha")
    counts = ("n_a", "n_b", "steps", "weakest", "seeds_needed", "most")
    kinds = dict.fromkeys((*described, *decided), "text") | dict.fromkeys((*numbers, *tested), "number")
    kinds |= dict.fromkeys(counts, "count") | {"levels": "numbers", "a_values": "numbers", "b_values": "numbers"}
    rows = []
    for entry in results.hypotheses:
        first, last = _side("a", entry.sides[0]), _side("b", entry.sides[-1])
        said = {"method": words.method(entry.effect), "reason": words.reason(entry)}
        rows.append(_row({**structs.asdict(entry), **asdict(entry.effect), **first, **last, **said}, kinds))
    return rows, kinds


def _side(name: str, side: Sample | Constant) -> Json:
    if isinstance(side, Constant):
        return {"constant": side.value}
    return {f"{name}_arm": side.arm, f"{name}_values": side.values}


def _row(entry: Json, kinds: Kinds) -> Json:
    return {name: _cell(entry.get(name), kind) for name, kind in kinds.items()}


def _cell(value: Any, kind: str) -> Any:
    return value if value is None or kind != "text" or isinstance(value, str) else dump(value).decode()
