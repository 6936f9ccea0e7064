"""Everything that needs a GPU, in one call that always ends in time and keeps whatever it found.

    python benchmarks/gpu.py --out DIR --official CHECKOUT --data FOLDER [--minutes 9] [--only NAME ...] [--list]

The parts run one after the other, the most important first, each as a process with a time limit of its own; where less time
is left than the limits of those with a goal, each gets its share. A part that fails or is too slow costs the others nothing;
those for which no time is left are not run, and can be called later by `--only`. DIR gets `log.txt` (all output),
`results.md` (summary and tables) and `results.json`, written anew after every part. CHECKOUT is an unpacked copy of the
official repository, without which the comparisons with it are left out; FOLDER is that of CIFAR-10 itself (not the one that
holds it beside other data), without which no accuracy is measured and pictures to augment are drawn. `--device cpu --tiny`
tries the script itself on any machine, with longer limits and its numbers judged by no goal.

vitwork need not be installed, but what it imports must be: pyproject.toml's dependencies. The first line of the output names
those that are missing. Beside torch, torchvision and timm, msgspec and platformdirs often are, without which nothing runs;
contourpy, einops, filelock, hypothesis, jinja2, matplotlib, numpy, pandas, pillow, pyarrow, pytest, pytest-xdist, rich and
scipy rarely. Hessians are compared with pyhessian and with curvlinops-for-pytorch (which needs backpack-for-pytorch, einconv,
linear_operator and opt-einsum), metrics with torchmetrics; the official repository imports matplotlib as well.
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
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib import metadata
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
LEAST = 15.0  # seconds; less is left to no part
PATIENCE = 10.0  # seconds for a part that is stopped to say what it found
SLOWNESS = 4  # times as long as a GPU may take a loaded CPU for as little as possible
COMPARED = ("curvlinops-for-pytorch", "torchmetrics")  # which are no dependencies, but what parts compare with
Table = list[dict[str, str]]


@dataclass(frozen=True)
class Goal:
    """A number in a column of a part's tables, and what it should be; no bound where it is only to be shown.

    A row is named by its first `label` cells; of others than those that hold the word `of`, the number is only shown.
    """

    column: str
    least: float | None = None
    most: float | None = None
    label: int = 1
    of: str = ""

    @property
    def binds(self) -> bool:
        return self.least is not None or self.most is not None

    def judged(self, cell: str, label: str = "") -> str | None:
        """Return a cell's number with its goal, None where the cell holds none."""
        found = re.search(r"-?\d[\d,]*\.?\d*(e-?\d+)?", cell)
        if not found:
            return None
        if self.of.casefold() not in label.casefold():
            return cell
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

    @property
    def counts(self) -> bool:
        """Whether the part says if a goal is reached, so that time is kept for it."""
        return any(goal.binds for goal in self.goals)


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
    slack = SLOWNESS if tiny else 1
    checkout = ("--official", str(options.official.resolve())) if options.official else ()
    data = ("--data", str(options.data.resolve())) if options.data else ()
    timm = ("--timm", str(options.timm.resolve())) if options.timm else ()

    def benchmark(
        name: str, seconds: float, usual: str, small: str, *goals: Goal, more: tuple[str, ...] = (), script: str = ""
    ) -> Part:
        arguments = (*device, *(small if tiny else usual).split(), *more)
        shown = tuple(replace(goal, least=None, most=None) for goal in goals) if tiny else goals
        return Part(name, (str(HERE / f"{script or name}.py"), *arguments), slack * seconds, shown)

    tests = ("-m", "pytest", "-q", "-p", "no:cacheprovider", "-m", "gpu", "--continue-on-collection-errors", "-rfE")
    paper, seeds = ("small", 2) if tiny else ("paper", 8)
    loops = ("--scale", paper, *(() if tiny else ("--amp", "--computed")), *checkout, *timm)
    together = ("--scale", paper, "--rounds", "1", "--seeds-only", "--seeds", str(seeds))
    found = [
        Part("correctness", (*tests, "-n", "1" if tiny else "8", *map(str, gpu_tests())), slack * 80),
        benchmark(
            "hessian", 90, "--scale paper small --batches 8 --few 1 --rounds 1 --steps 50",
            "--batches 1 --rounds 1 --steps 2 --batch-size 2",
            Goal("product, in gradients", most=2.5), Goal("replayed, in gradients"), Goal("× PyHessian", least=10), Goal("adds MiB"), Goal("PyHessian adds MiB"),
        ),
        benchmark(
            "training", 130, "--images 2880 --rounds 2", "--images 96 --rounds 1 --workers 0",
            Goal("against official", least=5), Goal("against timm", least=3), Goal("against timm's train.py", least=3),
            Goal("of a matrix product's", least=40), more=loops,
        ),
        benchmark("bottlenecks", 40, f"--scale {paper} --steps 20", "--steps 1", Goal("GPU idle")),
        benchmark("seeds", 80, "--images 2880", "--images 96 --tried 1", Goal(f"{seeds} seeds together", least=3, of="ViT"),
                  more=together, script="training"),
        benchmark("augmentation", 60, "--images 19200 --rounds 2", "--images 480 --rounds 1", Goal("× official", least=50),
                  more=(*checkout, *data)),
        benchmark("accuracy", 120, "--epochs 20", "--epochs 1 --train 160 --test 40 --set warmup_epochs=0 precision=fp32",
                  Goal("test accuracy", least=93), Goal("images/s"), more=data),
        benchmark("feature_maps", 50, "--scale paper small --images 512 --batch 128 --rounds 2",
                  "--images 8 --batch 4 --rounds 1", Goal("ratio", label=2)),
        benchmark("robustness", 60, "--count 512", "--count 2"),
        benchmark("compiled", 240, "--images 2880 --rounds 2 --amp --compile default", "--images 96 --rounds 1 --workers 0",
                  Goal("against vitwork"), Goal("against vitwork, compiled (default)"), more=("--scale", paper), script="training"),
    ]  # fmt: skip
    return [part for part in found if part.name != "accuracy" or data]


