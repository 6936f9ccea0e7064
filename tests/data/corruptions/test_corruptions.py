"""The 15 corruptions: plain re-computations, statistics, and invariance to batch and device."""

from __future__ import annotations

import colorsys
import functools
import io

import numpy as np
import pytest
import torch
from PIL import Image
from scipy import ndimage, stats

from vitwork.data.corruptions import corrupt as corruptions
from vitwork.data.corruptions import noise as corruptions_noise
from vitwork.data.corruptions import severity, weather
from vitwork.data.corruptions.corrupt import CORRUPTIONS, SEVERITIES, corrupt
from vitwork.data.corruptions.digital import elastic_transform, pixelate
from vitwork.data.corruptions.jpeg import jpeg_compression
from vitwork.data.drawn.embedded import draw_images
from vitwork.data.position_rng import PositionRng
from vitwork.errors import VitworkError

IMAGES = torch.from_numpy(draw_images(12, 32).images)
SMOOTH = torch.from_numpy(ndimage.gaussian_filter(IMAGES.numpy(), (0, 0, 1.5, 1.5)))
VALUES = IMAGES.double()


def test_tables_are_complete():
    """Fifteen corruptions at five severities for three sizes, and every one has a function."""
    assert len(CORRUPTIONS) == 15
    for table in severity.TABLES.values():
        assert set(table) == set(CORRUPTIONS)
        assert {len(row) for row in table.values()} == {5}


def test_sizes_between_the_tables_take_the_next_larger_one():
    """16 pixels use CIFAR-C's strengths, 96 and 384 ImageNet-C's."""
    assert [severity.setting("contrast", 1, size) for size in (16, 32, 33, 64, 96, 224, 384)] == [0.75, 0.75] + [
        0.4
    ] * 5
    assert severity.setting("shot_noise", 5, 96) == 3


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_corruption_is_reproducible_and_independent_of_the_batch(name):
    """The same images for a seed however the batch is cut; another seed changes the random ones."""
    for size in (16, 32):
        images = torch.from_numpy(draw_images(6, size).images)
        whole = corrupt(images, name, 3, seed=7)
        assert (whole.dtype, whole.shape) == (torch.uint8, images.shape)
        assert torch.equal(torch.cat([corrupt(images[:2], name, 3, 7), corrupt(images[2:], name, 3, 7, 2)]), whole)
        fixed = {"defocus_blur", "zoom_blur", "brightness", "contrast", "pixelate", "jpeg_compression"}
        assert torch.equal(corrupt(images, name, 3, seed=8), whole) == (name in fixed)


@pytest.mark.parametrize("name", sorted(set(CORRUPTIONS) - {"glass_blur", "elastic_transform", "frost"}))
@pytest.mark.parametrize("size", [32, 48])  # one of each table
def test_damage_grows_with_severity(name, size):
    """The strongest severity is farther from the clean image than the mildest; so is each step of most corruptions."""
    images = torch.from_numpy(draw_images(20, size).images)
    damage = [(corrupt(images, name, level).float() - images).square().mean().item() for level in SEVERITIES]
    assert damage[0] < damage[2] < damage[4]


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.parametrize("name", CORRUPTIONS)
def test_a_gpu_gives_the_same_images(name):
    """Not one level of one pixel differs between the devices."""
    assert torch.equal(corrupt(IMAGES, name, 4), corrupt(IMAGES.cuda(), name, 4).cpu())


def test_jpeg_does_not_depend_on_the_order_of_sums(monkeypatch):
    """Halves, which luminances and cosines often meet, are rounded alike whichever way a device adds up."""
    expected = [corrupt(IMAGES, "jpeg_compression", level) for level in SEVERITIES]

    def backwards(a, b):
        terms = [a[..., k, None] * b[..., k, None, :] for k in reversed(range(a.shape[-1]))]
        return functools.reduce(torch.add, terms)

    def luminances(_, matrix, images):
        return functools.reduce(torch.add, [matrix[:, j].view(1, 3, 1, 1) * images[:, j : j + 1] for j in (2, 0, 1)])

    monkeypatch.setattr(torch.Tensor, "__matmul__", backwards)
    monkeypatch.setattr(torch, "einsum", luminances)
    for level, images in zip(SEVERITIES, expected, strict=True):
        assert torch.equal(corrupt(IMAGES, "jpeg_compression", level), images)


