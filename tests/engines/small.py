"""A plan that trains in a moment, and what two stores that hold it have in common."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

from vitwork.design.arm import Arm
from vitwork.design.dataset import DataSpec
from vitwork.design.measurement import Measurement
from vitwork.design.recipe import Augmentation, Recipe
from vitwork.profiles import SMOKE
from vitwork.session.plan import Plan
from vitwork.session.worker import Worker
from vitwork.store.store import Store

RECIPE = Recipe("test", epochs=1, warmup_epochs=1, batch_size=16, lr=1e-3, augmentation=Augmentation(crop_padding=1))
DATA = DataSpec("embedded", size=8, train=48, test=20)
VIT = Arm("vit", "vit_ti", {"image_size": 8, "patch_size": 4, "dim": 16, "depth": 2, "heads": 2, "head": "gap"}, RECIPE, DATA)  # fmt: skip
RESNET = Arm("resnet", "preresnet_18", {"depths": (1, 1), "widths": (8, 16)}, RECIPE, DATA)


@dataclass(frozen=True, slots=True, kw_only=True)
class Weight(Measurement):
    """The sum of all weights, which tells two networks apart."""

    name: ClassVar[str] = "weight"
    when: str = "end"

    def measure(self, run: Any) -> dict[str, float]:
        return {"weight": float(sum(p.detach().double().sum() for p in run.model(self.when).parameters()))}


def lengthy(arm: Arm, epochs: int, images: int = 48) -> Arm:
    """Return an arm whose training takes its time."""
    return replace(arm, recipe=replace(arm.recipe, epochs=epochs), data=replace(arm.data, train=images))


def plan(*arms: Arm, seeds: int = 2) -> Plan:
    """Return a plan with one measurement of each run."""
    made = Plan(SMOKE)
    for seed in range(seeds):
        for arm in arms or (VIT, RESNET):
            made.want(arm, seed, Weight())
    return made


def local(folder: Path, planned: Plan) -> Store:
    """Return a store in which a plan was worked off on this machine."""
    worker = Worker(Store(folder), device="cpu")
    worker.drain(planned)
    assert not worker.troubles.known
    return worker.store


def facts(store: Store, key: str) -> dict[str, Any]:
    """Return what a record says, but for when and how long."""
    record = store.read(key)
    assert record is not None, f"no record {key}"
    return {
        name: value
        for name, value in record.items()
        if name not in {"finished", "seconds", "images_per_second", "joules"}
    }


def assert_same(store: Store, other: Store, planned: Plan) -> None:
    """Records and weights are the same to the last bit."""
    import torch

    from vitwork.training.train import load_snapshot

    for key in (*planned.runs, *planned.wanted):
        assert facts(store, key) == facts(other, key)
    for key, run in planned.runs.items():
        for when in run.arm.recipe.snapshots:
            mine, theirs = (load_snapshot(each.run_folder(key), when) for each in (store, other))
            assert all(torch.equal(mine[name], value) for name, value in theirs.items())
