"""Blurs, zooms and warps against scipy and Pillow."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from PIL import Image
from scipy import ndimage

from vitwork.data.corruptions import resampling
from vitwork.errors import VitworkError

RANDOM = np.random.default_rng(0)
PICTURE = RANDOM.uniform(0, 255, (32, 32))
BATCH = torch.from_numpy(RANDOM.uniform(0, 255, (3, 3, 32, 32)))


@pytest.mark.parametrize("border", ["nearest", "reflect", "mirror"])
@pytest.mark.parametrize("sigma", [0.05, 0.7, 2.5, 40.0])
def test_gaussian_blur_is_scipys(border, sigma):
    """Every border rule and radius, kernels wider than the image included."""
    expected = ndimage.gaussian_filter(PICTURE, sigma, mode=border, truncate=3.0)
    matrix = resampling.gaussian_matrix(32, sigma, border, 3.0)
    assert resampling.separable(torch.from_numpy(PICTURE), matrix).numpy() == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("factor", [1.0, 1.03, 1.25, 1.75, 2.25, 4.5])
@pytest.mark.parametrize("size", [32, 64])
def test_zoom_is_scipys(factor, size):
    """The centre is cropped, enlarged by scipy's linear zoom and trimmed."""
    picture = RANDOM.uniform(0, 1, (size, size))
    crop = math.ceil(size / factor)
    top = (size - crop) // 2
    enlarged = ndimage.zoom(picture[top : top + crop, top : top + crop], factor, order=1)
    trim = (len(enlarged) - size) // 2
    expected = enlarged[trim : trim + size, trim : trim + size]
    found = resampling.separable(torch.from_numpy(picture), resampling.zoom_matrix(size, factor)).numpy()
    assert found == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("target", [30, 27, 20, 16, 9])
def test_box_means_are_pillows(target):
    """Shrinking by the box rule, in Pillow's floating-point mode."""
    expected = np.asarray(Image.fromarray(PICTURE.astype(np.float32)).resize((target, target), Image.Resampling.BOX))
    found = resampling.separable(torch.from_numpy(PICTURE), resampling.box_matrix(32, target)).numpy()
    assert found == pytest.approx(expected, abs=1e-3)


@pytest.mark.parametrize("border", ["nearest", "reflect", "mirror"])
def test_sampling_is_scipys(border):
    """Linear interpolation at places inside and far outside the image."""
    places = RANDOM.uniform(-70, 100, (2, 3, 32, 32))
    found = resampling.sampled(BATCH, *(torch.from_numpy(each) for each in places), border).numpy()
    for image in range(3):
        for channel in range(3):
            expected = ndimage.map_coordinates(BATCH[image, channel].numpy(), places[:, image], order=1, mode=border)
            assert found[image, channel] == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize(("radius", "blur"), [(0.3, 0.4), (1.5, 0.1), (3, 0.1), (8, 0.5), (10, 0.5)])
def test_defocus_is_scipys_correlation(radius, blur):
    """The disk is scipy's blur of a plain disk, symmetric, and filters as scipy does with mirrored borders."""
    kernel = resampling.disk_kernel(radius, blur)
    reach, half = len(kernel) // 2, 1 if radius <= 8 else 2
    y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    plain = (x**2 + y**2 <= radius**2) / (x**2 + y**2 <= radius**2).sum()
    assert kernel.numpy() == pytest.approx(ndimage.gaussian_filter(plain, blur, mode="mirror", radius=half), abs=1e-12)
    # OpenCV 5.0, with which the generators draw the kernel, gives these sums.
    assert kernel.sum().item() == pytest.approx({8: 1.0129755, 10: 1.0107858}.get(radius, 1.0), abs=1e-6)
    assert torch.allclose(kernel, kernel.flip(0, 1))
    assert torch.allclose(kernel, kernel.T)
    found = resampling.filtered(BATCH, kernel).numpy()
    expected = ndimage.correlate(BATCH.numpy(), kernel.numpy()[None, None], mode="mirror")
    assert found == pytest.approx(expected, abs=1e-8)


def test_motion_blur_follows_its_line():
    """Step by step in plain Python, for several angles in one batch."""
    radius, sigma, angles = 4, 1.5, (-40.0, 0.0, 77.0)
    found = resampling.motion_blurred(BATCH, radius, sigma, torch.tensor(angles)).numpy()
    steps = range(2 * radius + 1)
    weights = np.array([math.exp(-(step**2) / (2 * sigma**2)) for step in steps])
    for image, angle in enumerate(angles):
        expected = np.zeros((3, 32, 32))
        for step, weight in zip(steps, weights / weights.sum(), strict=True):
            right = math.ceil(step * math.cos(math.radians(angle)) - 0.5)
            down = math.ceil(step * math.sin(math.radians(angle)) - 0.5)
            rows, columns = (np.clip(np.arange(32) + shift, 0, 31) for shift in (down, right))
            expected += weight * BATCH[image].numpy()[:, rows][:, :, columns]
        assert found[image] == pytest.approx(expected, abs=1e-4)


def test_there_are_three_borders():
    """A misspelt border is named beside those that there are."""
    with pytest.raises(VitworkError, match="border is 'nearest' or 'reflect' or 'mirror', not 'mirrored'"):
        resampling.fold(torch.arange(3), 3, "mirrored")
