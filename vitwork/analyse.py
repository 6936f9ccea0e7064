"""``vitwork analyse``: every analysis on one model, of the user's or of timm's. Imports torch only to compute."""

from __future__ import annotations

import argparse
import json
import logging
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, make_dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_type_hints

from vitwork.design.overrides import check_device, import_from_here
from vitwork.design.typed_fields import replaced
from vitwork.errors import VitworkError, at_least, told
from vitwork.language.quantity import AbsentError, Measurement, Quantity, Record
from vitwork.measurements import accuracy, attention, feature_maps, hessian, landscape, lesion, robustness, similarity
from vitwork.store.store import write_atomically

if TYPE_CHECKING:
    from vitwork.data.images import Splits
    from vitwork.design.dataset import DataSpec
    from vitwork.measurements.trained_run import TrainedRun

LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Analysis:
    """A measurement as the command offers it.

    Attributes:
        measurement: what is measured.
        shown: quantities of its record in the table, with their parameters.
        labelled: whether images must be of the classes that the model tells apart.
        effort: its parameters, but for the number of images.
        most: largest number of images that it is given.
        undefined: why a quantity of it may be no number.
    """

    measurement: Measurement
    shown: tuple[tuple[Quantity, Mapping[str, Any]], ...]
    labelled: bool = True
    effort: Mapping[str, Any] = field(default_factory=dict)
    most: int = 1 << 31
    undefined: str = "this network and these images do not define it"


DC: Mapping[str, Any] = {"relative_to": "DC"}
PLAIN: Mapping[str, Any] = {}
FEW: Mapping[str, Any] = {"batches": 1, "batch_size": 8}
ANALYSES = {
    analysis.measurement.name: analysis
    for analysis in (
        Analysis(
            accuracy.evaluation, ((accuracy.accuracy, PLAIN), (accuracy.overconfidence, PLAIN)), True,
            {"batch_size": 50}, 500, undefined="not all logits are finite",
        ),
        Analysis(hessian.spectrum, ((hessian.ape, PLAIN), (hessian.nep, PLAIN), (hessian.negativity, PLAIN)), True, FEW),
        Analysis(
            hessian.blockwise, tuple((hessian.ape_of, {"kind": kind}) for kind in ("msa", "mlp", "conv")), True,
            {**FEW, "k": 1},
        ),
        Analysis(hessian.density, ((hessian.negative_share, PLAIN),), True, {**FEW, "steps": 16, "probes": 2}),
        Analysis(hessian.trace, ((hessian.hessian_trace, PLAIN),), True, {**FEW, "products": 12}),
        Analysis(
            landscape.surface, ((landscape.curvature, PLAIN), (landscape.rise, PLAIN)), True,
            {"extent": 0.6, "points": 5}, 128,
        ),
        Analysis(
            feature_maps.log_amplitude,
            ((feature_maps.msa_change, DC), (feature_maps.mlp_change, DC), (feature_maps.conv_change, DC)), False,
        ),
        Analysis(
            feature_maps.variance,
            ((feature_maps.msa_variance_change, PLAIN), (feature_maps.mlp_variance_change, PLAIN),
             (feature_maps.conv_variance_change, PLAIN)), False,
        ),
        Analysis(
            similarity.similarity, ((similarity.block_structure, PLAIN),), False,
            undefined="it compares pairs of blocks of one stage with pairs of two stages, and needs both",
        ),
        Analysis(
            attention.attention, ((attention.gain_slope, PLAIN),), False, {"rank_images": 4},
            undefined="a grid of two places a side has a single frequency",
        ),
        Analysis(lesion.lesion, ((lesion.loss_at_stage_start, PLAIN), (lesion.loss_at_stage_end, {"first_stage": 0}))),
        Analysis(
            robustness.noise_bands,
            ((robustness.change, {"between": robustness.LOW}), (robustness.change, {"between": robustness.HIGH})),
        ),
        Analysis(
            robustness.corruptions, ((robustness.corrupted_accuracy, PLAIN), (robustness.kept_accuracy, PLAIN)), True,
            {"severities": (3,)}, undefined="without corruptions the accuracy is 0",
        ),
        Analysis(
            robustness.cue_conflict, ((robustness.shape_bias, PLAIN),),
            undefined="neither the outline nor the texture is ever chosen",
        ),
    )
}  # fmt: skip
"""What the command can do, by name, in the order of the table."""


def analyse(arguments: Sequence[str]) -> int:
    """Run every analysis on one model and say what it found, how long it took and how much memory."""
    given = _parser().parse_args(arguments)
    import_from_here()
    chosen = given.analyses.split(",") if given.analyses else list(ANALYSES)
    if unknown := [name for name in chosen if name not in ANALYSES]:
        raise VitworkError(f"There is no analysis {unknown[0]!r}; there are {', '.join(ANALYSES)}.")
    if given.json and not given.json.parent.is_dir():
        raise VitworkError(f"{given.json} cannot be written: its folder does not exist.")
    parameters = _changed(
        {name: settings(analysis, given.images) for name, analysis in ANALYSES.items()}, given.changes
    )
    run, labelled = subject(given)
    print(f"{given.model}: {sum(p.numel() for p in run.model().parameters()):,} parameters")
    document = _document(given, run)
    for name in chosen:
        found = one(ANALYSES[name], run, vars(parameters[name]), labelled=labelled)
        document["analyses"][name] = found
        # Each time and before the output, so that what is done outlives an interruption or a closed pipe.
        if given.json:
            _write(given.json, document)
        print("\n".join(lines(name, found)), flush=True)
    if given.json:
        print(f"Written to {ascii(str(given.json))[1:-1]}.")
    return int(any("error" in found for found in document["analyses"].values()))


