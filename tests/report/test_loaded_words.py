"""What a report of published networks says: nothing of trainings, and which networks they were."""

from __future__ import annotations

from dataclasses import replace as changed

import msgspec
import pytest

from tests.report.reading import page_of, text_of
from tests.report.synthetic import results as trained
from vitwork.design.deviation import Change, Deviation
from vitwork.facts.document import QuantityResult
from vitwork.language.claim import IMAGENET, Claim, OtherImages, Paper
from vitwork.report import words


def loaded():
    """Return the results of the tests as if every run were a published network."""
    found = trained()
    network = {
        "name": "vit_small_patch16_224.<mine>", "sha256": "ab" * 32, "licence": "mit",
        "preprocessing": {"size": 224, "crop": 0.9}, "year": 2021,
    }  # fmt: skip
    runs = tuple(msgspec.structs.replace(run, network=network, recipe={}, history=()) for run in found.runs)
    return msgspec.structs.replace(found, runs=runs, profile=msgspec.structs.replace(found.profile, loaded=True))


def test_networks_are_published_and_loaded():
    """Lead, price and summary speak of published networks that were loaded, and of trained ones where they were trained."""
    assert "published network" in words.lead(loaded())
    assert "published network" not in words.lead(trained())
    assert "loading and measuring" in words.price(loaded())
    assert "training and measuring" in words.price(trained())
    assert words.summary(loaded()).endswith("per arm")
    assert "seed" not in words.summary(loaded())


def test_networks_that_could_not_be_loaded_are_no_trainings():
    """Where every run failed, a report says of itself what one does in which none failed, and its table has no name to give."""
    found = loaded()
    runs = tuple(msgspec.structs.replace(run, network={}, model=None, status=None, seconds=None) for run in found.runs)
    failed = msgspec.structs.replace(found, runs=runs)
    assert words.lead(failed).startswith("On 0 published networks ")
    assert words.summary(failed).endswith("networks per arm")
    page = text_of(failed)
    assert "of loading" in page
    assert "5 published networks" in page
    assert "not loaded" in page
    assert "model unknown" not in page


def test_the_table_of_networks_has_their_accuracy_and_year():
    """Wrong numbering of classes shows in the accuracy, and the year is one of the confounds."""
    found = loaded()
    (entry,) = [one for one in found.measurements if one.run == found.runs[0].key][:1]
    known = msgspec.structs.replace(entry, name="evaluation", values={"acc": 0.7125})
    table = page_of(msgspec.structs.replace(found, measurements=(known,))).split('aria-label="Networks of resnet"')[1]
    assert "Accuracy, %" in table
    assert '<td>2021</td><td class="num">71.2</td>' in table
    assert '<td>2021</td><td class="num">–</td>' in table  # the next network, of which it is not known


@pytest.mark.parametrize(
    ("most", "said"),
    [
        (None, "about 12 networks per arm would probably settle it"),
        (12, "about 12 networks per arm would probably settle it"),
        (8, "its networks cannot settle it: that would probably take about 12 per arm, and the smallest arm has 8"),
    ],
)
def test_advice_does_not_ask_for_more_networks_than_there_are(most, said):
    """Of published networks there are as many as there are, and an undecided comparison says where these are too few."""
    found = next(hypothesis for hypothesis in trained().hypotheses if hypothesis.effect.seeds_needed == 12)
    assert said in words.why(msgspec.structs.replace(found, most=most))


def test_a_quantity_of_which_nothing_is_known_has_no_bullet():
    """Where no network differs there is neither a skewness nor a spread, and no empty sentence stands for it."""
    found = trained()
    known = QuantityResult(
        name="APE", unit="", scale="log-ratio", error=None, spread=None, drawn=False, testable=True, skewness=None, z=None,
        skewed=False,
    )  # fmt: skip
    assert words.audit(known) == ""
    assert "What the session’s data say" not in text_of(msgspec.structs.replace(found, quantities=(known,)))


def test_the_page_names_networks_weights_and_preparation():
    """Each run has its network's name, licence, preparation and SHA-256, escaped; no recipe and no loss of a training."""
    page = text_of(loaded())
    for said in ("vit_small_patch16_224.<mine>", "ab" * 32, "size 224, crop 0.9", "mit", "of loading"):
        assert said in page
    assert "Images/s" not in page
    assert "<mine>" not in page.replace("vit_small_patch16_224.<mine>", "")


def test_networks_of_a_users_own_are_told_from_models():
    """A deviation says whether a model or networks took an arm's place, and names of many are counted."""
    names = tuple(f"n{number}" for number in range(8))
    one = Deviation(Change.NETWORKS, arm="vit", networks=names)
    other = Deviation(Change.MODEL, arm="vit", value="my.nets:small")
    assert words.deviation(one).endswith("n7, not the profile’s own networks")
    assert words.deviation(other) == "the arm vit is my.nets:small, not the profile’s own model"
    profile = msgspec.structs.replace(trained().profile, deviations=(one,))
    assert words.substitutes(profile) == {"vit": ("n0, n1, n2, n3, n4, 3 more", "networks")}


@pytest.mark.parametrize(
    ("sources", "there"),
    [
        ({"imagenet-validation"}, False),
        ({"imagenet"}, False),
        ({"cifar10"}, True),
        ({"imagenet", "cifar10"}, True),
        ((), True),
    ],
)
def test_a_difference_of_the_images_is_none_where_they_are_the_papers(sources, there):
    """Networks that were trained on ImageNet do not differ from the paper's in that; other differences stand anywhere."""
    claim = Claim(
        "one", "One.", Paper("Fig. 0", ""), deviations=(OtherImages("other images", IMAGENET), "another reading")
    )
    assert claim.differences(sources) == (*(("other images",) if there else ()), "another reading")
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(claim), type=Claim) == claim
    assert changed(claim, deviations=()).differences(sources) == ()
