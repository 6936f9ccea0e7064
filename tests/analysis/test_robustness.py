"""Accuracy under band noise, corruptions and conflicting cues, with models whose answers are known."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch
from torch import nn

from vitwork.analysis.robustness import Corrupted, corruption_sets, corruptions, cue_conflict, noise_bands
from vitwork.data.corruptions.published import cifar_c
from vitwork.data.drawn.embedded import conflict
from vitwork.data.noise_bands import Band, add_band_noise
from vitwork.device.memory import Cost
from vitwork.errors import VitworkError

GENERATOR = torch.Generator().manual_seed(0)


class Power(nn.Module):
    """Class 1 where the mean square of the band-passed image exceeds a threshold, else class 0."""

    def __init__(self, band):
        super().__init__()
        line = (torch.fft.fftfreq(16) * 2).abs()
        largest = torch.maximum(line[:, None], line)
        self.keep = (largest - band).abs() < 0.13

    def forward(self, images):
        power = (torch.fft.fft2(images) * self.keep).abs().square().mean(dim=(1, 2, 3))
        return torch.stack([torch.ones_like(power), power], dim=1)


def test_noise_hurts_the_model_that_looks_at_its_band():
    """A detector of one band fails under noise there and nowhere far from it."""
    images, labels = torch.zeros(40, 3, 16, 16), torch.zeros(40, dtype=torch.long)
    batches = [(images[:25], labels[:25]), (images[25:], labels[25:])]
    low, high = (noise_bands(Power(band), batches, (0.2, 0.9)) for band in (0.2, 0.9))
    assert (low.clean, low.accuracy_change) == (1.0, (-1.0, 0.0))
    assert high.accuracy_change == (0.0, -1.0)
    assert low.rms == pytest.approx([Band(frequency).rms(16) for frequency in (0.2, 0.9)])


def test_noise_bands_matches_a_plain_loop():
    """Cutting the data into ragged batches changes nothing; the mean over examples is taken."""
    model = nn.Sequential(nn.Flatten(), nn.Linear(3 * 16 * 16, 5)).eval()
    images, labels = torch.randn(23, 3, 16, 16, generator=GENERATOR), torch.arange(23) % 5
    band = Band(0.0, eps=2.0, power="equal")
    found = noise_bands(model, [(images[:16], labels[:16]), (images[16:], labels[16:])], (0.3, 0.7), band, seed=5)
    for number, frequency in enumerate((0.3, 0.7)):
        noisy = add_band_noise(images, Band(frequency, eps=2.0, power="equal"), 5 + number)
        right = [(model(part).argmax(1) == labels).double() for part in (noisy, images)]
        assert found.accuracy_change[number] == pytest.approx((right[0] - right[1]).mean().item())
        error = (right[0] - right[1]).std().item() / 23**0.5
        assert found.standard_error[number] == pytest.approx(error)
    assert found.rms == (2.0, 2.0)


def test_soft_targets_count_by_their_largest_entry():
    """Targets (b, classes) give the same answer as their labels."""
    model = nn.Sequential(nn.Flatten(), nn.Linear(3 * 16 * 16, 5))
    images, labels = torch.randn(20, 3, 16, 16, generator=GENERATOR), torch.arange(20) % 5
    soft = 0.5 * nn.functional.one_hot(labels, 5) + 0.1
    assert noise_bands(model, [(images, labels)], (0.5,)) == noise_bands(model, [(images, soft)], (0.5,))


class Counting(nn.Module):
    """Counts its passes."""

    def __init__(self):
        super().__init__()
        self.register_buffer("passes", torch.zeros(()))

    def forward(self, x):
        self.passes += 1
        return x


def test_models_are_left_as_they_were():
    """Training mode comes back, no statistics move, and what a model writes of itself is taken back."""
    layers = nn.BatchNorm2d(3), nn.Dropout(0.5), nn.Flatten(), nn.Linear(3 * 16 * 16, 2), Counting()
    model = nn.Sequential(*layers).train()
    model[1].eval()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    noise_bands(model, [(torch.randn(8, 3, 16, 16), torch.zeros(8, dtype=torch.long))], (0.5,))
    assert [module.training for module in model] == [True, False, True, True, True]
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())


class Brightness(nn.Module):
    """Class 1 for images whose mean is above one half."""

    def forward(self, images):
        mean = images.mean(dim=(1, 2, 3))
        return 100 * torch.stack([0.5 - mean, mean - 0.5], dim=1)


def test_corruptions_report_metrics_and_their_mean():
    """A model of brightness errs on brightened dark images and on no rescaled contrast; the mean is unweighted."""
    dark = torch.full((20, 3, 32, 32), 120, dtype=torch.uint8)
    found = corruptions(
        Brightness(),
        dark,
        torch.zeros(20),
        lambda images: images.float() / 255,
        names=("brightness", "contrast"),
        severities=(1, 5),
        batch_size=7,
    )
    accuracy = {key: metrics["acc"] for key, metrics in found.metrics.items()}
    assert accuracy == {("brightness", 1): 0, ("brightness", 5): 0, ("contrast", 1): 1, ("contrast", 5): 1}
    assert (found.clean["acc"], found.mean(), found.mean("brier")) == pytest.approx((1, 0.5, 1), abs=0.3)


def test_corruptions_may_come_from_files(tmp_path):
    """Sets in CIFAR-C's files are measured like drawn ones: a file of brightened images hurts, one of clean images not."""
    dark, labels = np.full((50, 32, 32, 3), 120, np.uint8), np.zeros(50, np.int64)
    for name, images in (("brightness", dark + np.uint8(20)), ("contrast", dark)):
        np.save(tmp_path / f"{name}.npy", images)
    np.save(tmp_path / "labels.npy", labels)
    found = corruption_sets(
        Brightness(),
        [(torch.from_numpy(dark[:7]).permute(0, 3, 1, 2), torch.zeros(7))],
        lambda images: images.float() / 255,
        partial(cifar_c, tmp_path),
        names=("brightness", "contrast"),
        severities=(1, 5),
        batch_size=3,
    )
    assert {key: metrics["acc"] for key, metrics in found.metrics.items()} == {
        ("brightness", 1): 0, ("brightness", 5): 0, ("contrast", 1): 1, ("contrast", 5): 1
    }  # fmt: skip
    assert found.clean["acc"] == 1
    assert found.cost.images == 7 + 4 * 10