def settings(analysis: Analysis, images: int) -> Any:
    """Return the parameters of an analysis as a record with a typed field for each, filled as the command does."""
    measured = analysis.measurement
    hints = get_type_hints(measured.function, localns={"TrainedRun": Any})
    values = {**measured.parameters, **analysis.effort}
    values |= dict.fromkeys(values.keys() & {"images", "training_images"}, min(images, analysis.most))
    del values["when"]  # a model alone has no snapshots
    made = make_dataclass(
        measured.name, [(name, hints[name], field(default=value)) for name, value in values.items()], frozen=True
    )
    return made()


def _changed(settings: Mapping[str, Any], changes: Iterable[str]) -> dict[str, Any]:
    """Return the settings of analyses with some changed.

    Args:
        settings: as `settings` returns them, by the name of the analysis.
        changes: ``ANALYSIS.PARAMETER=VALUE`` each.

    Raises:
        VitworkError: a change names no analysis or parameter that there is, or its value does not fit.
    """
    changed = dict(settings)
    for change in changes:
        path, sign, text = (part.strip() for part in change.partition("="))
        name, _, parameter = path.partition(".")
        if not sign or not parameter:
            raise VitworkError(f"Write a change as ANALYSIS.PARAMETER=VALUE, not {change!r}.")
        if name not in changed:
            raise VitworkError(f"There is no analysis {name!r}; there are {', '.join(changed)}.")
        changed[name] = replaced(changed[name], parameter, text)
        value = getattr(changed[name], parameter)
        for count in value if isinstance(value, tuple) else (value,):
            if isinstance(count, int):
                at_least(1, **{path: count})
    return changed


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("vitwork analyse", description=analyse.__doc__)
    parser.add_argument("model", help="one of `vitwork models`, timm:NAME, or package.module:function")
    weights = parser.add_mutually_exclusive_group()
    weights.add_argument("--checkpoint", help="file or address of weights, or published for the paper's")
    weights.add_argument("--pretrained", action="store_true", help="timm's weights (downloads them)")
    parser.add_argument(
        "--classes", type=positive, help="classes of the model (default: those of the images; 1000 pre-trained)"
    )
    parser.add_argument("--size", type=positive, help="side of the images in pixels (default: what the model takes)")
    parser.add_argument("--data", type=Path, help="folder of images (default: images that are drawn)")
    parser.add_argument("--analyses", help=f"some of {','.join(ANALYSES)} (default: all)")
    parser.add_argument("--images", type=positive, default=256, help="images per analysis (default: 256)")
    parser.add_argument("--set", action="append", default=[], dest="changes", metavar="ANALYSIS.PARAMETER=VALUE",
                        help="change a parameter, as log_amplitude.window=hann; docs/analyses.md lists them")  # fmt: skip
    parser.add_argument(
        "--device", type=check_device, default="auto", help="a torch device (default: a GPU where there is one)"
    )
    parser.add_argument("--json", type=Path, help="file for all numbers, written after every analysis")
    return parser


