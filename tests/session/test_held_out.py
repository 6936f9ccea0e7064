"""Training images that are held out to judge by."""

from __future__ import annotations

import pytest
import torch

from vitwork.data import DataSpec, load
from vitwork.design.held_out import HeldOut
from vitwork.errors import VitworkError
from vitwork.session.held_out import divided, images_of
from vitwork.store.keys import digest

SPEC = DataSpec("embedded", size=16, train=60, test=20)


def test_held_out_images_are_training_images_and_no_test_image_is_among_them():
    """Both parts together are the training images of the whole, each once, and the classes are even."""
    spec = HeldOut.of(SPEC, 30)
    found, whole = images_of(spec, None), load(spec.whole)
    assert (len(found.train), len(found.test)) == (60, 30)
    parts = sorted(bytes(image.numpy()) for part in (found.train, found.test) for image in part.images)
    assert parts == sorted(bytes(image.numpy()) for image in whole.train.images)
    assert torch.bincount(found.test.labels).tolist() == [3] * 10
    tests = {bytes(image.numpy()) for image in whole.test.images}
    assert not tests & {bytes(image.numpy()) for image in found.test.images}


def test_data_that_is_not_divided_is_loaded_as_it_is():
    """An arm's usual data keeps its test images."""
    assert torch.equal(images_of(SPEC, None).test.images, load(SPEC).test.images)


def test_runs_on_divided_data_have_keys_of_their_own():
    """The number of images held out is part of what keys are made of."""
    assert len({digest(spec) for spec in (SPEC, HeldOut.of(SPEC, 30), HeldOut.of(SPEC, 20))}) == 3


@pytest.mark.parametrize(
    ("validation", "sentence"),
    [(0, "validation is 1 or more, not 0"), (61, "need 7 of class 0; it has 6"), (60, "none is left to train on")],
)
def test_what_cannot_be_held_out_is_refused(validation, sentence):
    """Nothing, more than there is, or everything."""
    with pytest.raises(VitworkError, match=sentence):
        divided(load(SPEC), HeldOut.of(SPEC, validation).validation)
