"""The command ``vitwork analyse``: its options, its order and its file."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from vitwork.analyse.outcome import NotMade, attempt, lines
from vitwork.analyse.subject import subject, weights
from vitwork.analyse.table import ANALYSES, settable
from vitwork.design.measurement import Measurement, Record
from vitwork.design.typed_fields import replaced
from vitwork.device import place
from vitwork.errors import VitworkError, at_least
from vitwork.report.document import dump
from vitwork.session.preflight import import_from_here
from vitwork.store.store import write_atomically

if TYPE_CHECKING:
    from vitwork.measurements.trained_run import TrainedRun


def analyse(arguments: Sequence[str]) -> int:
    """Run every analysis on one model and say what it found, how long it took and how much memory."""
    given = _parser().parse_args(arguments)
    import_from_here()
    chosen = given.analyses.split(",") if given.analyses else list(ANALYSES)
    if unknown := [name for name in chosen if name not in ANALYSES]:
        raise VitworkError(f"There is no analysis {unknown[0]!r}; there are {', '.join(ANALYSES)}.")
    if given.json and not given.json.parent.is_dir():
        raise VitworkError(f"{given.json} cannot be written: its folder does not exist.")
    usual = {name: analysis.of(given.images) for name, analysis in ANALYSES.items()}
    measurements = _changed(usual, given.changes)
    run, labelled = subject(given)
    print(f"{given.model}: {weights(given)}, {sum(p.numel() for p in run.model().parameters()):,} parameters")
    document, failed = _document(given, run), False
    for name in chosen:
        found = attempt(ANALYSES[name], measurements[name], run, labelled=labelled)
        failed = failed or (isinstance(found, NotMade) and bool(found.error))
        document["analyses"][name] = found
        # Each time and before the output, so that what is done outlives an interruption or a closed pipe.
        if given.json:
            _write(given.json, document)
        print("\n".join(lines(ANALYSES[name], found)), flush=True)
    if given.json:
        print(f"Written to {ascii(str(given.json))[1:-1]}.")
    return int(failed)


def _changed(usual: Mapping[str, Measurement], changes: Iterable[str]) -> dict[str, Measurement]:
    """Return measurements with some parameters changed.

    Args:
        usual: by name.
        changes: ``ANALYSIS.PARAMETER=VALUE`` each.

    Raises:
        VitworkError: a change names no analysis or parameter that there is, or its value does not fit.
    """
    changed = dict(usual)
    for change in changes:
        path, sign, text = (part.strip() for part in change.partition("="))
        name, _, parameter = path.partition(".")
        if not sign or not parameter:
            raise VitworkError(f"Write a change as ANALYSIS.PARAMETER=VALUE, not {change!r}.")
        if name not in changed:
            raise VitworkError(f"There is no analysis {name!r}; there are {', '.join(changed)}.")
        if parameter not in (known := settable(changed[name])):
            raise VitworkError(f"There is no parameter {parameter!r}; {name} has {', '.join(known)}.")
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
        "--device", type=place.check, default="auto", help="a torch device (default: a GPU where there is one)"
    )
    parser.add_argument("--json", type=Path, help="file for all numbers, written after every analysis")
    return parser


def positive(text: str) -> int:
    """Return a whole number from 1 that stands on a command line."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 1")
    return int(text)


def _document(given: argparse.Namespace, run: TrainedRun) -> Record:
    """Return what is known before the first analysis, with a place for what each finds."""
    from vitwork.store.machine import hardware, versions

    asked = {name: value for name, value in vars(given).items() if name not in {"json", "data"}}
    return {
        "weights": weights(given),
        "schema": "vitwork-analyses/1",
        "asked": {**asked, "data": given.data and given.data.name},
        "images": {"source": run.arm.data, "fingerprint": run.splits.test.fingerprint},
        "parameters": sum(parameter.numel() for parameter in run.model().parameters()),
        "versions": versions(),
        "hardware": hardware(),
        "analyses": {},
    }


def _write(path: Path, document: Record) -> None:
    """Write a document as JSON has it, numbers that are not finite as null; the first line tells of the weights."""
    write_atomically(path, msgspec.json.format(dump(document), indent=1).replace(b"{\n ", b"{", 1))
