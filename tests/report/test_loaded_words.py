"""What a report of published networks says: nothing of trainings, and which networks they were."""

from __future__ import annotations

from dataclasses import replace as changed

import msgspec
import pytest

from tests.report.reading import text_of
from tests.report.synthetic import results as trained
from vitwork.design.deviation import Change, Deviation
from vitwork.language.claim import IMAGENET, Claim, OtherImages, Paper
from vitwork.report import words


def loaded():
    """Return the results of the tests as if every run were a published network."""
    found = trained()
    network = {
        "name": "vit_small_patch16_224.<mine>", "sha256": "ab" * 32, "licence": "mit",
        "preprocessing": {"size": 224, "crop": 0.9},
    }  # fmt: skip
    runs = tuple(msgspec.structs.replace(run, network=network, recipe={}, history=()) for run in found.runs)
    return msgspec.structs.replace(found, runs=runs)


def test_networks_are_published_and_loaded():
    """Lead, price and summary speak of published networks that were loaded, and of trained ones where they were trained."""
    assert "published network" in words.lead(loaded())
    assert "published network" not in words.lead(trained())
    assert "loading and measuring" in words.price(loaded())
    assert "training and measuring" in words.price(trained())
    assert words.summary(loaded()).endswith("per arm")
    assert "seed" not in words.summary(loaded())


def test_the_page_names_networks_weights_and_preparation():
    """Each run has its network's name, licence, preparation and SHA-256, escaped; no recipe and no loss of a training."""
    page = text_of(loaded())
    for said in ("vit_small_patch16_224.<mine>", "ab" * 32, "size 224, crop 0.9", "mit", "of loading"):
        assert said in page
    assert "Images/s" not in page
    assert "<mine>" not in page.replace("vit_small_patch16_224.<mine>", "")


def test_networks_of_a_users_own_are_told_from_models():
    """A deviation says whether a model or networks took an arm's place, and names of many are counted."""
    names = ", ".join(f"n{number}" for number in range(8))
    one = Deviation(Change.NETWORKS, arm="vit", value=names)
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
