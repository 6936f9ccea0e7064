"""Reading results documents (schema ``vitwork-results/1``)."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

from vitwork.errors import VitworkError

SCHEMA = "vitwork-results/1"
SCHEMA_FILE = Path(__file__).parent / "results.schema.json"
PARTS = ("profile", "provenance", "claims", "hypotheses", "runs", "measurements")


def load(results: dict[str, Any] | Path) -> dict[str, Any]:
    """Return a results document, read from a file where a path is given.

    Args:
        results: the document, its file, or the folder that holds ``results.json``.

    Raises:
        VitworkError: there is no such file, or it is not a results document that this version reads.
    """
    if isinstance(results, dict):
        return _checked(results, "the results")
    path = results / "results.json" if results.is_dir() else results
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise VitworkError(f"The results file {path} cannot be read: {error.strerror or error}.") from error
    except ValueError as error:
        raise VitworkError(f"The results file {path} is not JSON: {error}.") from error
    return _checked(document, str(path))


def _checked(document: Any, name: str) -> dict[str, Any]:
    found = document.get("schema") if isinstance(document, dict) else None
    if found != SCHEMA:
        raise VitworkError(f"{name} has the schema {found!r}; this version reads {SCHEMA!r}.")
    if missing := [part for part in PARTS if part not in document]:
        raise VitworkError(f"{name} is not a complete results document: it lacks {', '.join(missing)}.")
    return dict(document)


def dump(document: Any) -> str:
    """Return a document as JSON, with null in place of NaN and infinities."""
    try:
        return json.dumps(document, allow_nan=False, ensure_ascii=False, separators=(",", ":"))
    except ValueError:
        return json.dumps(_finite(document), allow_nan=False, ensure_ascii=False, separators=(",", ":"))


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
