"""Loss surfaces: closed forms, Hessian products, and the definitions of Li et al. (2018)."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from vitwork.analysis import targets
from vitwork.analysis.directions import normalised, principal_pair, random_pair
from vitwork.analysis.hessian import hvp, top_eigenvalues
from vitwork.analysis.landscape import fit, surface
from vitwork.analysis.robustness import noise_bands
from vitwork.errors import VitworkError
from vitwork.models import create


@pytest.fixture
def model():
    torch.manual_seed(0)
    layers = [nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Tanh(), nn.Dropout(0.5), nn.Flatten(), nn.Linear(64, 3)]
    return nn.Sequential(*layers).double()


@pytest.fixture
def batches():
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(7, 3, 6, 6, generator=generator, dtype=torch.float64)
    y = torch.randint(3, (7,), generator=generator)
    return [(x[:5], y[:5]), (x[5:], y[5:])]


def test_every_filter_is_as_long_as_the_weights(model):
    """Per-filter norms of a direction equal the model's; biases, norms and whatever is no filter stay still."""
    first, second = random_pair(model, 3)
    assert set(first) == {"0.weight", "5.weight"}
    for name, direction in first.items():
        weight = model.get_parameter(name).detach()
        torch.testing.assert_close(direction.flatten(1).norm(dim=1), weight.flatten(1).norm(dim=1))
        assert not torch.equal(direction, second[name])


def test_the_official_normalisation_is_another_one():
    """Along the first axis, as the paper's code does, position norms match and filter norms do not."""
    weight, direction = torch.randn(4, 5, generator=torch.Generator().manual_seed(0)), torch.ones(4, 5)
    official = normalised(direction, weight, official=True)
    torch.testing.assert_close(official.norm(dim=0), weight.norm(dim=0))
    assert not torch.allclose(official.norm(dim=1), weight.norm(dim=1))


def test_a_seed_names_its_directions(model):
    """The same seed gives the same directions, another seed others."""
    assert torch.equal(random_pair(model, 3)[0]["5.weight"], random_pair(model, 3)[0]["5.weight"])
    assert not torch.equal(random_pair(model, 3)[0]["5.weight"], random_pair(model, 4)[0]["5.weight"])


def test_the_middle_is_the_loss_and_the_corner_the_moved_loss(model, batches):
    """Every example weighs the same, rows are y and columns x, and L2 is half the squared norm."""
    pair = random_pair(model, 0)
    found = surface(model, batches, points=3, extent=0.5, directions=[pair])
    x, y = (torch.cat(parts) for parts in zip(*batches, strict=True))
    model.eval()
    torch.testing.assert_close(found.nll[0, 1, 1], F.cross_entropy(model(x), y))
    for name, weight in model.named_parameters():
        if name in pair[0]:
            weight.data += 0.5 * pair[0][name] - 0.5 * pair[1][name]
    torch.testing.assert_close(found.nll[0, 0, 2], F.cross_entropy(model(x), y))
    torch.testing.assert_close(found.l2[0, 0, 2], sum(w.square().sum() for w in model.parameters()) / 2)


def test_curvature_is_that_of_the_hessian(model, batches):
    """On a small patch the fitted second derivatives are dᵀHd of exact Hessian products, also for soft targets."""
    model.eval()
    soft = [(x, F.one_hot(y, 3).double() * 0.9 + 0.1 / 3) for x, y in batches]
    pair = random_pair(model, 5)
    found = surface(model, soft, points=5, extent=2e-3, directions=[pair]).curvature(1.0, weight_decay=0.1)
    flat = [
        torch.cat([d.get(name, torch.zeros_like(w)).flatten() for name, w in model.named_parameters()]) for d in pair
    ]
    products = [hvp(model, soft, v, weight_decay=0.1) for v in flat]
    expected = torch.stack([v @ p for v, p in zip(flat, products, strict=True)])
    torch.testing.assert_close(found.along[0], expected, rtol=1e-4, atol=0)
    torch.testing.assert_close(found.cross[0], flat[0] @ products[1], rtol=1e-3, atol=1e-4)


def test_a_quadratic_is_fitted_exactly_and_its_error_is_zero():
    """The fit returns the coefficients of a quadratic and leaves out what is infinite or too far."""
    axis = torch.linspace(-1, 1, 11).double()
    y, x = torch.meshgrid(axis, axis, indexing="ij")
    values = (1 + 2 * x - y + 3 * x**2 + 4 * y**2 + 5 * x * y)[None].clone()
    values[0, 5, 5] = float("inf")
    values[0, 0, 0] = 1e9
    found = fit(axis, axis, values, 0.6)
    torch.testing.assert_close(found.along[0], torch.tensor([6.0, 8.0]).double())
    torch.testing.assert_close(found.cross[0], torch.tensor(5.0).double())
    assert found.errors.max() < 1e-9
    with pytest.raises(VitworkError, match="seven finite values"):
        fit(axis, axis, values, 0.1)


