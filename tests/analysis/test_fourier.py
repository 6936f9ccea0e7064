"""Δ log amplitude: golden numbers, numpy's transform, and signals and filters with known Fourier content."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
import scipy.stats
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from tests.analysis.hand_made import Call, batches, block, conv_net, images, in_layout, token_net
from vitwork.analysis import fourier
from vitwork.errors import UnfitError, VitworkError

CASES = json.loads((Path(__file__).parent / "golden" / "feature_maps.json").read_text())


def latent(case):
    noise = np.random.RandomState(case["seed"]).standard_normal(case["shape"]).astype(np.float32)
    return torch.from_numpy(noise).cumsum(-1)


def by_numpy(z):
    """Every frequency's log amplitude per image and channel, shifted as in the paper's definition."""
    return np.fft.fftshift(np.log(np.abs(np.fft.fft2(z)) + 1e-6), axes=(-2, -1))


def wave(side, k, phase=0.3):
    """cos(2πk(x + y)/side + phase), (1, 1, side, side)."""
    i = torch.arange(side, dtype=torch.float64)
    return (2 * math.pi * k * (i[:, None] + i) / side + phase).cos()[None, None]


def circular(kernel):
    """Convolution of every channel with a 3 × 3 kernel on the torus, whose transfer function is exact."""

    def function(x):
        weight = torch.tensor(kernel, dtype=x.dtype).expand(x.shape[1], 1, 3, 3)
        return nn.functional.conv2d(nn.functional.pad(x, (1, 1, 1, 1), mode="circular"), weight, groups=x.shape[1])

    return function


BLUR = np.outer([0.25, 0.5, 0.25], [0.25, 0.5, 0.25])
SHARPEN = 0.5 * np.array([[0, -1, 0], [-1, 4, -1], [0, -1, 0]]) + np.array([[0, 0, 0], [0, 1, 0], [0, 0, 0]])


@pytest.mark.parametrize("case", CASES, ids=lambda case: str(case["shape"]))
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_golden(case, dtype):
    """The official code's numbers are met to 1e-6, for maps and tokens, even and odd sides."""
    found = fourier.delta_log_amplitude(latent(case).to(dtype))
    np.testing.assert_allclose(found, case["delta_log_amplitude"], atol=1e-6)


