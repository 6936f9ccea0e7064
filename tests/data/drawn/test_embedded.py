"""The drawn data set: reproducible, balanced, separable cues."""

from __future__ import annotations

import hashlib
import time

import numpy as np
import pytest

from vitwork.data.drawn.embedded import BLOCK, CLASSES, Split, conflict, draw_cues, draw_images
from vitwork.data.drawn.exact_rng import ExactRng, direction, wave
from vitwork.data.drawn.shapes import SHAPES
from vitwork.data.drawn.textures import TEXTURES
from vitwork.errors import VitworkError

DIGESTS = {
    16: "781b968f6cc96f0448a671271df6e7f5408046e98bb7bbef5d074cac2c7d83b6",
    32: "102d0f9b1ecb243e7072596f3dac9a4c19283b15b431eb98db875a979afcf4e5",
}


@pytest.mark.parametrize("size", DIGESTS)
def test_images_are_the_same_everywhere(size):
    """The drawing is pinned to the bit: a change of code, platform or numpy that alters one pixel shows here."""
    assert hashlib.sha256(draw_images(60, size).images.tobytes()).hexdigest() == DIGESTS[size]


def test_drawing_is_typed_balanced_and_a_prefix_of_a_longer_one():
    """Images are uint8 (n, 3, size, size), classes take turns, and n only decides where the drawing stops."""
    images, shapes, textures = draw_images(BLOCK + 30)
    assert (images.shape, images.dtype, shapes.dtype) == ((BLOCK + 30, 3, 16, 16), np.uint8, np.int64)
    assert np.array_equal(shapes, textures)
    assert np.bincount(shapes).tolist() == [(BLOCK + 30) // len(CLASSES)] * len(CLASSES)
    assert np.array_equal(draw_images(37).images, images[:37])


def test_seeds_splits_and_sizes_share_no_image():
    """Another seed or split is another drawing."""
    splits: tuple[Split, ...] = ("train", "test", "conflict")
    drawn = [draw_images(20, seed=seed, split=split).images for seed in (0, 1) for split in splits]
    flat = np.stack(drawn).reshape(-1, 3 * 16 * 16)
    assert len(np.unique(flat, axis=0)) == len(flat)


def test_conflicting_cues_pair_all_classes_evenly():
    """In the conflict set every ordered pair of different classes occurs equally often."""
    count = len(CLASSES)
    found = conflict(2 * count * (count - 1))
    pairs = np.zeros((count, count), int)
    np.add.at(pairs, (found.shapes, found.textures), 1)
    assert np.array_equal(pairs, 2 * (1 - np.eye(count, dtype=int)))


def test_texture_and_outline_are_controlled_apart():
    """With the same seed, another texture changes the object only and another outline leaves the texture's pattern."""
    n = 50
    zeros, ones = np.zeros(n, np.int64), np.ones(n, np.int64)
    disc, other = (draw_cues(zeros, textures).images.astype(float) for textures in (zeros, ones))
    assert (disc != other).any(axis=(1, 2, 3)).all()
    # The first column of pixels is rarely covered by the object, so background and noise stay.
    assert (disc != other).any(axis=1).mean(axis=(0, 1))[0] < 0.5 * (disc != other).any(axis=1).mean()


def test_textures_hold_high_frequencies_and_outlines_low_ones():
    """Most of a regular texture's power lies above half the highest frequency, and most of an outline's below."""
    size, grid = 32, np.arange(32, dtype=np.float32)
    frequency = np.maximum(*np.abs(np.meshgrid(np.fft.fftfreq(size), np.fft.fftfreq(size)))) * 2

    def high(picture):
        power = np.abs(np.fft.fft2(picture - picture.mean())) ** 2
        return power[frequency > 0.4].sum() / power.sum()

    u, v = np.broadcast_arrays(grid[None, None] / 3, grid[None, :, None] / 3)
    field = ExactRng((0,)).uniform(1, size, size)
    line = (grid - 15.5) / 12
    for texture in TEXTURES:
        assert high(texture(u, v, field)[0]) > 0.4, texture.__name__
    for shape in SHAPES:
        assert high((shape(line[None], line[:, None]) < 0).astype(float)) < 0.15, shape.__name__


def test_textures_have_equal_strength():
    """Zero mean and unit mean square, so that no texture is louder than another."""
    grid = np.arange(300, dtype=np.float32)
    u, v = np.broadcast_arrays(grid[None, None] / 3.3, grid[None, :, None] / 3.1)
    field = ExactRng((0,)).uniform(1, 300, 300)
    for texture in TEXTURES:
        pattern = texture(u, v, field).astype(float)
        assert pattern.mean() == pytest.approx(0, abs=0.15), texture.__name__
        assert np.square(pattern).mean() == pytest.approx(1, abs=0.15), texture.__name__


def test_wave_and_direction_are_close_to_the_circle():
    """The rational sine is within its stated error and directions have unit length."""
    turns = np.linspace(-2, 3, 10_001).astype(np.float32)
    assert np.abs(wave(turns) - np.sin(2 * np.pi * turns.astype(float))).max() < 0.0018
    x, y = direction(turns)
    assert np.hypot(x, y) == pytest.approx(1, abs=1e-6)
    error = np.angle((x + 1j * y) * np.exp(-2j * np.pi * turns.astype(float)))
    assert np.degrees(np.abs(error)).max() < 0.1


def test_stream_has_the_stated_moments():
    """Uniform numbers fill [0, 1), normal ones have mean 0 and variance 1, and keys separate streams."""
    stream = ExactRng((1, 2))
    uniform, normal = stream.uniform(100_000), stream.normal(100_000)
    assert (uniform.min() >= 0, uniform.max() < 1, uniform.dtype) == (True, True, np.float32)
    assert uniform.mean() == pytest.approx(0.5, abs=0.005)
    assert (normal.mean(), normal.var()) == pytest.approx((0, 1), abs=0.02)
    assert not np.array_equal(uniform, ExactRng((2, 1)).uniform(100_000))


def test_drawing_needs_little_time():
    """3,000 small images take about a second, not a minute."""
    start = time.process_time()
    draw_images(3000)
    assert time.process_time() - start < 8


def test_there_are_three_splits():
    """A misspelt split is named beside those that there are."""
    with pytest.raises(VitworkError, match="split is 'train' or 'test' or 'conflict', not 'tests'"):
        draw_images(3, split="tests")
