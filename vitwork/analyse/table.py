"""What the command ``vitwork analyse`` can do: measurements, how much each is given, and the quantities it shows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from vitwork.design.measurement import Measurement
from vitwork.language.quantity import Quantity
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
)

Shown = tuple[Quantity, Mapping[str, Any]]
"""A quantity with its parameters."""


@dataclass(frozen=True, slots=True)
class Analysis:
    """A measurement as the command offers it.

    Attributes:
        measurement: with its parameters, but for the number of images.
        shown: quantities of its record in the table.
        labelled: whether images must be of the classes that the model tells apart.
        most: largest number of images that it is given.
        undefined: why a quantity of it may be no number.
    """

    measurement: Measurement
    shown: tuple[Shown, ...]
    labelled: bool = True
    most: int = 1 << 31
    undefined: str = "this network and these images do not define it"

    def of(self, images: int) -> Measurement:
        """Return the measurement with a number of images, as far as it takes one."""
        count = min(images, self.most)
        given, _ = self.measurement.having({"images": count, "training_images": count})
        return given


def settable(measurement: Measurement) -> dict[str, Any]:
    """Return the parameters that the command can set: a model alone has no snapshots to choose from."""
    return {name: value for name, value in measurement.parameters.items() if name != "when"}


def _shown(*quantities: Quantity, **parameters: Any) -> tuple[Shown, ...]:
    return tuple((quantity, parameters) for quantity in quantities)


ANALYSES = {
    analysis.measurement.name: analysis
    for analysis in (
        Analysis(
            accuracy.Evaluation(batch_size=50),
            _shown(accuracy.accuracy, accuracy.overconfidence),
            most=500,
            undefined="not all logits are finite",
        ),
        Analysis(hessian.Spectrum(batches=1, batch_size=8), _shown(hessian.ape, hessian.nep, hessian.negativity)),
        Analysis(
            hessian.Blockwise(batches=1, batch_size=8, k=1),
            tuple((hessian.ape_of, {"kind": kind}) for kind in ("msa", "mlp", "conv")),
        ),
        Analysis(hessian.Density(batches=1, batch_size=8, steps=16, probes=2), _shown(hessian.negative_share)),
        Analysis(hessian.HessianTrace(batches=1, batch_size=8, products=12), _shown(hessian.hessian_trace)),
        Analysis(landscape.Surface(extent=0.6, points=5), _shown(landscape.curvature, landscape.rise), most=128),
        Analysis(
            feature_maps.LogAmplitude(),
            _shown(feature_maps.msa_change, feature_maps.mlp_change, feature_maps.conv_change, relative_to="DC"),
            labelled=False,
        ),
        Analysis(
            feature_maps.Variance(),
            _shown(
                feature_maps.msa_variance_change, feature_maps.mlp_variance_change, feature_maps.conv_variance_change
            ),
            labelled=False,
        ),
        Analysis(
            similarity.Similarity(),
            _shown(similarity.block_structure),
            labelled=False,
            undefined="it compares pairs of blocks of one stage with pairs of two stages, and needs both",
        ),
        Analysis(
            attention.Attention(rank_images=4),
            _shown(attention.gain_slope),
            labelled=False,
            undefined="a grid of two places a side has a single frequency",
        ),
        Analysis(
            lesion.Lesion(), (*_shown(lesion.loss_at_stage_start), (lesion.loss_at_stage_end, {"first_stage": 0}))
        ),
        Analysis(
            robustness.NoiseBands(),
            tuple((robustness.change, {"between": between}) for between in (robustness.LOW, robustness.HIGH)),
        ),
        Analysis(
            robustness.Corruptions(severities=(3,)),
            _shown(robustness.corrupted_accuracy, robustness.kept_accuracy),
            undefined="without corruptions the accuracy is 0",
        ),
        Analysis(
            cues.CueConflict(),
            _shown(cues.shape_bias),
            undefined="neither the outline nor the texture is ever chosen",
        ),
    )
}
"""What the command can do, by name, in the order of the table."""