@given(side=st.integers(3, 20), seed=st.integers(0, 99))
def test_diagonal_matches_numpy(side, seed):
    """The matrix product gives the half-diagonal of numpy's transform."""
    z = images(2, side=side, seed=seed).double()
    expected = np.diagonal(by_numpy(z.numpy()), axis1=-2, axis2=-1)[..., side // 2 :].mean(1)
    np.testing.assert_allclose(fourier.diagonal_log_amplitude(z), expected, atol=1e-9)


@given(height=st.integers(3, 14), width=st.integers(3, 14), seed=st.integers(0, 99))
def test_rings_match_a_count_over_the_plane(height, width, seed):
    """The radial average is the plain mean over all frequencies of the full plane that fall into a ring."""
    z = torch.randn(2, 3, height, width, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    amplitude = np.log(np.abs(np.fft.fft2(z.numpy())) + 1e-6).mean(1)
    shorter = min(height, width)
    radius = np.hypot(np.fft.fftfreq(height)[:, None] * shorter, np.fft.fftfreq(width) * shorter)
    ring = np.round(radius).astype(int)
    expected = [amplitude[:, ring == r].mean(1) for r in range(ring.max() + 1)]
    np.testing.assert_allclose(fourier.radial_log_amplitude(z), np.stack(expected, 1), atol=1e-9)


@pytest.mark.parametrize(("side", "k"), [(8, 1), (8, 3), (16, 5), (7, 2)])
@pytest.mark.parametrize("direction", ["diagonal", "radial"])
def test_a_wave_is_found_at_its_true_frequency(side, k, direction):
    """The label of the largest amplitude is the wave's angular frequency over π, √2 times that along a radius."""
    blocks = [block("wave", Call(lambda x: wave(side, k).expand(len(x), 2, -1, -1)))]
    found = fourier.log_amplitude(blocks, batches(2, 2), direction=direction)
    place = found.delta[0].argmax().item()
    turns = 2 * k / side * (math.sqrt(2) if direction == "radial" else 1)
    spacing = 2 / side
    assert found.frequencies[0][place] == pytest.approx(turns, abs=spacing / 2 if direction == "radial" else 1e-12)
    if direction == "diagonal":
        assert fourier.diagonal_log_amplitude(wave(side, k))[0, place] == pytest.approx(math.log(side**2 / 2), abs=1e-6)


@pytest.mark.parametrize("layout", ["nchw", "nhwc", "tokens"])
def test_filters_change_amplitudes_by_their_transfer_function(layout):
    """Identity changes nothing, a blur lowers and a Laplacian raises the last frequency by the filter's known gain."""
    blocks = in_layout([torch.tanh, lambda x: x, circular(BLUR), circular(SHARPEN)], layout)
    found = fourier.log_amplitude(blocks, batches(6, 4, side=8))
    omega = math.pi * found.frequencies[0][-1].item()
    gains = [1.0, (0.5 + 0.5 * math.cos(omega)) ** 2, 1 + 2 - 2 * math.cos(omega)]
    values = [change.value for change in found.delta_changes]
    assert values == pytest.approx([math.log(gain) for gain in gains], abs=2e-4)
    assert values[1] < 0 < values[2]
    assert all(change.error < 1e-4 for change in found.delta_changes)


def test_relative_starts_at_the_first_frequency():
    """Relative amplitudes are Δ minus its second entry, so that a shift of the mean does not move them."""
    found = fourier.log_amplitude(conv_net(), batches(5, 3))
    for delta, relative in zip(found.delta, found.relative, strict=True):
        torch.testing.assert_close(relative, delta - delta[1])
    shifted = [block("a", nn.Identity()), block("b", Call(lambda x: x + 3))]
    changes = fourier.log_amplitude(shifted, batches(5, 3))
    assert changes.relative_changes[0].value == pytest.approx(0, abs=1e-4)
    assert changes.delta_changes[0].value < -1


@given(scale=st.floats(0.1, 100), roll=st.tuples(st.integers(0, 7), st.integers(0, 7)), seed=st.integers(0, 99))
def test_scale_place_and_order_do_not_matter(scale, roll, seed):
    """Δ is the same for a scaled, circularly shifted, transposed map and for permuted images and channels."""
    z = images(4, side=8, seed=seed).double() + 1
    moved = scale * z.roll(roll, (2, 3)).mT.flip(0)[:, [2, 0, 1]]
    np.testing.assert_allclose(fourier.delta_log_amplitude(moved), fourier.delta_log_amplitude(z), atol=1e-3)


@pytest.mark.parametrize("side", [8, 9])
def test_hann_window_by_definition(side):
    """The window tapers the map without its weighted mean, which the zero frequency alone keeps."""
    z = images(2, side=side).double().numpy() + 5
    taper = np.sin(math.pi * (np.arange(side) + 0.5) / side) ** 2
    weights = np.outer(taper, taper)
    mean = (z * weights).sum((2, 3), keepdims=True) / weights.sum()
    plane = np.abs(np.fft.fft2((z - mean) * weights))
    plane[..., 0, 0] = (z * weights).sum((2, 3))
    expected = np.log(plane + 1e-6).mean(1)
    k = np.arange(math.ceil(side / 2))
    torch_z = torch.from_numpy(z)
    np.testing.assert_allclose(fourier.diagonal_log_amplitude(torch_z, "hann"), expected[:, k, k], atol=1e-8)
    rings = fourier.radial_log_amplitude(torch_z, "hann")
    np.testing.assert_allclose(rings[:, 0], expected[:, 0, 0], atol=1e-8)
    ring_one = np.stack([expected[:, i, j] for i in (-1, 0, 1) for j in (-1, 0, 1) if (i, j) != (0, 0)]).mean(0)
    np.testing.assert_allclose(rings[:, 1], ring_one, atol=1e-8)


def test_hann_window_removes_what_borders_leak():
    """A product of ramps, smooth but for its border on the torus, has far fewer high frequencies with the window."""
    i = torch.arange(16, dtype=torch.float64)
    ramps = (i[:, None] * i)[None, None]
    for measure in (fourier.diagonal_log_amplitude, fourier.radial_log_amplitude):
        plain, tapered = measure(ramps)[0], measure(ramps, "hann")[0]
        assert tapered[7] - tapered[1] < plain[7] - plain[1] - 2


def test_official_labels_are_stretched():
    """An 8 × 8 map's last frequency is 0.75 π; the official axis calls it 1.0 π; the amplitudes are the same."""
    ours, theirs = (fourier.log_amplitude(token_net(), batches(3, 3), official=flag) for flag in (False, True))
    assert ours.frequencies[0].tolist() == [0, 0.25, 0.5, 0.75]
    assert theirs.frequencies[0].tolist() == pytest.approx([0, 1 / 3, 2 / 3, 1])
    assert all(torch.equal(a, b) for a, b in zip(ours.delta, theirs.delta, strict=True))
    with pytest.raises(VitworkError):
        fourier.log_amplitude(token_net(), batches(3, 3), official=True, direction="radial")


@pytest.mark.parametrize("direction", ["diagonal", "radial"])
def test_means_and_errors_are_over_images(direction):
    """Mini-batches are no unit: ragged ones give the numbers that scipy gives over all images."""
    blocks, data = conv_net(), batches(7, 3)
    found = fourier.log_amplitude(blocks, data, direction=direction)
    stem = blocks[0].module(torch.cat([x for x, _ in data])).detach().double()
    measure = fourier.diagonal_log_amplitude if direction == "diagonal" else fourier.radial_log_amplitude
    values = measure(stem).numpy()
    delta = values - values[:, :1]
    np.testing.assert_allclose(found.delta[0], delta.mean(0), atol=1e-5)
    np.testing.assert_allclose(found.delta_error[0][1:], scipy.stats.sem(delta)[1:], rtol=1e-3)
    assert found.cost.images == 7


def test_changes_pair_images_and_mark_jumps():
    """A change's error is that of the differences image by image; downsampling is marked and left out of means."""
    blocks, data = conv_net(), batches(6, 6)
    found = fourier.log_amplitude(blocks, data)
    assert [change.name for change in found.delta_changes] == ["one", "two", "down", "three", "four"]
    assert [change.jump for change in found.delta_changes] == [False, False, True, False, False]
    for i, change in enumerate(found.delta_changes):
        assert change.value == pytest.approx((found.delta[i + 1][-1] - found.delta[i][-1]).item(), abs=1e-6)
    blurred = [block("a", nn.Identity()), block("b", Call(circular(BLUR)))]
    assert fourier.log_amplitude(blurred, batches(6, 6, side=8)).delta_changes[0].error < 1e-4


def test_a_map_without_a_second_frequency_has_no_change_relative_to_the_first():
    """On 4 × 4 positions the highest frequency is the first: relative to itself it changes by nothing, and is left out."""
    blocks = [block("a", nn.Identity()), block("b", Call(circular(BLUR)))]
    small, large = (fourier.log_amplitude(blocks, batches(3, 3, side=side)) for side in (4, 6))
    assert [change.name for change in small.delta_changes] == ["b"]
    assert small.relative_changes == ()
    assert [change.name for change in large.relative_changes] == ["b"]


def test_branch_is_compared_with_what_enters():
    """A residual block whose branch is a blur is low-pass in its branch, by the blur's gain."""

    class Blurred(nn.Module):
        def forward(self, x):
            return x + circular(BLUR)(x)

        def skip(self, x):
            return x

    blocks = [block("a", nn.Identity()), block("b", Blurred())]
    found = fourier.log_amplitude(blocks, batches(6, 6, side=8), part="branch")
    expected = 2 * math.log(0.5 + 0.5 * math.cos(0.75 * math.pi))
    assert found.delta_changes[0].value == pytest.approx(expected, abs=2e-3)


def test_maps_without_a_spectrum_are_left_out():
    """A 2 × 2 map is named as left out; a model with nothing else is an error in one sentence."""
    blocks = [block("a", nn.Identity()), block("b", nn.AdaptiveAvgPool2d(2)), block("c", nn.Upsample(scale_factor=4))]
    found = fourier.log_amplitude(blocks, batches(3, 3))
    assert (found.blocks, found.left_out) == (("a", "c"), ("b",))
    assert found.delta_changes == ()
    with pytest.raises(VitworkError):
        fourier.log_amplitude(blocks[1:2], batches(3, 3))


def test_oblong_maps_are_read_radially_only():
    """The diagonal of an oblong map is no direction of equal frequencies, so it is refused."""
    z = torch.randn(2, 3, 8, 12)
    blocks, oblong = [block("a", nn.Identity())], [(z, torch.zeros(2, dtype=torch.long))]
    for read in (lambda: fourier.delta_log_amplitude(z), lambda: fourier.log_amplitude(blocks, oblong)):
        with pytest.raises(UnfitError, match="a square feature map, not 8 × 12: read radially"):
            read()
    assert fourier.radial_log_amplitude(z).shape[0] == 2
    assert fourier.log_amplitude(blocks, oblong, direction="radial").blocks == ("a",)


def test_half_precision_is_summed_in_single():
    """Feature maps in bfloat16 are transformed in float32."""
    z = images(3).bfloat16()
    assert torch.equal(fourier.delta_log_amplitude(z), fourier.delta_log_amplitude(z.float()))


def test_misspelt_options_are_refused():
    """A direction or a window that does not exist is named beside those that do, and nothing is computed."""
    for options, words in (
        ({"direction": "diagnal"}, "direction is 'diagonal' or 'radial', not 'diagnal'"),
        ({"window": "han"}, "window is 'hann', not 'han'"),
    ):
        with pytest.raises(VitworkError, match=words):
            fourier.log_amplitude(token_net(), batches(3, 3), **options)
    for read in (fourier.diagonal_log_amplitude, fourier.radial_log_amplitude):
        with pytest.raises(VitworkError, match="window is 'hann', not ''"):
            read(images(2), "")
