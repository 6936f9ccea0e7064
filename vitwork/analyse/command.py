"""The command ``vitwork analyse``: its options, its output and its files."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from vitwork.analyse.analysing import Analysing, Coming, measurements, outcome
from vitwork.analyse.outcome import AnalysisOutcome, check_file, lines, weights_of
from vitwork.analyse.subject import AnalysedImages, subjects
from vitwork.analyse.table import ANALYSES, chosen
from vitwork.arguments import file_or_folder, positive
from vitwork.device import place
from vitwork.session.preflight import import_from_here


def analyse(arguments: Sequence[str]) -> int:
    """Run every analysis on one model or several: numbers with their errors, time and memory; tables, page, figures."""
    given = _parser().parse_args(arguments)
    import_from_here()
    models = subjects(given.models, "pretrained" if given.pretrained else _each(given.weights), given.classes)
    measured = measurements(chosen(given.only), given.images, given.changes)
    files = [check_file(path) for path in (given.json, given.csv, given.html) if path]
    pictures = AnalysedImages(given.data, given.images, given.size)
    analysing = Analysing(models, pictures, measured, given.device, given.minutes, _say)
    analysing.prepare()
    _clear()
    print(weights_of([(model.name, model.said, model.trained) for model in models]), flush=True)
    shown = ""
    for model, name, found in analysing.run():
        # After each analysis and before the output, so that results survive an interruption or a closed pipe.
        _save(outcome(analysing, _asked(given)), files)
        if shown != model.model:
            print(f"\n{model.model}: {model.weights}, {model.parameters:,} parameters")
            shown = model.model
        _clear()
        print("\n".join(lines(name, found)), flush=True)
    if len(models) > 1:
        print(f"\n{outcome(analysing, {})}")
    for path in files:
        print(f"Written to {ascii(str(path))[1:-1]}.")
    if not any(model.measured for model in analysing.done):
        print("Nothing was measured.")
        return 1
    return int(any(model.failed for model in analysing.done))


def _each(weights: list[str]) -> list[str] | str | None:
    """Return the list of weights, or a single one itself, or None."""
    return weights[0] if len(weights) == 1 else weights or None


def _save(found: AnalysisOutcome, files: Sequence[Path]) -> None:
    for path in files:
        found.save(path)


def _asked(given: argparse.Namespace) -> dict[str, object]:
    """Return the options of the command, without paths on this machine."""
    asked = {name: value for name, value in vars(given).items() if name not in {"json", "csv", "html", "data"}}
    return {**asked, "data": given.data and given.data.name}


def _say(coming: Coming) -> None:
    """Show the next analysis on stderr: on a terminal in a line that is overwritten, otherwise a line per analysis."""
    terminal = sys.stderr.isatty()
    if terminal or coming.analysis:
        _clear()
        print(coming, end="\r" if terminal else "\n", file=sys.stderr, flush=True)


def _clear() -> None:
    if sys.stderr.isatty():
        print("\x1b[2K", end="", file=sys.stderr, flush=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("vitwork analyse", description=analyse.__doc__)
    parser.add_argument("models", nargs="+", metavar="MODEL",
                        help="one of `vitwork models`, timm:NAME, or package.module:function")  # fmt: skip
    weights = parser.add_mutually_exclusive_group()
    weights.add_argument("--weights", "--checkpoint", action="append", default=[], metavar="FILE",
                         help="file or address of weights, once for each model, or published for the paper's")  # fmt: skip
    weights.add_argument("--pretrained", action="store_true", help="timm's weights (downloads them)")
    parser.add_argument(
        "--classes", type=positive, help="classes of the models (default: those of the images; 1000 pre-trained)"
    )
    parser.add_argument("--size", type=positive, help="side of the images in pixels (default: what each model takes)")
    parser.add_argument(
        "--data",
        type=file_or_folder,
        help="folder of images, split or a folder for each class (default: images that are drawn)",
    )
    parser.add_argument("--only", "--analyses", metavar="NAMES", help=f"some of {','.join(ANALYSES)}, or of several at once "
                        f"{','.join(dict.fromkeys(one.family for one in ANALYSES.values()))} (default: all)")  # fmt: skip
    parser.add_argument("--images", type=positive, default=256, help="images per analysis (default: 256)")
    parser.add_argument("--minutes", type=float, help="start no analysis that would end later than this, about")
    parser.add_argument("--set", action="append", default=[], dest="changes", metavar="ANALYSIS.PARAMETER=VALUE",
                        help="change a parameter, as log_amplitude.window=hann; docs/analyses.md lists them")  # fmt: skip
    parser.add_argument(
        "--device", type=place.check, default="auto", help="a torch device (default: a GPU where there is one)"
    )
    parser.add_argument(
        "--json", type=file_or_folder, help="file for all numbers and records, written after every analysis"
    )
    parser.add_argument("--csv", type=file_or_folder, help="file for a row per model, written after every analysis")
    parser.add_argument(
        "--html", type=file_or_folder, help="page with the figures side by side, written after every analysis"
    )
    return parser
