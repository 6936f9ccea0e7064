"""Results documents (``results.json``) on disk: reading, writing, and their published schema."""

from __future__ import annotations

import inspect
import json
import math
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import fields
from functools import partial
from pathlib import Path
from typing import Any

import msgspec

from vitwork.errors import VitworkError
from vitwork.facts.document import SCHEMA, Results
from vitwork.statistics.effect import Effect, Test
from vitwork.store.store import checked, read_regular

Json = dict[str, Any]
SCHEMA_FILE = Path(__file__).parent / "results.schema.json"
UNKNOWN = {field.name: math.nan for field in fields(Effect) if field.type == "float"}
UNKNOWN |= {"low": -math.inf, "high": math.inf}
"""What null stands for in an effect: an unknown number, or an interval without an end."""
OPEN = {"adjusted_low": -math.inf, "adjusted_high": math.inf}
"""What null stands for in an interval that was adjusted to a family: only claims with a p have such intervals."""
DEEPEST = 64
"""Levels of a document; records of measurements take a dozen."""
SHORT = {float, type(None)}
"""Kinds of numbers that are never too long."""
BESIDE = {Test.NONE, Test.ORDER, Test.SIGN_BETS}
"""Tests whose intervals need not hold the estimate: it is that of runs with a number, and they are of the order of all."""
ROUNDING = 1e-9
"""By which an estimate may lie outside, as a share of it, where both were summed up in another order."""
MOST_BYTES = 1 << 28
"""Of a results file; that of the largest profile takes a tenth of it."""


def read(place: Path) -> Results:
    """Return a results document.

    Args:
        place: its file, or the folder that holds ``results.json``.

    Raises:
        VitworkError: there is no such file, it is none that ends before `MOST_BYTES`, or not a results document that this
            version reads.
    """
    path = place / "results.json" if checked(place).is_dir() else place
    try:
        content = read_regular(path, MOST_BYTES)
        decoded = msgspec.json.decode(content)
        # As floats, since whole numbers may be too long for Python.
        json.loads(content, object_pairs_hook=partial(_once, path), parse_int=float)
        return _typed(decoded, path)
    except OSError as error:
        raise VitworkError(f"The results file {path} cannot be read: {error.strerror or error}.") from error
    except msgspec.ValidationError as error:  # before its base class, which stands for broken JSON
        raise VitworkError(f"The results file {path} is malformed: {error}.") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise VitworkError(f"The results file {path} is not JSON: {error}.") from error
    except RecursionError as error:
        raise VitworkError(f"The results file {path} is nested too deeply.") from error


def _once(path: Path, fields: list[tuple[str, Any]]) -> None:
    """Refuse an object that holds a key twice, of which every reader would take the last without a word."""
    names = [name for name, _ in fields]
    if len(set(names)) < len(names):
        twice, _ = Counter(names).most_common(1)[0]
        raise VitworkError(f"The results file {path} is malformed: {twice!r} stands twice in one object.")


def _typed(content: Any, path: Path) -> Results:
    found = content.get("schema") if isinstance(content, dict) else None
    if found != SCHEMA:
        raise VitworkError(f"{path} has the schema {found!r}; this version reads {SCHEMA!r}.")
    _bounded(content, path)
    with suppress(AttributeError, TypeError, KeyError):  # what has another shape is named by `convert`
        decided = {claim["id"] for claim in content["claims"] if claim.get("p") is not None}
        for hypothesis in content["hypotheses"]:
            found = hypothesis["effect"]
            known = {name: value for name, value in found.items() if value is not None}
            adjusted = OPEN if hypothesis["claim"] in decided and "p_for" in known else {}
            hypothesis["effect"] = {**found, **UNKNOWN, **adjusted, **known}
    results = msgspec.convert(content, Results)
    if fault := next(_faults(results), ""):
        raise VitworkError(f"The results file {path} is malformed: {fault}.")
    return results


