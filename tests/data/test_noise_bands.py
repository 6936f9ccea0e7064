"""Band-limited noise against the released definition, closed forms, and numbers of the released code."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from vitwork.data.noise_bands import Band, add_band_noise
from vitwork.data.position_rng import PositionRng
from vitwork.errors import VitworkError

SIZES = st.sampled_from([16, 32, 56])
FREQUENCIES = st.sampled_from([step / 10 for step in range(1, 10)])


def centred_mask(frequency, half_width, size):
    """The released mask in a shifted spectrum: two centred squares, one cut from the other."""
    sides = [2 * int((frequency + sign * half_width) * math.pi * size / (2 * math.pi)) for sign in (1, -1)]
    squares = []
    for side in (min(max(side, 0), size) for side in sides):
        square = np.zeros((size, size))
        start = (size - side) // 2
        square[start : start + side, start : start + side] = 1
        squares.append(square)
    return squares[0] - squares[1]


@settings(max_examples=20, deadline=None)
@given(SIZES, FREQUENCIES, st.sampled_from([0.05, 0.1]), st.integers(0, 99))
def test_noise_is_the_released_definition(size, frequency, half_width, seed):
    """The noise is the real part of masked random signs, by NumPy's transform and a mask built by cutting squares."""
    images = torch.zeros(2, 3, size, size)
    found = add_band_noise(images, Band(frequency, half_width, eps=0.3), seed)
    signs = PositionRng(seed).signs(*images.shape).numpy().astype(float)
    spectrum = np.fft.fftshift(np.fft.fft2(0.3 * signs), axes=(2, 3)) * centred_mask(frequency, half_width, size)
    expected = np.fft.ifft2(np.fft.ifftshift(spectrum, axes=(2, 3))).real
    assert found.numpy() == pytest.approx(expected, abs=1e-5)


def test_bands_that_tile_the_spectrum_add_up_to_the_signs():
    """Adjacent rings neither overlap nor leave a gap."""
    images = torch.zeros(2, 3, 16, 16)
    bands = [Band(0.125 + 0.25 * number, 0.125, eps=1.0) for number in range(4)]
    total = sum(add_band_noise(images, band) for band in bands)
    assert torch.allclose(total, PositionRng(0).signs(*images.shape), atol=1e-5)


@pytest.mark.parametrize("size", [16, 32])
def test_expected_power_is_met(size):
    """The closed form of the power is the measured one; equal power is equal in every band."""
    images = torch.zeros(100, 3, size, size)
    for power in ("fixed", "equal"):
        for frequency in (0.1, 0.3, 0.5, 0.9):
            band = Band(frequency, power=power)
            measured = add_band_noise(images, band).square().mean().sqrt().item()
            assert measured == pytest.approx(band.rms(size), rel=0.03)
    assert Band(0.2, power="equal").rms(size) == Band(0.9, power="equal").rms(size) == 0.7


def test_fixed_power_grows_as_in_the_released_code():
    """At 224 pixels the mean square rises from 0.04 to 0.36 of eps² between 0.1π and 0.9π."""
    assert [Band(frequency, eps=1.0).rms(224) ** 2 for frequency in (0.1, 0.9)] == pytest.approx([0.04, 0.36], abs=0.01)


def test_noise_of_an_image_does_not_depend_on_its_batch():
    """A split batch gets the same noise, and other seeds other noise."""
    images, band = torch.randn(6, 3, 16, 16, generator=torch.Generator().manual_seed(0)), Band(0.5)
    whole = add_band_noise(images, band, seed=3)
    parts = [add_band_noise(images[:2], band, 3), add_band_noise(images[2:], band, 3, first=2)]
    assert torch.equal(torch.cat(parts), whole)
    assert not torch.allclose(add_band_noise(images, band, seed=4), whole)


def test_what_cannot_be_done_is_refused():
    """Oblong images, equal power in a band that holds no frequency, a power that does not exist."""
    with pytest.raises(ValueError, match="square"):
        add_band_noise(torch.zeros(1, 3, 8, 9), Band(0.5))
    with pytest.raises(ValueError, match="no frequency"):
        add_band_noise(torch.zeros(1, 3, 8, 8), Band(0.05, 0.01, power="equal"))
    with pytest.raises(VitworkError, match="power is 'fixed' or 'equal', not 'equals'"):
        Band(0.5, power="equals")
