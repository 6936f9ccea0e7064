from __future__ import annotations

from dataclasses import replace

import pytest

from vitwork.design.deviation import Change, Deviation
from vitwork.design.overrides import override, substitute
from vitwork.design.recipes import SGD
from vitwork.errors import VitworkError
from vitwork.profiles import SMOKE


def test_all_arms_or_one_are_changed_and_it_is_noted() -> None:
    """Changes reach the arms that they name, typed, in order; the others and the original stay; each is a deviation."""
    changed = override(
        SMOKE,
        [
            "epochs=2",
            "snapshots=init,2",
            "recipe.augmentation.mixup=0.8",
            "vit.lr = 1e-4",
            "alternet.options.head_dim=8",
            "data.train=200",
        ],
    )
    assert {arm.recipe.epochs for arm in changed.arms.values()} == {2}
    assert {arm.recipe.augmentation.mixup for arm in changed.arms.values()} == {0.8}
    assert {arm.data.train for arm in changed.arms.values()} == {200}
    assert changed.arms["vit"].recipe.lr == 1e-4
    assert changed.arms["resnet"].recipe.lr == SMOKE.arms["resnet"].recipe.lr
    assert changed.arms["alternet"].options["head_dim"] == 8
    assert changed.arms["vit"].options == SMOKE.arms["vit"].options
    assert changed.deviations[: len(SMOKE.deviations)] == SMOKE.deviations
    assert changed.deviations[len(SMOKE.deviations) :][2:5] == (
        Deviation(Change.SETTING, field="recipe.augmentation.mixup", value="0.8"),
        Deviation(Change.SETTING, arm="vit", field="lr", value="1e-4"),
        Deviation(Change.SETTING, arm="alternet", field="options.head_dim", value="8"),
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
        ("lr=nan", "lr cannot be nan"),
        ("batch_size=0", "batch_size cannot be 0"),
        ("snapshots=99", "asks for a snapshot at 99"),
        ("vit.snapshots=9", "--set vit.snapshots=init,end"),
    ],
)
def test_a_wrong_change_is_one_clear_sentence(assignment: str, complaint: str) -> None:
    """What is wrong with a change is said in one sentence that names it."""
    with pytest.raises(VitworkError) as error:
        override(SMOKE, [assignment])
    assert complaint.removeprefix("data.") in str(error.value)


def test_fewer_epochs_leave_no_snapshots_behind() -> None:
    """One change is enough for a shorter training: the profile's own snapshots after its end go, those asked for stay."""
    assert override(SMOKE, ["epochs=1"]).arms["vit"].recipe.snapshots == ("init", "warmup", 1, "end")
    assert override(SMOKE, ["epochs=9"]).arms["vit"].recipe.snapshots == SMOKE.arms["vit"].recipe.snapshots
    with pytest.raises(VitworkError, match="asks for a snapshot at 3"):
        override(SMOKE, ["epochs=1", "snapshots=init,3,end"])


def test_a_recipe_of_the_paper_by_name() -> None:
    """All arms or one can take one of the paper's recipes as a whole, and changes of its fields after that."""
    changed = override(SMOKE, ["resnet.recipe=sgd", "resnet.epochs=3", "resnet.milestones=1,2"])
    assert changed.arms["resnet"].recipe == replace(SGD, epochs=3, milestones=(1, 2))
    assert changed.arms["vit"] == SMOKE.arms["vit"]


def test_an_arm_takes_one_model() -> None:
    """A second model for an arm would leave the first one out without a word."""
    with pytest.raises(VitworkError, match="gives the arm vit two models"):
        substitute(SMOKE, ["vit=a:b", "c:d"])


def test_a_changed_profile_says_so_where_it_describes_itself() -> None:
    """The sentence of a profile tells its own sizes, so that it names what was changed behind them."""
    changed = override(SMOKE, ["data.test=8", "vit.lr=1e-3"])
    assert changed.summary == f"{SMOKE.summary}; as changed: data.test=8, vit.lr=1e-3"
    assert override(SMOKE, []).summary == SMOKE.summary


def test_a_model_replaces_an_arms() -> None:
    """A model without an arm's name stands for the Transformer; the arm's recipe and data stay, its options go."""
    changed = substitute(SMOKE, ["my.net:build", "resnet=timm:resnet18"])
    assert changed.arms["vit"].model == "my.net:build"
    assert changed.arms["resnet"].model == "timm:resnet18"
    assert changed.arms["vit"].options == {}
    assert changed.arms["vit"].recipe == SMOKE.arms["vit"].recipe
    assert changed.arms["alternet"] == SMOKE.arms["alternet"]
    assert changed.deviations[len(SMOKE.deviations) :] == (
        Deviation(Change.MODEL, arm="vit", value="my.net:build"),
        Deviation(Change.MODEL, arm="resnet", value="timm:resnet18"),
    )
    for wrong in ("mobile=a:b", "vit=resnet_50", "a:"):
        with pytest.raises(VitworkError, match=r"no arm|is written"):
            substitute(SMOKE, [wrong])
