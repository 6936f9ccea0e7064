"""Parquet tables: one row per run, per measurement and per hypothesis."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import Any

from vitwork.report.document import dump

Json = dict[str, Any]
NAMES = ("runs", "measurements", "hypotheses")


def write_tables(results: Json, folder: Path) -> None:
    """Write ``runs.parquet``, ``measurements.parquet`` and ``hypotheses.parquet`` into `folder`.

    What has no fixed shape (options, recipes, values of a measurement) is a column of JSON text. Rows go through Arrow's
    JSON reader because its converter of Python objects imports pandas, which takes longer than a small report may.
    """
    import pyarrow as pa
    from pyarrow import json as arrow
    from pyarrow import parquet

    types = {"text": pa.string(), "count": pa.int64(), "number": pa.float64(), "numbers": pa.list_(pa.float64())}
    for name, (rows, kinds) in zip(NAMES, (runs(results), measurements(results), hypotheses(results)), strict=True):
        schema = pa.schema([(column, types[kind]) for column, kind in kinds.items()])
        lines = "\n".join(map(dump, rows)).encode()
        with parquet.ParquetWriter(folder / f"{name}.parquet", schema, compression="zstd") as writer:
            if rows:
                reading = arrow.ReadOptions(use_threads=False, block_size=len(lines) + 1)
                writer.write_table(arrow.read_json(BytesIO(lines), reading, arrow.ParseOptions(explicit_schema=schema)))


def runs(results: Json) -> tuple[list[Json], dict[str, str]]:
    """Return the rows of the runs and the kinds of their columns."""
    kinds = dict.fromkeys(("key", "arm", "model", "options", "recipe", "status", "mode", "history"), "text")
    kinds |= {"seed": "count", "parameters": "count", "seconds": "number", "joules": "number"}
    kinds |= {"images_per_second": "number"}
    return [_row(run, kinds) for run in results["runs"]], kinds


def measurements(results: Json) -> tuple[list[Json], dict[str, str]]:
    """Return the rows of the measurements and the kinds of their columns."""
    kinds = dict.fromkeys(("key", "run", "arm", "name", "parameters", "values"), "text")
    kinds |= {"seed": "count", "seconds": "number", "joules": "number"}
    return [_row(entry, kinds) for entry in results["measurements"]], kinds


def hypotheses(results: Json) -> tuple[list[Json], dict[str, str]]:
    """Return the rows of the hypotheses, effects and values by seed spread out, and the kinds of their columns."""
    effects = ("estimate", "low", "high", "p", "margin", "alpha", "adjusted_p")
    texts = (
        "id",
        "claim",
        "statement",
        "parameters",
        "between",
        "quantity",
        "unit",
        "verdict",
        "alternative",
        "scale",
        "method",
        "reason",
    )
    kinds = dict.fromkeys(texts, "text") | {"a_arm": "text", "b_arm": "text"} | dict.fromkeys(effects, "number")
    kinds |= dict.fromkeys(("n_a", "n_b", "seeds_needed"), "count") | {
        "constant": "number",
        "a_values": "numbers",
        "b_values": "numbers",
    }
    rows = []
    for entry in results["hypotheses"]:
        a, b = entry["a"], entry["b"]
        sides = {"a_arm": a.get("arm"), "b_arm": b.get("arm"), "a_values": a.get("values"), "b_values": b.get("values")}
        rows.append(_row({**entry, **(entry["effect"] or {}), **sides, "constant": b.get("constant")}, kinds))
    return rows, kinds


def _row(entry: Json, kinds: dict[str, str]) -> Json:
    return {name: _cell(entry.get(name), kind) for name, kind in kinds.items()}


def _cell(value: Any, kind: str) -> Any:
    if value is None:
        return None
    if kind == "text":
        text = value if isinstance(value, str) else dump(value)
        return text.encode("utf-8", "replace").decode()
    return int(value) if kind == "count" else value