def test_gaussian_and_impulse_noise_have_the_stated_strength():
    """On mid-grey: standard deviation 255·c; a share c of values at the ends, half of them black."""
    grey = torch.full((40, 3, 32, 32), 128, dtype=torch.uint8)
    noisy = corrupt(grey, "gaussian_noise", 5).double()
    # Rounding down lowers the mean by half a level.
    assert (noisy.mean().item(), noisy.std().item()) == pytest.approx((127.5, 25.5), abs=0.3)
    hit = corrupt(grey, "impulse_noise", 5)
    assert [(hit == level).double().mean().item() for level in (0, 255)] == pytest.approx([0.035, 0.035], abs=0.003)


def test_shot_noise_inverts_poissons_distribution():
    """Value by value the count is scipy's quantile of the same uniform number."""
    for photons in (3.0, 500.0):
        found = corruptions_noise.shot_noise(VALUES, photons, PositionRng(1)) * photons / 255
        uniform = PositionRng(1).uniform(*VALUES.shape).numpy().astype(float)
        expected = stats.poisson.ppf(uniform, VALUES.numpy() * photons / 255)
        differs = np.abs(found.numpy() - np.maximum(expected, 0)) > 0.5
        assert differs.mean() < 1e-4


@pytest.mark.parametrize(("reach", "passes"), [(1, 1), (2, 2), (4, 1)])
def test_glass_blur_is_the_sequential_copying(reach, passes):
    """Following chains by doubling equals walking the pixels one by one from the last to the first."""
    found = corruptions_noise.glass_blur(VALUES[:3], (0.4, reach, passes), PositionRng(2))
    random, size = PositionRng(2), 32
    blur = {"sigma": (0, 0, 0.4, 0.4), "mode": "nearest"}
    walked = np.floor(ndimage.gaussian_filter(VALUES[:3].numpy(), **blur) + 1e-3)
    for _ in range(passes):
        shift = random.integers(-reach, reach, 3, 2, size, size).numpy()
        for image in range(3):
            for row in range(size - reach, reach, -1):
                for column in range(size - reach, reach, -1):
                    down, right = shift[image, :, row, column]
                    walked[image, :, row, column] = walked[image, :, row + down, column + right]
    assert found.numpy() == pytest.approx(ndimage.gaussian_filter(walked, **blur), abs=1e-6)


def test_zoom_blur_averages_enlargements():
    """A constant image stays, and the number of enlargements is that of the generator's range."""
    assert torch.equal(
        corrupt(torch.full((1, 3, 64, 64), 77, dtype=torch.uint8), "zoom_blur", 5)[0, 0], torch.full((64, 64), 77)
    )
    point = torch.zeros(1, 3, 33, 33, dtype=torch.double)
    point[..., 16, 16] = 1
    # The centre of an odd image is hit by every enlargement in full, as long as they crop evenly: here twice the image.
    assert corruptions_noise.zoom_blur(point, (1.001, 0.01), PositionRng(0))[0, 0, 16, 16].item() == 1


def test_brightness_raises_the_value_channel():
    """As colorsys converts, pixel by pixel, black included."""
    pixels = torch.cat([VALUES[:1].clone(), torch.zeros(1, 3, 32, 32, dtype=torch.double)])
    found = weather.brightness(pixels, 0.3, PositionRng(0))
    for image, row, column in ((0, 3, 5), (0, 20, 9), (0, 31, 31), (1, 0, 0)):
        hue, saturation, value = colorsys.rgb_to_hsv(*(pixels[image, :, row, column] / 255).tolist())
        expected = colorsys.hsv_to_rgb(hue, saturation, min(value + 0.3, 1))
        assert (found[image, :, row, column] / 255).tolist() == pytest.approx(expected, abs=1e-9)


