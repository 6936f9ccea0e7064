"""CKA: the feature formula, HSIC, invariances, unbiasedness, and the block score."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tests.analysis.hand_made import Call, batches, block, conv_net, in_layout, token_net
from vitwork.analysis import similarity
from vitwork.device.memory import Cost
from vitwork.errors import VitworkError


def pair(n=12, p=5, q=7, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((n, p))
    return x, np.tanh(x @ rng.standard_normal((p, q))) + 0.3 * rng.standard_normal((n, q)) + 2


def by_features(x, y):
    """‖YᵀX‖² / (‖XᵀX‖ ‖YᵀY‖) with centred columns, the other way round from the implementation."""
    x, y = x - x.mean(0), y - y.mean(0)
    return np.linalg.norm(y.T @ x) ** 2 / np.linalg.norm(x.T @ x) / np.linalg.norm(y.T @ y)


def hsic(k, m):
    """The unbiased estimator as its definition has it (Song et al. 2012)."""
    n = len(k)
    k, m = k - np.diag(np.diag(k)), m - np.diag(np.diag(m))
    one = np.ones(n)
    last = 2 * one @ k @ m @ one / (n - 2)
    return (np.trace(k @ m) + (one @ k @ one) * (one @ m @ one) / (n - 1) / (n - 2) - last) / n / (n - 3)


@given(n=st.integers(2, 20), p=st.integers(1, 30), q=st.integers(1, 30), seed=st.integers(0, 99))
def test_cka_matches_the_feature_formula(n, p, q, seed):
    """Through inner products of examples or of features, CKA is the same number."""
    x, y = pair(n, p, q, seed)
    assert similarity.cka(torch.from_numpy(x), torch.from_numpy(y)) == pytest.approx(by_features(x, y), abs=1e-9)


@given(scale=st.floats(0.01, 100), shift=st.floats(-10, 10), seed=st.integers(0, 99))
def test_cka_invariances(scale, shift, seed):
    """Rotation, isotropic scaling, a shift and a common order of examples leave CKA alone; an unequal scaling does not."""
    x, y = map(torch.from_numpy, pair(seed=seed))
    generator = torch.Generator().manual_seed(seed)
    rotation, _ = torch.linalg.qr(torch.randn(5, 5, generator=generator, dtype=torch.float64))
    order = torch.randperm(12, generator=generator)
    value = similarity.cka(x, y)
    assert similarity.cka(scale * x @ rotation + shift, y) == pytest.approx(value, abs=1e-9)
    assert similarity.cka(x[order], y[order]) == pytest.approx(value, abs=1e-9)
    assert similarity.cka(y, x) == pytest.approx(value, abs=1e-12)
    assert similarity.cka(x, 3 * x) == pytest.approx(1)
    assert 0 <= value <= 1
    stretched = x * torch.tensor([1, 1, 1, 1, 30.0])
    assert abs(similarity.cka(stretched, y) - value) > 1e-3


def test_cka_flattens_feature_maps():
    """A feature map counts as a vector of all its entries."""
    x, y = torch.randn(6, 3, 4, 4), torch.randn(6, 10, 2)
    assert similarity.cka(x, y) == pytest.approx(similarity.cka(x.flatten(1), y.flatten(1)))


def test_cka_in_single_precision_beside_a_large_mean():
    """A mean a thousand times the variation costs no digits that matter."""
    x, y = map(torch.from_numpy, pair(40))
    found = similarity.cka((x + 1000).float(), (y - 1000).float())
    assert found == pytest.approx(by_features(x.numpy(), y.numpy()), abs=1e-4)


def test_cka_of_nothing_and_of_other_examples():
    """A constant representation has no CKA; different numbers of examples are an error."""
    assert math.isnan(similarity.cka(torch.ones(5, 2), torch.randn(5, 2)))
    with pytest.raises(ValueError, match="same examples"):
        similarity.cka(torch.randn(5, 2), torch.randn(6, 2))


def test_gram_in_slices(monkeypatch):
    """Slicing the features to bound memory changes nothing."""
    x = torch.randn(6, 1000, dtype=torch.float64)
    whole = similarity.gram(x)
    monkeypatch.setattr(similarity, "ELEMENTS_AT_ONCE", 100)
    torch.testing.assert_close(similarity.gram(x), whole)
    centred = x - x.mean(0)
    torch.testing.assert_close(whole, centred @ centred.T)


@given(n=st.integers(4, 15), seed=st.integers(0, 99))
def test_hsic_matches_its_definition(n, seed):
    """The inner product of U-centred matrices is the published estimator, on centred or raw inner products."""
    x, y = pair(n, seed=seed)
    k, m = x @ x.T, y @ y.T
    centred = [similarity.u_centred(torch.from_numpy(g)) for g in (k, m)]
    assert (centred[0] * centred[1]).sum() / n / (n - 3) == pytest.approx(hsic(k, m), abs=1e-9)
    assert centred[0].sum(0).abs().max() < 1e-9
    accumulator = similarity.MinibatchCKA()
    accumulator.update(torch.from_numpy(x), torch.from_numpy(y))
    expected = hsic(k, m) / math.sqrt(hsic(k, k) * hsic(m, m)) if hsic(m, m) > 0 else math.nan
    assert accumulator.matrix()[0, 1].item() == pytest.approx(expected, nan_ok=True)


def test_mini_batches_are_unbiased():
    """Averaged over every mini-batch of five of eight examples, HSIC is exactly that of all eight."""
    x, y = pair(8)
    k, m = x @ x.T, y @ y.T
    subsets = [list(subset) for subset in itertools.combinations(range(8), 5)]
    grams = [similarity.gram(torch.from_numpy(z)) for z in (x, y)]
    values = [
        (similarity.u_centred(grams[0][s][:, s]) * similarity.u_centred(grams[1][s][:, s])).sum() / 10 for s in subsets
    ]
    assert np.mean(values) == pytest.approx(hsic(k, m))


def test_independent_representations_are_not_alike():
    """With more features than examples plain CKA says .9 for pure noise, the unbiased form says 0."""
    generator = torch.Generator().manual_seed(0)
    accumulator, plain = similarity.MinibatchCKA(), []
    for _ in range(20):
        x, y = (torch.randn(16, 150, generator=generator) for _ in range(2))
        accumulator.update(x, y)
        plain.append(similarity.cka(x, y))
    assert np.mean(plain) > 0.8
    assert abs(accumulator.matrix()[0, 1].item()) < 0.05


def test_ragged_batches_are_weighted_by_size():
    """A short batch counts by its images; one below four images has no estimate and is reported."""
    accumulator = similarity.MinibatchCKA()
    parts = [tuple(map(torch.from_numpy, pair(n, seed=n))) for n in (12, 5, 3)]
    for x, y in parts:
        accumulator.update(x, y)
    total = np.zeros((2, 2))
    for part in parts[:2]:
        grams = [(z @ z.T).numpy() for z in part]
        total += len(part[0]) * np.array([[hsic(a, b) for b in grams] for a in grams])
    assert accumulator.matrix()[0, 1] == pytest.approx(total[0, 1] / math.sqrt(total[0, 0] * total[1, 1]))
    assert (accumulator.examples, accumulator.left_out) == (17, 3)
    with pytest.raises(VitworkError):
        similarity.MinibatchCKA().matrix()


@pytest.mark.parametrize("net", [conv_net, token_net])
def test_matrix_of_a_network(net):
    """The matrix is symmetric with ones on its diagonal, leaves logits out, and holds the accumulator's numbers."""
    blocks, data = net(), batches(24, 8)
    found = similarity.matrix(blocks, data)
    assert found.blocks == tuple(b.name for b in blocks[:-1])
    torch.testing.assert_close(found.cka, found.cka.T)
    torch.testing.assert_close(found.cka.diagonal(), torch.ones(len(blocks) - 1, dtype=torch.float64))
    accumulator = similarity.MinibatchCKA()
    with torch.no_grad():
        for x, _ in data:
            first = blocks[0].module(x)
            accumulator.update(first, blocks[1].module.eval()(first))
    assert found.cka[0, 1] == pytest.approx(accumulator.matrix()[0, 1].item(), abs=1e-6)


