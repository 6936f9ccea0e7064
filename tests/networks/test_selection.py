"""What a session loads: the networks whose weights are here, each keyed by their content, and claims that need no training."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
from safetensors.torch import load_file, save_file

from tests.published_networks import into_hub, save
from tests.session.small import case, found, smaller
from vitwork.design.arm import Arm
from vitwork.design.dataset import DataSpec
from vitwork.design.deviation import Lack, Missing
from vitwork.design.overrides import override
from vitwork.design.profile import Profile
from vitwork.design.published import LOADED, Absent, Family, Network
from vitwork.errors import VitworkError
from vitwork.language.measure import Measure
from vitwork.measurements import accuracy, feature_maps, hessian, landscape
from vitwork.networks.command import networks
from vitwork.networks.selection import as_if_here, given, lines, located, members
from vitwork.profiles import PUBLISHED, SMOKE, find
from vitwork.report import words
from vitwork.session.forecast import plan_lines
from vitwork.session.judge import judged
from vitwork.session.plan import Plan, lacking, lost
from vitwork.session.troubles import Troubles
from vitwork.store.store import Store

DATA = DataSpec("embedded", size=16, train=20, test=20)


@pytest.fixture(autouse=True)
def _cache(tmp_path, monkeypatch):
    monkeypatch.setenv("VITWORK_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")


def network(number: int, **changes) -> Network:
    return replace(Network(f"n{number}", "timm:test_vit", sha256=f"{number:064x}", path=None), **changes)


def arm(name: str, count: int, missing: int = 0) -> Arm:
    absent = tuple(Absent(f"{name}-{number}") for number in range(missing))
    return Arm(name, "", recipe=LOADED, data=DATA, networks=tuple(map(network, range(count))), missing=absent)


def profile(**arms: Arm) -> Profile:
    return replace(SMOKE, arms=arms, seeds=20, first_seed=0, effort=(), left_out=())


def lower(measure: Measure) -> None:
    assert measure(feature_maps.msa_variance_change)("vit") < 0


def apart(measure: Measure) -> None:
    assert measure(accuracy.accuracy)("vit") < measure(accuracy.accuracy)("resnet")


def test_every_network_is_a_run_and_the_smallest_arm_bounds_what_is_seen():
    """An arm has a run for each of its networks, and a claim over two arms takes all of both."""
    plan = Plan(
        profile(vit=arm("vit", 4), resnet=replace(arm("resnet", 7), networks=tuple(map(network, range(50, 57)))))
    )
    plan.add(case("one", apart), 20)
    assert [len(side.wanted) for side in plan.tests["one"].sides[0]] == [4, 7]
    assert len(plan.runs) == 11
    assert plan.fewest(plan.tests["one"].case.sentences[0]) == 4
    plan.add(case("one", apart), 3)
    assert [len(side.wanted) for side in plan.tests["one"].sides[0]] == [3, 3]


def test_a_hypothesis_knows_how_many_networks_there_are(tmp_path):
    """The smallest arm's, here or not; of arms that are trained there can be more."""
    plan = Plan(
        profile(
            vit=arm("vit", 5, missing=3), resnet=replace(arm("resnet", 7), networks=tuple(map(network, range(50, 57))))
        )
    )
    plan.add(case("one", apart), 20)
    store = Store(tmp_path)
    for want in plan.wanted.values():
        store.write(want.key, {"values": {"acc": 0.5 + want.run.seed / 100, "classes": 10, "images": 20}})
    (finding,) = judged(plan, store, Troubles()).findings
    assert [hypothesis.most for hypothesis in finding.hypotheses] == [7]
    assert [hypothesis.most for hypothesis in found(tmp_path / "trained", case("two", smaller))["two"].hypotheses] == [
        None
    ]


def test_a_key_holds_weights_preprocessing_and_images_and_nothing_of_training():
    """The same weights have the same key in any arm and place, with any recipe's schedule; other weights, images or options do not."""

    def key(spec: Arm, place: int = 0) -> str:
        return Plan(profile(vit=spec)).run(spec, place).key

    plain = arm("vit", 2)
    assert key(plain) == key(arm("other", 5))
    assert key(plain) == key(replace(plain, networks=plain.networks[::-1]), 1)
    assert key(plain) == key(replace(plain, recipe=replace(LOADED, epochs=1, lr=1.0)))
    others = [
        replace(plain, networks=(network(9),)),
        replace(plain, networks=(network(0, options={"img_size": 32}),)),
        replace(plain, networks=(network(0, model="timm:test_vit2"),)),
        replace(plain, data=replace(DATA, test=10)),
        replace(plain, recipe=replace(LOADED, weight_decay=0.1)),
    ]
    assert len({key(plain), *map(key, others)}) == len(others) + 1