def test_a_batch_that_does_not_fit_is_split():
    """A model that runs out of memory on more than four images gives the same metrics."""
    images = torch.arange(12, dtype=torch.uint8).mul(20)[:, None, None, None].expand(12, 3, 32, 32).contiguous()
    labels = torch.arange(12) % 2

    class Hungry(Brightness):
        def forward(self, x):
            if len(x) > 4:
                raise RuntimeError("DefaultCPUAllocator: can't allocate memory")
            return super().forward(x)

    given = (images, labels, lambda x: x.float() / 255)
    assert corruptions(Hungry(), *given, names=("fog",), severities=(2,)) == corruptions(
        Brightness(), *given, names=("fog",), severities=(2,)
    )
    batches = [(images.float() / 255, labels)]
    assert noise_bands(Hungry(), batches) == noise_bands(Brightness(), batches)
    assert cue_conflict(Hungry(), batches, labels, 1 - labels) == cue_conflict(
        Brightness(), batches, labels, 1 - labels
    )


def test_relative_error_compares_corruption_by_corruption():
    """Twice the error everywhere is a relative error of two, whatever the corruption's difficulty."""
    images, labels = torch.zeros(10, 3, 32, 32, dtype=torch.uint8), torch.zeros(10)
    base = corruptions(Brightness(), images, labels, lambda x: x / 255, names=("fog", "contrast"), severities=(1,))
    easy = {key: {"acc": 1 - share} for key, share in zip(base.metrics, (0.1, 0.4), strict=True)}
    hard = {key: {"acc": 1 - 2 * (1 - metrics["acc"])} for key, metrics in easy.items()}
    assert replace(base, metrics=hard).relative_error(replace(base, metrics=easy)) == pytest.approx(2)


def test_a_reference_that_does_not_compare_is_refused():
    """Another corruption, or no error at all under one, gives no ratio; one corruption more does no harm."""
    cost = Cost(0, 0.0, None)
    some, other = (Corrupted({}, {(name, 1): {"acc": 0.5}}, cost) for name in ("fog", "snow"))
    with pytest.raises(VitworkError, match="same corruptions and severities"):
        some.relative_error(other)
    assert some.relative_error(Corrupted({}, some.metrics | other.metrics, cost)) == 1
    with pytest.raises(VitworkError, match="no error under fog"):
        some.relative_error(Corrupted({}, {("fog", 1): {"acc": 1.0}}, cost))


def test_cue_conflict_counts_decisions():
    """Models that always follow one cue, or neither, are told apart."""
    drawn = conflict(180)
    shapes, textures = torch.from_numpy(drawn.shapes), torch.from_numpy(drawn.textures)
    images = torch.from_numpy(drawn.images).float()
    images[:, 0, 0, 0] = torch.arange(180)  # by which the oracle knows them

    class Oracle(nn.Module):
        def __init__(self, answers):
            super().__init__()
            self.answers = answers

        def forward(self, batch):
            return nn.functional.one_hot(self.answers[batch[:, 0, 0, 0].long()], 20).float()

    half = torch.where(torch.arange(180) % 3 == 0, shapes, textures)
    for answers, shape, texture in ((shapes, 1, 0), (textures, 0, 1), (half, 1 / 3, 2 / 3)):
        batches = [(images[:100], shapes[:100]), (images[100:], shapes[100:])]
        found = cue_conflict(Oracle(answers), batches, shapes, textures)
        assert (found.shape, found.texture, found.bias) == pytest.approx((shape, texture, shape))
        assert found.decided == 180
    nobody = cue_conflict(Oracle(shapes + 10), [(images, shapes)], shapes, textures)
    assert math.isnan(nobody.bias)
    assert nobody.decided == 0