def missing() -> list[str]:
    """Return the packages that are needed, or compared with, and not installed."""
    content = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    names = [re.split(r"[^\w.-]", line)[0] for line in content["project"]["dependencies"]]
    installed = {str(found.metadata["Name"]).lower().replace("_", "-") for found in metadata.distributions()}
    return sorted({*names, *COMPARED} - installed)


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
        return telling(result.last) if "pytest" in part.command else []
    found = []
    for goal in part.goals:
        rows = [row for table in tables(result.page) for row in table if goal.column in row]
        cells = {", ".join(list(row.values())[: goal.label]): row[goal.column] for row in rows}
        ours = {label: goal.judged(cell, label) for label, cell in cells.items() if not label.startswith("official")}
        if shown := "; ".join(f"{label}: {text}" for label, text in ours.items() if text):
            found.append(f"{goal.column}: {shown}")
    return found


def telling(said: str) -> list[str]:
    """Return the last line of pytest's that says how many tests did what, or else how far they are."""
    lines = [line for line in said.splitlines() if re.search(r"\w", line) and not line.startswith("bringing up nodes")]
    counts = [line for line in lines if re.search(r"\d+ (passed|failed|skipped|errors?)\b", line)]
    return (counts or lines)[-1:]


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
    for number, part in enumerate(chosen, 1):
        left = finish - time.monotonic()
        later = sum(other.seconds for other in chosen[number:] if other.counts)
        if left < min(LEAST, part.seconds):
            results[part.name] = Result(part.name, "not run: no time left", 0)
        else:
            share = left * part.seconds / (part.seconds + later)
            results[part.name] = run(part, min(part.seconds, share), folder / "log.txt")
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
    parser.add_argument(
        "--data", type=Path, help="folder of CIFAR-10 itself; the one that holds it beside other data is refused"
    )
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
    print(f"not installed: {', '.join(missing()) or 'nothing that is needed'}", flush=True)
    print(f"\n{summary(chosen, run_all(chosen, options.out, 60 * options.minutes))}")


if __name__ == "__main__":
    main()
