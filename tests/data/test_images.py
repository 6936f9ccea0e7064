import numpy as np
import pytest
import torch

from vitwork.data import images
from vitwork.errors import VitworkError


def pixels(n=6, side=8):
    return torch.randint(0, 256, (n, 3, side, side), dtype=torch.uint8, generator=torch.Generator().manual_seed(n))


def test_normalise_subtracts_and_divides():
    """Normalisation is (x / 255 - mean) / std, and leaves the images as they were."""
    x = pixels()
    before = x.clone()
    mean, std = (0.1, 0.2, 0.3), (0.5, 0.25, 0.2)
    wanted = (x.double() / 255 - torch.tensor(mean).view(3, 1, 1)) / torch.tensor(std).view(3, 1, 1)
    assert torch.allclose(images.normalise(x, mean, std).double(), wanted, atol=1e-5)
    assert torch.equal(x, before)


def test_measured_statistics_are_numpys():
    """Means and deviations of the channels agree with numpy in float64."""
    x = pixels(20)
    mean, std = images.measured_statistics(x)
    values = x.numpy().astype(np.float64) / 255
    assert mean == pytest.approx(values.mean((0, 2, 3)), abs=1e-12)
    assert std == pytest.approx(values.std((0, 2, 3)), abs=1e-12)


def test_statistics_of_one_colour_do_not_divide_by_zero():
    """A constant channel gets a deviation above 0."""
    assert min(images.measured_statistics(torch.zeros(2, 3, 4, 4, dtype=torch.uint8))[1]) > 0


def test_pooling_averages_blocks():
    """Pooling is the rounded mean of each block; the own size is kept as it is."""
    x = pixels()
    blocks = x.double().unfold(2, 4, 4).unfold(3, 4, 4).mean((-1, -2))
    assert (images.resized(x, 2) - blocks).abs().max() <= 0.5
    assert images.resized(x, 8) is x


def test_small_images_are_enlarged(monkeypatch):
    """A ramp stays a ramp, to the level, where no border is near; what memory cannot hold is refused in one sentence."""
    ramp = torch.arange(0, 240, 30, dtype=torch.uint8).expand(2, 3, 8, 8).contiguous()
    found = images.resized(ramp, 24)
    assert (found.dtype, found.shape) == (torch.uint8, (2, 3, 24, 24))
    across = (torch.arange(24) + 0.5) / 3 - 0.5
    torch.testing.assert_close(found[0, 0, 12, 6:18].double(), 30 * across[6:18].double(), atol=0.51, rtol=0)
    monkeypatch.setattr(images, "memory", lambda: 100)
    with pytest.raises(VitworkError, match="choose fewer of them or a smaller size"):
        images.resized(ramp, 24)


@pytest.mark.parametrize(("count", "shares"), [(6, [2, 2, 2]), (7, [3, 2, 2]), (None, [4, 5, 3])])
def test_prefix_takes_the_first_of_each_class(count, shares):
    """Counts are equal to within one, and the earliest rows are taken."""
    labels = torch.tensor([0, 1, 1, 2, 0, 1, 0, 2, 1, 0, 2, 1])
    rows = images.balanced_prefix(labels, 3, count)
    assert labels[rows].bincount().tolist() == shares
    for number, share in enumerate(shares):
        wanted = (labels == number).nonzero()[:share, 0]
        assert rows[labels[rows] == number].tolist() == wanted.tolist()


def test_fraction_is_per_class_and_rounds_down():
    """Six per cent of 50 and of 100 are 3 and 6, and one image is the least."""
    labels = torch.tensor([0] * 50 + [1] * 100 + [2] * 3)
    assert labels[images.balanced_prefix(labels, 3, fraction=0.06)].bincount().tolist() == [3, 6, 1]


def test_too_few_images_are_an_error():
    """A class that is too small is named."""
    with pytest.raises(VitworkError, match="need 3 of class 1; it has 1"):
        images.balanced_prefix(torch.tensor([0, 0, 0, 1]), 2, 6)


def test_image_set_moves_and_normalises():
    """A set knows its length, its device and its normalised images."""
    part = images.ImageSet(pixels(), torch.arange(6), ("a",), (0.5,) * 3, (0.5,) * 3, "f").to("cpu")
    assert len(part) == 6
    assert torch.allclose(part.normalised(slice(0, 2)), part.images[:2] / 127.5 - 1, atol=1e-6)


def test_a_share_of_a_subset():
    """A share is of the subset's images, and one that is a whole number loses none to floating point."""
    labels = torch.arange(3).repeat(100)
    assert labels[images.balanced_prefix(labels, 3, 30, 0.5)].bincount().tolist() == [5, 5, 5]
    for percent in range(1, 100):
        assert images.balanced_prefix(labels, 3, fraction=percent / 100).numel() == 3 * percent