def test_the_standard_error_covers_noise():
    """Over many noisy quadratics the estimates scatter as their standard errors say."""
    axis = torch.linspace(-1, 1, 7).double()
    y, x = torch.meshgrid(axis, axis, indexing="ij")
    noise = torch.randn(200, 7, 7, generator=torch.Generator().manual_seed(0)).double()
    found = fit(axis, axis, 3 * x**2 + 4 * y**2 + noise, 1.0)
    assert float(((found.along - torch.tensor([6.0, 8.0])) / found.errors).std()) == pytest.approx(1, abs=0.15)
    assert found.standard_error == pytest.approx(float(found.along.mean(dim=1).std()) / 200**0.5)
    assert abs(found.mean - 7) < 4 * found.standard_error


def test_confident_mistakes_stay_finite():
    """The loss of certain but wrong predictions is finite: log-sum-exp, never the log of a softmax."""
    model = nn.Sequential(nn.Flatten(), nn.Linear(4, 2))
    model[1].weight.data.copy_(torch.tensor([[1e4] * 4, [-1e4] * 4]))
    found = surface(model, [(torch.ones(3, 1, 2, 2), torch.ones(3, dtype=torch.long))], points=3, extent=0.1)
    assert torch.isfinite(found.nll).all()
    assert found.nll[0, 1, 1] == pytest.approx(8e4, rel=1e-4)


@torch.no_grad()
def test_recalibrated_statistics_are_those_of_the_batches(model, batches):
    """With equal batches, recalibrated BatchNorm gives the loss under the averaged batch statistics."""
    x, y = batches[0]
    found = surface(model, [(x, y)], points=1, extent=0.0, batchnorm="recalibrated")
    feature = F.conv2d(x, model[0].weight, model[0].bias)
    mean, variance = feature.mean((0, 2, 3)), feature.var((0, 2, 3))
    hidden = torch.tanh(F.batch_norm(feature, mean, variance, model[1].weight, model[1].bias))
    torch.testing.assert_close(found.nll[0, 0, 0], F.cross_entropy(model[5](hidden.flatten(1)), y))
    fixed = surface(model, [(x, y)], points=1, extent=0.0)
    assert not torch.isclose(found.nll, fixed.nll).item()


@torch.no_grad()
def test_scaling_a_layer_before_batchnorm_is_forgiven_only_by_recalibration(model, batches):
    """Rescaled weights before BatchNorm are the same function, which only recalibrated statistics see."""
    grow = {"0.weight": model[0].weight.detach().clone()}
    model[0].bias.data.zero_()
    still = {"0.weight": torch.zeros_like(model[0].weight)}
    options = {"points": 3, "extent": 0.9, "directions": [(grow, still)]}
    fixed = surface(model, batches[:1], **options).nll[0, 0]
    forgiven = surface(model, batches[:1], batchnorm="recalibrated", **options).nll[0, 0]
    assert float(forgiven[1:].std()) < 1e-4
    assert float(fixed[1:].std()) > 1e-3


@pytest.mark.parametrize("batchnorm", ["fixed", "recalibrated"])
def test_the_model_is_left_as_found(model, batches, batchnorm):
    """Mode, weights, buffers, momentum and gradients are untouched."""
    model.train()
    model[1].momentum = 0.25
    before = {name: value.clone() for name, value in model.state_dict().items()}
    surface(model, batches, points=2, batchnorm=batchnorm)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert model.training
    assert model[3].training
    assert model[1].momentum == 0.25
    assert all(value.grad is None for value in model.parameters())


def test_a_pass_that_does_not_fit_is_split(model, batches, monkeypatch):
    """When memory runs out, halves are passed instead, with the same result."""
    expected = surface(model, batches, points=2).nll
    real, sizes = targets.functional_call, []

    def limited(module, state, args):
        sizes.append(len(args[0]))
        if len(args[0]) > 2:
            raise torch.OutOfMemoryError("out of memory")
        return real(module, state, args)

    monkeypatch.setattr(targets, "functional_call", limited)
    torch.testing.assert_close(surface(model, batches, points=2).nll, expected)
    assert max(sizes) == 5


def test_official_directions_move_a_class_token():
    """The paper's code moves every tensor of two dimensions or more but position embeddings; filters alone move otherwise."""
    vit = create("vit_ti", 10, image_size=8, patch_size=4, dim=8, depth=1, heads=2, head="cls")
    (usual, _), (official, _) = random_pair(vit), random_pair(vit, official=True)
    others = {name for name, value in vit.named_parameters() if value.dim() > 1 and not name.endswith("weight")}
    assert official.keys() - usual.keys() == {name for name in others if "pos_emb" not in name} != set()
    assert official.keys() & others != others