def test_layouts_and_selection():
    """Layout does not matter to CKA; a selection can leave class tokens or whole blocks out."""
    functions, data = [torch.tanh, torch.relu, lambda x: x.cumsum(-1)], batches(12, 6)
    expected = similarity.matrix(in_layout(functions, "nchw"), data).cka
    for layout in ("nhwc", "tokens"):
        torch.testing.assert_close(similarity.matrix(in_layout(functions, layout), data).cka, expected)
    maps = similarity.matrix(token_net(), data, select=lambda b, x: b.feature_map(x) if b.kind == "msa" else None)
    assert maps.blocks == ("0.msa", "1.msa")
    with pytest.raises(VitworkError):
        similarity.matrix([block("a", Call(lambda x: x.flatten(1)), layout="vector")], data)


def made(cka, stages):
    names = tuple(map(str, range(len(stages))))
    return similarity.Similarity(
        names, ("conv",) * len(stages), stages, torch.as_tensor(cka), torch.as_tensor(cka)[None], 0, Cost(0, 0.0, None)
    )


def test_score_of_blocks():
    """A block-diagonal matrix scores its contrast, with or without matched distance; the stem does not count."""
    stages = (0, 1, 1, 1, 2, 2, 2)
    same = torch.tensor(stages)[:, None] == torch.tensor(stages)
    blocks = made(torch.where(same, 0.9, 0.4).double().index_fill(0, torch.tensor([0]), 100.0), stages)
    assert blocks.within_minus_across() == pytest.approx(0.5)
    assert blocks.within_minus_across(same_distance=True) == pytest.approx(0.5)
    assert math.isnan(made(blocks.cka, (1,) * 7).within_minus_across())


