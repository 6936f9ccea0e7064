"""Everything that needs a GPU, in one call that always ends in time and keeps whatever it found.

    python benchmarks/gpu.py --out DIR --official CHECKOUT --data FOLDER [--minutes 9] [--only NAME ...] [--list]

The parts run one after the other, the most important first, each as a process with a time limit of its own. A part that
fails or is too slow costs the others nothing; those for which no time is left are not run, and can be called later by
`--only`. DIR gets `log.txt` (all output), `results.md` (summary and tables) and `results.json`, written anew after every
part. CHECKOUT is an unpacked copy of the official repository, without which the comparisons with it are left out; FOLDER
holds CIFAR-10, without which no accuracy is measured. `--device cpu --tiny` tries the script itself on any machine.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
LEAST = 15.0  # seconds; less is left to no part
PATIENCE = 10.0  # seconds for a part that is stopped to say what it found
Table = list[dict[str, str]]


@dataclass(frozen=True)
class Goal:
    """A number in a column of a part's tables, and what it should be; no bound where it is only to be shown.

    A row is named by its first `label` cells.
    """

    column: str
    least: float | None = None
    most: float | None = None
    label: int = 1

    def judged(self, cell: str) -> str | None:
        """Return a cell's number with its goal, None where the cell holds none."""
        found = re.search(r"-?\d[\d,]*\.?\d*(e-?\d+)?", cell)
        if not found:
            return None
        value = float(found.group().replace(",", ""))
        if self.least is not None:
            return f"{value:g} ({'reaches' if value >= self.least else 'MISSES'} ≥ {self.least:g})"
        if self.most is not None:
            return f"{value:g} ({'reaches' if value <= self.most else 'MISSES'} ≤ {self.most:g})"
        return cell


@dataclass(frozen=True)
class Part:
    """One process: its command behind the Python interpreter, its limit in seconds, and what its tables should show."""

    name: str
    command: tuple[str, ...]
    seconds: float
    goals: tuple[Goal, ...] = ()


@dataclass(frozen=True)
class Result:
    """How a part ended, what it took, and the tables that it left."""

    name: str
    outcome: str
    seconds: float
    page: str = ""
    last: str = ""


def parts(options: argparse.Namespace) -> list[Part]:
    """Return all parts, the most important first."""
    tiny, device = options.tiny, ("--device", options.device)
    checkout = ("--official", str(options.official.resolve())) if options.official else ()
    data = ("--data", str(options.data.resolve())) if options.data else ()
    timm = ("--timm", str(options.timm.resolve())) if options.timm else ()

    def benchmark(
        name: str, seconds: float, usual: str, small: str, *goals: Goal, more: tuple[str, ...] = (), script: str = ""
    ) -> Part:
        arguments = (*device, *(small if tiny else usual).split(), *more)
        return Part(name, (str(HERE / f"{script or name}.py"), *arguments), seconds, goals)

    tests = ("-m", "pytest", "-q", "-p", "no:cacheprovider", "-m", "gpu", "--continue-on-collection-errors", "-rfE")
    paper = "small" if tiny else "paper"
    loops = ("--scale", paper, *(() if tiny else ("--amp", "--computed")), *checkout, *timm)
    found = [
        Part("correctness", (*tests, "-n", "1" if tiny else "8", *map(str, gpu_tests())), 100),
        benchmark(
            "hessian", 150, "--scale paper small --batches 16 --few 2 --rounds 1 --steps 50",
            "--batches 1 --rounds 1 --steps 2 --batch-size 2",
            Goal("product, in gradients", most=2.5), Goal("× PyHessian", least=10), Goal("adds MiB"),
        ),
        benchmark("augmentation", 75, "--images 48000 --rounds 2", "--images 480 --rounds 1", Goal("× official", least=50),
                  more=checkout),
        benchmark(
            "training", 230, "--images 2880 --rounds 3 --seeds 8 --computed", "--images 96 --rounds 1 --workers 0 --seeds 0",
            Goal("against official", least=5), Goal("against timm", least=3), Goal("of a matrix product's"),
            Goal("8 seeds together", least=3), more=loops,
        ),
        benchmark("accuracy", 200, "--epochs 30", "--epochs 1 --train 160 --test 40 --set warmup_epochs=0 precision=fp32",
                  Goal("test accuracy", least=93), Goal("images/s"), more=data),
        benchmark("feature_maps", 50, "--scale paper small --images 512 --batch 128 --rounds 2",
                  "--images 8 --batch 4 --rounds 1", Goal("ratio", label=2)),
        benchmark("robustness", 60, "--count 512", "--count 10"),
        benchmark("bottlenecks", 75, f"--scale {paper} --steps 20", "--steps 1", Goal("GPU idle")),
        benchmark("compiled", 240, "--images 2880 --rounds 2 --amp --compile default", "--images 96 --rounds 1 --workers 0",
                  Goal("against vitwork"), Goal("against vitwork, compiled (default)"), more=("--scale", paper), script="training"),
    ]  # fmt: skip
    return [part for part in found if part.name != "accuracy" or data]


def gpu_tests() -> Iterator[Path]:
    """Yield the files of tests that need a GPU; others may import what is not installed there."""
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        if re.search(r"cuda\.is_available|pretend_gpu", path.read_text(encoding="utf-8")):
            yield path.relative_to(ROOT)


