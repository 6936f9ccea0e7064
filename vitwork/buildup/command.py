"""The command ``vitwork buildup``: its options, its output and its files. Imports torch only to compute."""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from vitwork import profiles
from vitwork.arguments import file_or_folder
from vitwork.buildup.networks import network
from vitwork.buildup.outcome import SearchOutcome
from vitwork.buildup.page import page
from vitwork.buildup.rule import Rates, TriedBlock
from vitwork.buildup.searching import Search
from vitwork.buildup.team import team
from vitwork.design.arm import Arm
from vitwork.design.dataset import DataSpec
from vitwork.design.held_out import HeldOut
from vitwork.design.overrides import OPTIONS, override
from vitwork.design.profile import Profile
from vitwork.device import place
from vitwork.errors import VitworkError, at_least
from vitwork.report.document import dump
from vitwork.session.display import Display
from vitwork.session.preflight import import_from_here
from vitwork.session.tasks import splits
from vitwork.store.store import Store, attempting, checked, resolved, write_atomically

if TYPE_CHECKING:
    from vitwork.buildup.team import Team

RATES = Rates()
DOCUMENT = "buildup.json"


def buildup(arguments: Sequence[str]) -> int:
    """Find where MSA blocks help a convolution network, by the paper's build-up rule, a sequential test and held-out images."""
    given = _parser().parse_args(arguments)
    at_least(1, workers=given.workers, validation=given.validation)
    if given.minutes is not None and not given.minutes >= 0.0:  # nan as well
        raise VitworkError(f"minutes is 0 or more, not {given.minutes:g}")
    rates = Rates(given.alpha, given.beta, given.least, given.seeds)
    store = Store(resolved(given.store))
    checked(given.data or Path())
    import_from_here()
    profile, arm = _scaled(given)
    with attempting("write to", given.out):
        given.out.mkdir(parents=True, exist_ok=True)
    workers = given.workers or (1 if place.pick(given.device) != "cpu" else place.cores())
    with team(store, given.data, given.device, workers) as people:
        search = _search(arm, profile, rates, people, given.minutes)
        found = _outcome(given.model, search, ())
        _check_free(given.out, found)
        print(f"{given.model} at {profile.name}, {workers} side by side. {found.declared}", flush=True)
        display = Display(store.root, None, lambda line: print(line, flush=True))
        display.start()
        try:
            for step in search.steps():
                found = _outcome(given.model, search, (*found.steps, step))
                _write(given.out, found)  # after each step, so that results survive an interruption
                print(found.line(step), flush=True)
        except KeyboardInterrupt:
            print(f"\n{found.answer}", flush=True)
            raise
        finally:
            display.stop()
        found = replace(_outcome(given.model, search, found.steps), ended=True)
    _write(given.out, found)
    print(
        "\n".join(
            ["", found.answer, "", *found.diagram, "", found.call, "", found.cost, str(given.out / "buildup.html")]
        )
    )
    return 0


def _scaled(given: argparse.Namespace) -> tuple[Profile, Arm]:
    """Return the profile and the arm that a search starts from, with some of the training images held out."""
    known = profiles.find(given.profile)
    arm = known.arms.get(given.model)
    if arm is None:  # a model given by name: recipe and images are the same for all arms of the profile
        first = next(iter(known.arms.values()))
        arm = Arm(given.model, given.model, {}, first.recipe, first.data)
    arm = replace(arm, recipe=replace(arm.recipe, snapshots=("end",)))  # no other snapshot is used
    profile = override(replace(known, arms={arm.name: arm}), given.changes, deterministic=given.deterministic)
    arm = profile.arms[arm.name]
    data = replace(arm.data, source="folder") if given.data and arm.data.source == "embedded" else arm.data
    validation = given.validation or data.test or _tenth(data, given.data)
    return profile, replace(arm, data=HeldOut.of(data, validation))


def _tenth(data: DataSpec, root: Path | None) -> int:
    """Return a tenth of the training images, or one of each class."""
    from vitwork.data import load

    images = load(data, root).train
    return max(len(images.classes), len(images) // 10)


def _search(arm: Arm, profile: Profile, rates: Rates, people: Team, minutes: float | None) -> Search:
    held_out = splits(arm.data, people.data)
    images, judging = held_out.train, len(held_out.test)
    classes = len(images.classes)
    if judging < classes:
        raise VitworkError(f"{judging} validation images cannot judge {classes} classes: hold out {classes} or more.")
    size = images.images.shape[-1]
    return Search(
        network(arm, size), profile, rates, people, classes, size, minutes,
        lambda line: print(line, flush=True),
    )  # fmt: skip


def _outcome(name: str, search: Search, steps: tuple[TriedBlock, ...]) -> SearchOutcome:
    return SearchOutcome(
        name, search.network, search.profile.name, search.classes, search.rates, steps, search.configurations(),
        time.monotonic() - search.started, search.key,
    )  # fmt: skip


def _check_free(folder: Path, found: SearchOutcome) -> None:
    """Refuse to overwrite a finished search of something else.

    Raises:
        VitworkError: the folder holds such a search.
    """
    try:
        held = msgspec.json.decode((folder / DOCUMENT).read_bytes())
        name, profile = held["model"], held["profile"]
        other = (held["key"], held["rates"]) != (found.key, asdict(found.rates))
    except (OSError, ValueError, TypeError, KeyError):  # there is no search that could be lost
        return
    if held.get("finished") and other:
        raise VitworkError(
            f"{folder} holds the finished search of {name} at {profile}, with other settings or code: give another --out."
        )


def _write(folder: Path, found: SearchOutcome) -> None:
    write_atomically(folder / DOCUMENT, msgspec.json.format(dump(found.record), indent=1))
    write_atomically(folder / "buildup.html", page(found))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("vitwork buildup", description=buildup.__doc__)
    parser.add_argument(
        "model",
        help="a pre-activation ResNet, AlterNet or ResNet of `vitwork models`, timm:NAME, or an arm of the profile",
    )
    parser.add_argument("--profile", default="smoke", help=f"recipe and images, one of {', '.join(profiles.PROFILES)}")
    parser.add_argument("--data", type=file_or_folder, help="folder of images, or hf://owner/name")
    parser.add_argument(
        "--store", type=file_or_folder, default=Path(".vitwork"), help="folder of runs; a search goes on from there"
    )
    parser.add_argument(
        "--out", type=file_or_folder, default=Path("buildup"), help="folder of the page (default: buildup)"
    )
    parser.add_argument("--validation", type=int, help="training images held out to judge by (default: as many as the "
                        "profile has test images, or a tenth)")  # fmt: skip
    parser.add_argument(
        "--seeds", type=int, default=RATES.seeds, help="most networks per configuration (default: %(default)s)"
    )
    parser.add_argument(
        "--alpha", type=float, default=RATES.alpha, help="of keeping what does not help (default: %(default)s)"
    )
    parser.add_argument("--least", type=float, default=RATES.least, help="smallest gain worth having, in points of accuracy "
                        "(default: %(default)s)")  # fmt: skip
    parser.add_argument(
        "--beta", type=float, default=RATES.beta, help="of dropping what gains so much (default: %(default)s)"
    )
    parser.add_argument(
        "--workers", type=int, help="networks trained side by side (default: one per core, or one on a GPU)"
    )
    parser.add_argument(
        "--minutes", type=float, help="begin no round of networks after so many minutes; one under way ends"
    )
    parser.add_argument("--device", type=place.check, default="auto", help="auto, cpu or a torch device")
    for name, details in OPTIONS.items():
        parser.add_argument(name, **details)
    return parser