def test_official_surfaces_sum_norms(model, batches):
    """The official L2 is the sum of the parameters' norms, unsquared."""
    found = surface(model, batches, points=1, extent=0.0, official=True)
    torch.testing.assert_close(found.l2[0, 0, 0], sum(w.norm() for w in model.parameters()).detach())


def test_principal_directions_hold_a_plane_path():
    """A path in a plane is explained by two orthonormal directions, and its coordinates keep all distances."""
    generator = torch.Generator().manual_seed(0)
    frame, centre = torch.randn(2, 4, 5, generator=generator), torch.randn(4, 5, generator=generator)
    path = [(3.0, 1.0), (2.0, -1.0), (0.5, 0.7)]
    states = [{"w": centre + a * frame[0] + b * frame[1]} for a, b in path]
    plane = principal_pair(states, {"w": centre})
    first, second = (direction["w"] for direction in plane.pair)
    assert float((first * first).sum()) == pytest.approx(1)
    assert float((first * second).sum()) == pytest.approx(0, abs=1e-6)
    assert sum(plane.explained) == pytest.approx(1)
    lengths = torch.stack([(s["w"] - centre).norm() for s in states]).double()
    torch.testing.assert_close(plane.coordinates.norm(dim=1), lengths, rtol=1e-5, atol=1e-6)
    with pytest.raises(VitworkError, match="fewer than two directions"):
        principal_pair([{"w": centre + 1}, {"w": centre + 2}], {"w": centre})


@pytest.mark.parametrize("signs", [(-1, 1), (1, -1), (-1, -1)])
def test_principal_directions_do_not_depend_on_the_library_s_signs(monkeypatch, signs):
    """An eigenvector is one up to its sign, which each device's library chooses in its own way: a surface is not mirrored."""
    centre = {"w": torch.zeros(3, 4)}
    states = [{"w": torch.randn(3, 4, generator=torch.Generator().manual_seed(seed))} for seed in range(4)]
    expected, eigh = principal_pair(states, centre), torch.linalg.eigh

    def turned(matrix):
        values, vectors = eigh(matrix)
        return values, vectors * torch.tensor([1, 1, *signs], dtype=vectors.dtype)

    monkeypatch.setattr(torch.linalg, "eigh", turned)
    found = principal_pair(states, centre)
    assert torch.equal(found.coordinates, expected.coordinates)
    for one, other in zip(found.pair, expected.pair, strict=True):
        assert torch.equal(one["w"], other["w"])


def test_principal_directions_match_a_singular_value_decomposition():
    """Directions, coordinates and explained shares are those of numpy's decomposition of the path, up to sign."""
    generator = torch.Generator().manual_seed(3)
    centre = {"a": torch.randn(4, 3, generator=generator), "b": torch.randn(2, 5, generator=generator)}
    states = [
        {name: value + torch.randn(value.shape, generator=generator) for name, value in centre.items()}
        for _ in range(6)
    ]
    plane = principal_pair(states, centre)
    path = np.stack(
        [np.concatenate([(s[name] - centre[name]).double().numpy().ravel() for name in centre]) for s in states]
    )
    _, sizes, directions = np.linalg.svd(path, full_matrices=False)
    for number in range(2):
        found = np.concatenate([plane.pair[number][name].numpy().ravel() for name in centre])
        assert abs(found @ directions[number]) == pytest.approx(1, abs=1e-6)
        assert plane.explained[number] == pytest.approx(sizes[number] ** 2 / (sizes**2).sum(), abs=1e-6)
        along = plane.coordinates[:, number].abs().numpy()
        np.testing.assert_allclose(along, abs(path @ directions[number]), atol=1e-5)


def test_no_example_is_refused(model):
    """Without examples there is no surface."""
    with pytest.raises(VitworkError, match="no example"):
        surface(model, [])
    with pytest.raises(VitworkError, match="no example"):
        surface(model, [(torch.zeros(0, 3, 6, 6).double(), torch.zeros(0, dtype=torch.long))])


def test_randomness_in_eval_mode_is_detected(model, batches):
    """A loss that changes between two passes of one batch is refused before any point."""

    class Noisy(nn.Module):
        def __init__(self):
            super().__init__()
            self.net, self.passes = model, 0

        def forward(self, x):
            self.passes += 1
            return F.dropout(self.net(x), 0.5, training=True)

    noisy = Noisy()
    with pytest.raises(VitworkError, match="random in eval mode"):
        surface(noisy, batches)
    assert noisy.passes == 3  # one image to count the classes, and one batch twice


