from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, ClassVar

import pytest

from vitwork.design.arm import Arm
from vitwork.design.deviation import Lack, Missing
from vitwork.design.measurement import Measurement
from vitwork.design.profile import Profile
from vitwork.design.recipe import Recipe


@dataclass(frozen=True, slots=True, kw_only=True)
class Depth(Measurement):
    """Nothing but parameters."""

    name: ClassVar[str] = "depth"

    when: str = "end"
    images: int = 100

    def measure(self, run: Any) -> dict[str, Any]:
        return {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Width(Depth):
    """Another kind with the same parameters."""

    name: ClassVar[str] = "width"


def test_a_profile_sets_the_parameters_of_some_measurements() -> None:
    """A measurement that a profile does not name keeps its own parameters."""
    profile = Profile("tiny", "", "", {}, 3, effort=(Depth(images=10),))
    assert profile.measurement(Depth) == Depth(images=10)
    assert profile.measurement(Width) == Width()
    narrow = replace(profile, effort=(Width(images=10),))
    assert narrow.measurement(Depth) == Depth()


def test_parameters_are_shared_out_between_measurement_and_quantity() -> None:
    """A measurement takes the parameters that it has and hands the others back; class variables are no parameters."""
    assert Depth().having({"images": 5, "kind": "msa"}) == (Depth(images=5), {"kind": "msa"})
    assert Depth().having({"name": "other"}) == (Depth(), {"name": "other"})


@pytest.mark.parametrize("change", [{"images": 5}, {"when": "init"}])
def test_records_are_filed_by_kind_and_parameters(change: dict[str, Any]) -> None:
    """Another parameter, kind or run is another record."""
    keys = {Depth().key("run"), Depth(**change).key("run"), Width().key("run"), Depth().key("other run")}
    assert len(keys) == 4
    assert Depth(images=100).key("run") == Depth().key("run")


def test_a_snapshot_that_no_recipe_keeps_is_lacking() -> None:
    """A measurement at a snapshot needs a recipe that keeps it."""
    arm = Arm("vit", "vit_ti", {}, Recipe(snapshots=("init", "end")))
    assert Depth().lack(arm) is None
    assert Depth(when="warmup").lack(arm) == Lack(Missing.SNAPSHOT, "vit", "warmup")
