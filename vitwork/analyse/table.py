"""What can be analysed: measurements, how much each is given, the quantities it shows, and about how long it takes."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from vitwork.design.measurement import Measurement, Record
from vitwork.errors import VitworkError
from vitwork.language.quantity import Quantity, ratio
from vitwork.measurements import (
    accuracy,
    attention,
    cues,
    feature_maps,
    hessian,
    landscape,
    lesion,
    robustness,
    similarity,
    spectral_density,
)
from vitwork.measurements.errors import together

PRODUCT = 4.0
"""A product with the Hessian in passes of its mini-batch: two backward passes, each as long as two forward ones."""

STEPS = 4.0
"""Products by which Lanczos' method finds an eigenvalue, about."""


UNCHANGED = "exactly 0: these blocks change nothing, as branches do whose last layer begins at zero"
"""Of a change from block to block: untrained networks often begin so."""


WITHIN_A_STAGE = "conv block that keeps the resolution behind another of its stage"
"""What changes across Convs are the mean over: the first block of a stage is compared with another stage's, and does not count."""


class ShownQuantity(NamedTuple):
    """A quantity of a record.

    Attributes:
        quantity: what is shown.
        parameters: of the quantity.
        error: its standard error where the quantity's own will not do: called as ``error(record, **parameters)``.
        counted: what it is the mean over, where a network without it is told more by this than by the quantity.
    """

    quantity: Quantity
    parameters: Mapping[str, Any] = {}
    error: Callable[..., float] | None = None
    counted: str = ""

    def error_of(self, record: Record) -> float:
        """Return the standard error; NaN where nothing gives one."""
        given = self.error or self.quantity.error
        return float(given(record, **self.parameters)) if given else math.nan

    @property
    def label(self) -> str:
        """The quantity and its parameters in words."""
        among = "".join(f", {key.replace('_', ' ')} {setting}" for key, setting in self.parameters.items())
        return f"{self.quantity.name}{among}"


@dataclass(frozen=True, slots=True)
class Analysis:
    """A measurement as it is offered.

    Attributes:
        family: module of `vitwork.analysis` that it belongs to, by which several are chosen at once.
        measurement: with its parameters, but for the number of images.
        shown: quantities of its record.
        passes: images that it passes through the model, about, of a measurement and the model's number of blocks.
        labelled: whether images must be of the classes that the model tells apart.
        most: largest number of images that it is given.
        over: what its standard errors are over.
        undefined: why a quantity of it may be no number.
        zero: what a value of exactly 0 on all images means.
    """

    family: str
    measurement: Measurement
    shown: tuple[ShownQuantity, ...]
    passes: Callable[[Any, int], float]
    labelled: bool = True
    most: int = 1 << 31
    over: str = "images"
    undefined: str = "this network and these images do not define it"
    zero: str = ""

    def of(self, images: int) -> Measurement:
        """Return the measurement with a number of images, as far as it takes one."""
        count = min(images, self.most)
        given, _ = self.measurement.having({"images": count, "training_images": count})
        return given


def settable(measurement: Measurement) -> dict[str, Any]:
    """Return the parameters that can be set: a model alone has no snapshots to choose from."""
    return {name: value for name, value in measurement.parameters.items() if name != "when"}


def chosen(names: str | Iterable[str] | None = None) -> list[str]:
    """Return the analyses of these names or families, each once and in this order.

    Args:
        names: one by one, or as a command line has them, between commas; None for all analyses.

    Raises:
        VitworkError: there is none of a name, or no name.
    """
    if names is None:
        return list(ANALYSES)
    if isinstance(names, str):
        names = [name.strip() for name in names.split(",")]
    elif not isinstance(names, Iterable):
        raise VitworkError(f"Analyses are chosen by their names, not {names!r}.")
    found: dict[str, None] = {}
    for name in names:
        matching = [one for one, analysis in ANALYSES.items() if name in {one, analysis.family}]
        if not matching:
            families = dict.fromkeys(analysis.family for analysis in ANALYSES.values())
            raise VitworkError(
                f"There is no analysis {name!r}; there are {', '.join(ANALYSES)}, and of several at once {', '.join(families)}."
            )
        found |= dict.fromkeys(matching)
    if not found:
        raise VitworkError(f"Name an analysis to make; there are {', '.join(ANALYSES)}.")
    return list(found)


def _shown(*quantities: Quantity, **parameters: Any) -> tuple[ShownQuantity, ...]:
    return tuple(ShownQuantity(quantity, parameters) for quantity in quantities)


def share_error(share: float, count: int) -> float:
    """Return the standard error of a share of so many: half of Wilson's interval (1927) of one standard error.

    Next to the binomial one it is never 0: a share of 0 or 1 of a few images is not certain. NaN of none.
    """
    return math.sqrt(share * (1.0 - share) / count + 0.25 / count**2) / (1.0 + 1.0 / count) if count else math.nan


def _share(quantity: Quantity, share: str, count: str) -> ShownQuantity:
    """Return a percentage of a record's share of so many."""
    return ShownQuantity(quantity, error=lambda record: 100.0 * share_error(record[share], record[count]))


