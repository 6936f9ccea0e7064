"""Writes docs/results.md: every field of ``results.json`` and every column of the tables and frames, from their types.

Run by hand, ``python docs/results_schema.py``, when the document or a frame changes; a test compares.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from vitwork.design.deviation import Deviation, Lack
from vitwork.facts import claims, document
from vitwork.language.claim import Paper
from vitwork.notebook.comparison import EVENTS
from vitwork.notebook.frames import COLUMNS
from vitwork.report import tables
from vitwork.report.document import schema
from vitwork.statistics.effect import Effect

PAGE = Path(__file__).parent / "results.md"
TYPES = (
    document.Results, document.ProfileResult, Deviation, document.Provenance, document.DatasetResult, claims.ClaimResult,
    Paper, Lack, claims.Hypothesis, claims.Sample, claims.Constant, Effect, document.RunResult, document.MeasurementResult,
)  # fmt: skip
HEAD = """# Results and their schema

A session writes a folder: `report.html`, `results.json` with everything that the report shows, and Parquet tables with its
parts. The published ones are in [reports/published](../reports/published).

## In Python
`vitwork.load` takes a file, a folder or an address, and returns pandas frames:

```python
import vitwork

results = vitwork.load("reports/published/smoke")
print(results)  # the table that the session ended in
decided = results.claims.query("verdict in ('reproduced', 'contradicted')")
claim = results.claim("hessian-vit-smaller")
print(claim.values.groupby(["hypothesis", "arm"])["value"].describe())  # a value per trained network
figure = claim.plot()

change = vitwork.compare("reports/baselines/smoke.json", results)
print(change.holds, len(change.events))
```

`change.holds` says whether everything holds as before, and `change.events` lists what changed. Two notebooks show more:
[from a report to a plot](../examples/report_to_plot.ipynb) and [from a model to a verdict](../examples/model_to_verdict.ipynb).

## Without Python
The Parquet tables have a row per claim, run, measurement and hypothesis. `results.json` follows a
[JSON Schema](../vitwork/report/results.schema.json).
"""


def page() -> str:
    """Return the page: how results are used, and below it every field, with a list of links to them."""
    schema = [*_frames(), *_tables(), *_document()]
    return "\n".join([HEAD, *_contents(schema), *schema])


def _contents(schema: list[str]) -> Iterator[str]:
    """Return the heading of the schema and links to its parts, each followed by those to its tables."""
    yield "## Schema"
    yield "`docs/results_schema.py` writes what follows from the types themselves.\n"
    for line in "\n".join(schema).splitlines():
        if found := re.match(r"(####?) (.+)", line):
            level, title = found.groups()
            yield f"{'    ' * (len(level) - 3)}- [{title}](#{_anchor(title)})"
    yield ""


def _anchor(title: str) -> str:
    """Return where a heading is found, on a code host and on the site alike."""
    return re.sub(r"[^\w-]", "", title.lower().replace(" ", "-"))


def _frames() -> Iterator[str]:
    yield "### Frames\n"
    yield "Numbers are in columns of numbers, and no cell holds JSON. Recipes, options and parameters have no fixed fields, and are"
    yield "spread over columns, for example `recipe.lr` and `options.depths.0`.\n"
    for name, columns in COLUMNS.items():
        yield from _table(
            f"#### `.{name}`", ("column", "meaning"), ((f"`{column}`", said) for column, said in columns.items())
        )
    yield from _table(
        "#### `vitwork.compare(…).events`",
        ("column", "meaning"),
        ((f"`{name}`", said) for name, said in EVENTS.items()),
    )


def _tables() -> Iterator[str]:
    yield "### Parquet tables\n"
    yield "A row per claim, run, measurement and hypothesis. What has no fixed shape is JSON text. Columns have the names of the"
    yield "document's fields below; `said`, `reason` and `method` are words.\n"
    empty = document.Results(
        profile=document.ProfileResult(name="", summary="", seeds=0, deviations=()),
        provenance=None, claims=(), hypotheses=(), runs=(), measurements=(),  # type: ignore[arg-type]  # no table holds it
    )  # fmt: skip
    for name in tables.NAMES:
        _, kinds = getattr(tables, name)(empty)
        yield from _table(
            f"#### `{name}.parquet`", ("column", "kind"), ((f"`{column}`", kind) for column, kind in kinds.items())
        )


def _document() -> Iterator[str]:
    yield "### `results.json`\n"
    yield "NaN and infinities are null.\n"
    parts = schema()["$defs"]
    for kind in TYPES:
        about = _described(kind)
        properties = parts[kind.__name__]["properties"]
        rows = ((f"`{name}`", _kind(found), about.get(name, "")) for name, found in properties.items())
        summary = (inspect.getdoc(kind) or "").partition("\n")[0]
        yield from _table(f"#### {kind.__name__}\n\n{summary}", ("field", "type", "meaning"), rows)


def _described(kind: type) -> dict[str, str]:
    """Return what a docstring says of each field."""
    text = (inspect.getdoc(kind) or "").partition("Attributes:\n")[2]
    entries = re.split(r"\n(?=    \w)", f"\n{text}") if text else []
    found: dict[str, str] = {}
    for entry in entries:
        names, _, said = entry.strip().partition(":")
        for clause in re.split(r"; (?=\w+: )", f"{names}:{said}"):
            named, _, meaning = clause.partition(":")
            found |= dict.fromkeys(re.split(r", ", named.strip()), " ".join(meaning.split()))
    return found


def _kind(found: dict[str, Any]) -> str:
    """Return a property's type in a word or two."""
    if "$ref" in found:
        name = found["$ref"].rpartition("/")[2]
        return f"[{name}](#{name.lower()})" if name in {kind.__name__ for kind in TYPES} else name.lower()
    if "anyOf" in found:
        return " or ".join(dict.fromkeys(_kind(option) for option in found["anyOf"]))
    if "enum" in found:
        return " or ".join(f"`{value}`" for value in found["enum"])
    if "const" in found:
        return f"`{found['const']}`"
    kind = found.get("type", "anything")
    if kind == "array":
        inner = found.get("items") or (found.get("prefixItems") or [{}])[0]
        return f"list of {_kind(inner) if inner else 'values'}"
    return " or ".join(kind) if isinstance(kind, list) else str(kind)


def _table(title: str, head: tuple[str, ...], rows: Any) -> Iterator[str]:
    yield f"{title}\n"
    yield f"| {' | '.join(head)} |"
    yield "|---" * len(head) + "|"
    for row in rows:
        yield f"| {' | '.join(str(cell).replace('|', chr(92) + '|') for cell in row)} |"
    yield ""


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