def test_loaded_networks_are_not_trained():
    """A command that trains every run of a profile is told so."""
    with pytest.raises(VitworkError, match="The networks of vit are loaded, not trained"):
        Plan(PUBLISHED).run(PUBLISHED.arms["vit"], 0)


def test_what_only_training_shows_is_not_measured():
    """Snapshots on the way, paths and the recipe's own augmentation are lacking, each with its reason."""
    of = profile(vit=arm("vit", 5))

    def early(measure: Measure) -> None:
        assert measure(hessian.ape, when="warmup")("vit") < 1

    def path(measure: Measure) -> None:
        assert measure(landscape.length)("vit") < 2

    def fit(measure: Measure) -> None:
        assert measure(accuracy.training_nll)("vit") < 2

    def late(measure: Measure) -> None:
        assert measure(hessian.ape, when="end")("vit") < 1

    missing = [lacking(case("one", body), of) for body in (early, path, fit)]
    assert [lack.missing for lack in missing] == [Missing.LOADED, Missing.LOADED, Missing.UNFIT]
    assert "published, as they ended" in words.lack(missing[0])
    assert "training images were augmented is not known" in words.lack(missing[2])
    assert lacking(case("one", late), of) is None
    assert lacking(case("one", lower), of) is None


def test_no_part_of_a_claim_is_measured_that_lacks_another():
    """What costs time and decides nothing is not done: a claim that lacks one primary sentence plans none."""

    def early(measure: Measure) -> None:
        assert measure(hessian.ape, when="warmup")("vit") < 1

    cases = [case("one", lower), replace(case("two", early), claim=case("one", lower).claim)]
    of = profile(vit=arm("vit", 5))
    lacks = lost(cases, of)
    plan = Plan(of)
    for one in cases:
        plan.add(one, 5, lacks.get(one.claim.id))
    assert not plan.runs
    assert {test.lack for test in plan.tests.values()} == {Lack(Missing.LOADED, "vit", "warmup")}


@pytest.mark.parametrize(
    ("here", "missing", "complete"), [(5, 9, True), (4, 1, False), (4, 0, True), (2, 0, True), (4, 9, False)]
)
def test_claims_go_on_with_five_or_all(here, missing, complete):
    """Where weights are missing, five networks are enough; an arm that never had five needs all."""
    of = profile(vit=arm("vit", here, missing))
    lack = lacking(case("one", lower), of)
    assert (lack is None) is complete
    if lack is not None:
        assert lack == Lack(Missing.WEIGHTS, "vit", ", ".join(map(str, of.arms["vit"].missing)))
        assert "vit-0" in words.lack(lack)


def test_weights_that_are_here_are_found_and_the_others_named(tmp_path):
    """A profile goes on with the networks of a folder; the missing ones are named in a sentence and among the deviations."""
    save(tmp_path / "w" / "test_vit.r160_in1k.safetensors", "test_vit", 0)
    rules = {
        "vit": Family(r"test_vit\d?", tags="r160_in1k"),
        "resnet": Family("test_resnet"),
        "none": Family("no_such_model"),
    }
    of = profile(**{name: Arm(name, "", recipe=LOADED, data=DATA, family=rule) for name, rule in rules.items()})
    found = located(of, tmp_path / "w")
    assert [one.name for one in found.arms["vit"].networks] == ["test_vit.r160_in1k"]
    assert found.arms["vit"].missing == (Absent("test_vit2.r160_in1k"), Absent("test_vit3.r160_in1k"))
    assert "none" not in found.arms
    assert "without test_vit2.r160_in1k, test_vit3.r160_in1k, and without any network of resnet" in words.deviation(
        found.deviations[-1]
    )
    said = lines(found)
    assert said[0] == "Published networks: vit 1 (alone it decides nothing)."
    assert said[1].startswith("Without test_vit2.r160_in1k, test_vit3.r160_in1k, and without any network of resnet")
    (tmp_path / "empty").mkdir()
    with pytest.raises(VitworkError, match=r"No weights of the profile smoke are in .*--fetch"):
        located(of, tmp_path / "empty")
    with pytest.raises(VitworkError, match="does not exist"):
        located(of, tmp_path / "gone")
    with pytest.raises(VitworkError, match="trains its networks"):
        located(SMOKE, tmp_path / "w")


