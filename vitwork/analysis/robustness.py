"""Accuracy under noise of one frequency band, under common corruptions, and with conflicting cues.

The models are evaluated in eval mode and left unchanged. Accuracies are shares, changes are differences from the
accuracy on the clean images (negative: worse).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor, nn

from vitwork.analysis import calibration
from vitwork.analysis.curvature.batchnorm import evaluation_mode
from vitwork.analysis.observe import Batch, device_of, filled, precision_of, probed
from vitwork.analysis.targets import as_taken, check_examples, check_finite, check_targets, chosen, fitting
from vitwork.data.corruptions.corrupt import CORRUPTIONS, SEVERITIES, corrupt
from vitwork.data.noise_bands import Band, add_band_noise
from vitwork.device.memory import Cost, Meter
from vitwork.device.parts import check_repeatable, in_parts
from vitwork.device.settings import kept
from vitwork.errors import VitworkError, at_least
from vitwork.models.blocks.unchanged import buffers_as_before

PAPER_FREQUENCIES = tuple(step / 10 for step in range(1, 10))
"""Centres of the paper's bands in units of π per pixel (Fig. 2b)."""


@dataclass(frozen=True, slots=True)
class NoiseBands:
    """Accuracy under noise of one band at a time.

    Attributes:
        frequencies: centres of the bands, in units of π per pixel.
        clean: accuracy on the clean images.
        accuracy_change: accuracy with the noise minus `clean`, per band.
        rms: expected root mean square of the added noise, per band, in units of the normalised image.
        standard_error: standard error of each change over images (not over trainings).
        band: amplitude, half-width and power; its frequency is that of the first band.
        cost: images, time and memory of the passes.
    """

    frequencies: tuple[float, ...]
    clean: float
    accuracy_change: tuple[float, ...]
    rms: tuple[float, ...]
    standard_error: tuple[float, ...]
    band: Band
    cost: Cost = field(compare=False)


@dataclass(frozen=True, slots=True)
class Corrupted:
    """Predictions under common corruptions.

    Attributes:
        clean: metrics of `vitwork.analysis.calibration.evaluate` on the clean images.
        metrics: the same for each (corruption, severity).
        cost: images, time and memory of the passes.
    """

    clean: dict[str, Any]
    metrics: dict[tuple[str, int], dict[str, Any]]
    cost: Cost = field(compare=False)

    def mean(self, metric: str = "acc") -> float:
        """Return the unweighted mean of a metric over all corruptions and severities (the paper's "robustness")."""
        return float(sum(found[metric] for found in self.metrics.values())) / len(self.metrics)

    def relative_error(self, reference: Corrupted) -> float:
        """Return the mean over corruptions of this model's error, summed over severities, over the reference's (mCE).

        Raises:
            VitworkError: the reference was measured under other corruptions, or makes no error under one of them.
        """
        names = sorted({name for name, _ in self.metrics})
        if self.metrics.keys() != {(name, severity) for name, severity in reference.metrics if name in names}:
            raise VitworkError("a relative error needs a reference under the same corruptions and severities")
        if faultless := [name for name in names if not _summed_error(reference, name)]:
            raise VitworkError(f"the reference makes no error under {faultless[0]}, so no error is relative to it")
        ratios = [_summed_error(self, name) / _summed_error(reference, name) for name in names]
        return sum(ratios) / len(ratios)


@dataclass(frozen=True, slots=True)
class CueConflict:
    """Predictions on images whose outline and texture belong to different classes.

    Attributes:
        shape: share of images whose predicted class is that of their outline.
        texture: share of images whose predicted class is that of their texture.
        bias: `shape` / (`shape` + `texture`), the shape bias of Geirhos et al. (2019); NaN where both are zero.
        decided: number of images whose predicted class is one of the two.
        cost: images, time and memory of the pass.
    """

    shape: float
    texture: float
    bias: float
    decided: int
    cost: Cost = field(compare=False)


