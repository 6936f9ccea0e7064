"""Arms: the conditions that claims compare, made of model, recipe and data, or of published networks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from vitwork.design.dataset import DataSpec
from vitwork.design.published import FEWEST, LOADED, Absent, Family, Network
from vitwork.design.recipe import Recipe


@dataclass(frozen=True, slots=True)
class Arm:
    """A condition that claims compare: networks that are trained here, or published ones that are loaded.

    Attributes:
        name: its name in claims, for example ``vit-local-5``.
        model: name for `vitwork.models.create`; empty if networks are loaded, because each has its own.
        options: keyword arguments for the model.
        recipe: how it is trained.
        data: the images that it is trained and tested on.
        family: the rule that selects its published networks; None if it is trained, or if the networks are named.
        networks: published networks, one for each seed; in a session's plan only those whose weights are here.
        missing: published networks whose weights are not here, or damaged.
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
        """Whether the augmentation of its training images is known."""
        return self.recipe != LOADED

    def is_one_with(self, other: Arm) -> bool:
        """Whether another arm has the same networks: only name and snapshots differ, or they share a published one."""
        if self.loaded or other.loaded:
            return not {network.name for network in self.networks}.isdisjoint(
                network.name for network in other.networks
            )
        recipe = replace(other.recipe, snapshots=self.recipe.snapshots)
        return self == replace(other, name=self.name, recipe=recipe)

    @property
    def complete(self) -> bool:
        """Whether enough of its networks are here to compare it."""
        return len(self.networks) >= min(FEWEST, len(self.networks) + len(self.missing))