def test_networks_of_a_users_own_take_an_arms_place(tmp_path):
    """``FAMILY=timm:NAME,NAME`` puts checkpoints into an arm; what is not there, twice or no timm's is refused."""
    for seed in range(2):
        save(tmp_path / f"test_vit.mine{seed}.safetensors", "test_vit", seed)
    of = profile(vit=Arm("vit", "", recipe=LOADED, data=DATA, family=Family(r"test_vit\d?")))
    own = given(of, ["vit=timm:test_vit.mine0,test_vit.mine1"])
    found = located(of, tmp_path, own)
    assert [one.name for one in found.arms["vit"].networks] == ["test_vit.mine0", "test_vit.mine1"]
    assert len({one.sha256 for one in found.arms["vit"].networks}) == 2
    assert words.deviation(found.deviations[-1]).startswith("the arm vit is test_vit.mine0, test_vit.mine1")
    for entry, said in (
        ("vit=timm:test_vit.mine0,timm:test_vit.mine0", "twice"),
        ("vit=timm:test_vit,test_vit.r160_in1k", "names test_vit.r160_in1k twice"),
        ("vit=timm:deit_base_patch16_384,deit_base_patch16_224", "come from one training"),
        ("swin=timm:test_vit", "no arm 'swin'"),
        ("vit=mypkg.net:build", "are loaded"),
        ("vit=timm:no_such", "timm has no model"),
        ("vit=timm:../../etc/passwd", "No network can be called '../../etc/passwd'"),
        ("vit=timm:test_vit./../../mine", "No network can be called 'test_vit./../../mine'"),
        ("vit=timm:", "has no name where one belongs"),
        ("timm:test_vit.mine0,,test_vit.mine1", "has no name where one belongs"),
    ):
        with pytest.raises(VitworkError, match=said):
            given(of, [entry])
    with pytest.raises(VitworkError, match="names networks of vit twice"):
        given(of, ["vit=timm:test_vit.mine0", "timm:test_vit.mine1"])
    with pytest.raises(VitworkError, match=r"No usable weights of test_vit\.mine7 are in"):
        located(of, tmp_path, given(of, ["timm:test_vit.mine7"]))


def test_spaces_in_a_list_of_networks_mean_nothing():
    """Around names, and around what stands before them."""
    of = of_two_arms()
    spaced = given(of, [" vit = timm: test_vit.mine0 , timm: test_vit.mine1 "])
    assert spaced == given(of, ["vit=timm:test_vit.mine0,test_vit.mine1"])


def test_networks_of_an_arm_stand_in_it_under_all_its_names():
    """A claim about published networks alone is measured on a user's own, unless others are named for it."""
    names = ["vit=timm:test_vit.mine0", "resnet=timm:test_resnet.mine1"]
    own = given(PUBLISHED, names)
    assert {arm: [one.name for one in networks] for arm, networks in own.items()} == {
        "vit": ["test_vit.mine0"], "vit-published": ["test_vit.mine0"],
        "resnet": ["test_resnet.mine1"], "resnet-published": ["test_resnet.mine1"],
    }  # fmt: skip
    others = given(PUBLISHED, [*names, "vit-published=timm:test_vit.mine2"])
    assert [one.name for one in others["vit-published"]] == ["test_vit.mine2"]


def test_networks_of_other_classes_than_the_images_are_refused():
    """A network of ImageNet's classes is not tested on CIFAR-100."""
    with pytest.raises(
        VitworkError, match=r"test_vit\.mine0 tells 1000 classes apart, and the images of vit are of 100"
    ):
        given(find("paper-checkpoints"), ["timm:test_vit.mine0"])


def test_few_seeds_are_a_sample_of_an_arm():
    """The first networks of an arm are its first by a hash of their names, not by the alphabet."""
    names = [one.name for one in members(PUBLISHED.arms["resnet"])]
    assert sorted(names) != names
    assert len({name.partition(".")[2][0] for name in names[:5]}) > 1
    assert names == [one.name for one in as_if_here(PUBLISHED).arms["resnet"].networks]


def own_networks(tmp_path, seeds, arm="vit", architecture="test_vit"):
    """Return the option that puts random networks of these seeds into an arm."""
    names = [f"{architecture}.{arm}{place}" for place in range(len(seeds))]
    for name, seed in zip(names, seeds, strict=True):
        save(tmp_path / f"{name}.safetensors", architecture, seed)
    return f"{arm}=timm:{','.join(names)}"


def of_two_arms():
    rules = {"vit": Family(r"test_vit\d?"), "resnet": Family("test_resnet")}
    return profile(**{name: Arm(name, "", recipe=LOADED, data=DATA, family=rule) for name, rule in rules.items()})


def test_the_same_weights_under_several_names_count_once(tmp_path):
    """Six names of two files are two networks, in the plan, at the beginning and among the deviations."""
    of = of_two_arms()
    found = located(of, tmp_path, given(of, [own_networks(tmp_path, [0, 0, 0, 1, 1, 1])]))
    assert [one.name for one in found.arms["vit"].networks] == ["test_vit.vit0", "test_vit.vit3"]
    said = lines(found)
    assert said[0] == "Published networks: vit 2 (too few: they decide nothing)."
    assert said[1] == "Counted once, as the same weights: test_vit.vit0, test_vit.vit1, test_vit.vit2."
    stated = [words.deviation(change) for change in found.deviations]
    assert any(text.startswith("the arm vit is test_vit.vit0, test_vit.vit3, not") for text in stated)
    assert "counted once, as the same weights: test_vit.vit3, test_vit.vit4, test_vit.vit5" in stated


