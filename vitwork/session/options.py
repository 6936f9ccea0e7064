"""The command-line options of a session of claims, and the profile, store and budget that follow from them."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from vitwork import profiles
from vitwork.arguments import file_or_folder
from vitwork.design import overrides
from vitwork.design.deviation import Lack
from vitwork.design.profile import Profile
from vitwork.device import place
from vitwork.errors import VitworkError
from vitwork.facts.document import Results
from vitwork.networks import selection
from vitwork.report.source import open_report
from vitwork.session import from_report
from vitwork.session.archive import Archive, ArchivedStore
from vitwork.session.costs import fingerprints
from vitwork.session.engine import Choice
from vitwork.session.plan import Plan
from vitwork.session.reading import Case
from vitwork.session.seeding import FIRST_SEEDS, Budget
from vitwork.store.objects import is_url, opened, where, working_folder
from vitwork.store.store import Store, checked

MOST_SEEDS = 20
"""Seeds per arm with ``--seeds auto`` unless ``--max-seeds`` says otherwise."""
LARGEST = 1000
"""Most seeds per arm that can be chosen; planning that many still takes less than a minute."""
LAST = 2**32 - 1
"""Largest number that can be chosen for the first seed; tables have integers of 64 bits."""


ENGINE: dict[str, dict[str, Any]] = {
    "--engine": {
        "default": "local",
        "help": "who does what is missing: local (default), slurm, ray or ray://HOST:PORT, or one that a package adds",
    },
    "--engine-set": {
        "action": "append",
        "default": [],
        "dest": "engine_settings",
        "metavar": "KEY=VALUE",
        "help": "a setting of the engine, as partition=gpu, gpus_per_node=1 or array_parallelism=8 of slurm, gpus=0.5 of ray",
    },
}
"""The options of every command that hands work to an engine, in the form that argparse and pytest take."""


def add(parser: pytest.Parser) -> None:
    """Add the options."""
    group = parser.getgroup("vitwork", "claims of 'How Do Vision Transformers Work?'")
    group.addoption("--profile", default="smoke", help=f"scale: {', '.join(profiles.PROFILES)} (default: smoke)")
    group.addoption(
        "--data",
        type=file_or_folder,
        help="folder of images (Parquet files as on the Hugging Face hub, tar shards, class folders), or hf://owner/name",
    )
    group.addoption(
        "--weights",
        type=file_or_folder,
        help="folder of weights of published networks, NAME.safetensors each (default: the cache of the Hugging Face hub)",
    )
    group.addoption(
        "--store", type=where, help="folder or URL (s3://…) of runs and records (default: .vitwork beside the claims)"
    )
    group.addoption(
        "--report",
        type=file_or_folder,
        help="folder of the report (default: report-PROFILE in the store, -changed and -part for sessions of other settings "
        "and of chosen tests)",
    )
    group.addoption("--seeds", help="trained networks per arm in place of the profile's number, or auto: until settled")
    group.addoption("--first-seed", type=int, metavar="N", help="number of the first seed (default: the profile's)")
    group.addoption("--max-seeds", type=int, help=f"most seeds per arm with --seeds auto (default: {MOST_SEEDS})")
    group.addoption(
        "--max-minutes", type=float, help="begin no run after this time, and judge the seeds that every arm has by then"
    )
    group.addoption(
        "--baseline", type=file_or_folder, help="results.json of an earlier session: fail only where something changed"
    )
    group.addoption(
        "--from",
        dest="source",
        metavar="REPORT",
        help="judge again what a report holds (its folder, results.json or address), or what lies in a store; nothing is "
        "trained",
    )
    group.addoption(
        "--records",
        metavar="REPORT",
        help="what this report holds counts as measured: a folder, results.json or an address",
    )
    group.addoption("--plan", action="store_true", help="print what the session would cost and could see, and stop")
    group.addoption(
        "--tensorboard", type=file_or_folder, metavar="DIR", help="write TensorBoard event files of trainings there"
    )
    group.addoption("--device", default="auto", help="auto, cpu or a torch device (default: auto)")
    group.addoption(
        "--model",
        action="append",
        default=[],
        dest="substitutes",
        metavar="[ARM=]MODEL",
        help="test a model of your own in place of an arm's (default: vit): module:function or timm:NAME; of published "
        "networks, timm:NAME,NAME…",
    )
    for name, details in (overrides.OPTIONS | ENGINE).items():
        group.addoption(name, **details)


def profile_of(config: pytest.Config) -> Profile:
    """Return the profile that the options choose, with their changes noted among its deviations.

    Raises:
        VitworkError: an option's value cannot be used.
    """
    option = config.option
    if (report := report_from(config)) is not None:
        settings = ("data", "seeds", "substitutes", "changes", "deterministic", "records")
        changed = any(getattr(option, name) for name in settings) or option.first_seed is not None
        if changed or option.profile not in {"smoke", report.profile.name}:
            raise VitworkError(
                f"--from {option.source} judges the report as it is: leave profile, seeds and settings out."
            )
        return from_report.profile_of(report)
    profile = _arms(option, profiles.find(option.profile))
    return _replicated(option, overrides.override(profile, option.changes, deterministic=option.deterministic))


def _arms(option: argparse.Namespace, profile: Profile) -> Profile:
    """Return a profile with the models and the published networks that the options name."""
    if profile.loaded:
        return selection.located(
            profile, option.weights, selection.given(profile, option.substitutes), planned=option.plan
        )
    return selection.located(overrides.substitute(profile, option.substitutes), option.weights)


def _replicated(option: argparse.Namespace, profile: Profile) -> Profile:
    """Return a profile with the number of seeds that the options set."""
    auto, limited = option.seeds == "auto", option.max_minutes is not None
    profile = numbered(profile, None if auto else option.seeds, option.first_seed)
    if option.max_seeds is not None and not auto:
        raise VitworkError("--max-seeds ends a session with --seeds auto; without it, it says nothing.")
    if limited and not auto and (profile.loaded or option.engine != "local"):
        what = f"The networks of {profile.name} are loaded" if profile.loaded else f"The engine is {option.engine}"
        raise VitworkError(f"{what}: --max-minutes ends the training of seeds on this machine.")
    if option.max_seeds is not None and option.max_seeds < FIRST_SEEDS:
        raise VitworkError(
            f"--max-seeds takes a number from {FIRST_SEEDS}, with which every arm begins, not {option.max_seeds}."
        )
    if limited and not option.max_minutes > 0:
        raise VitworkError(f"--max-minutes takes a time above 0, not {option.max_minutes:g}.")
    if auto or (limited and not option.plan):
        return replace(profile, seeds=FIRST_SEEDS if auto else min(FIRST_SEEDS, profile.seeds))
    return profile


def numbered(profile: Profile, seeds: str | None, first: int | None) -> Profile:
    """Return a profile with other seeds.

    Args:
        profile: the profile; its own seeds are kept if nothing is given.
        seeds: number of seeds per arm, as typed.
        first: number of the first seed.

    Raises:
        VitworkError: a number is not allowed, or the profile's networks are loaded and have no seeds.
    """
    if first is not None and not 0 <= first <= LAST:
        raise VitworkError(f"--first-seed takes a number from 0 to {LAST:,}, not {first}.")
    if first is not None and profile.loaded:
        raise VitworkError(
            f"The networks of {profile.name} are loaded, and no seed numbers them: leave --first-seed out."
        )
    if first is not None:
        profile = replace(profile, first_seed=first)
    if seeds is None:
        return profile
    if not seeds.isdecimal() or not 1 <= (number := int(seeds)) <= LARGEST:
        raise VitworkError(f"--seeds takes a number from 1 to {LARGEST:,}, or auto in a session, not {seeds}.")
    return overrides.with_seeds(profile, number, profile.seeds)


def report_from(config: pytest.Config) -> Results | None:
    """Return the report to judge again; None if the session measures, or judges the records of a store.

    Raises:
        VitworkError: there is no such report.
    """
    source = config.option.source
    return None if source is None or _is_store(source) else _opened(source)


def _is_store(source: str) -> bool:
    folder = Path(source)
    return (folder / "records").is_dir() and not (folder / "results.json").exists()


_opened = cache(open_report)


def open_store(config: pytest.Config) -> Store:
    """Return the session's store, together with the records of the reports that ``--records`` names.

    Raises:
        VitworkError: the store cannot be created or written, or there is no such report.
    """
    root, report = store_of(config), report_from(config)
    if report is not None:
        return ArchivedStore(root, Archive([report]), alone=True)
    records = config.option.records
    if records is None:
        return opened(_place(config), _own(config))
    if is_url(_place(config)):
        raise VitworkError("--records counts beside a store on disk, not beside one at a URL.")
    return ArchivedStore(root, Archive([_opened(records)]))


def plan_of(config: pytest.Config, profile: Profile, cases: Iterable[Case], lacks: Mapping[str, Lack]) -> Plan:
    """Return the plan of a session's tests; `lacks` holds, by claim, what is lacking independently of the profile."""
    if (report := report_from(config)) is not None:
        return from_report.ReportPlan(profile, report=report).read(cases, lacks)
    plan = Plan(profile, config.option.data)
    if config.option.plan:  # planning needs no data
        plan.fingerprints |= fingerprints({arm.data for arm in profile.arms.values()}, plan.data)
    return plan.read(cases, lacks)


