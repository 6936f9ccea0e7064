"""The claims and the scale into which `faults.py` injects faults."""

PROJECT = """
from dataclasses import replace

from vitwork import profiles
from vitwork.design.arm import Arm
from vitwork.design.dataset import DataSpec
from vitwork.design.recipe import Augmentation, Recipe

pytest_plugins = ["vitwork.plugin"]

recipe = Recipe(
    name="tiny", epochs=4, warmup_epochs=1, batch_size=16, lr=3e-3, drop_path=0.0,
    augmentation=Augmentation(crop_padding=1), snapshots=("warmup", "end"),
)
data = DataSpec("embedded", size=16, train=100, test=60)
small = {"image_size": 16, "patch_size": 4, "dim": 8, "depth": 1, "heads": 2, "head": "gap"}
arms = {
    "vit": Arm("vit", "vit_ti", small, recipe, data),
    "resnet": Arm("resnet", "preresnet_18", {"depths": (1, 1), "widths": (8, 16)}, recipe, data),
}
profiles.PROFILES["tiny"] = replace(profiles.SMOKE, name="tiny", arms=arms, seeds=3, first_seed=0, effort=())
"""

CLAIMS = '''
"""Claims whose verdicts are known."""
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import pytest

from vitwork.design.measurement import Measurement
from vitwork.language.claim import Paper, claim
from vitwork.language.quantity import quantity

PAPER = Paper("Fig. 0", "none")


@dataclass(frozen=True, slots=True, kw_only=True)
class Size(Measurement):
    name: ClassVar[str] = "size"
    when: str = "end"

    def measure(self, run):
        time.sleep(0.2)
        parameters = sum(p.numel() for p in run.model(self.when).parameters())
        return {"parameters": parameters + 0.001 * run.seed * len(run.arm.name)}


@quantity(Size, name="size")
def count(record):
    return record["parameters"]


@claim("larger", "A ViT is larger.", paper=PAPER, any_network=True)
def test_larger_at_the_end(measure):
    """What contradicts the claim."""
    assert measure(count)("vit") > measure(count)("resnet")


@claim("larger", "A ViT is larger.", paper=PAPER, any_network=True)
def test_larger_but_for_warmup(measure):
    """Half of the claim, which would be reproduced alone."""
    assert measure(count, when="warmup")("vit") < measure(count, when="warmup")("resnet")


@claim("itself", "A ViT differs from itself, and one is one.", paper=PAPER, any_network=True)
def test_itself(measure):
    assert measure(count)("vit") < measure(count)("vit")


@claim("smaller", "A ViT is smaller, and one is one.", paper=PAPER, any_network=True)
@pytest.mark.parametrize("when", ["warmup", "end"])
def test_smaller(measure, when):
    assert measure(count, when=when)("vit") < measure(count, when=when)("resnet")


@claim("smaller", "A ViT is smaller, and one is one.", paper=PAPER, any_network=True)
def test_theorem():
    Path("theorem").write_text(str(os.getpid()))
    time.sleep(0.5)
    assert 1 == 1
'''