def test_a_network_that_was_saved_anew_counts_once(tmp_path):
    """Other metadata and another order in the file are no other network, in one arm or in two."""
    of, option = of_two_arms(), own_networks(tmp_path, [0, 1, 2])
    state = load_file(tmp_path / "test_vit.vit0.safetensors")
    save_file(dict(reversed(state.items())), tmp_path / "test_vit.vit2.safetensors", {"saved": "anew"})
    found = located(of, tmp_path, given(of, [option]))
    assert [one.name for one in found.arms["vit"].networks] == ["test_vit.vit0", "test_vit.vit1"]
    assert lines(found)[1] == "Counted once, as the same weights: test_vit.vit0, test_vit.vit2."
    own = given(of, ["timm:test_vit.vit0,test_vit.vit1", "resnet=timm:test_vit.vit2"])
    with pytest.raises(VitworkError, match=r"vit0 are in vit and in resnet, in one of them as test_vit\.vit2: "):
        located(of, tmp_path, own)


def test_copies_are_not_counted_where_too_few_are_left(tmp_path):
    """Five files of three networks are three: without the sixth that was named, the session does not begin, and says both."""
    of, option = of_two_arms(), own_networks(tmp_path, [0, 0, 0, 1, 2])
    with pytest.raises(VitworkError) as raised:
        located(of, tmp_path, given(of, [f"{option},test_vit.vit5"]))
    assert "No usable weights of test_vit.vit5 are in" in str(raised.value)
    assert "(counted once, as the same weights: test_vit.vit0, test_vit.vit1, test_vit.vit2)" in str(raised.value)


def test_the_command_counts_copies_as_a_session_does(tmp_path, capsys):
    """Three files of two networks are two independent ones, and the copy says of what."""
    option = own_networks(tmp_path, [0, 0, 1])
    assert networks(["published", "--weights", str(tmp_path), "--model", option]) == 0
    said = capsys.readouterr().out
    assert "vit: 2 independent" in said
    assert re.search(r"test_vit\.vit1 .* here\n    the same weights as test_vit\.vit0, counted once\n", said)
    assert said.count("the same weights as") == 1


def test_no_network_is_compared_with_itself(tmp_path):
    """The same file in two arms is refused, under whatever name; arms whose rules have networks in common may share them."""
    of = of_two_arms()
    asked = [own_networks(tmp_path, [0, 1]), own_networks(tmp_path, [2, 1], "resnet")]
    with pytest.raises(VitworkError, match=r"are in vit and in resnet, in one of them as test_vit\.resnet1: "):
        located(of, tmp_path, given(of, asked))
    alike = replace(of, arms={**of.arms, "resnet": replace(of.arms["vit"], name="resnet")})
    found = located(alike, tmp_path, given(alike, asked))
    assert [len(arm.networks) for arm in found.arms.values()] == [2, 2]


@pytest.mark.parametrize(
    "entries",
    [
        ("vit=timm:deit3_small_patch16_384.fb_in1k", "pit=timm:deit3_small_patch16_224.fb_in1k"),
        (
            "vit-more-data=timm:vit_base_patch16_224.augreg2_in21k_ft_in1k",
            "vit=timm:vit_base_patch16_224.augreg_in21k_ft_in1k",
        ),
        ("vit-published=timm:resnet50.a1_in1k", "resnet=timm:resnet50.a1_in1k"),
    ],
)
def test_two_arms_of_a_users_own_hold_no_training_twice(entries):
    """Networks of one training, or one network, in two arms are refused by name before anything is loaded."""
    (one, first), (other, second) = (entry.split("=timm:") for entry in entries)
    with pytest.raises(
        VitworkError, match=rf"{re.escape(first)} in {one} and {re.escape(second)} in {other} come from one training"
    ):
        given(PUBLISHED, entries)
    for name in (first, second):
        assert given(PUBLISHED, [f"vit=timm:{name}"])


def test_arms_whose_rules_share_networks_may_share_trainings():
    """All ViTs and those of one recipe are never compared with each other, nor is an arm with itself under another name."""
    for other in ("vit-published", "vit-one-recipe"):
        given(PUBLISHED, ["vit=timm:deit3_small_patch16_384.fb_in1k", f"{other}=timm:deit3_small_patch16_224.fb_in1k"])