def test_what_makes_no_surface_is_named(model, batches):
    """Misspelt statistics, too few points, no direction, foreign directions, nothing trainable: one sentence each."""
    foreign, crooked = {"module.0.weight": torch.zeros(4, 3, 3, 3)}, {"5.weight": torch.zeros(1, 64)}
    own = random_pair(model)
    for options, words in (
        ({"batchnorm": "train"}, "batchnorm is 'fixed' or 'recalibrated', not 'train'"),
        ({"points": 1}, "points is 2 or more, not 1"),
        ({"points": 0, "extent": 0}, "points is 1 or more, not 0"),
        ({"seeds": ()}, "a seed or a pair"),
        ({"directions": []}, "a seed or a pair"),
        ({"directions": [(own[0], foreign)]}, "names none of the model's parameters"),
        ({"directions": [(own[0], crooked)]}, r"its 5\.weight is \(1, 64\), the parameter \(3, 64\)"),
        *(
            (
                {"directions": [(own[0], {"5.bias": torch.full((3,), wrong)})]},
                r"a direction is not of finite real numbers: its 5\.bias",
            )
            for wrong in (np.nan, 1j)
        ),
        ({"extent": np.nan}, "extent is a finite number, not nan"),
        ({"extent": np.inf}, "extent is a finite number, not inf"),
        ({"extent": "1"}, "extent is a finite number, not '1'"),
        ({"seeds": (3, 3)}, r"a seed occurs twice in \[3, 3\]"),
        ({"seeds": ("x",)}, "seed is a whole number, 0 or more, not 'x'"),
    ):
        with pytest.raises(VitworkError, match=words):
            surface(model, batches, **options)
    model[5].requires_grad_(False)
    with pytest.raises(VitworkError, match=r"a direction moves 5\.weight, which is frozen"):
        surface(model, batches, directions=[own])
    still = {**own[0], "5.weight": torch.zeros(3, 64)}
    assert surface(model, batches, points=2, directions=[(still, still)]).moved < 1
    with pytest.raises(VitworkError, match="no trainable parameter"):
        surface(model.requires_grad_(False), batches, directions=[own])


@pytest.mark.parametrize("wrap", [nn.DataParallel, torch.compile])
def test_wrapped_models_have_the_surface_of_the_model_inside(model, batches, wrap):
    """Compiled and replicated models are measured as the bare one is, along directions by either's names."""
    expected = surface(model.eval(), batches, points=2)
    wrapped = wrap(model)
    for options in ({}, {"directions": [random_pair(wrapped)]}, {"directions": [random_pair(model)]}):
        found = surface(wrapped, batches, points=2, **options)
        assert torch.equal(found.nll, expected.nll)
        assert found.moved == expected.moved


class Starting(nn.Module):
    """Sets its scale by the first images that it is given."""

    def __init__(self, inner):
        super().__init__()
        self.inner, self.scale = inner, nn.Parameter(torch.zeros((), dtype=torch.float64))
        self.register_buffer("begun", torch.zeros(()))

    def forward(self, x):
        if not self.begun:
            self.scale.data.copy_(1 / x.std())
            self.begun.fill_(1)
        return self.inner(x * self.scale)


@pytest.mark.parametrize("measure", [surface, top_eigenvalues, noise_bands])
def test_a_model_that_sets_itself_up_is_refused_and_left_as_found(model, batches, measure):
    """A network that writes into its weights in its first pass is named, and has its weights back."""
    starting = Starting(model)
    with pytest.raises(VitworkError, match=r"writes into its weights \(scale\) when it is passed: pass a batch"):
        measure(starting, batches)
    assert starting.scale == 0
    assert starting.begun == 0
    starting.eval()(batches[0][0])
    assert starting.scale > 0
    measure(starting, batches)


def test_directions_of_complex_filters_are_refused():
    """Their lengths are not those that a real draw is scaled to."""
    model = nn.Sequential(nn.Flatten(), nn.Linear(12, 4, dtype=torch.complex64))
    for official in (False, True):
        with pytest.raises(VitworkError, match=r"the parameter 1\.weight is complex"):
            random_pair(model, official=official)


def test_snapshots_that_span_no_plane_are_refused():
    """No snapshot, one, a centre without matrices, a snapshot that lacks a tensor or has another shape."""
    centre = {"w": torch.zeros(4, 5)}
    for states, middle, words in (
        ([], centre, "fewer than two directions"),
        ([{"w": torch.ones(4, 5)}], centre, "fewer than two directions"),
        ([{"b": torch.ones(5)}] * 3, {"b": torch.zeros(5)}, "fewer than two directions"),
        ([{"v": torch.ones(4, 5)}] * 3, centre, "lacks w"),
        ([{"w": torch.ones(5, 4)}] * 3, centre, r"w is \(5, 4\) and another's \(4, 5\)"),
    ):
        with pytest.raises(VitworkError, match=words):
            principal_pair(states, middle)
