"""An arm: a condition compared, made of model, recipe and data. Imports no torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from vitwork.design.dataset import DataSpec
from vitwork.design.recipe import Recipe


@dataclass(frozen=True, slots=True)
class Arm:
    """A condition compared.

    Attributes:
        name: what claims call it, for example ``vit-local-5``.
        model: name for `vitwork.models.create`.
        options: keyword arguments for it.
        recipe: how it is trained.
        data: what it is trained and tested on.
    """

    name: str
    model: str
    options: Mapping[str, Any] = field(default_factory=dict)
    recipe: Recipe = field(default_factory=Recipe)
    data: DataSpec = field(default_factory=lambda: DataSpec("cifar10"))