def test_an_arm_of_a_users_own_holds_no_training_of_the_profiles_arms(tmp_path):
    """It is refused where the profile's own network is here, and neither where that is not nor where it is replaced."""
    swin, tuned = "test_vit2.r160_in1k", "test_vit.r160_in1k"
    rules = {"vit": Family(r"test_vit3"), "swin": Family(r"test_vit2?")}
    of = profile(**{name: Arm(name, "", recipe=LOADED, data=DATA, family=rule) for name, rule in rules.items()})
    own = given(of, [f"vit=timm:{tuned}"])
    save(tmp_path / f"{tuned}.safetensors", "test_vit", 0)
    with pytest.raises(VitworkError, match=rf"{tuned} in vit and {tuned} in swin come from one training"):
        located(of, tmp_path, own)
    save(tmp_path / f"{swin}.safetensors", "test_vit2", 0)
    assert located(of, tmp_path, given(of, [f"vit=timm:{tuned}", f"swin=timm:{swin}"]))
    (tmp_path / f"{tuned}.safetensors").unlink()
    plan = located(of, tmp_path, own, planned=True)
    assert [one.name for one in plan.arms["vit"].networks] == [tuned]


def test_a_network_of_other_architectures_than_the_arms_is_noted(tmp_path):
    """A ResNet in the place of a Transformer is loaded, and said."""
    of = of_two_arms()
    found = located(of, tmp_path, given(of, [own_networks(tmp_path, [0], architecture="test_resnet")]))
    assert lines(found)[1] == "In vit, whose rule asks for other architectures: test_resnet.vit0."
    twice = replace(of, arms={**of.arms, "vit-published": replace(of.arms["vit"], name="vit-published")})
    said = lines(located(twice, tmp_path, given(twice, ["timm:test_resnet.vit0"])))
    assert said[1] == "In vit and vit-published, whose rule asks for other architectures: test_resnet.vit0."
    plain = located(of, tmp_path, given(of, [own_networks(tmp_path, [1])]))
    assert not any("other architectures" in line for line in lines(plain))


def cut(path):
    path.write_bytes(path.read_bytes()[:-100])


def of_another_architecture(path):
    save(path, "test_resnet", 0)


def not_finite(path):
    state = load_file(path)
    save_file({**state, "head.weight": state["head.weight"] * float("nan")}, path)


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (cut, "truncated or no file of weights"),
        (of_another_architecture, "of another architecture than test_vit.vit2"),
        (not_finite, "unusable: head.weight is not finite"),
        (Path.unlink, ""),
    ],
)
def test_what_cannot_be_used_is_left_out_and_named(tmp_path, spoil, reason):
    """Five of six networks are enough; the sixth, damaged or missing, is named here and among the deviations, and not as measured."""
    of = of_two_arms()
    own = given(of, [own_networks(tmp_path, list(range(6)))])
    spoil(tmp_path / "test_vit.vit2.safetensors")
    found = located(of, tmp_path, own)
    names = [f"test_vit.vit{number}" for number in (0, 1, 3, 4, 5)]
    assert [one.name for one in found.arms["vit"].networks] == names
    assert found.arms["vit"].complete
    said = words.deviation(found.deviations[-1])
    assert said.startswith(f"without test_vit.vit2{' (' + reason if reason else ''}")
    (missing,) = found.arms["vit"].missing
    assert missing.name == "test_vit.vit2"
    assert missing.reason.startswith(reason)
    assert str(tmp_path) not in said
    assert lines(found)[1] == f"W{said[1:]}."
    assert any(words.deviation(one).startswith(f"the arm vit is {', '.join(names)}, not") for one in found.deviations)
    (tmp_path / "test_vit.vit3.safetensors").unlink()
    with pytest.raises(
        VitworkError, match=r"No usable weights of test_vit.vit2.*, test_vit.vit3 are in .* too few are left"
    ):
        located(of, tmp_path, own)


def test_only_the_number_of_images_of_loaded_networks_can_be_changed():
    """Neither a learning rate nor a side of images means anything to a network that is loaded; the size of the sample does."""
    assert override(PUBLISHED, ["data.test=500"]).arms["vit"].data.test == 500
    for change in ("lr=1e-3", "recipe=sgd", "options.dim=3", "data.size=16", "data.source=cifar10", "vit.data.size=16"):
        with pytest.raises(VitworkError, match="are loaded, not trained: only how many images they see"):
            override(PUBLISHED, [change])


@pytest.mark.parametrize("change", ["data.train=3", "data.fraction=0.1"])
def test_numbers_of_training_images_are_refused_where_there_are_none(change):
    """A sample of test images stands for training images too, whose number would not be read; of CIFAR-100 there are some."""
    with pytest.raises(VitworkError, match="test images alone"):
        override(PUBLISHED, ["data.test=12", change])
    assert override(find("paper-checkpoints"), [change])