@kept()
def noise_bands(
    model: nn.Module,
    batches: Iterable[Batch],
    frequencies: Sequence[float] = PAPER_FREQUENCIES,
    band: Band | None = None,
    seed: int = 0,
) -> NoiseBands:
    """Measure the accuracy under noise of one band at a time (paper Fig. 2b).

    Args:
        model: the model.
        batches: normalised images and class indices (or soft targets, of which the largest entry counts).
        frequencies: centres of the bands, in units of π per pixel.
        band: half-width, amplitude and power; its own frequency is not used. The default is `Band`'s.
        seed: seed of the noise; every band and every image has noise of its own.

    Returns:
        The change of accuracy per band.

    Raises:
        VitworkError: there are no images or no frequencies, a band lies outside the spectrum of every image, or logits
            are not finite.
        ValueError: ``band`` asks for equal power, and small images have no frequency in a band.
    """
    if len(frequencies) == 0:
        raise VitworkError("noise needs the frequency of at least one band")
    shape = band or Band(frequencies[0])
    bands = [replace(shape, frequency=frequency) for frequency in frequencies]
    for each in bands:
        if each.frequency + each.half_width <= 0 or each.frequency - each.half_width >= 1:
            raise VitworkError(
                f"the band {each.frequency}π ± {each.half_width}π lies outside the frequencies from 0 to π"
            )
    device, hits, first, size = device_of([model]), [], 0, 0
    meter = Meter(device)
    with _evaluated(model):
        for images, targets in probed(model, batches, device):
            size = images.shape[-1]
            noisy = (add_band_noise(images, each, seed + number, first) for number, each in enumerate(bands))
            hits.append(torch.stack([_right(model, version, targets) for version in (images, *noisy)]))
            first += len(images)
    right = torch.cat(hits, dim=1).double()
    change = right[1:] - right[0]
    return NoiseBands(
        tuple(frequencies),
        float(right[0].mean()),
        tuple(change.mean(dim=1).tolist()),
        tuple(each.rms(size) for each in bands),
        tuple((change.std(dim=1) / change.shape[1] ** 0.5).tolist()),
        bands[0],
        meter.cost(first),
    )


def corruptions(
    model: nn.Module,
    images: Tensor,
    labels: Tensor,
    normalise: Callable[[Tensor], Tensor],
    *,
    names: Sequence[str] = CORRUPTIONS,
    severities: Sequence[int] = SEVERITIES,
    seed: int = 0,
    batch_size: int = 256,
    draw: Callable[[slice, str, int], Tensor] | None = None,
) -> Corrupted:
    """Measure the metrics of `vitwork.analysis.calibration.evaluate` on corrupted images.

    Args:
        model: the model.
        images: uint8 images (n, 3, size, size).
        labels: class indices (n,).
        normalise: turns uint8 images into the model's input.
        names: corruptions, see `vitwork.data.corruptions.corrupt.CORRUPTIONS`.
        severities: from 1 to 5.
        seed: seed of the corruptions.
        batch_size: images per forward pass; the corruptions do not depend on it.
        draw: returns the uint8 images of a slice under a corruption and severity, for callers that keep corrupted
            images. None draws them here from the seed.

    Returns:
        The metrics on the clean images and per corruption and severity.

    Raises:
        VitworkError: there are no images, no names or no severities, a corruption or severity does not exist, or logits
            are not finite.
    """
    at_least(1, batch_size=batch_size)

    def drawn(name: str, severity: int) -> Iterator[Batch]:
        for start in range(0, len(images), batch_size):
            part = slice(start, min(start + batch_size, len(images)))
            found = draw(part, name, severity) if draw else corrupt(images[part], name, severity, seed, start)
            yield found, labels[part]

    return corruption_sets(
        model, [(images, labels)], normalise, drawn, names=names, severities=severities, batch_size=batch_size
    )


