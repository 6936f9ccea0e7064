"""What is lost when things go wrong? Faults injected into sessions, stores and reports, and what they cost, counted.

    python benchmarks/faults.py [--seed 0] [--minutes 10] [--only PATTERN] [--save FILE]

Each fault is tried in turn until the time is up. *Lost work* counts runs that were trained before the fault and had to be
trained again, without being what was damaged. *Wrong results* counts verdicts that are neither those of a session without
faults nor *not measured*, whole reports that were replaced or emptied, ends without a sentence, and sessions that do not
come to the right verdicts afterwards. ``--save`` puts the table in the place of the one that FILE holds.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from fault_inputs import CLAIMS, PROJECT
from fault_mutations import damage, mutated

WHOLE, PART = "report-tiny", "report-tiny-part"
WAIT_SECONDS = 900.0  # a session takes ten: whatever else the machine does, one that takes as long hangs


@dataclass
class Tally:
    """What became of one fault: times tried, runs trained twice, and what was wrong."""

    tried: int = 0
    lost: int = 0
    wrong: list[str] = field(default_factory=list)


@dataclass
class Project:
    """A folder with claims of its own at a scale that trains in a moment."""

    folder: Path

    @classmethod
    def make(cls, folder: Path, *, like: Project | None = None) -> Project:
        """Make one; `like` another, whose store it copies."""
        folder.mkdir(parents=True)
        (folder / "conftest.py").write_text(PROJECT, encoding="utf-8")
        (folder / "test_claims.py").write_text(CLAIMS, encoding="utf-8")
        if like is not None:
            shutil.copytree(like.store, folder / ".vitwork")
        return cls(folder)

    @property
    def store(self) -> Path:
        return self.folder / ".vitwork"

    def start(self, *options: str) -> subprocess.Popen[str]:
        """Start a session."""
        command = [sys.executable, "-m", "pytest", "--profile", "tiny", "-q", *options]
        environment = {**os.environ, "OMP_NUM_THREADS": "1"}
        return subprocess.Popen(
            command, cwd=self.folder, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )

    def run(self, *options: str) -> str:
        """Return what a session says."""
        return self.start(*options).communicate(timeout=WAIT_SECONDS)[0]

    def verdicts(self, report: str) -> dict[str, str]:
        """Return the verdicts of a report by claim; none where there is no report."""
        path = self.store / report / "results.json"
        document = json.loads(path.read_bytes()) if path.exists() else {"claims": []}
        return {claim["id"]: claim["verdict"] for claim in document["claims"]}

    def trained(self) -> dict[str, int]:
        """Return when the outcome of each run was written, by run."""
        return {path.parent.name: path.stat().st_mtime_ns for path in self.store.glob("runs/*/outcome.json")}

    def forget_measurements(self) -> None:
        """Remove what was measured, so that a session reads the snapshots."""
        for path in self.store.glob("records/*/*.json"):
            if b'"name": "size"' in path.read_bytes():
                path.unlink()


@dataclass
class Bench:
    """Where faults are tried: a finished project to start from, its verdicts, and a source of chance."""

    root: Path
    base: Project
    truth: dict[str, str]
    chance: random.Random
    number: int = 0

    @classmethod
    def make(cls, root: Path, seed: int) -> Bench:
        base = Project.make(root / "base")
        said = base.run("-p", "no:cacheprovider")
        truth = base.verdicts(WHOLE)
        if set(truth.values()) != {"reproduced", "contradicted", "inconclusive"}:
            raise SystemExit(f"The session without faults went wrong:\n{said}")
        return cls(root, base, truth, random.Random(seed))

    def project(self, *, trained: bool = True) -> Project:
        """Return a new project, with everything trained or nothing."""
        self.number += 1
        return Project.make(self.root / str(self.number), like=self.base if trained else None)

    def judge(self, tally: Tally, project: Project, said: str, *, part: bool = True) -> None:
        """Count what a session with a fault left, and whether a session after it finds what is right."""
        tally.tried += 1
        for report in (PART, WHOLE):
            for claim, verdict in project.verdicts(report).items():
                if verdict not in {self.truth[claim], "not measured"}:
                    tally.wrong.append(f"{claim} is {verdict}")
        if part and set(project.verdicts(WHOLE).values()) - set(self.truth.values()):
            tally.wrong.append("a part stands in the place of the whole")
        if "INTERNALERROR" in said or "Traceback" in said:
            tally.wrong.append(f"ends without a sentence: {said[-2000:]}")
        before = project.trained()
        after = project.run("-p", "no:cacheprovider")
        if project.verdicts(WHOLE) != self.truth:
            tally.wrong.append(f"is not put right by another session: {after[-2000:]}")
        tally.lost += sum(before[run] != when for run, when in project.trained().items() if run in before)
        shutil.rmtree(project.folder)


def wait(found: Callable[[], Any], session: subprocess.Popen[str]) -> Any:
    """Return the first answer that is true, or None once the session has ended."""
    end = time.monotonic() + WAIT_SECONDS
    while time.monotonic() < end and session.poll() is None:
        if answer := found():
            return answer
        time.sleep(0.002)
    return None


def workers(project: Project, stage: str) -> list[int]:
    """Return the processes that are at a stage, all of them where any is."""
    found: list[tuple[int, str]] = []
    for path in project.store.glob("progress/*.json"):
        try:
            status = json.loads(path.read_bytes())
            found.append((status["pid"], status["stage"]))
        except (OSError, ValueError):
            continue
    return [pid for pid, _ in found] if any(stage in now for _, now in found) else []


def kill(pids: Iterable[int], how: int = signal.SIGKILL) -> None:
    for pid in pids:
        try:
            os.kill(pid, how)
        except ProcessLookupError:
            continue


def worker_killed(
    stage: str, *options: str, every: bool = False, trained: bool = False
) -> Callable[[Bench, Tally], None]:
    """Return a fault: one worker of two, or every one, is killed at a stage."""

    def fault(bench: Bench, tally: Tally) -> None:
        project = bench.project(trained=trained)
        if trained:
            project.forget_measurements()
        session = project.start("-n", "2", "-p", "no:cacheprovider", *options)
        pids = wait(lambda: workers(project, stage), session) or []
        time.sleep(bench.chance.uniform(0, 0.2))
        kill(pids if every else pids[:1])
        said = session.communicate(timeout=WAIT_SECONDS)[0]
        bench.judge(tally, project, said)

    return fault


def killed_after_judging(bench: Bench, tally: Tally) -> None:
    project = bench.project()
    session = project.start("-n", "2", "-p", "no:cacheprovider")
    marker = project.folder / "theorem"
    pid = wait(lambda: marker.exists() and marker.read_text(), session)
    kill([int(pid)] if pid else [])
    said = session.communicate(timeout=WAIT_SECONDS)[0]
    bench.judge(tally, project, said)


def interrupted(bench: Bench, tally: Tally) -> None:
    project = bench.project(trained=False)
    options = bench.chance.choice([(), ("-n", "2")])
    session = project.start("-p", "no:cacheprovider", *options)
    wait(lambda: workers(project, ""), session)
    time.sleep(bench.chance.uniform(0, 2))
    kill([session.pid], signal.SIGINT)
    said = session.communicate(timeout=WAIT_SECONDS)[0]
    said = said.replace("Traceback", "") if "KeyboardInterrupt" in said else said  # which pytest shows itself
    bench.judge(tally, project, said)


ENDINGS = (
    ("-x",), ("--maxfail=1",), ("--sw",), ("--lf",), ("--setup-only",), ("--setup-plan",), ("--collect-only",),
    ("-x", "-n", "2"), ("--maxfail=1", "-n", "2"), ("-x", "--report", ".vitwork/report-tiny"),
)  # fmt: skip


def ended_early(bench: Bench, tally: Tally) -> None:
    project = bench.project()
    whole = (project.store / WHOLE / "results.json").read_bytes()
    options = ENDINGS[tally.tried % len(ENDINGS)]
    said = project.run(*options)
    if (project.store / WHOLE / "results.json").read_bytes() != whole:
        tally.wrong.append(f"{' '.join(options)} replaces the whole report")
    bench.judge(tally, project, said)


def damaged(pattern: str, *, measure: bool) -> Callable[[Bench, Tally], None]:
    """Return a fault: a file of the store is flipped in one bit, cut, emptied or deleted."""

    def fault(bench: Bench, tally: Tally) -> None:
        project = bench.project()
        if measure:
            project.forget_measurements()
        path = bench.chance.choice(sorted(project.store.glob(pattern)))
        own = path.parent.name
        damage(path, bench.chance)
        before = project.trained()
        said = project.run("-p", "no:cacheprovider")
        again = [run for run, when in project.trained().items() if run != own and before.get(run, when) != when]
        tally.lost += len(again)
        bench.judge(tally, project, said, part=False)

    return fault


def disk_full(bench: Bench, tally: Tally) -> None:
    """Let a session work and report on a disk that fills up; only root can mount one."""
    project, trained = bench.project(), bench.chance.random() < 0.5
    if not trained:
        shutil.rmtree(project.store / "runs")
        shutil.rmtree(project.store / "records")
    aside = project.folder / "aside"
    project.store.rename(aside)
    project.store.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", project.store], check=True)
    try:
        shutil.copytree(aside, project.store, dirs_exist_ok=True)
        whole = (project.store / WHOLE / "results.json").read_bytes()
        left = shutil.disk_usage(project.store).free - bench.chance.randrange(0, 400_000)
        (project.store / "ballast").write_bytes(bytes(max(0, left)))
        said = project.run("-p", "no:cacheprovider")
        found = (project.store / WHOLE / "results.json").read_bytes()
        if found != whole and json.loads(found)["claims"] == []:
            tally.wrong.append("the report is emptied")
        (project.store / "ballast").unlink()
        shutil.copytree(project.store, project.folder / "after")
    finally:
        subprocess.run(["umount", project.store], check=True)
    project.store.rmdir()
    (project.folder / "after").rename(project.store)
    bench.judge(tally, project, said, part=False)


def killed_training(bench: Bench, tally: Tally) -> None:
    """Kill a training, resume it, and compare every bit of its snapshots."""
    project = bench.project(trained=False)
    session = project.start("-p", "no:cacheprovider")
    wait(lambda: workers(project, ""), session)
    time.sleep(bench.chance.uniform(0, 1.5))
    kill([session.pid])
    session.communicate()
    before = project.trained()
    said = project.run("-p", "no:cacheprovider")
    for snapshot in bench.base.store.glob("runs/*/*.pt"):
        mine = project.store / snapshot.relative_to(bench.base.store)
        if mine.read_bytes() != snapshot.read_bytes():
            tally.wrong.append(f"{snapshot.name} differs after it was resumed")
    tally.lost += sum(project.trained()[run] != when for run, when in before.items())
    bench.judge(tally, project, said)


def results_mutated(bench: Bench, tally: Tally) -> None:
    """Change results in one place, and let every command read them: each ends well or in one sentence."""
    from vitwork.errors import VitworkError
    from vitwork.facts.changes import compare_to_baseline
    from vitwork.report.build import build
    from vitwork.report.compare import write_comparison
    from vitwork.report.document import read
    from vitwork.report.html import all_visible
    from vitwork.report.site import index

    source = bench.base.store / WHOLE / "results.json"
    good, folder = read(source), bench.root / "mutated" / "report"
    folder.mkdir(parents=True, exist_ok=True)
    for _ in range(20):
        tally.tried += 1
        text = mutated(source.read_bytes(), bench.chance)
        (folder / "results.json").write_bytes(text)
        try:
            results = read(folder)
            build(results, folder)
            sides = all_visible(good), all_visible(results)
            for old, new in (sides, sides[::-1]):
                write_comparison(compare_to_baseline(old, new), old, new, folder.parent)
            index(folder.parent)
        except VitworkError:
            continue
        except Exception as error:  # noqa: BLE001 - what is looked for
            tally.wrong.append(f"{type(error).__name__}: {error}")


FAULTS: tuple[tuple[str, str, Callable[[Bench, Tally], None]], ...] = (
    ("a worker dies while it trains", "SIGKILL to one of two workers", worker_killed("")),
    ("a worker dies while it measures", "SIGKILL to one of two workers", worker_killed("measuring", trained=True)),
    ("a worker dies after the verdicts", "SIGKILL to the worker in a test", killed_after_judging),
    (
        "all workers die, none is replaced", "SIGKILL to both, `--max-worker-restart 0`",
        worker_killed("", "--max-worker-restart", "0", every=True),
    ),
    ("the session is interrupted", "SIGINT to pytest, with and without workers", interrupted),
    ("a session that ends early", "`-x`, `--maxfail`, `--sw`, `--lf`, `--setup-only`, …", ended_early),
    ("a training is killed and resumed", "SIGKILL at any time, snapshots compared bit by bit", killed_training),
    ("a record is damaged", "a bit flipped, cut, emptied, deleted", damaged("records/*/*.json", measure=False)),
    ("a snapshot is damaged", "likewise, and read again", damaged("runs/*/*.pt", measure=True)),
    ("an outcome is damaged", "likewise", damaged("runs/*/outcome.json", measure=True)),
    ("a judgement is damaged", "likewise", damaged("judgements/*.json", measure=False)),
    ("the disk is full", "a tmpfs, which root can mount, with 0 to 400 kB left", disk_full),
    ("results are malformed", "one place changed, `report`, `compare` and `site` made of it", results_mutated),
)  # fmt: skip


def table(tallies: Sequence[Tally], faults: Sequence[tuple[str, str, Any]] = FAULTS) -> list[str]:
    """Return the table as Markdown."""
    rows = [
        f"| {name} | {how} | {tally.tried} | {tally.lost} | {len(tally.wrong)} |"
        if tally.tried
        else f"| {name} | {how} | not tried | – | – |"
        for (name, how, _), tally in zip(faults, tallies, strict=True)
    ]
    return ["| fault | how injected | times tried | lost work | wrong results |", "|---|---|---|---|---|", *rows]


def inject(
    root: Path, seed: int, minutes: float, only: str = "", keep: Callable[[list[str]], None] = lambda _: None
) -> tuple[Sequence[tuple[str, str, Any]], list[Tally]]:
    """Try faults in turn, each at least once, until the time is up; `keep` gets the table after each."""
    bench = Bench.make(root, seed)
    chosen = [fault for fault in FAULTS if re.search(only, fault[0])]
    tallies, end = [Tally() for _ in chosen], time.monotonic() + 60 * minutes
    while True:
        for (name, _, fault), tally in zip(chosen, tallies, strict=True):
            if tally.tried and time.monotonic() > end:
                return chosen, tallies
            if fault is disk_full and os.geteuid() != 0:
                continue
            known = len(tally.wrong)
            try:
                fault(bench, tally)
            except subprocess.TimeoutExpired as hanging:
                tally.tried += 1
                tally.wrong.append(f"does not end: {hanging}")
            for what in tally.wrong[known:]:
                print(f"{name}: {what}", flush=True)
            print(f"{name}: tried {tally.tried} times", file=sys.stderr, flush=True)
            keep(table(tallies, chosen))


def put(page: Path, lines: list[str]) -> None:
    """Put a table in the place of the one that a page holds."""
    kept = page.read_text(encoding="utf-8").splitlines()
    first = next(place for place, line in enumerate(kept) if line.startswith("| fault"))
    rest = next((place for place in range(first, len(kept)) if not kept[place].startswith("|")), len(kept))
    page.write_text("\n".join([*kept[:first], *lines, *kept[rest:], ""]), encoding="utf-8")


def main(arguments: Sequence[str] | None = None) -> int:
    """Inject faults and print the table; the exit status is 1 where a result was wrong or work was lost."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--only", default="", help="a pattern that is in the names of the faults that are tried")
    parser.add_argument("--save", type=Path, help="a page whose table is replaced")
    given = parser.parse_args(arguments)
    keep = partial(put, given.save) if given.save else lambda _: None
    with tempfile.TemporaryDirectory() as root:
        faults, tallies = inject(Path(root), given.seed, given.minutes, given.only, keep)
    print("\n".join(table(tallies, faults)))
    return int(any(tally.wrong or tally.lost for tally in tallies))


if __name__ == "__main__":
    raise SystemExit(main())
