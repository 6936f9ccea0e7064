"""The epochs at which a recipe's snapshots are taken."""

from __future__ import annotations

from vitwork.design.recipe import Recipe


def epochs_of(recipe: Recipe) -> dict[str | int, int]:
    """Return the number of epochs before each snapshot, including warm-up."""
    named = {"init": 0, "warmup": recipe.warmup_epochs, "end": recipe.warmup_epochs + recipe.epochs}
    return {when: recipe.warmup_epochs + when if isinstance(when, int) else named[when] for when in recipe.snapshots}
