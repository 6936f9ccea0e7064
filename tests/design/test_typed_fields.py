from dataclasses import dataclass
from typing import ClassVar

import pytest

from vitwork.design.recipe import RandAugment
from vitwork.design.recipes import DEIT_300, WEAK
from vitwork.design.typed_fields import replaced
from vitwork.errors import VitworkError


@pytest.mark.parametrize(
    ("field", "text", "read"),
    [
        ("lr", "3e-4", lambda r: r.lr == 3e-4),
        ("clip", "none", lambda r: r.clip is None),
        ("clip", "2", lambda r: r.clip == 2.0),
        ("epochs", "7", lambda r: r.epochs == 7 and isinstance(r.epochs, int)),
        ("snapshots", "init,3,end", lambda r: r.snapshots == ("init", 3, "end")),
        ("milestones", "1,2", lambda r: r.milestones == (1, 2)),
        ("deterministic", "true", lambda r: r.deterministic is True),
        ("optimizer", "sgd", lambda r: r.optimizer == "sgd"),
        ("augmentation.mixup", ".2", lambda r: r.augmentation.mixup == 0.2),
        ("augmentation.randaugment", "none", lambda r: r.augmentation.randaugment is None),
        ("augmentation.randaugment.std", ".5", lambda r: r.augmentation.randaugment == RandAugment(std=0.5)),
    ],
)
def test_a_change_is_typed(field, text, read):
    """A change written as text sets the field in its own type and leaves the original alone."""
    assert read(replaced(DEIT_300, field, text))
    assert not read(DEIT_300)


def test_a_part_that_is_off_is_switched_on_by_a_field():
    """Setting a field of RandAugment where there is none switches it on with its defaults."""
    assert replaced(WEAK, "augmentation.randaugment.magnitude", "5").augmentation.randaugment == RandAugment(
        magnitude=5
    )


@pytest.mark.parametrize(
    ("field", "text", "complaint"),
    [
        ("lrr", "3", "no field 'lrr'"),
        ("lr", "fast", "lr cannot be 'fast'; it takes a number"),
        ("epochs", "3.5", "epochs cannot be '3.5'; it takes a whole number"),
        ("precision", "fp8", "'fp32', 'tf32', 'bf16'"),
        ("augmentation", "strong", "one at a time"),
        ("lr.x", "3", "lr is one value"),
        ("augmentation.nosuch", "1", "no field 'augmentation.nosuch'"),
        ("deterministic", "maybe", "true or false"),
    ],
)
def test_a_wrong_change_is_one_clear_sentence(field, text, complaint):
    """A wrong field, type or range names what was wrong and what would do."""
    with pytest.raises(VitworkError) as error:
        replaced(DEIT_300, field, text)
    assert complaint in str(error.value)


def test_class_variables_cannot_be_set():
    """What all instances share is no field, and is not offered as one."""

    @dataclass(frozen=True)
    class Sized:
        name: ClassVar[str] = "sized"
        size: int = 3

    with pytest.raises(VitworkError, match="There is no field 'name'; Sized has size"):
        replaced(Sized(), "name", "other")