def _faults(results: Results) -> Iterator[str]:
    """Yield how records contradict each other: one that stands there twice, or that is of something that is not there.

    Records that a claim rests on may be gone: it cannot be judged again then, which judging says.
    """
    ids = [claim.id for claim in results.claims], [hypothesis.id for hypothesis in results.hypotheses]
    runs = {run.key: (run.arm, run.seed) for run in results.runs}
    for names in (*ids, [run.key for run in results.runs], [entry.key for entry in results.measurements]):
        yield from (f"{name} stands there twice" for name, count in Counter(names).items() if count > 1)
    rests = {(claim.id, name) for claim in results.claims for name in claim.hypotheses}
    made = {(hypothesis.claim, hypothesis.id) for hypothesis in results.hypotheses}
    yield from (
        f"the claim {claim} lists {name}, which is none of its hypotheses" for claim, name in sorted(rests - made)
    )
    yield from (f"{name} is no hypothesis that a claim {claim} lists" for claim, name in sorted(made - rests))
    for hypothesis in results.hypotheses:
        if fault := _impossible(hypothesis.effect):
            yield f"the effect of {hypothesis.id} has {fault}"
    for entry in results.measurements:
        if runs.get(entry.run) != (entry.arm, entry.seed):
            yield f"the measurement {entry.key} is of no run {entry.run} of {entry.arm} with seed {entry.seed}"


def _impossible(effect: Effect) -> str:
    """Return what no test gives an effect: an interval from above to below or beside its estimate, a p that is no probability."""
    for low, high in ((effect.low, effect.high), (effect.adjusted_low, effect.adjusted_high)):
        if low > high:
            return f"an interval from {low:g} down to {high:g}"
        slack = ROUNDING * max(1.0, abs(effect.estimate))
        if effect.test not in BESIDE and (effect.estimate < low - slack or effect.estimate > high + slack):
            return f"the estimate {effect.estimate:g} outside of its interval from {low:g} to {high:g}"
    p = (effect.p, effect.p_for, effect.p_against, effect.plain_p, effect.adjusted_p)
    wrong = next((value for value in p if value < 0 or value > 1), None)
    return "" if wrong is None else f"the p-value {wrong:g}"


def _bounded(value: Any, path: Path, depth: int = 0) -> None:
    """Refuse what no session writes and tables and pages cannot hold: great depth, and whole numbers beyond 64 bits."""
    if depth > DEEPEST:
        raise VitworkError(f"The results file {path} is nested too deeply.")
    if isinstance(value, int) and not -(1 << 63) <= value < 1 << 63:
        raise VitworkError(f"The results file {path} holds a whole number of more than 64 bits.")
    if isinstance(value, dict):
        for item in value.values():
            _bounded(item, path, depth + 1)
    elif isinstance(value, list) and not SHORT.issuperset(map(type, value)):  # rows of numbers are the bulk
        for item in value:
            _bounded(item, path, depth + 1)


def dump(value: Any) -> bytes:
    """Return results, or a part of them, as JSON: null for NaN and infinities, U+FFFD for lone surrogates."""
    try:
        return msgspec.json.encode(value)
    except UnicodeEncodeError:
        return msgspec.json.encode(encodable(msgspec.to_builtins(value)))


def encodable(value: Any) -> Any:
    """Return what JSON has, with U+FFFD for lone surrogates, of which no text outside of Python consists."""
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, dict):
        return {encodable(key): encodable(item) for key, item in value.items()}
    return [encodable(item) for item in value] if isinstance(value, (list, tuple)) else value


def schema() -> Json:
    """Return the JSON Schema of `Results` as it is written."""
    made = msgspec.json.schema(Results)
    parts = made["$defs"]
    for part in parts.values():
        part["description"] = inspect.cleandoc(part["description"])
    parts["Results"]["required"] = ["schema", *parts["Results"]["required"]]
    for name in UNKNOWN:
        parts["Effect"]["properties"][name] |= {"type": ["number", "null"]}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Results of a vitwork session",
        "description": "Verdicts on the claims of 'How Do Vision Transformers Work?', with the effects, runs and "
        "measurements that they rest on. NaN and infinities are null.",
        **made,
    }


def schema_text() -> str:
    """Return the content of `SCHEMA_FILE`."""
    return msgspec.json.format(msgspec.json.encode(schema())).decode() + "\n"
