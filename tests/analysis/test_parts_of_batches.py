"""A batch is passed in parts only where its images do not depend on one another."""

from __future__ import annotations

import pytest

from tests.analysis.hand_made import Centred, Narrow, batches, block, conv_net
from vitwork.analysis import landscape, lesion, robustness
from vitwork.analysis.observe import composed, observe
from vitwork.errors import VitworkError

CALLS = {
    "pass": lambda blocks, at_once: observe(blocks, batches(8, 8), images_at_once=at_once),
    "lesion": lambda blocks, at_once: lesion.study(blocks, batches(8, 8), images_at_once=at_once),
}


def centred():
    blocks = conv_net()
    return [*blocks[:2], block("centred", Centred()), *blocks[2:]]


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_a_block_that_mixes_images_is_not_passed_in_parts(call):
    """The whole batch is measured, its parts are refused, and those of a sound model are not."""
    call(centred(), None)
    call(conv_net(), 3)
    with pytest.raises(VitworkError, match="a batch of 8 cannot be passed in parts: what the model makes of an image"):
        call(centred(), 3)


@pytest.mark.parametrize(
    "measure",
    [
        lambda model: landscape.surface(model, batches(8, 8), points=2),
        lambda model: robustness.noise_bands(model, batches(8, 8)),
    ],
    ids=["surface", "noise"],
)
def test_lack_of_memory_splits_only_images_that_stand_alone(measure):
    """A model that mixes images is refused where a batch does not fit; a sound one is passed in halves."""
    measure(Narrow(composed(conv_net())))
    with pytest.raises(VitworkError, match="a batch of 8 cannot be passed in parts"):
        measure(Narrow(composed(centred())))
