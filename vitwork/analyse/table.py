"""The table of analyses: their measurements, numbers of images, quantities to show, and estimated times."""

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
"""Forward passes of a mini-batch that cost as much as a product with the Hessian: two backward passes, each as long as
two forward ones."""

STEPS = 4.0
"""Approximate number of products with which Lanczos' method finds an eigenvalue."""


UNCHANGED = "exactly 0: these blocks change nothing, as branches do whose last layer begins at zero"
"""Note on a change of exactly 0 from block to block, as in many untrained networks."""


WITHIN_A_STAGE = "conv block that keeps the resolution behind another of its stage"
"""The blocks over which changes across Convs are averaged. A stage's first block is left out, because the block before
it belongs to another stage."""


class ShownQuantity(NamedTuple):
    """A quantity of a record.

    Attributes:
        quantity: the quantity to show.
        parameters: parameters of the quantity.
        error: its standard error, if the quantity's own is not suitable; called as ``error(record, **parameters)``.
        counted: the parts that it is the mean over, for a clearer message about a network that lacks them.
    """

    quantity: Quantity
    parameters: Mapping[str, Any] = {}
    error: Callable[..., float] | None = None
    counted: str = ""

    def error_of(self, record: Record) -> float:
        """Return the standard error; NaN if it is not known."""
        given = self.error or self.quantity.error
        return float(given(record, **self.parameters)) if given else math.nan

    @property
    def label(self) -> str:
        """The quantity and its parameters in words."""
        among = "".join(f", {key.replace('_', ' ')} {setting}" for key, setting in self.parameters.items())
        return f"{self.quantity.name}{among}"


@dataclass(frozen=True, slots=True)
class Analysis:
    """A measurement offered as an analysis.

    Attributes:
        family: module of `vitwork.analysis` that it belongs to; choosing it chooses all of its analyses.
        measurement: the measurement with its parameters, except for the number of images.
        shown: the quantities of its record to show.
        passes: computes about how many images it passes, from a measurement and the model's number of blocks.
        labelled: whether images must belong to the model's classes.
        most: largest number of images that it gets.
        over: what its standard errors are over.
        undefined: why one of its quantities may be undefined.
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
        """Return the measurement with a number of images, if it has such a parameter."""
        count = min(images, self.most)
        given, _ = self.measurement.having({"images": count, "training_images": count})
        return given


def settable(measurement: Measurement) -> dict[str, Any]:
    """Return the parameters that can be set, without the snapshot, because a model alone has none to choose from."""
    return {name: value for name, value in measurement.parameters.items() if name != "when"}


def chosen(names: str | Iterable[str] | None = None) -> list[str]:
    """Return the analyses of these names or families, each once and in this order.

    Args:
        names: a sequence of names, or one text with commas as on a command line; None for all analyses.

    Raises:
        VitworkError: a name is unknown, or there is no name.
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
    """Return the standard error of a share of `count` images: half of Wilson's interval (1927) of one standard error.

    Unlike the binomial one it is never 0, because a share of 0 or 1 of a few images is not certain. NaN for 0 images.
    """
    return math.sqrt(share * (1.0 - share) / count + 0.25 / count**2) / (1.0 + 1.0 / count) if count else math.nan


def _share(quantity: Quantity, share: str, count: str) -> ShownQuantity:
    """Return a percentage whose standard error follows from a share and a count in the record."""
    return ShownQuantity(quantity, error=lambda record: 100.0 * share_error(record[share], record[count]))


def _corrupted_error(record: Record) -> float:
    """Return an upper bound in percent on the standard error of the mean accuracy under corruptions of one sample."""
    shares = (share for severities in record["accuracy"] for share in severities)
    return 100.0 * together(share_error(share, record["images"]) for share in shares)


def _kept_error(record: Record) -> float:
    return ratio(_corrupted_error(record), record["clean"])


def _ape_error(record: Record, kind: str) -> float:
    """Return the standard error of a diagonal block's APE over mini-batches, computed as for a spectrum."""
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
            lambda m, _: 10.0 * m.images,  # nine frequency bands, and no noise
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
"""All analyses by name, in the order in which they are made."""