@pytest.mark.parametrize("count", [None, 0])
def test_no_images_are_named(count):
    """Without a batch, or with an empty one, each analysis says that there is no example."""
    images, labels = torch.zeros(0, 3, 16, 16, dtype=torch.uint8), torch.zeros(0, dtype=torch.long)
    nothing = [] if count is None else [(images.float(), labels)]
    for call in (
        lambda: noise_bands(Brightness(), nothing),
        lambda: cue_conflict(Brightness(), nothing, labels, labels),
        lambda: corruption_sets(Brightness(), nothing, lambda x: x, lambda *_: nothing),
        lambda: corruptions(Brightness(), images, labels, lambda x: x.float()),
    ):
        with pytest.raises(VitworkError, match="no example"):
            call()


def test_requests_for_nothing_are_named():
    """No band, a band beyond all frequencies, no corruption, no severity, empty batches, cues of other images."""
    images, labels = torch.zeros(4, 3, 16, 16), torch.zeros(4, dtype=torch.long)
    with pytest.raises(VitworkError, match="at least one band"):
        noise_bands(Brightness(), [(images, labels)], ())
    for frequency in (-0.2, 1.1):
        with pytest.raises(VitworkError, match=f"the band {frequency}π ± 0.1π lies outside"):
            noise_bands(Brightness(), [(images, labels)], (0.5, frequency))
    given = (Brightness(), images.byte(), labels, lambda x: x.float())
    for options, words in (
        ({"names": []}, "at least one corruption"),
        ({"severities": []}, "one severity"),
        ({"batch_size": 0}, "batch_size is 1 or more, not 0"),
    ):
        with pytest.raises(VitworkError, match=words):
            corruptions(*given, **options)
    with pytest.raises(VitworkError, match="4 images, 4 outlines and 3 textures do not match"):
        cue_conflict(Brightness(), [(images, labels)], labels, labels[:3])


@pytest.mark.parametrize("precision", [torch.float16, torch.bfloat16, torch.float64])
@pytest.mark.parametrize("given", [torch.float16, torch.float32])
def test_networks_of_other_precisions_are_measured(precision, given):
    """Images are taken in the model's precision, and noise is made in single precision, which torch's transform needs."""
    model = nn.Sequential(nn.Flatten(), nn.Linear(3 * 32 * 32, 4)).to(precision)
    images, labels = torch.randint(0, 255, (8, 3, 32, 32), generator=GENERATOR).byte(), torch.arange(8) % 4

    def normalise(x):
        return x.to(given) / 255

    assert len(noise_bands(model, [(normalise(images), labels)]).accuracy_change) == 9
    found = corruptions(model, images, labels, normalise, names=("fog",), severities=(1,))
    assert found.clean["acc"] == (model(normalise(images).to(precision)).argmax(1) == labels).double().mean()
    plain, noisy = normalise(images), add_band_noise(normalise(images).to(precision), Band(0.5))
    assert noisy.dtype == precision
    wanted = add_band_noise(plain.double(), Band(0.5))
    torch.testing.assert_close(noisy.double(), wanted, atol=2e-2, rtol=2e-2)


def test_corrupted_images_that_a_model_does_not_take_are_one_sentence():
    """As in the other analyses."""
    model, images = nn.Sequential(nn.Flatten(), nn.Linear(5, 4)), torch.zeros(4, 3, 32, 32, dtype=torch.uint8)
    with pytest.raises(VitworkError, match=r"the model fails on images \(3, 32, 32\)"):
        corruptions(model, images, torch.zeros(4).long(), lambda x: x / 255, names=("fog",), severities=(1,))


def test_corrupted_images_that_depend_on_one_another_are_not_passed_in_parts():
    """The batch size would decide what their accuracy is."""

    class Relative(nn.Module):
        def forward(self, x):
            x = x.flatten(1)[:, :4]
            return x - x.mean(0)

    drawn = torch.randint(0, 256, (16, 3, 8, 8), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    batches = [(drawn, torch.arange(16) % 4)]
    settings = {"names": ["fog"], "severities": [1]}
    whole = corruption_sets(Relative(), batches, lambda x: x / 255, lambda *_: batches, **settings, batch_size=16)
    assert 0 < whole.clean["acc"] < 1
    with pytest.raises(VitworkError, match="cannot be passed in parts"):
        corruption_sets(Relative(), batches, lambda x: x / 255, lambda *_: batches, **settings, batch_size=2)
