import subprocess
import sys

import pytest

from vitwork.design.recipe import RandAugment
from vitwork.design.recipes import DEIT_300, IMAGENET, SGD, WEAK, override
from vitwork.errors import VitworkError


def test_the_papers_recipes():
    """The constants say what the official configurations say (claim sheet 2.1)."""
    assert (DEIT_300.lr, DEIT_300.weight_decay, DEIT_300.batch_size, DEIT_300.clip) == (1.25e-4, 0.05, 96, 5)
    assert (DEIT_300.warmup_epochs, DEIT_300.epochs, DEIT_300.label_smoothing, DEIT_300.drop_path) == (5, 300, 0.1, 0.1)
    assert DEIT_300.augmentation.randaugment == RandAugment(9, 2, 1.0)
    assert (DEIT_300.augmentation.mixup, DEIT_300.augmentation.cutmix) == (1.0, 0.8)
    assert (WEAK.label_smoothing, WEAK.clip, WEAK.augmentation.randaugment) == (0, None, None)
    assert (SGD.optimizer, SGD.lr, SGD.momentum, SGD.weight_decay, SGD.batch_size) == ("sgd", 0.1, 0.9, 5e-4, 128)
    assert (SGD.epochs, SGD.warmup_epochs, SGD.milestones, SGD.step_factor) == (200, 1, (60, 120, 160), 0.2)
    assert (IMAGENET.batch_size, IMAGENET.augmentation.erasing) == (128, 0.25)
    assert IMAGENET.augmentation.randaugment == RandAugment(9, 2, 0.5)


@pytest.mark.parametrize(
    ("assignment", "read"),
    [
        ("lr=3e-4", lambda r: r.lr == 3e-4),
        ("clip = none", lambda r: r.clip is None),
        ("clip=2", lambda r: r.clip == 2.0),
        ("epochs=7", lambda r: r.epochs == 7 and isinstance(r.epochs, int)),
        ("snapshots=init,3,end", lambda r: r.snapshots == ("init", 3, "end")),
        ("milestones=1,2", lambda r: r.milestones == (1, 2)),
        ("deterministic=true", lambda r: r.deterministic is True),
        ("optimizer=sgd", lambda r: r.optimizer == "sgd"),
        ("augmentation.mixup=.2", lambda r: r.augmentation.mixup == 0.2),
        ("augmentation.randaugment=none", lambda r: r.augmentation.randaugment is None),
        ("augmentation.randaugment.std=.5", lambda r: r.augmentation.randaugment == RandAugment(std=0.5)),
    ],
)
def test_a_change_is_typed(assignment, read):
    """A change written as text sets the field in its own type and leaves the original alone."""
    assert read(override(DEIT_300, assignment))
    assert not read(DEIT_300)


def test_a_part_that_is_off_is_switched_on_by_a_field():
    """Setting a field of RandAugment where there is none switches it on with its defaults."""
    assert override(WEAK, "augmentation.randaugment.magnitude=5").augmentation.randaugment == RandAugment(magnitude=5)


@pytest.mark.parametrize(
    ("assignment", "complaint"),
    [
        ("lr", "field=value"),
        ("lrr=3", "no field 'lrr'"),
        ("lr=fast", "lr cannot be 'fast'; it takes a number"),
        ("lr=nan", "lr cannot be nan"),
        ("lr=-1", "lr cannot be -1"),
        ("epochs=3.5", "epochs cannot be '3.5'; it takes a whole number"),
        ("batch_size=0", "batch_size cannot be 0"),
        ("precision=fp8", "'fp32', 'tf32', 'bf16'"),
        ("augmentation=strong", "one at a time"),
        ("lr.x=3", "lr is one value"),
        ("augmentation.nosuch=1", "no field 'augmentation.nosuch'"),
        ("deterministic=maybe", "true or false"),
    ],
)
def test_a_wrong_change_is_one_clear_sentence(assignment, complaint):
    """A wrong field, type or range names what was wrong and what would do."""
    with pytest.raises(VitworkError) as error:
        override(DEIT_300, assignment)
    assert complaint in str(error.value)


def test_recipes_do_not_import_torch():
    """A session that only looks recipes up starts without torch."""
    code = "import sys, vitwork.design.recipes, vitwork.training.outcome; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