@kept()
def corruption_sets(
    model: nn.Module,
    clean: Iterable[Batch],
    normalise: Callable[[Tensor], Tensor],
    read: Callable[[str, int], Iterable[Batch]],
    *,
    names: Sequence[str] = CORRUPTIONS,
    severities: Sequence[int] = SEVERITIES,
    batch_size: int = 256,
) -> Corrupted:
    """Measure the metrics of `vitwork.analysis.calibration.evaluate` on given corrupted images.

    The images may come from anywhere, for example from CIFAR-C or ImageNet-C files.

    Args:
        model: the model.
        clean: uint8 images (n, 3, h, w) and class indices, in batches of any size.
        normalise: turns uint8 images into the model's input.
        read: returns the images and classes of a corruption and severity, see `vitwork.data.corruptions.published`.
        names: corruptions.
        severities: from 1 to 5.
        batch_size: images per forward pass.

    Returns:
        The metrics on the clean images and per corruption and severity.

    Raises:
        VitworkError: there are no images, no names or no severities. Or the model does not accept the images, is random
            in evaluation mode, or returns logits that are not finite.
    """
    at_least(1, batch_size=batch_size)
    if not names or not severities:
        raise VitworkError("robustness needs at least one corruption and one severity")
    device, seen = device_of([model]), 0

    def given(part: Tensor) -> Tensor:
        x = normalise(part.to(device)).to(device, precision_of(model))
        check_finite(x)
        return x

    def measure(batches: Iterable[Batch]) -> dict[str, Any]:
        nonlocal seen
        logits, classes = [], []
        for images, labels in filled(batches):
            if not seen:
                two = given(images[:2])
                with fitting(two):
                    check_repeatable(*(in_parts(model, two) for _ in range(2)))
            seen += len(images)
            logits.append(in_parts(lambda part: model(given(part)), images, batch_size).float())
            classes.append(labels.to(device))
        return calibration.evaluate(torch.cat(logits), torch.cat(classes))

    meter = Meter(device)
    with _evaluated(model):
        found = measure(clean)
        metrics = {(name, severity): measure(read(name, severity)) for name in names for severity in severities}
    return Corrupted(found, metrics, meter.cost(seen))


@kept()
def cue_conflict(model: nn.Module, batches: Iterable[Batch], shapes: Tensor, textures: Tensor) -> CueConflict:
    """Measure whether outline or texture decides a model's predictions.

    `vitwork.data.drawn.embedded.conflict` draws images whose cues conflict.

    Args:
        model: a model trained on images whose cues agree.
        batches: normalised images with any targets, in the order of `shapes` and `textures`.
        shapes: the class of each image's outline (n,).
        textures: the class of each image's texture (n,).

    Returns:
        The share of images that each cue decided.

    Raises:
        VitworkError: there are no images, their number differs from that of the cues, or logits are not finite.
    """
    device = device_of([model])
    meter = Meter(device)
    with _evaluated(model):
        decisions = torch.cat([chosen(in_parts(model, x)) for x, _ in probed(model, batches, device)]).cpu()
    if not len(decisions) == len(shapes) == len(textures):
        raise VitworkError(f"{len(decisions)} images, {len(shapes)} outlines and {len(textures)} textures do not match")
    by_shape = int((decisions == as_taken(shapes.cpu(), None)).sum())
    by_texture = int((decisions == as_taken(textures.cpu(), None)).sum())
    decided, n = by_shape + by_texture, len(decisions)
    bias = by_shape / decided if decided else float("nan")
    return CueConflict(by_shape / n, by_texture / n, bias, decided, meter.cost(n))


@contextmanager
def _evaluated(model: nn.Module) -> Iterator[None]:
    """Put the model into evaluation mode without gradients; restore it on exit."""
    with torch.no_grad(), evaluation_mode(model), buffers_as_before(model.modules()):
        yield


def _summed_error(result: Corrupted, name: str) -> float:
    return float(sum(1 - found["acc"] for (kind, _), found in result.metrics.items() if kind == name))


def _right(model: nn.Module, images: Tensor, targets: Tensor) -> Tensor:
    """Return which images are classified correctly, on the model's device."""
    check_examples(images, targets)
    logits = in_parts(model, images)
    check_targets(targets, logits.shape[1])
    labels = targets.argmax(dim=1) if targets.ndim == 2 else as_taken(targets, None)
    right: Tensor = chosen(logits) == labels
    return right
