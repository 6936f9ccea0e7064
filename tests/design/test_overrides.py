from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import pytest
from torch import nn

from vitwork.design.overrides import check_data, check_device, override, substitute, try_models
from vitwork.design.profiles import SMOKE, find
from vitwork.design.recipes import SGD
from vitwork.errors import VitworkError


def test_all_arms_or_one_are_changed_and_it_is_noted() -> None:
    """Changes reach the arms that they name, typed, in order; the others and the original stay; each is a deviation."""
    changed = override(
        SMOKE,
        [
            "epochs=2",
            "snapshots=init,2",
            "recipe.augmentation.mixup=0.8",
            "vit.lr = 1e-4",
            "vit-local-3.options.dim=32",
            "data.train=200",
        ],
    )
    assert {arm.recipe.epochs for arm in changed.arms.values()} == {2}
    assert {arm.recipe.augmentation.mixup for arm in changed.arms.values()} == {0.8}
    assert {arm.data.train for arm in changed.arms.values()} == {200}
    assert changed.arms["vit"].recipe.lr == 1e-4
    assert changed.arms["resnet"].recipe.lr == SMOKE.arms["resnet"].recipe.lr
    assert changed.arms["vit-local-3"].options["dim"] == 32
    assert changed.arms["vit"].options == SMOKE.arms["vit"].options
    assert changed.deviations[: len(SMOKE.deviations)] == SMOKE.deviations
    assert changed.deviations[len(SMOKE.deviations) :][:3] == (
        "epochs=2 for all arms, set by hand in place of the profile’s own",
        "snapshots=init,2 for all arms, set by hand in place of the profile’s own",
        "recipe.augmentation.mixup=0.8 for all arms, set by hand in place of the profile’s own",
    )
    assert override(SMOKE, []) == SMOKE


def test_options_are_read_as_python_writes_them() -> None:
    """Numbers, tuples and truth values of a model's options have their types; anything else is a word."""
    changed = override(
        SMOKE, ["vit.options.head=cls", "vit.options.qkv_bias=True", "resnet.options.widths=(8, 16, 32)"]
    )
    assert changed.arms["vit"].options["head"] == "cls"
    assert changed.arms["vit"].options["qkv_bias"] is True
    assert changed.arms["resnet"].options["widths"] == (8, 16, 32)


@pytest.mark.parametrize(
    ("assignment", "complaint"),
    [
        ("epochs", "field=value"),
        ("=3", "field=value"),
        ("nope=3", "neither an arm of smoke"),
        ("vit.nope=3", "no field 'nope'"),
        ("vit=3", "which field"),
        ("recipe=fast", "no recipe 'fast'; choose one of deit-300, weak, sgd, imagenet"),
        ("data=3", "which field"),
        ("data.train=-5", "data.train cannot be -5"),
        ("data.size=0", "data.size cannot be 0"),
        ("data.fraction=2", "data.fraction cannot be 2"),
        ("data.source=foo", "no data source 'foo'"),
        ("augmentation.mixup=-1", "augmentation.mixup cannot be -1"),
        ("augmentation.switch=9", "augmentation.switch cannot be 9"),
        ("augmentation.crop_padding=-4", "augmentation.crop_padding cannot be -4"),
        ("augmentation.randaugment.operations=-1", "augmentation.randaugment cannot be"),
        ("milestones=-5", "milestones cannot be"),
        ("step_factor=-2", "step_factor cannot be -2"),
        ("data.train=many", "data.train"),
        ("data.nope=1", "no field 'nope'"),
        ("lr=fast", "lr cannot be 'fast'"),
        ("vit.lr=-1", "lr cannot be -1"),
        ("snapshots=99", "asks for a snapshot at 99"),
        ("vit.epochs=1", "--set vit.snapshots=init,end"),
    ],
)
def test_a_wrong_change_is_one_clear_sentence(assignment: str, complaint: str) -> None:
    """What is wrong with a change is said in one sentence that names it."""
    with pytest.raises(VitworkError) as error:
        override(SMOKE, [assignment])
    assert complaint.removeprefix("data.") in str(error.value)


def test_a_recipe_of_the_paper_by_name() -> None:
    """All arms or one can take one of the paper's recipes as a whole, and changes of its fields after that."""
    changed = override(SMOKE, ["resnet.recipe=sgd", "resnet.epochs=3", "resnet.milestones=1,2"])
    assert changed.arms["resnet"].recipe == replace(SGD, epochs=3, milestones=(1, 2))
    assert changed.arms["vit"] == SMOKE.arms["vit"]


def test_networks_are_tried_before_any_training() -> None:
    """An option that a network does not take is refused at once, by the arm's name; what is as ever is not even built."""
    try_models(SMOKE, SMOKE)
    try_models(override(SMOKE, ["vit.options.depth=2"]), SMOKE)
    with pytest.raises(VitworkError, match=r"The arm resnet: .*bogus"):
        try_models(override(SMOKE, ["resnet.options.bogus=3"]), SMOKE)


def test_a_network_that_returns_too_few_logits_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two images are passed before any training, so that what a network cannot do is told by its name."""
    narrow = ModuleType("narrow")
    narrow.build = lambda num_classes: nn.Sequential(nn.Flatten(), nn.Linear(768, 5))  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "narrow", narrow)
    with pytest.raises(VitworkError, match="narrow:build returns 5 logits for 10 classes"):
        try_models(substitute(SMOKE, ["narrow:build"]), SMOKE)
    with pytest.raises(VitworkError, match="fails on images of 8 × 8 pixels"):
        try_models(override(SMOKE, ["data.size=8"]), SMOKE)


def test_changes_do_not_import_torch() -> None:
    """A session that only looks changes up starts without torch."""
    code = "import sys, vitwork.design.overrides; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_devices_are_tried_before_anything_starts() -> None:
    """What torch cannot compute on here is refused in one sentence; auto and what can be used are returned."""
    assert [check_device(device) for device in ("auto", "cpu", "cpu:0")] == ["auto", "cpu", "cpu:0"]
    for device in ("gpu", "meta", "cuda:99"):
        with pytest.raises(VitworkError, match=f"^The device '{device}' cannot be used [^\n]*$"):
            check_device(device)


def test_a_folder_that_no_arm_reads_is_refused() -> None:
    """Drawn images need no folder, so that one is a mistake; a profile that reads images, or is changed to, takes it."""
    with pytest.raises(VitworkError, match="images of the profile smoke are drawn, so here would not be read"):
        check_data(SMOKE, Path("here"))
    check_data(SMOKE, None)
    check_data(find("cifar10-micro"), Path("here"))
    check_data(override(SMOKE, ["data.source=folder"]), Path("here"))


def test_a_model_replaces_an_arms() -> None:
    """A model without an arm's name stands for the Transformer; the arm's recipe and data stay, its options go."""
    changed = substitute(SMOKE, ["my.net:build", "resnet=timm:resnet18"])
    assert changed.arms["vit"].model == "my.net:build"
    assert changed.arms["resnet"].model == "timm:resnet18"
    assert changed.arms["vit"].options == {}
    assert changed.arms["vit"].recipe == SMOKE.arms["vit"].recipe
    assert changed.arms["alternet"] == SMOKE.arms["alternet"]
    assert len(changed.deviations) == len(SMOKE.deviations) + 2
    for wrong in ("mobile=a:b", "vit=resnet_50", "a:"):
        with pytest.raises(VitworkError, match=r"no arm|is written"):
            substitute(SMOKE, [wrong])