def run(part: Part, limit: float, log: Path) -> Result:
    """Run a part with its output in the log; end it and its processes when it takes longer than the limit."""
    with tempfile.TemporaryDirectory() as folder, log.open("a", encoding="utf-8") as file:
        page, begin, start = Path(folder) / "page.md", file.tell(), time.monotonic()
        save = () if "pytest" in part.command else ("--save", str(page))
        command = [sys.executable, "-u", *part.command, *save]
        print(f"\n===== {part.name}: {' '.join(part.command)}", file=file, flush=True)
        path = os.pathsep.join(filter(None, [str(ROOT), str(HERE), os.environ.get("PYTHONPATH")]))
        process = subprocess.Popen(
            command, stdout=file, stderr=subprocess.STDOUT, cwd=ROOT, env=os.environ | {"PYTHONPATH": path},
            start_new_session=True,
        )  # fmt: skip
        try:
            code = process.wait(limit)
            outcome = "done" if code == 0 else f"failed ({code})"
        except subprocess.TimeoutExpired:
            outcome = f"stopped after {limit:.0f} s"
            process.send_signal(signal.SIGINT)  # upon which pytest names the tests that failed so far
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(PATIENCE)
        finally:  # workers as well
            end(process)
        said = log.read_bytes()[begin:].decode("utf-8", "replace").strip().splitlines()
        tables = page.read_text(encoding="utf-8") if page.exists() else ""
    return Result(part.name, outcome, time.monotonic() - start, tables, "\n".join(said[-12:]))


def end(process: subprocess.Popen[bytes]) -> None:
    """End a process and all that it started; gives back when the process itself is gone."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def tables(page: str) -> list[Table]:
    """Return the tables of a Markdown page as rows by column."""
    found: list[Table] = []
    for block in re.findall(r"(?:^\|.*\|$\n?)+", page, re.MULTILINE):
        header, _, *rows = ([cell.strip() for cell in line.strip("| ").split(" | ")] for line in block.splitlines())
        found.append([dict(zip(header, row, strict=False)) for row in rows])
    return found


def numbers(part: Part, result: Result) -> list[str]:
    """Return a part's numbers that have goals, one text for each column; of the tests, their last line."""
    if not part.goals:
        return result.last.splitlines()[-1:] if "pytest" in part.command else []
    found = []
    for goal in part.goals:
        rows = [row for table in tables(result.page) for row in table if goal.column in row]
        cells = {", ".join(list(row.values())[: goal.label]): goal.judged(row[goal.column]) for row in rows}
        ours = {label: text for label, text in cells.items() if text and not label.startswith("official")}
        if shown := "; ".join(f"{label}: {text}" for label, text in ours.items()):
            found.append(f"{goal.column}: {shown}")
    return found


def summary(chosen: Sequence[Part], results: Mapping[str, Result]) -> str:
    """Return the last word: a table of parts with outcome, seconds and key numbers."""
    lines = ["| part | outcome | seconds | key numbers |", "| --- | --- | --- | --- |"]
    for part in chosen:
        if (result := results.get(part.name)) is None:
            lines.append(f"| {part.name} | not yet run | | |")
        else:
            said = " <br> ".join(numbers(part, result))
            lines.append(f"| {part.name} | {result.outcome} | {result.seconds:.0f} | {said} |")
    return "\n".join(lines)


def write(folder: Path, chosen: Sequence[Part], results: Mapping[str, Result]) -> None:
    """Keep what is known so far."""
    pages = [re.sub(r"^# ", "## ", result.page) for result in results.values() if result.page]
    text = "\n\n".join(["# Measured by benchmarks/gpu.py", summary(chosen, results), *pages])
    (folder / "results.md").write_text(text + "\n", encoding="utf-8")
    content = {
        name: {"outcome": result.outcome, "seconds": round(result.seconds, 1), "tables": tables(result.page)}
        for name, result in results.items()
    }
    (folder / "results.json").write_text(json.dumps(content, indent=1, ensure_ascii=False), encoding="utf-8")


def run_all(chosen: Sequence[Part], folder: Path, seconds: float) -> dict[str, Result]:
    """Run parts as long as there is time; say how each ended, and what a failed one said last."""
    folder.mkdir(parents=True, exist_ok=True)
    # Parts that are to be interrupted must not ignore it, as what a shell starts in the background does.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    finish, results = time.monotonic() + seconds, dict[str, Result]()
    for part in chosen:
        left = finish - time.monotonic()
        if left < min(LEAST, part.seconds):
            results[part.name] = Result(part.name, "not run: no time left", 0)
        else:
            results[part.name] = run(part, min(part.seconds, left), folder / "log.txt")
        result = results[part.name]
        print(f"{part.name}: {result.outcome}, {result.seconds:.0f} s", flush=True)
        if result.outcome.startswith(("failed", "stopped")):
            print(result.last, flush=True)
        write(folder, chosen, results)
    return results


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("gpu-results"))
    parser.add_argument("--official", type=Path, help="unpacked copy of the official repository")
    parser.add_argument("--timm", type=Path, help="train.py of timm's repository, to be compared as well")
    parser.add_argument("--data", type=Path, help="folder that holds CIFAR-10")
    parser.add_argument("--minutes", type=float, default=9.0)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--only", nargs="+", metavar="NAME")
    parser.add_argument("--list", action="store_true", help="say what would run")
    parser.add_argument("--tiny", action="store_true", help="as little as possible, to try the script")
    options = parser.parse_args()
    known = parts(options)
    if unknown := set(options.only or ()) - {part.name for part in known}:
        parser.error(f"no part {', '.join(sorted(unknown))} (accuracy needs --data)")
    chosen = [part for part in known if not options.only or part.name in options.only]
    if options.list:
        print("\n".join(f"{part.name}: at most {part.seconds:.0f} s, {' '.join(part.command)}" for part in chosen))
        return
    print(f"\n{summary(chosen, run_all(chosen, options.out, 60 * options.minutes))}")


if __name__ == "__main__":
    main()
