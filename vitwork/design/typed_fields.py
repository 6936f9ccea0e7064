"""Sets fields of frozen dataclasses from text, as on a command line, each converted to its type."""

from __future__ import annotations

import dataclasses
import types
import typing
from typing import Any, TypeVar

from vitwork.errors import VitworkError

T = TypeVar("T")

_BOOLEANS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


def replaced(record: T, field: str, text: str) -> T:
    """Return a frozen dataclass instance with one field set from text.

    Args:
        record: the instance to start from.
        field: the field's name, with dots if it lies in a field that is itself a dataclass.
        text: the value: ``none`` if the field may be None, several values separated by commas.

    Raises:
        VitworkError: there is no such field, or the value is not of its type.
    """
    changed: T = _replaced(record, field.split("."), text, field)
    return changed


def _replaced(record: Any, path: list[str], text: str, field: str) -> Any:
    hints = _hints(type(record))
    if path[0] not in hints:
        raise VitworkError(f"There is no field {field!r}; {type(record).__name__} has {', '.join(hints)}.")
    hint = hints[path[0]]
    if len(path) == 1:
        return dataclasses.replace(record, **{path[0]: _value(text, hint, field)})
    inner = getattr(record, path[0])
    nested = next((option for option in (hint, *typing.get_args(hint)) if dataclasses.is_dataclass(option)), None)
    if nested is None:
        raise VitworkError(f"There is no field {field!r}: {path[0]} is one value.")
    # Setting a field of a part that is off (None), such as randaugment, switches the part on with its defaults.
    inner = inner if inner is not None else typing.cast(Any, nested)()
    return dataclasses.replace(record, **{path[0]: _replaced(inner, path[1:], text, field)})


def _hints(kind: Any) -> dict[str, Any]:
    """Return the types of a dataclass' fields, by name, without class variables."""
    hints = typing.get_type_hints(kind)
    return {field.name: hints[field.name] for field in dataclasses.fields(kind)}


def _value(text: str, hint: Any, field: str) -> Any:
    """Return `text` as a value of type `hint`."""
    for read in _readers(hint):
        try:
            return read(text)
        except (ValueError, KeyError):
            continue
    raise VitworkError(f"{field} cannot be {text!r}; it takes {_described(hint)}.")


def _readers(hint: Any) -> list[Any]:
    """Return functions to try in order, which read a text as `hint`, or raise ValueError or KeyError."""
    origin, options = typing.get_origin(hint), typing.get_args(hint)
    if origin in {typing.Union, types.UnionType}:
        return [read for option in sorted(options, key=lambda option: option is str) for read in _readers(option)]
    if origin is typing.Literal:
        return [{str(option): option for option in options}.__getitem__]
    if origin is tuple:
        element = options[0]
        return [
            lambda text: tuple(_value(part.strip(), element, "an entry") for part in text.split(",") if part.strip())
        ]
    known: dict[Any, Any] = {
        type(None): {"none": None}.__getitem__,
        bool: lambda text: _BOOLEANS[text.lower()],
        int: int,
        float: float,
        str: str,
    }
    return [known[hint]] if hint in known else []


def _described(hint: Any) -> str:
    """Return in words which values a field takes."""
    origin, options = typing.get_origin(hint), typing.get_args(hint)
    if origin in {typing.Union, types.UnionType}:
        return " or ".join(_described(option) for option in options)
    if origin is typing.Literal:
        return ", ".join(repr(option) for option in options)
    if origin is tuple:
        return f"values separated by commas, each {_described(options[0])}"
    if dataclasses.is_dataclass(hint):
        return f"changes of its fields ({', '.join(_hints(hint))}), one at a time"
    words = {bool: "true or false", int: "a whole number", float: "a number", str: "a word", type(None): "none"}
    return words.get(hint, str(hint))
