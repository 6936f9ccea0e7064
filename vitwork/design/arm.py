"""An arm: a condition compared, made of model, recipe and data, or of published networks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from vitwork.design.dataset import DataSpec
from vitwork.design.published import FEWEST, LOADED, Absent, Family, Network
from vitwork.design.recipe import Recipe


@dataclass(frozen=True, slots=True)
class Arm:
    """A condition compared: networks that are trained here, or published ones that are loaded.

    Attributes:
        name: what claims call it, for example ``vit-local-5``.
        model: name for `vitwork.models.create`; empty where networks are loaded, of which each has its own.
        options: keyword arguments for it.
        recipe: how it is trained.
        data: what it is trained and tested on.
        family: the rule by which published networks belong to it; None where it is trained, or they are named.
        networks: published networks, one for each seed; as a session is planned, those alone whose weights are here.
        missing: those whose weights are not here, or damaged.
    """

    name: str
    model: str
    options: Mapping[str, Any] = field(default_factory=dict)
    recipe: Recipe = field(default_factory=Recipe)
    data: DataSpec = field(default_factory=lambda: DataSpec("cifar10"))
    family: Family | None = None
    networks: tuple[Network, ...] = ()
    missing: tuple[Absent, ...] = ()

    @property
    def loaded(self) -> bool:
        """Whether its networks are published ones."""
        return self.family is not None or bool(self.networks or self.missing)

    @property
    def augmented(self) -> bool:
        """Whether it is known how its training images were augmented."""
        return self.recipe != LOADED

    def is_one_with(self, other: Arm) -> bool:
        """Whether its networks are another arm's: names, and which snapshots are kept, change none; of published ones, any."""
        if self.loaded or other.loaded:
            return not {network.name for network in self.networks}.isdisjoint(
                network.name for network in other.networks
            )
        recipe = replace(other.recipe, snapshots=self.recipe.snapshots)
        return self == replace(other, name=self.name, recipe=recipe)

    @property
    def complete(self) -> bool:
        """Whether so many of its networks are here that it can be compared."""
        return len(self.networks) >= min(FEWEST, len(self.networks) + len(self.missing))