def budget_of(config: pytest.Config) -> Budget | None:
    """Return the budget for further seeds; None for a fixed number of seeds."""
    option = config.option
    if option.seeds == "auto":
        return Budget(option.max_seeds or MOST_SEEDS, option.max_minutes)
    if option.max_minutes is None:
        return None
    most = numbered(profiles.find(option.profile), option.seeds, None).seeds
    return Budget(most, option.max_minutes, settles=False)


def store_of(config: pytest.Config) -> Path:
    """Return the folder of the store; for a store at a URL, the local working folder."""
    return working_folder(_place(config), _own(config))


def _place(config: pytest.Config) -> Path | str:
    source = config.option.source
    given = Path(source) if source is not None and _is_store(source) else config.option.store
    return given or _own(config)


def _own(config: pytest.Config) -> Path:
    return config.rootpath / ".vitwork"


def engine_of(config: pytest.Config) -> Choice:
    """Return the engine that does the work.

    Raises:
        VitworkError: there is no engine of that name.
    """
    return Choice.of(config.option.engine, config.option.engine_settings)


def check_paths(config: pytest.Config) -> None:
    """Refuse paths that no file can have, or that pytest-xdist cannot send to its workers.

    Raises:
        VitworkError: a path holds a NUL character, or, with workers, is not UTF-8.
    """
    option = config.option
    for given in (option.data, option.weights, option.store, option.report, option.baseline, option.tensorboard):
        path = given and Path(given)
        if path is not None and not checked(path).as_posix().isascii() and getattr(option, "tx", None):
            try:
                str(path).encode()
            except UnicodeEncodeError as error:
                raise VitworkError(f"{str(path)!a} is not UTF-8, which workers need: leave -n out.") from error


