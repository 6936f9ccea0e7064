"""Images on a GPU, pretended where there is none: what is drawn and changed there is what the CPU draws and changes."""

from __future__ import annotations

import pytest
import torch
from pretend_gpu import pretend_gpu

from vitwork.data.augmentation import Augmenter
from vitwork.data.corruptions.corrupt import CORRUPTIONS, corrupt
from vitwork.data.images import ImageSet, balanced_prefix, resized
from vitwork.data.noise_bands import Band, add_band_noise
from vitwork.design.recipe import Augmentation, RandAugment

PIXELS = torch.randint(0, 256, (4, 3, 32, 32), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
LABELS = torch.arange(4) % 2


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_corruptions(name):
    """Every corruption gives a GPU's images the CPU's levels."""
    expected = corrupt(PIXELS, name, 5, seed=3, first=2)
    with pretend_gpu() as gpu:
        found = corrupt(PIXELS.to(gpu), name, 5, seed=3, first=2)
        assert found.device == gpu
        torch.testing.assert_close(found.cpu(), expected, rtol=0, atol=1)


@pytest.mark.parametrize("power", ["fixed", "equal"])
def test_band_noise(power):
    """Noise of one band is the CPU's."""
    images, band = PIXELS.float() / 255, Band(0.5, power=power)
    expected = add_band_noise(images, band, 1, 2)
    with pretend_gpu() as gpu:
        torch.testing.assert_close(add_band_noise(images.to(gpu), band, 1, 2).cpu(), expected)


@pytest.mark.parametrize(
    "augmentation",
    [
        Augmentation(2, randaugment=RandAugment(), mixup=1.0, cutmix=0.8, erasing=0.25),
        Augmentation(resized_crop=True, mixup=1.0),
        Augmentation(2, cutmix=1.0),
    ],
    ids=["all", "resized", "cutmix"],
)
def test_augmentation(augmentation):
    """Augmenting draws from a generator of the GPU only, and leaves all on the GPU (which draws other numbers)."""
    augment = Augmenter(augmentation, 2, (0.5,) * 3, (0.25,) * 3, 0.1)
    with pretend_gpu() as gpu:
        x, targets = augment(PIXELS.to(gpu), LABELS.to(gpu), torch.Generator(gpu).manual_seed(0))
        assert x.device == targets.device == gpu
        assert (x.shape, x.dtype, targets.shape) == (PIXELS.shape, torch.float32, (4, 2))
        assert bool(x.isfinite().all())
        torch.testing.assert_close(targets.sum(1).cpu(), torch.ones(4))


def test_images():
    """Images that were moved as a whole are normalised, pooled and chosen where they lie, also by an index of the CPU."""
    images = ImageSet(PIXELS, LABELS, ("a", "b"), (0.5,) * 3, (0.25,) * 3, "test")
    with pretend_gpu() as gpu:
        moved = images.to(gpu)
        torch.testing.assert_close(
            moved.normalised(torch.tensor([2, 0])).cpu(), images.normalised(torch.tensor([2, 0]))
        )
        torch.testing.assert_close(resized(moved.images, 8).cpu(), resized(PIXELS, 8))
        assert balanced_prefix(moved.labels, 2, 2).tolist() == [0, 1]
