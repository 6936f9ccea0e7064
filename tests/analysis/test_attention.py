"""Attention weights: matrices with known response, definitions by loops, and what softmax attention cannot do."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tests.analysis.hand_made import batches, block, conv_net, token_net
from vitwork.analysis import attention
from vitwork.analysis.observe import evaluating
from vitwork.errors import VitworkError

SIDE = 6
N = SIDE * SIDE


def random_weights(*shape, seed=0, sharpness=2.0):
    generator = torch.Generator().manual_seed(seed)
    return (sharpness * torch.randn(*shape, generator=generator, dtype=torch.float64)).softmax(-1)


def circulant(kernel):
    """Attention of every place to its neighbours on the torus: {offset: weight}."""
    weights = torch.zeros(N, N, dtype=torch.float64)
    for y in range(SIDE):
        for x in range(SIDE):
            for (dy, dx), weight in kernel.items():
                weights[y * SIDE + x, (y + dy) % SIDE * SIDE + (x + dx) % SIDE] += weight
    return weights


def mode(ky, kx):
    place = np.arange(SIDE)
    return np.exp(2j * math.pi * (ky * place[:, None] + kx * place) / SIDE).ravel()


def by_rings(power):
    """Root mean power over rings of the full plane, by loops."""
    ring = {}
    for ky in range(SIDE):
        for kx in range(SIDE):
            radius = math.hypot(min(ky, SIDE - ky), min(kx, SIDE - kx))
            ring.setdefault(round(radius), []).append(power(ky, kx))
    return np.sqrt([np.mean(ring[r]) for r in sorted(ring)])


@pytest.mark.parametrize("seed", range(3))
def test_spectra_match_their_definitions(seed):
    """Gain, transfer and emitted are what applying the matrix to each Fourier mode and to white noise gives."""
    weights = random_weights(N, N, seed=seed)
    a = weights.numpy()
    found = attention.spectra(weights)
    gain = by_rings(lambda *k: np.mean(np.abs(a @ mode(*k)) ** 2))
    transfer = by_rings(lambda *k: np.abs(mode(*k).conj() @ a @ mode(*k) / N) ** 2)
    # White noise of unit variance has the identity as covariance.
    emitted = by_rings(lambda *k: np.real(mode(*k).conj() @ a @ a.T @ mode(*k)) / N)
    np.testing.assert_allclose(found["gain"], gain, atol=1e-12)
    np.testing.assert_allclose(found["transfer"], transfer, atol=1e-12)
    np.testing.assert_allclose(found["emitted"], emitted, atol=1e-12)


def test_identity_uniform_and_shift():
    """Identity passes everything, uniform only the mean, a shift everything in place, a shuffle in other places."""
    eye = torch.eye(N, dtype=torch.float64)
    ones = torch.ones(5, dtype=torch.float64)
    only_mean = torch.tensor([1.0, 0, 0, 0, 0], dtype=torch.float64)
    shuffle = eye[torch.randperm(N, generator=torch.Generator().manual_seed(0))]
    for weights, expected in ((eye, ones), (torch.full_like(eye, 1 / N), only_mean), (circulant({(1, 2): 1}), ones)):
        for values in attention.spectra(weights).values():
            torch.testing.assert_close(values, expected, atol=1e-7, rtol=0)
    shuffled = attention.spectra(shuffle)
    torch.testing.assert_close(shuffled["gain"], ones)
    assert shuffled["transfer"][1:].max() < 0.5


def test_a_blur_has_its_transfer_function():
    """Attention with the same small kernel everywhere has, in all three, that kernel's closed-form response."""
    weights = circulant({(0, 0): 0.5, (0, 1): 0.25, (0, -1): 0.25})
    expected = by_rings(lambda _, kx: (0.5 + 0.5 * math.cos(2 * math.pi * kx / SIDE)) ** 2)
    for values in attention.spectra(weights).values():
        np.testing.assert_allclose(values, expected, atol=1e-12)


@given(seed=st.integers(0, 999), sharpness=st.floats(0, 8))
def test_attention_never_amplifies_a_frequency(seed, sharpness):
    """Rows that sum to one give gain 1 at frequency 0 and at most 1 anywhere; the part in place is never larger."""
    found = attention.spectra(random_weights(N, N, seed=seed, sharpness=sharpness))
    assert found["gain"][0] == pytest.approx(1)
    assert found["gain"].max() <= 1 + 1e-12
    assert (found["transfer"] <= found["gain"] + 1e-12).all()
    assert found["emitted"][0] >= 1 - 1e-12


@given(seed=st.integers(0, 999), n=st.integers(2, 12), sharpness=st.floats(0, 20))
def test_softmax_is_row_stochastic(seed, n, sharpness):
    """Softmax weights are non-negative and sum to one; a broken row or a negative weight is measured."""
    weights = random_weights(2, n, n, seed=seed, sharpness=sharpness)
    assert attention.stochastic_error(weights) < 1e-12
    assert attention.stochastic_error(weights * 1.1) == pytest.approx(0.1)
    moved = weights.clone()
    moved[0, 0, 0] -= 2
    moved[0, 0, 1] += 2
    assert attention.stochastic_error(moved) == pytest.approx(-moved.min().item())