def test_loaded_networks_see_the_same_images():
    """One arm cannot have other images than those that it is compared with; all of them can, in whatever way it is said."""
    with pytest.raises(VitworkError, match="compared on the same images"):
        override(PUBLISHED, ["vit.data.test=6"])
    each = [f"{name}.data.test=6" for name in PUBLISHED.arms]
    assert {arm.data.test for arm in override(PUBLISHED, each).arms.values()} == {6}


def test_the_plan_tells_what_a_claim_costs_a_network(tmp_path):
    """Minutes on a network come from those that were measured in this store; before that they are unknown."""
    plan, store = Plan(profile(vit=arm("vit", 6))), Store(tmp_path)
    plan.add(case("one", lower), 20)
    said = "\n".join(plan_lines(plan, store))
    assert "unknown" in said
    assert "6 networks per arm at most" in said
    for want in plan.wanted.values():
        if want.run.seed == 0:
            store.write(want.run.key, {"seconds": 1.0})
            store.write(want.key, {"seconds": 60.0})
    (row,) = [line for line in plan_lines(plan, store) if line.startswith("one") and line.endswith("2.00")]
    assert row  # a minute for the variance, another for the accuracy


def test_the_plan_of_networks_that_stand_alone_names_what_is_set_beside_the_papers(tmp_path):
    """One network per arm decides nothing, so that no difference is told, but which of the paper's numbers and curves are compared."""
    arms = profile(vit=replace(arm("vit", 1), data=DataSpec("cifar100")))
    plan = Plan(arms, fingerprints={DataSpec("cifar100"): ""})
    first, second = case("one", lower), case("two", lower)
    stated = replace(first.claim, paper=replace(first.claim.paper, effect=-0.5))
    for one in (replace(first, claim=stated), second):
        plan.add(one, 1)
    said = "\n".join(plan_lines(plan, Store(tmp_path)))
    assert "1 network per arm at most: nothing can be decided" in said
    assert "What is measured is set beside the paper's numbers of one, the curves of variance." in said
    assert not re.search(r"\binf\b", said)


def test_the_command_lists_arms_and_says_what_cannot_be_fetched(tmp_path, capsys, monkeypatch):
    """Each network has its licence, size and whether it is here; without the hub, fetching names what failed."""
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    arguments = ["published", "--arms", "vit-distilled,resnet-published"]
    assert networks(arguments) == 0
    said = capsys.readouterr().out
    assert "vit-distilled: 3 independent (few" in said
    assert "deit_tiny_distilled_patch16_224.fb_in1k" in said
    assert "apache-2.0" in said
    assert "not here" in said
    assert "resnet-published: the networks of resnet" in said
    assert (
        r"rule: architecture deit_(tiny|small|base)_distilled_patch16_\d+; ImageNet-1k's labels alone; distilled;"
        in " ".join(said.split())
    )
    assert networks(["published", "--arms", "vit-distilled", "--fetch"]) == 1
    assert "0 of 3 networks are here" in capsys.readouterr().out
    assert networks(["published", "--arms", "vit-distilled, vit-distilled"]) == 0
    assert capsys.readouterr().out.count("3 independent") == 1
    for wrong, message in (
        (["smoke"], "trains its networks"),
        (["published", "--arms", "vitt"], "no arm 'vitt'"),
        (["published", "--arms", ""], "no arm ''"),
    ):
        with pytest.raises(VitworkError, match=message):
            networks(wrong)
    with pytest.raises(SystemExit):
        networks(["published", "--weights", ""])
    assert "argument --weights: an empty name is no file or folder" in capsys.readouterr().err


def test_the_command_tells_what_is_damaged(tmp_path, capsys, monkeypatch):
    """A file of the hub's cache with another bit is not here, says why, and is asked for again by fetching."""
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setenv("COLUMNS", "80")
    name = "pit_ti_224.in1k"
    link = into_hub(tmp_path / "hub", f"timm/{name}", save(tmp_path / "file.safetensors", "pit_ti_224", 0))
    assert networks(["published", "--arms", "pit", "--fetch"]) == 1
    assert "1 of 4 networks are here, and verified" in capsys.readouterr().out
    content = bytearray(link.read_bytes())
    content[-1] ^= 1
    link.resolve().write_bytes(bytes(content))
    assert networks(["published", "--arms", "pit", "--fetch"]) == 1
    said = capsys.readouterr().out
    assert re.search(rf"{name} .* damaged\n", said)
    assert "damaged: its SHA-256 is" in " ".join(said.split())
    assert f"{name}: The weights of {name} cannot be had from the hub: HF_HUB_OFFLINE" in " ".join(said.split())
    assert "0 of 4 networks are here" in said