def report_of(config: pytest.Config, store: Path, *, part: bool) -> Path:
    """Return the report's folder: the one named by the options, or one for each kind of session."""
    option = config.option
    changed = (
        option.substitutes or option.changes or option.seeds or option.first_seed is not None or option.deterministic
    )
    kind = f"{'-again' * bool(option.source)}{'-changed' * bool(changed)}{'-part' * part}"
    folder: Path = option.report or store / f"report-{profile_of(config).name}{kind}"
    return folder


def projects(config: pytest.Config) -> list[Path]:
    """Return the folders that the files of an earlier report's claims are relative to.

    These are pytest's root and, if the root lies inside it, the folder that holds the store. The root may be only a
    subfolder of the project if pytest was started there.
    """
    around = store_of(config).parent
    return [config.rootpath, *([around] if config.rootpath.is_relative_to(around) else [])]


def at_once(config: pytest.Config) -> int:
    """Return how many runs a session works on at a time: one, or the smaller of the numbers of workers and cores."""
    workers = getattr(config.option, "numprocesses", None)  # an option of xdist, if it is installed
    return min(workers or 1, place.cores())


def works(config: pytest.Config) -> bool:
    """Return whether the session runs tests, instead of only showing them, their fixtures or their costs."""
    option = config.option
    return not (option.collectonly or option.plan or getattr(option, "setuponly", False))


def given(config: pytest.Config) -> bool:
    """Return whether any of vitwork's options was given."""
    option = config.option
    plain = ("smoke", "auto", False, False, "local")
    return (option.profile, option.device, option.plan, option.deterministic, option.engine) != plain or any(
        (
            option.data, option.weights, option.store, option.report, option.seeds, option.max_seeds, option.max_minutes,
            option.baseline, option.tensorboard, option.substitutes, option.changes, option.first_seed is not None, option.source,
            option.records, option.engine_settings,
        )
    )  # fmt: skip


def chosen(config: pytest.Config) -> bool:
    """Return whether the command line chooses among the tests."""
    option = config.option
    options = (
        option.keyword,
        option.markexpr,
        option.deselect,
        option.ignore,
        option.ignore_glob,
        getattr(option, "lf", False),
    )
    return any(options) or any("::" in argument or argument.endswith(".py") for argument in config.args)
