"""The suite as a plugin of this project's tests, and a scale of the project's own that trains in a moment."""

from __future__ import annotations

from dataclasses import replace

from vitwork import profiles
from vitwork.design.arm import Arm
from vitwork.design.dataset import DataSpec
from vitwork.design.profile import Profile

pytest_plugins = ["vitwork.plugin"]

SMOKE = profiles.SMOKE.arms["vit"]
"""The arm of the smallest profile, of which the two below take the recipe."""

NETWORKS = {"wide": {"width": 24}, "narrow": {"width": 2}}

profiles.PROFILES["tiny"] = Profile(
    name="tiny",
    summary="drawn images of 16×16 pixels, two small networks",
    expected="seconds on a CPU",
    arms={
        name: Arm(
            name,
            "networks:pooled",
            options,
            replace(SMOKE.recipe, epochs=9, lr=1e-2, snapshots=("end",)),
            DataSpec("embedded", size=16, train=800, test=400),
        )
        for name, options in NETWORKS.items()
    },
    seeds=4,
    competence=1.2,
)