def test_a_hub_that_does_not_answer_is_asked_once(tmp_path, capsys, monkeypatch):
    """Every question takes half a minute of tries; what is here is verified all the same."""
    import huggingface_hub
    from huggingface_hub import constants
    from huggingface_hub.errors import LocalEntryNotFoundError

    asked = []

    def silent(repository, file, **_):
        asked.append(repository)
        raise LocalEntryNotFoundError("no connection, and not in the cache")

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(huggingface_hub, "hf_hub_download", silent)
    name = "pit_ti_224.in1k"
    into_hub(tmp_path / "hub", f"timm/{name}", save(tmp_path / "file.safetensors", "pit_ti_224", 0))
    assert networks(["published", "--arms", "pit", "--fetch"]) == 1
    said = capsys.readouterr().out
    assert len(asked) == 1
    assert "The hub does not answer, so that it was not asked for 2 more." in said
    assert "1 of 4 networks are here, and verified." in said


def test_networks_of_a_users_own_are_listed_and_fetched(tmp_path, capsys, monkeypatch):
    """Their arm alone is listed, with what can be got; a session that lacks them says how."""
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    name = "test_vit.r160_in1k"
    into_hub(tmp_path / "hub", f"timm/{name}", save(tmp_path / "file.safetensors", "test_vit", 0))
    asked = [f"vit=timm:{name},test_vit.mine"]
    assert networks(["published", "--model", *asked, "--fetch"]) == 1
    said = capsys.readouterr().out
    assert re.search(rf"{re.escape(name)} .* here\n", said)
    assert "vit-published: the networks of vit" in said
    assert "test_vit.mine has no address" in said
    assert "resnet" not in said
    with pytest.raises(VitworkError, match=r"`vitwork networks published --fetch --model …` gets those"):
        located(PUBLISHED, None, given(PUBLISHED, ["vit=timm:test_vit2.r160_in1k"]))


def test_the_command_tells_networks_of_other_architectures_as_a_session_does(tmp_path, capsys):
    """A ViT that is named as a ResNet is listed, with the sentence that its session's report has; one in its own arm without."""
    asked = ["published", "--weights", str(tmp_path), "--model", "resnet=timm:test_vit.p0"]
    assert networks(asked) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert said.endswith("In resnet and resnet-published, whose rule asks for other architectures: test_vit.p0.")
    assert networks([*asked[:-1], "resnet=timm:resnet50.mine"]) == 0
    assert "other architectures" not in capsys.readouterr().out


def test_what_no_claim_asks_for_is_fetched_only_where_it_is_named(tmp_path, capsys, monkeypatch):
    """ResNeXts are listed with that remark, and are not among the networks that are fetched for all arms."""
    monkeypatch.setattr("vitwork.networks.command.table", lambda profile, arm, weights: iter(()))
    fetched = []
    monkeypatch.setattr("vitwork.networks.command.fetched", lambda profile, arms: fetched.append(arms) or 0)
    networks(["published", "--fetch"])
    networks(["published", "--fetch", "--arms", "resnext"])
    assert not {"resnext", "mixer"} & set(fetched[0])
    assert {"resnet", "vit"} < set(fetched[0])
    assert fetched[1] == ["resnext"]


def test_a_network_is_as_large_before_it_is_here(tmp_path, capsys, monkeypatch):
    """Buffers are counted, so that the size that is announced is that of the file."""
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    sizes = []
    for _ in range(2):
        networks(["published", "--model", "resnet=timm:test_resnet.r160_in1k"])
        sizes.append(re.findall(r"([\d.]+) MB", capsys.readouterr().out))
        path = save(tmp_path / "file.safetensors", "test_resnet", 0)
        if len(sizes) == 1:
            into_hub(tmp_path / "hub", "timm/test_resnet.r160_in1k", path)
    assert sizes[0] == sizes[1]


@pytest.mark.parametrize("arms", ["vit-more-data", "resnet-one-recipe"])
def test_the_list_fits_into_eighty_columns(arms, capsys, monkeypatch):
    """No line is wider than the terminal, whatever networks count for others; a range of one number is one number."""
    monkeypatch.setenv("COLUMNS", "80")
    assert networks(["published", "--arms", arms]) == 0
    said = capsys.readouterr().out
    assert max(map(len, said.splitlines())) <= 80
    assert "25.6 to 25.6" not in said
    if arms == "vit-more-data":
        assert "vit_base_patch16_clip_384.openai_ft_in1k too" in " ".join(said.split())