def positive(text: str) -> int:
    """Return a whole number from 1 that stands on a command line."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 1")
    return int(text)


def subject(given: argparse.Namespace) -> tuple[TrainedRun, bool]:
    """Return the model as measurements take one, and whether its images are of the classes that it tells apart."""
    import torch

    from vitwork.data.images import Splits
    from vitwork.design.arm import Arm
    from vitwork.design.recipe import Recipe
    from vitwork.measurements.trained_run import TrainedRun
    from vitwork.models import create, load_checkpoint
    from vitwork.models.trial import check_logits

    spec, splits = _images(given)
    drawn = len(splits.train.classes)
    classes = given.classes or (1000 if given.pretrained else drawn)
    device = given.device if given.device != "auto" else "cuda" if torch.cuda.is_available() else "cpu"
    torch.manual_seed(0)  # for weights that are not stored
    if given.checkpoint:
        model = load_checkpoint(given.model, given.checkpoint, classes)
    else:
        model = create(given.model, classes, **({"pretrained": True} if given.pretrained else {}))
    if given.pretrained and (config := getattr(model, "pretrained_cfg", None)):
        mean, std = tuple(config["mean"]), tuple(config["std"])
        splits = Splits(*(replace(part, mean=mean, std=std) for part in (splits.train, splits.test)))
    model = model.to(device).eval()
    images = splits.test.normalised(slice(8)).to(device)
    check_logits(model, images, classes, given.model)
    if not hasattr(model, "input_size"):  # told to those who record its code; its own may mean something else
        model.input_size = tuple(images.shape[1:])  # type: ignore[assignment]
    run = TrainedRun(Arm(given.model, given.model, {}, Recipe(), spec), 0, Path(), splits, device, at_once=64)
    run.once(("model", "end"), lambda: model)
    stored = bool(given.pretrained or given.checkpoint)
    return run, classes == drawn and (given.data is not None or not stored)


def _images(given: argparse.Namespace) -> tuple[DataSpec, Splits]:
    """Return the images of the size that the model takes, and no more of them to judge it on than were asked for."""
    from vitwork.data import load
    from vitwork.design.dataset import DataSpec

    images = {} if given.data else {"train": max(500, given.images), "test": given.images}
    spec = DataSpec("folder" if given.data else "embedded", size=given.size or _size(given.model), **images)
    try:
        splits = load(spec, given.data)
    except UnicodeEncodeError as error:
        name = ascii(str(error.object)[: error.end].rpartition("\n")[2])
        raise VitworkError(f"The name of a file or folder is not UTF-8, from {name} on: rename it.") from error
    test = splits.test
    if len(test) > given.images:  # their order is that of a hash, so the first are a fair sample
        first = slice(given.images)
        splits = replace(splits, test=replace(test, images=test.images[first], labels=test.labels[first]))
    return spec, splits


def _size(name: str) -> int:
    """Return the side of the images that a model says it takes, 32 where it says nothing."""
    import torch

    from vitwork.models import create

    try:
        with torch.device("meta"):
            model = create(name)
    except VitworkError:  # a builder that reads values, which are not there, or a mistake, which is then told
        model = create(name)
    stated = getattr(model, "input_size", None) or (getattr(model, "pretrained_cfg", None) or {}).get("input_size")
    return int(stated[-1]) if isinstance(stated, (tuple, list)) else 32


def one(analysis: Analysis, run: TrainedRun, parameters: Mapping[str, Any], *, labelled: bool) -> Record:
    """Return what one analysis found, with its time and peak memory, or why it cannot be made.

    A record with ``error`` is of a fault that nobody foresaw, of the model or of the analysis; its trace is logged.
    """
    import torch

    from vitwork.device.memory import Meter, is_out_of_memory

    if lacking := analysis.measurement.lacks(run.arm, {}):  # what parameters ask of a recipe matters to claims only
        return {"not_measured": lacking}
    if analysis.labelled and not labelled:
        return {"not_measured": "needs images of the classes that the model tells apart: give them with --data"}
    meter = Meter(torch.device(run.device))
    try:
        values = analysis.measurement(run, **parameters)
    except (VitworkError, ValueError) as why:  # a ValueError says what an analysis cannot take
        return {"not_measured": str(why)}
    except Exception as error:  # one analysis that fails must not take the others down
        if is_out_of_memory(error):
            return {"not_measured": "does not fit into memory"}
        LOG.info("%s failed", analysis.measurement.name, exc_info=True)
        return {"not_measured": f"it failed on this model ({told(error)})", "error": type(error).__name__}
    cost = meter.cost(0)
    return {"parameters": dict(parameters), "values": values, "seconds": cost.seconds, "peak_bytes": cost.peak_bytes}


def lines(name: str, found: Record) -> list[str]:
    """Return the table's lines of one analysis: its time and memory, then its main quantities."""
    if "not_measured" in found:
        return [f"{name:14} not measured: {found['not_measured']}"]
    peak = "unknown" if found["peak_bytes"] is None else f"{found['peak_bytes'] / 2**20:.0f} MiB"
    rows = [f"{name:14} {found['seconds']:8.1f} s {peak:>12} at most"]
    for quantity, parameters in ANALYSES[name].shown:
        try:
            number = quantity.value(found["values"], **parameters)
            undefined = f"not defined: {ANALYSES[name].undefined}"
            value = undefined if math.isnan(number) else f"{number:.4g} {quantity.unit}".rstrip()
        except AbsentError as why:  # a network without such blocks, for example
            value = str(why)
        among = "".join(f", {key.replace('_', ' ')} {setting}" for key, setting in parameters.items())
        rows.append(f"{'':14}   {quantity.name}{among}: {value}")
    return rows


def _document(given: argparse.Namespace, run: TrainedRun) -> Record:
    """Return what is known before the first analysis, with a place for what each finds."""
    from vitwork.store.machine import hardware, versions

    asked = {name: value for name, value in vars(given).items() if name not in {"json", "data"}}
    return {
        "schema": "vitwork-analyses/1",
        "asked": {**asked, "data": given.data and given.data.name},
        "images": {"source": run.arm.data, "fingerprint": run.splits.test.fingerprint},
        "parameters": sum(parameter.numel() for parameter in run.model().parameters()),
        "versions": versions(),
        "hardware": hardware(),
        "analyses": {},
    }


def _write(path: Path, document: Record) -> None:
    """Write a document as JSON has it, numbers that are not finite as null."""
    from vitwork.session.results import without_nan
    from vitwork.store.keys import plain

    write_atomically(path, json.dumps(without_nan(plain(document)), indent=1, allow_nan=False).encode())