def _corrupted_error(record: Record) -> float:
    """Return the standard error of the mean accuracy under corruptions in percent, at most: all see the same images."""
    shares = (share for severities in record["accuracy"] for share in severities)
    return 100.0 * together(share_error(share, record["images"]) for share in shares)


def _kept_error(record: Record) -> float:
    return ratio(_corrupted_error(record), record["clean"])


def _ape_error(record: Record, kind: str) -> float:
    """Return the standard error of a diagonal block's APE over mini-batches: that of a spectrum."""
    error = hessian.ape.error
    return float(error(record[kind])) if error and kind in record else float("nan")


def _per_batch(m: Any, products: float) -> float:
    return float(m.batches * m.batch_size * products * PRODUCT)


ANALYSES = {
    analysis.measurement.name: analysis
    for analysis in (
        Analysis(
            "calibration",
            accuracy.Evaluation(batch_size=50),
            (_share(accuracy.accuracy, "acc", "images"), *_shown(accuracy.overconfidence)),
            lambda m, _: 2.0 * (m.training_images or 0),
            most=500,
            undefined="not all logits are finite",
        ),
        Analysis(
            "hessian",
            hessian.Spectrum(batches=3, batch_size=8),
            _shown(hessian.ape, hessian.nep, hessian.negativity),
            lambda m, _: _per_batch(m, STEPS * m.k),
            over="mini-batches",
        ),
        Analysis(
            "hessian",
            hessian.Blockwise(batches=3, batch_size=8, k=1),
            tuple(ShownQuantity(hessian.ape_of, {"kind": kind}, _ape_error) for kind in ("msa", "mlp", "conv")),
            lambda m, _: 4.0 * _per_batch(m, STEPS * m.k),  # stem, head and two kinds of blocks
            over="mini-batches",
        ),
        Analysis(
            "hessian",
            spectral_density.Density(batches=3, batch_size=8, steps=16, probes=4),
            _shown(spectral_density.negative_share),
            lambda m, _: _per_batch(m, m.steps * m.probes),
            over="random vectors",
        ),
        Analysis(
            "hessian",
            spectral_density.HessianTrace(batches=3, batch_size=8, products=12),
            _shown(spectral_density.hessian_trace),
            lambda m, _: _per_batch(m, m.products),
            over="random vectors",
        ),
        Analysis(
            "landscape",
            landscape.Surface(extent=0.6, points=5),
            _shown(landscape.curvature, landscape.rise),
            lambda m, _: float(m.points**2 * m.images),
            most=128,
            over="planes with images of their own",
        ),
        Analysis(
            "fourier",
            feature_maps.LogAmplitude(),
            (
                *_shown(feature_maps.msa_change, feature_maps.mlp_change, relative_to="DC"),
                ShownQuantity(feature_maps.conv_change, {"relative_to": "DC"}, counted=WITHIN_A_STAGE),
            ),
            lambda m, _: 2.0 * m.images,
            labelled=False,
            zero=UNCHANGED,
        ),
        Analysis(
            "variance",
            feature_maps.Variance(),
            (
                *_shown(feature_maps.msa_variance_change, feature_maps.mlp_variance_change),
                ShownQuantity(feature_maps.conv_variance_change, counted=WITHIN_A_STAGE),
            ),
            lambda m, _: 2.0 * m.images,
            labelled=False,
            zero=UNCHANGED,
        ),
        Analysis(
            "similarity",
            similarity.Similarity(),
            _shown(similarity.block_structure),
            lambda m, _: 2.0 * m.images,
            labelled=False,
            undefined="it compares pairs of blocks of one stage with pairs of two stages, and needs both",
        ),
        Analysis(
            "attention",
            attention.Attention(rank_images=4),
            _shown(attention.gain_slope),
            lambda m, _: 3.0 * m.images,
            labelled=False,
            undefined="a grid of two places a side has a single frequency",
        ),
        Analysis(
            "lesion",
            lesion.Lesion(),
            (*_shown(lesion.loss_at_stage_start), ShownQuantity(lesion.loss_at_stage_end, {"first_stage": 0})),
            lambda m, blocks: (1.0 + blocks) * m.images,
        ),
        Analysis(
            "robustness",
            robustness.NoiseBands(),
            tuple(
                ShownQuantity(robustness.change, {"between": between}) for between in (robustness.LOW, robustness.HIGH)
            ),
            lambda m, _: 10.0 * m.images,  # nine bands and none
        ),
        Analysis(
            "robustness",
            robustness.Corruptions(severities=(3,)),
            (
                ShownQuantity(robustness.corrupted_accuracy, error=_corrupted_error),
                ShownQuantity(robustness.kept_accuracy, error=_kept_error),
            ),
            lambda m, _: (1.0 + 15.0 * len(m.severities)) * m.images,
            undefined="without corruptions the accuracy is 0",
        ),
        Analysis(
            "robustness",
            cues.CueConflict(),
            (_share(cues.shape_bias, "shape_bias", "n"),),
            lambda m, _: 2.0 * m.images,
            undefined="neither the outline nor the texture is ever chosen",
        ),
    )
}
"""What there is, by name, in the order in which it is made."""