@given(seed=st.integers(0, 999))
def test_outputs_lie_in_the_hull_of_the_values(seed):
    """No direction separates averages from the values; extrapolated points stick out."""
    generator = torch.Generator().manual_seed(seed)
    values = torch.randn(2, 9, 3, generator=generator, dtype=torch.float64)
    directions = torch.randn(200, 3, generator=generator, dtype=torch.float64)
    outputs = random_weights(2, 9, 9, seed=seed) @ values
    assert attention.hull_excess(values, outputs, directions).max() <= 1e-12
    outside = 3 * values - 2 * values.mean(1, keepdim=True)
    assert (attention.hull_excess(values, outside, directions).amax(-1) > 0).all()


@given(seed=st.integers(0, 999), n=st.integers(2, 10))
def test_repeated_attention_converges_to_a_constant(seed, n):
    """Each application shrinks the range over tokens by the contraction coefficient at least, so it vanishes."""
    weights = random_weights(n, n, seed=seed, sharpness=1.0)
    x = torch.randn(n, 4, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    found = attention.ranges(weights, x, steps=200)
    tau = attention.contraction(weights)
    assert 0 <= tau < 1
    assert (found[1:] <= tau * found[:-1] + 1e-12).all()
    assert found[-1].max() < 1e-3 * found[0].max()


def test_contraction_of_extremes():
    """The coefficient is 1 for permutations, 0 for identical rows, and half the largest distance of rows between."""
    assert attention.contraction(torch.eye(4)).item() == 1
    assert attention.contraction(torch.full((3, 4, 4), 0.25)).tolist() == [0, 0, 0]
    weights = torch.tensor([[0.5, 0.5, 0], [0.5, 0.25, 0.25], [0, 0.5, 0.5]])
    assert attention.contraction(weights).item() == pytest.approx(0.5)


def test_effective_rank_of_extremes():
    """n for a permutation, 1 for identical rows, k for k equal singular values."""
    assert attention.effective_rank(torch.eye(7)).item() == pytest.approx(7, rel=1e-5)
    assert attention.effective_rank(random_weights(1, 9).expand(9, 9)).item() == pytest.approx(1, abs=1e-5)
    halves = torch.block_diag(torch.full((3, 3), 1 / 3), torch.full((3, 3), 1 / 3))
    assert attention.effective_rank(halves).item() == pytest.approx(2, rel=1e-4)


def test_distance_and_entropy_of_extremes():
    """Identity looks nowhere, a shift one step, uniform attention over the whole grid."""
    eye, uniform = torch.eye(N), torch.full((N, N), 1 / N)
    found = attention.statistics(torch.stack([eye, uniform])[None])
    place = [(i // SIDE, i % SIDE) for i in range(N)]
    mean = np.mean([math.dist(a, b) for a in place for b in place])
    assert found["distance"][0].tolist() == pytest.approx([0, mean])
    assert found["entropy"][0].tolist() == pytest.approx([0, math.log(N)], rel=1e-5)
    assert found["elsewhere"].abs().max() < 1e-6


def test_class_tokens_and_padding_are_elsewhere():
    """Weight on class tokens and on padding is told apart; distance is among the grid, entropy over all keys."""
    grid = random_weights(2, 3, N, N)
    weights = torch.zeros(2, 3, N + 1, N + 2, dtype=torch.float64)
    weights[..., 1:, 0], weights[..., 1:, -1], weights[..., 1:, 1:-1] = 0.2, 0.1, 0.7 * grid
    weights[..., 0, 0] = 1
    plain, found = attention.statistics(grid), attention.statistics(weights, prefix=1)
    torch.testing.assert_close(found["distance"], plain["distance"])
    torch.testing.assert_close(found["elsewhere"], torch.full((2, 3), 0.3, dtype=torch.float64))
    mixing = -sum(p * math.log(p) for p in (0.2, 0.1, 0.7))
    torch.testing.assert_close(found["entropy"], 0.7 * plain["entropy"] + mixing)
    torch.testing.assert_close(found["gain"], 0.7 * plain["gain"])
    for shape, prefix in (((1, 1, 5, 5), 0), ((1, 1, 9, 4), 0), ((1, 1, 1, 1), 1)):
        with pytest.raises(ValueError, match="square"):
            attention.statistics(torch.ones(shape), prefix)


@pytest.mark.parametrize("prefix", [0, 1])
def test_describe_is_the_mean_of_statistics(prefix):
    """Every msa block's weights are described for its own input; ragged batches and parts change nothing."""
    blocks, data = token_net(prefix), batches(7, 4)
    found = attention.describe(blocks, data, images_at_once=3, rank_images=5)
    assert (found.blocks, found.sides) == (("0.msa", "1.msa"), (8, 8))
    with evaluating(blocks):
        x = torch.cat([x for x, _ in data])
        for b in blocks[:3]:
            x = b.module(x)
        weights = blocks[3].attention(x)
    expected = attention.statistics(weights, prefix)
    for name in ("distance", "entropy", "elsewhere"):
        np.testing.assert_allclose(getattr(found, name)[1], expected[name].mean(0), rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(found.effective_rank[1], expected["effective_rank"][:5].mean(0), rtol=1e-3)
    for name in ("gain", "transfer", "emitted"):
        np.testing.assert_allclose(getattr(found, name)[1], expected[name].mean((0, 1)), rtol=1e-4, atol=1e-6)
    assert found.frequencies[1].tolist() == pytest.approx([0, 0.25, 0.5, 0.75, 1, 1.25, 1.5])
    assert (found.distance_error[1] > 0).all()
    assert (found.elsewhere[1] > 0).all() == (prefix == 1)


def test_windows_and_constant_weights():
    """Windows are averaged within their image; weights that no image changes have no error."""
    base = token_net(0)
    windows = random_weights(4 * 4, 2, 16, 16).float()
    msa = dataclasses.replace(base[1], attention=lambda x: windows[: 4 * len(x)] if len(x) == 4 else windows[:4])
    found = attention.describe([base[0], msa], batches(4, 4), rank_images=4)
    expected = attention.statistics(windows)["distance"]
    np.testing.assert_allclose(found.distance[0], expected.mean(0), rtol=1e-5)
    per_image = expected.reshape(4, 4, 2).mean(1)
    np.testing.assert_allclose(found.distance_error[0], per_image.std(0) / 2, rtol=1e-4)
    constant = dataclasses.replace(base[1], attention=lambda x: windows[:1])
    once = attention.describe([base[0], constant], batches(4, 4))
    np.testing.assert_allclose(once.distance[0], expected[0], rtol=1e-5)
    assert once.distance_error[0].max() < 1e-7


def test_what_tells_no_weights_is_left_out():
    """Blocks with unknown or unfit weights are named; a network with nothing else is an error."""
    base = token_net(0)
    silent = dataclasses.replace(base[3], attention=None)
    unfit = dataclasses.replace(base[3], name="unfit", attention=lambda x: torch.full((len(x), 1, 64, 7), 1 / 7))
    found = attention.describe([*base[:3], silent, unfit], batches(3, 3))
    assert (found.blocks, found.left_out) == (("0.msa",), ("1.msa", "unfit"))
    assert block("x", torch.nn.Identity()).attention is None
    with pytest.raises(VitworkError):
        attention.describe(conv_net(), batches(2, 2))


def below_zero(weights):
    """Weight moved from every place to the next one, a little more than there is."""
    own = weights * torch.eye(64)[None, :, :, None]
    return weights + 1.001 * (own.roll(1, 2) - own)


CHANGES = {  # of (b, queries, keys, heads)
    "heads mixed": lambda weights: weights @ torch.tensor([[1.5, -0.5], [-0.5, 1.5]]),
    "gated": lambda weights: weights * torch.tensor([0.9, 1.1]),
    "over queries": lambda weights: weights / weights.sum(1, keepdim=True),
    "with identity": lambda weights: weights + torch.eye(64)[None, :, :, None],
    "thresholded": lambda weights: (weights - 1e-2).relu(),
    "below zero": below_zero,
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_weights_that_are_no_probabilities_are_left_out(change):
    """Attention whose rows do not sum to one, or fall below zero, is named and not described, and no other block with it."""
    base = token_net(0)
    told = base[3].attention

    def changed(x):
        return change(torch.cat([told(x), told(x.flip(1))], 1).movedim(1, -1)).movedim(-1, 1)

    blocks = [*base[:3], dataclasses.replace(base[3], attention=changed), *base[4:]]
    found = attention.describe(blocks, batches(4, 2))
    assert (found.blocks, found.left_out) == (("0.msa",), ("1.msa",))
    with pytest.raises(VitworkError, match="no probabilities"):
        attention.describe([*blocks[:1], *blocks[2:]], batches(4, 2))


def test_weights_rounded_to_half_precision_are_probabilities():
    """Rounding leaves rows that miss one by a little, and they are described."""
    base = token_net(0)
    rounded = dataclasses.replace(base[1], attention=lambda x: base[1].attention(x).bfloat16())
    assert attention.describe([base[0], rounded], batches(4, 4)).left_out == ()


@pytest.mark.parametrize("precision", [torch.float16, torch.bfloat16])
def test_weights_of_half_precision_are_transformed_in_single(precision):
    """Torch has neither distances nor transforms in half precision on a CPU."""
    weights = torch.softmax(torch.randn(2, 2, 16, 16, generator=torch.Generator().manual_seed(0)), -1).to(precision)
    assert torch.equal(attention.contraction(weights), attention.contraction(weights.float()))
    for found, wanted in zip(
        attention.spectra(weights).values(), attention.spectra(weights.float()).values(), strict=True
    ):
        assert torch.equal(found, wanted)
