"""The commands ``vitwork judge``, ``vitwork audit``, ``vitwork pool`` and ``vitwork register``."""

from __future__ import annotations

import argparse
import secrets
import tempfile
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from vitwork import profiles
from vitwork.arguments import file_or_folder, positive
from vitwork.device import place
from vitwork.errors import VitworkError
from vitwork.facts.checks import Agreement
from vitwork.facts.document import Results
from vitwork.report.source import open_report
from vitwork.report.words import evidence as words
from vitwork.session.collecting import collect, read_claims
from vitwork.session.from_report import ReportPlan, profile_of
from vitwork.session.worker import Worker
from vitwork.store.machine import commit
from vitwork.store.store import Store, resolved, write_atomically

UNJUDGED = 3
"""Exit status if nothing differs, but some verdicts cannot be judged again."""
UNLIKE = 4
"""Exit status if the numbers are the same, but the report's claims, networks or keys differ."""


def judge(arguments: Sequence[str]) -> int:
    """Judge a report's verdicts again from its values per seed, in seconds.

    The exit status is 0 if every verdict and its numbers are as published, and 1 if one is not. It is 4 if the report's
    claims or networks differ from the installed ones, or a record does not match its key. It is 3 if nothing differs
    but some verdicts cannot be judged again.
    """
    parser = _parser("judge", judge)
    _report(parser)
    given = parser.parse_args(arguments)
    from vitwork.evidence.rejudge import rejudge

    report = open_report(given.report)
    found = rejudge(_plan(report, given.claims))
    _say(words.rejudged(found, report))
    if found.differs or found.unlike:
        return 1 if found.differs else UNLIKE
    return UNJUDGED if found.those(Agreement.LOST) else 0


def audit(arguments: Sequence[str]) -> int:
    """Train and measure randomly drawn runs of a report again; the exit status is 1 if a number is not credible."""
    parser = _parser("audit", audit)
    _report(parser)
    parser.add_argument("--runs", type=positive, default=3, help="how many runs (default: 3)")
    parser.add_argument("--seed", type=int, help="of the draw of the runs (default: a new one)")
    parser.add_argument("--data", type=file_or_folder, help="folder of images, or hf://owner/name")
    parser.add_argument("--device", type=place.check, default="auto", help="auto, cpu or a torch device")
    parser.add_argument(
        "--store",
        type=file_or_folder,
        help="folder in which an audit goes on where it was stopped (default: none is kept)",
    )
    given = parser.parse_args(arguments)
    from vitwork.evidence.rejudge import rejudge
    from vitwork.evidence.trained_again import Auditor
    from vitwork.evidence.trained_again import audit as made

    report = open_report(given.report)
    seed = secrets.randbelow(1 << 31) if given.seed is None else given.seed
    plan = _plan(report, given.claims)
    judged = rejudge(plan)
    if judged.differs:
        _say([*words.rejudged(judged, report), "Not credible: numbers do not follow from the records."])
        return 1
    if judged.unlike:
        _say(["The report is not of the installed claims and networks as they are declared: see vitwork judge."])
    place.share_threads(place.cores())  # one thread, as in a session's workers: more would round sums differently
    auditor = Auditor(plan, given.data, given.runs, seed)
    drawn = ", ".join(f"{run.arm} {run.seed}" for run in auditor.drawn())
    _say([f"Drawn with --seed {seed}: {drawn}."])
    with tempfile.TemporaryDirectory(prefix="vitwork-audit-") as folder:
        worker = Worker(Store(resolved(given.store or Path(folder))), given.data, device=given.device)
        found = made(auditor, worker)
    _say(words.audited(found, report))
    return int(not found.credible)


def pool(arguments: Sequence[str]) -> int:
    """Join the seeds of several reports into one; the exit status is 1 if it matters where networks were trained."""
    parser = _parser("pool", pool)
    parser.add_argument("reports", nargs="+", help="folders of reports, their results.json, or addresses of either")
    parser.add_argument(
        "--out", type=file_or_folder, required=True, metavar="FOLDER", help="where the joint report goes"
    )
    _claims(parser)
    given = parser.parse_args(arguments)
    from vitwork.evidence import pool as pooling
    from vitwork.report.build import build

    names = list(dict.fromkeys(given.reports))
    if len(names) < 2:
        raise VitworkError("Name at least two different reports to pool.")
    reports = {name: open_report(name) for name in names}
    results = pooling.judge(_plan(pooling.pooled(reports), given.claims), list(reports.values()))
    _say([*words.pooled(results), f"Report: {build(results, given.out)}"])
    return int(any(found.adjusted_p <= results.alpha for found in results.machine_effects))


def register(arguments: Sequence[str]) -> int:
    """Write the file that registers a profile's claims before they are measured: hypotheses, margins, seeds, hashes."""
    parser = _parser("register", register)
    parser.add_argument("--profile", required=True, help=f"one of {', '.join(profiles.PROFILES)}")
    parser.add_argument("--seeds", metavar="N", help="trained networks per arm, in place of the profile's number")
    parser.add_argument("--first-seed", type=int, metavar="N", help="number of the first seed (default: the profile's)")
    _claims(parser)
    given = parser.parse_args(arguments)
    from vitwork.session.options import numbered
    from vitwork.session.registration import FOLDER, book, outlined

    tests = collect(given.claims)
    profile = numbered(profiles.find(given.profile), given.seeds, given.first_seed)
    plan = outlined(profile, read_claims(tests, profile))
    project, now = Path.cwd(), datetime.now(UTC).isoformat(timespec="seconds")
    revision, dirty = commit(project)
    path = project / FOLDER / f"{profile.name}.json"
    write_atomically(path, book(plan, now, revision, dirty=dirty))
    _say(
        [
            f"Written to {FOLDER / path.name}: commit it before the first run, since its commit is what shows when that was."
        ]
    )
    return 0


def _parser(name: str, command: Callable[[Sequence[str]], int]) -> argparse.ArgumentParser:
    return argparse.ArgumentParser(f"vitwork {name}", description=command.__doc__)


def _report(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("report", help="folder of a report, its results.json, or the address of either")
    _claims(parser)


def _claims(parser: argparse.ArgumentParser) -> None:
    here = Path("claims")
    parser.add_argument(
        "--claims",
        nargs="+",
        type=file_or_folder,
        default=[here] if here.is_dir() else [],
        help="files or folders of claims (default: the folder claims, where there is one, else those that are installed)",
    )


def _plan(report: Results, claims: Sequence[Path]) -> ReportPlan:
    """Return the plan of a report's claims."""
    tests = collect(claims)
    if report.profile.name not in profiles.PROFILES:
        raise VitworkError(
            f"No claim that was read has a profile {report.profile.name!r}: name those of the report's project with --claims."
        )
    profile = profile_of(report)
    return ReportPlan(profile, report=report).read(read_claims(tests, profile))


def _say(lines: Iterable[str]) -> None:
    """Print lines without control characters, because a report may come from anyone."""
    from vitwork.report.html import visible

    print("\n".join(str(visible(line)) for line in lines))