def test_plasma_is_diamond_square():
    """Point by point in plain loops over a torus, with the same uniform numbers."""
    size, decay, random = 16, 2.5, PositionRng(3)
    field, step, rough = np.zeros((size, size)), size, 100.0

    def fill(down, right, around):
        noise = iter(random.uniform(1, size // step, size // step).flatten().tolist())
        for row in range(0, size, step):
            for column in range(0, size, step):
                total = sum(field[(row + y) % size, (column + x) % size] for y, x in around)
                field[row + down, column + right] = total / 4 + rough**2 * (2 * next(noise) - 1)

    while step >= 2:
        half = step // 2
        fill(half, half, ((0, 0), (step, 0), (0, step), (step, step)))
        fill(0, half, ((half, half), (-half, half), (0, 0), (0, step)))
        fill(half, 0, ((half, half), (half, -half), (0, 0), (step, 0)))
        step, rough = half, rough / decay
    expected = (field - field.min()) / (field.max() - field.min())
    assert weather.plasma(1, size, decay, PositionRng(3))[0].numpy() == pytest.approx(expected, abs=1e-12)


def test_fog_keeps_the_brightest_level_in_range():
    """With the cloud at its highest the image's maximum is reached and not passed."""
    found = weather.fog(VALUES, (1.5, 2.0), PositionRng(0))
    highest = VALUES.amax(dim=(1, 2, 3))
    assert (found.amax(dim=(1, 2, 3)) <= highest + 1e-9).all()
    assert found.min() >= 0


def test_snow_whitens_and_adds_flakes_symmetric_under_half_a_turn():
    """On black what remains beside the whitening are the flakes, twice, the second time turned by 180 degrees."""
    black = torch.zeros(3, 3, 32, 32, dtype=torch.double)
    found = weather.snow(black, severity.setting("snow", 4, 32), PositionRng(1)) - 0.15 * 127.5
    assert torch.allclose(found, found.rot90(2, (-2, -1)))
    assert torch.equal(found[:, 0], found[:, 2])
    assert found.max() > 50


def blurred_by_a_kernel(image, radius, sigma, degrees):
    """Correlate every channel with the two-dimensional kernel of a half Gaussian along a line; edges repeat."""
    kernel = np.zeros((4 * radius + 1, 4 * radius + 1))
    for step in range(2 * radius + 1):
        right, down = (step * part(np.radians(degrees)) for part in (np.cos, np.sin))
        place = 2 * radius + np.ceil(np.array([down, right]) - 0.5).astype(int)
        kernel[tuple(place)] += np.exp(-0.5 * (step / sigma) ** 2)
    return np.stack([ndimage.correlate(channel, kernel / kernel.sum(), mode="nearest") for channel in image])


@pytest.mark.parametrize("level", SEVERITIES)
def test_motion_blur_is_a_correlation_with_its_kernel(level):
    """Scipy's correlation with the line's kernel gives the same levels, at angles within 45 degrees of the horizontal."""
    found = corrupt(IMAGES[:4], "motion_blur", level, seed=5, first=2).numpy()
    angles = 90 * PositionRng(5, 2).uniform(4).numpy().astype(float) - 45
    for image, mine, angle in zip(VALUES[:4].numpy(), found, angles, strict=True):
        expected = np.floor(blurred_by_a_kernel(image, *severity.setting("motion_blur", level, 32), angle) + 0.5)
        differs = np.abs(mine - expected)
        # A sum that falls on half a level may be rounded either way.
        assert (differs.max(), (differs > 0).mean()) <= (1, 1e-3)


@pytest.mark.parametrize("size", [16, 48])
def test_contrast_in_closed_form(size):
    """Each channel keeps its mean, its deviations shrink to the severity's share, and every level is rounded down."""
    images = torch.from_numpy(draw_images(3, size).images)
    clean = images.numpy().astype(float)
    for level in SEVERITIES:
        share = severity.setting("contrast", level, size)
        found = corrupt(images, "contrast", level).numpy()
        expected = share * clean + (1 - share) * clean.mean((2, 3), keepdims=True)
        assert np.array_equal(found, np.floor(expected + corruptions_noise.ROUNDING))
        lost = clean.mean((2, 3)) - found.mean((2, 3))  # by rounding down
        assert lost.min() > -0.01
        assert lost.max() < 1
        assert found.std((2, 3)) == pytest.approx(share * clean.std((2, 3)), abs=0.5)


@pytest.mark.parametrize("level", [1, 2])
def test_snow_step_by_step(level):
    """Flakes, their motion blur and the whitening by numpy and scipy, at severities that do not enlarge the flakes."""
    mean, deviation, factor, threshold, radius, sigma, weight = severity.setting("snow", level, 32)
    assert factor == 1
    found = corrupt(IMAGES[:3], "snow", level, seed=9).numpy()
    random = PositionRng(9)
    flakes = mean + deviation * random.normal(3, 1, 32, 32).numpy().astype(float)
    flakes = np.floor(255 * np.clip(np.where(flakes < threshold, 0, flakes), 0, 1) + corruptions_noise.ROUNDING)
    angles = 90 * random.uniform(3).numpy().astype(float) - 135
    for image, fallen, angle, mine in zip(VALUES[:3].numpy(), flakes, angles, found, strict=True):
        flake = np.floor(blurred_by_a_kernel(fallen, radius, sigma, angle) + 0.5)
        grey = np.tensordot(weather.GREY, image, 1)
        white = weight * image + (1 - weight) * np.maximum(image, 1.5 * grey + 127.5)
        expected = np.floor(np.clip(white + flake + np.rot90(flake, 2, (1, 2)), 0, 255) + corruptions_noise.ROUNDING)
        assert np.abs(mine - expected).max() <= 2  # a flake's half level may be rounded either way, twice
        assert (mine != expected).mean() < 1e-2


@pytest.mark.parametrize("size", [32, 48])
def test_snow_only_brightens(size):
    """No pixel gets darker, at any severity, and the strongest severity is brighter than the mildest."""
    images = torch.from_numpy(draw_images(4, size).images)
    shifts = []
    for level in SEVERITIES:
        change = corrupt(images, "snow", level).double() - images
        assert change.min() >= 0
        shifts.append(change.mean().item())
    assert shifts[0] < shifts[4]


@pytest.mark.parametrize("size", [16, 48])
def test_frost_is_the_image_under_ice_that_does_not_depend_on_it(size):
    """What is not the kept share of the image is the seed's ice: the same over any image, pale blue, and in range."""
    images = torch.from_numpy(draw_images(2, size).images).double()
    for level in SEVERITIES:
        keep, cover = severity.setting("frost", level, size)
        ice = weather.frost(torch.zeros_like(images), (keep, cover), PositionRng(3))
        over = weather.frost(images, (keep, cover), PositionRng(3))
        assert torch.allclose(over - keep * images, ice)
        assert not torch.allclose(weather.frost(images, (keep, cover), PositionRng(4)), over)
        assert torch.allclose(ice, ice[:, 2:] * ice.new_tensor(weather.ICE)[:, None, None])
        assert ice.min() >= 0
        assert ice.max() <= 255 * cover
        assert ice.std() > 0.1 * 255 * cover


@pytest.mark.parametrize("size", [32, 48])
def test_frost_hides_more_with_severity(size):
    """From each severity to the next less of what is seen is the image: its share of the variance falls."""
    images = torch.from_numpy(draw_images(8, size).images)
    shares = []
    for level in SEVERITIES:
        frosted = corrupt(images, "frost", level).double().flatten()
        shares.append(torch.corrcoef(torch.stack([frosted, images.double().flatten()]))[0, 1].item() ** 2)
    assert shares == sorted(shares, reverse=True)
    assert shares[4] < 0.8 * shares[0]


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_large_batches_are_corrupted_in_parts(name, monkeypatch):
    """A batch beyond the numbers that are held at once is cut, and gives the same images; none at all gives none."""
    expected, held = corrupt(IMAGES, name, 3, seed=7, first=4), []
    monkeypatch.setattr(corruptions, "NUMBERS_AT_ONCE", 5 * 3 * 32 * 32 + 1)
    function = corruptions.FUNCTIONS[name]
    monkeypatch.setitem(corruptions.FUNCTIONS, name, lambda x, *given: held.append(len(x)) or function(x, *given))
    assert torch.equal(corrupt(IMAGES, name, 3, seed=7, first=4), expected)
    assert held == [5, 5, 2]
    assert corrupt(IMAGES[:0], name, 3).shape == (0, 3, 32, 32)


def test_elastic_transform_without_displacement_is_an_affine_map():
    """The three moved points carry the colours of the points they came from; scipy agrees on the whole image."""
    image = VALUES[:1]
    found = elastic_transform(image, (0.0, 0.0, 0.08), PositionRng(4))
    moved = 16 + 10 * np.array([[1, 1], [1, -1], [-1, -1]], float)
    target = moved + 0.08 * 32 * (2 * PositionRng(4).uniform(1, 3, 2).numpy()[0].astype(float) - 1)
    back = np.linalg.solve(np.column_stack([target, np.ones(3)]), moved)
    y, x = np.mgrid[:32, :32]
    source = np.stack([x, y, np.ones_like(x)], axis=-1) @ back
    expected = ndimage.map_coordinates(image[0, 0].numpy(), [source[..., 1], source[..., 0]], order=1, mode="mirror")
    assert found[0, 0].numpy() == pytest.approx(expected, abs=1e-6)


def test_elastic_displacement_is_scipys():
    """Without the affine part the image is read at smoothly displaced places."""
    image = VALUES[:1]
    found = elastic_transform(image, (0.1, 0.04, 0.0), PositionRng(4))
    random = PositionRng(4)
    random.uniform(1, 3, 2)
    noise = 2 * random.uniform(1, 2, 32, 32)[0].numpy().astype(float) - 1
    right, down = (3.2 * ndimage.gaussian_filter(each, 1.28, mode="reflect", truncate=3) for each in noise)
    y, x = np.mgrid[:32, :32]
    expected = ndimage.map_coordinates(image[0, 1].numpy(), [y + down, x + right], order=1, mode="reflect")
    assert found[0, 1].numpy() == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("share", [0.95, 0.75, 0.4, 0.25])
def test_pixelate_is_pillows(share):
    """Level by level, the rounding between Pillow's passes included."""
    small = int(32 * share)
    found = pixelate(VALUES, share, PositionRng(0)).numpy()
    for image, mine in zip(IMAGES, found, strict=True):
        picture = Image.fromarray(image.permute(1, 2, 0).numpy())
        picture = picture.resize((small, small), Image.Resampling.BOX).resize((32, 32), Image.Resampling.BOX)
        assert np.array_equal(np.asarray(picture).transpose(2, 0, 1), mine)


def decoded(image, quality):
    file = io.BytesIO()
    Image.fromarray(image.permute(1, 2, 0).numpy()).save(file, "JPEG", quality=quality)
    return np.asarray(Image.open(file)).transpose(2, 0, 1).astype(float)


@pytest.mark.parametrize("quality", [80, 40, 10])
@pytest.mark.parametrize("size", [32, 21])
def test_jpeg_is_close_to_the_ijg_library(quality, size):
    """Ours and Pillow's differ by coefficients on the edge of two steps only: far less than either loses."""
    images = SMOOTH[:, :, :size, :size]
    found = jpeg_compression(images.double(), quality).numpy()
    expected = np.stack([decoded(image, quality) for image in images])
    loss = np.square(expected - images.numpy().astype(float)).mean()
    # The library's integer transform knows a coefficient to about 1/8; near-ties at the smallest steps (4 at quality 80)
    # then fall otherwise in a few per cent of the coefficients, each worth up to twelve times the mean loss.
    assert np.square(found - expected).mean() < (0.2 if quality == 80 else 0.1) * loss
    assert (found == expected).mean() > 0.7


def test_bad_requests_are_refused():
    """Unknown corruption, impossible severity, images of another kind."""
    with pytest.raises(VitworkError, match="no corruption called 'rain'"):
        corrupt(IMAGES, "rain", 1)
    with pytest.raises(VitworkError, match="from 1 to 5"):
        corrupt(IMAGES, "fog", 6)
    with pytest.raises(ValueError, match="expected uint8"):
        corrupt(VALUES, "fog", 1)