@pytest.mark.parametrize("sizes", [(40, 25), (30, 12), (12, 5)])
def test_a_group_left_out_is_a_group_not_there(sizes):
    """CKA without each tenth of a mini-batch, or without a small one, is that of a pass over the other images."""
    parts = [tuple(map(torch.from_numpy, pair(n, seed=n))) for n in sizes]
    whole = similarity.MinibatchCKA()
    for x, y in parts:
        whole.update(x, y)
    expected = []
    for place, (x, _) in enumerate(parts):
        n = len(x)
        groups = np.array_split(np.arange(n), 10 if n >= 20 else 1)
        assert sum(map(len, groups)) == n
        edges = sorted({math.ceil(g * n / len(groups)) for g in range(len(groups) + 1)})
        for low, high in itertools.pairwise(edges):
            kept = [*range(low), *range(high, n)]
            without = similarity.MinibatchCKA()
            for other, (a, b) in enumerate(parts):
                chosen = kept if other == place else range(len(a))
                if len(chosen):
                    without.update(a[list(chosen)], b[list(chosen)])
            expected.append(without.matrix())
    torch.testing.assert_close(whole.jackknife(), torch.stack(expected))


def test_standard_error_is_the_spread_over_images():
    """Over independent draws of images the score spreads as its standard error says."""
    generator = torch.Generator().manual_seed(1)
    mixing = [torch.randn(6, 12, generator=generator) for _ in range(4)]
    stages, scores, errors = (1, 1, 2, 2), [], []
    for _ in range(150):
        common = torch.randn(60, 6, generator=generator)
        accumulator = similarity.MinibatchCKA()
        noisy = [common @ mix + torch.randn(60, 12, generator=generator) for mix in mixing]
        accumulator.update(*noisy)
        found = replace(made(accumulator.matrix(), stages), jackknife=accumulator.jackknife())
        scores.append(found.within_minus_across())
        errors.append(found.standard_error())
    assert np.sqrt(np.mean(np.square(errors))) == pytest.approx(np.std(scores, ddof=1), rel=0.25)
    assert math.isnan(made(found.cka, stages).standard_error())


def test_score_without_stages():
    """Where similarity only falls with distance, the plain score is fooled and the matched one is 0."""
    place = torch.arange(9.0, dtype=torch.float64)
    smooth = made((-(place[:, None] - place).abs() / 3).exp(), similarity.pseudo_stages(9, 3, stem=0))
    assert smooth.within_minus_across() > 0.2
    assert smooth.within_minus_across(same_distance=True) == pytest.approx(0)


def test_pseudo_stages():
    """Blocks after the stem are cut into equal parts."""
    assert similarity.pseudo_stages(9, 4) == (0, 1, 1, 2, 2, 3, 3, 4, 4)
    assert set(similarity.pseudo_stages(12, 4)) == {0, 1, 2, 3, 4}


def test_images_of_small_mini_batches_are_counted():
    """A last mini-batch that is too small for the estimate is passed, not compared, and said to be left out."""
    found = similarity.matrix(conv_net(), batches(11, 8))
    assert (found.cost.images, found.left_out) == (11, 3)
    assert torch.equal(found.cka, similarity.matrix(conv_net(), batches(11, 8)[:1]).cka)
