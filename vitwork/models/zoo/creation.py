"""Creation of models by name: this project's, timm's, or from a function of the user."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Iterable
from difflib import get_close_matches
from typing import Any

from torch import nn

from vitwork.device.settings import kept
from vitwork.errors import VitworkError, said, told, whole
from vitwork.models.zoo.catalogue import ENTRIES
from vitwork.models.zoo.matching import matched_widths, measured_size


def create(name: str, num_classes: int = 10, **options: Any) -> nn.Module:
    """Return a model by name, with fresh weights from torch's global generator.

    Args:
        name: one of `vitwork models`; ``timm:NAME`` for timm's (``pretrained=True`` for its weights); or
            ``package.module:function`` for your own, called with ``num_classes`` and the options.
        num_classes: number of classes.
        **options: options of the builder; `vitwork.models.zoo.catalogue` names each builder. ``match=(name, options)``
            scales the widths to that model's parameter count, ``match_by="flops"`` to its FLOPs.

    Returns:
        The model in training mode on the CPU; its attribute ``input_size`` is (channels, height, width) where known.

    Raises:
        VitworkError: there is no such name or option, an option has the wrong type, sizes do not fit together, or
            ``num_classes`` is not an integer above 0.
    """
    whole(1, num_classes=num_classes)
    if not isinstance(name, str):
        raise VitworkError(f"a model is asked for by its name, not by {name!r}")
    if name.startswith("timm:"):
        return from_timm(name.removeprefix("timm:"), num_classes, options)
    if ":" in name:
        return from_function(name, num_classes, options)
    if name not in ENTRIES:
        raise VitworkError(
            f"there is no model {name!r}: {_near(name, ENTRIES, '`vitwork models` lists those there are')}"
        )
    try:
        return from_catalogue(name, num_classes, options)
    except (TypeError, ValueError, ArithmeticError, RuntimeError) as error:  # from options of a wrong type or value
        raise VitworkError(f"{name} cannot be built with {options}: {told(error)}") from error


def _near(name: str, known: Iterable[str], otherwise: str) -> str:
    """Return a question that suggests a known name similar to the given one, or `otherwise` if there is none."""
    near = get_close_matches(name, known, n=3)
    return f"did you mean {' or '.join(near)}?" if near else otherwise


def from_catalogue(name: str, num_classes: int, options: dict[str, Any]) -> nn.Module:
    """Return one of the models that `vitwork models` lists."""
    if "match" in options:
        options = matched(name, num_classes, dict(options))
    entry = ENTRIES[name]
    unknown = [option for option in options if option not in entry.accepted]
    if unknown:
        raise VitworkError(f"{name} has no option {', '.join(unknown)}; it has {', '.join(entry.accepted)}")
    model = entry.make(num_classes, options)
    size = int(options.get("image_size", 32))
    model.input_size = (3, size, size)  # type: ignore[assignment]  # a plain attribute for as_blocks
    return model


def matched(name: str, num_classes: int, options: dict[str, Any]) -> dict[str, Any]:
    """Return options with ``match=(other, its options)`` replaced by widths that give `name` that model's size."""
    other, others = options.pop("match")
    measure = options.pop("match_by", "parameters")
    size = int(options.get("image_size", 32))
    if "widths" not in (accepted := ENTRIES[name].accepted):
        raise VitworkError(f"{name} has no widths to scale: match takes a convolution network")
    widths = options.get("widths", accepted["widths"])
    target = measured_size(lambda: create(other, num_classes, **others), measure, size)
    found = matched_widths(
        lambda scaled: create(name, num_classes, **{**options, "widths": scaled}), widths, target, measure, size
    )
    return {**options, "widths": found}


def from_timm(name: str, num_classes: int, options: dict[str, Any]) -> nn.Module:
    """Return timm's model `name`; ``drop_path`` is passed as ``drop_path_rate`` and ``image_size`` as ``img_size``.

    Models without stochastic depth are built without it.
    """
    import timm

    renamed = {{"drop_path": "drop_path_rate", "image_size": "img_size"}.get(k, k): v for k, v in options.items()}
    try:
        model: nn.Module = timm.create_model(name, num_classes=num_classes, **renamed)
    except (RuntimeError, ValueError, TypeError, OSError) as error:
        if "drop_path" in options and isinstance(error, TypeError) and "drop_path_rate" in said(error):
            return from_timm(name, num_classes, {k: v for k, v in options.items() if k != "drop_path"})
        if ":" not in name and not timm.is_model(name):  # with a colon, a place where timm looks for models
            hint = _near(name, timm.list_models(), "its `timm.list_models()` lists those there are")
            raise VitworkError(f"timm has no model {name!r}: {hint}") from error
        raise VitworkError(f"timm does not build {name!r} with {renamed}: {told(error)}") from error
    return model


@kept()
def from_function(name: str, num_classes: int, options: dict[str, Any]) -> nn.Module:
    """Return the model from a user's ``package.module:function``; only functions that take ``drop_path`` get it."""
    module, _, function = name.partition(":")
    try:
        build = getattr(importlib.import_module(module), function)
        accepted = inspect.signature(build).parameters if callable(build) else None
    except (ImportError, AttributeError) as error:
        raise VitworkError(f"{name} cannot be imported: {said(error)}") from error
    except Exception as error:  # whatever the user's own code raises
        raise VitworkError(f"{name} cannot be imported: {told(error)}") from error
    if accepted is None:  # the message leaves out its value, which may be secret
        raise VitworkError(f"{name} is of the type {type(build).__name__}, not a function that builds a model")
    open_ended = any(parameter.kind is parameter.VAR_KEYWORD for parameter in accepted.values())
    given = {k: v for k, v in options.items() if k != "drop_path" or k in accepted or open_ended}
    unknown = [option for option in ("num_classes", *given) if option not in accepted and not open_ended]
    if unknown:
        raise VitworkError(f"{name} does not take {', '.join(unknown)}")
    try:
        model = build(num_classes=num_classes, **given)
    except VitworkError:
        raise
    except Exception as error:  # whatever the user's own code raises
        raise VitworkError(f"{name} cannot be built: {told(error)}") from error
    if not isinstance(model, nn.Module):
        raise VitworkError(f"{name} returned {type(model).__name__}, not a torch.nn.Module")
    return model
