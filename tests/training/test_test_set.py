"""Accuracy and loss on a test set, as a training tells them."""

from __future__ import annotations

import pytest
import torch

from tests.analysis.hand_made import Centred, Narrow
from tests.training import small_trainings as small
from vitwork.errors import VitworkError
from vitwork.training.evaluation import evaluate_model


def test_test_images_that_do_not_fit_are_split_only_where_they_stand_alone():
    """Accuracy and loss in parts are those of the whole, and refused of a model whose images depend on each other."""
    torch.manual_seed(0)
    model, where = small.plain_network(4), (torch.device("cpu"), torch.contiguous_format)
    images = small.splits().test
    assert evaluate_model(Narrow(model), images, *where) == pytest.approx(
        evaluate_model(model, images, *where), rel=1e-5
    )
    with pytest.raises(VitworkError, match="cannot be passed in parts"):
        evaluate_model(Narrow(model, Centred()), images, *where)