def test_a_plan_needs_no_weights(tmp_path):
    """What is not here is counted as if it were, and named, a network of a user's own as well."""
    save(tmp_path / "test_vit.r160_in1k.safetensors", "test_vit", 0)
    of = profile(vit=Arm("vit", "", recipe=LOADED, data=DATA, family=Family(r"test_vit\d?", tags="r160_in1k")))
    found = located(of, tmp_path, planned=True)
    assert {one.name for one in found.arms["vit"].networks} == {f"test_vit{n}.r160_in1k" for n in ("", "2", "3")}
    assert found.arms["vit"].complete
    assert "Without test_vit2.r160_in1k, test_vit3.r160_in1k: no usable" in lines(found)[1]
    (tmp_path / "empty").mkdir()
    assert len(located(of, tmp_path / "empty", planned=True).arms["vit"].networks) == 3
    own = located(of, tmp_path, given(of, ["timm:test_vit.mine7"]), planned=True)
    assert [one.name for one in own.arms["vit"].networks] == ["test_vit.mine7"]
    assert lines(own)[1] == "Without any network of vit: no usable weights were there."


def test_a_plan_names_what_is_damaged_as_its_session_does(tmp_path):
    """A file that cannot be loaded is counted as if it could, and said with its reason, in the words of the session."""
    for name in ("test_vit", "test_vit2"):
        cut(save(tmp_path / f"{name}.r160_in1k.safetensors", name, 0))
    save(tmp_path / "test_vit3.r160_in1k.safetensors", "test_vit3", 0)
    of = profile(vit=Arm("vit", "", recipe=LOADED, data=DATA, family=Family(r"test_vit\d?", tags="r160_in1k")))
    plan = located(of, tmp_path, planned=True)
    assert len(plan.arms["vit"].networks) == 3
    assert re.match(r"Without test_vit\.r160_in1k \(truncated or no .*\), test_vit2\.r160_in1k \(trunc", lines(plan)[1])
    assert lines(plan)[1:] == lines(located(of, tmp_path))[1:]


def test_names_that_are_spelt_wrongly_are_told_from_those_that_are_not_here(tmp_path, capsys):
    """A tag that timm does not know, and a file that is nearly called as a network, in sessions and in the list."""
    save(tmp_path / "test_vit3_r160_in1k.safetensors", "test_vit3", 0)
    save(tmp_path / "test_vit2.r160_in1k.safetensors", "test_vit2", 0)
    of = profile(vit=Arm("vit", "", recipe=LOADED, data=DATA, family=Family(r"test_vit\d?", tags="r160_in1k")))
    said = words.deviation(located(of, tmp_path).deviations[-1])
    assert (
        "test_vit3.r160_in1k (there is test_vit3_r160_in1k.safetensors, and no network is called so), test_vit.r1"
        in said
    )
    with pytest.raises(
        VitworkError, match=r"test_vit.r106_in1k \(no name of timm's: the nearest is test_vit.r160_in1k"
    ):
        located(of, tmp_path, given(of, ["timm:test_vit.r106_in1k"]))
    assert (
        networks(["published", "--weights", str(tmp_path), "--model", "timm:test_vit.r106_in1k,test_vit3.r160_in1k"])
        == 0
    )
    listed = capsys.readouterr().out
    assert re.search(r"not here\n    no name of timm's: the nearest is test_vit.r160_in1k\n", listed)
    assert re.search(r"not here\n    there is test_vit3_r160_in1k.safetensors, and no network is called so\n", listed)


def test_surfaces_of_fewer_images_than_planes_are_known_before_anything_is_measured():
    """Of test images alone these count, and else those that are trained on; a number that is not known yet is not refused."""

    def flat(measure: Measure) -> None:
        assert measure(landscape.curvature)("vit") < 1

    def lack(data: DataSpec) -> Lack | None:
        return lacking(case("one", flat), profile(vit=replace(arm("vit", 5), data=data)))

    why = Lack(Missing.UNFIT, "vit", "2 images cannot be shared out among 4 planes")
    assert lack(DataSpec("imagenet-validation", test=2)) == lack(DataSpec("cifar100", train=2, test=20)) == why
    for enough in (
        DataSpec("imagenet-validation", test=4),
        DataSpec("imagenet-validation"),
        DataSpec("cifar100", test=2),
    ):
        assert lack(enough) is None


def test_claims_that_need_no_training_are_registered():
    """The profile's family holds the claims that the issue of checkpoints is about, and none about training."""
    from vitwork.profiles import registered

    assert {"msa-lowpass", "noise-hf-hurts-resnet", "msa-reduces-variance", "lesion-swin-msa-at-end", "pit-swin-lowpass",
            "hessian-vit-smaller-when-published", "landscape-vit-flatter"} <= set(registered("published"))  # fmt: skip
    assert not {"hessian-vit-smaller", "trajectory-vit-smooth", "bias-lowers-error-and-nll"} & set(
        registered("published")
    )
    assert find("published").seeds >= 16
