"""What the benchmarks share: options, clocks, alternating rounds, facts about the machine, and tables that are kept."""

from __future__ import annotations

import argparse
import json
import math
import multiprocessing
import os
import platform
import shlex
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

import torch

from vitwork.device.memory import peak_memory
from vitwork.errors import told

Way = Callable[[], object]
Row = Mapping[str, object]
MEBIBYTE = 1 << 20
CIFAR10 = "folder of CIFAR-10 itself; the one that holds it beside other data is refused"
RESIDENT = Path("/proc/self/statm")
PLACES = {"--official": "CHECKOUT", "--timm": "TRAIN.PY", "--data": "FOLDER"}
"""Options whose value is a place on this machine, which a kept page does not tell."""


def parser(description: str | None) -> argparse.ArgumentParser:
    """Return a parser with the options of every benchmark."""
    made = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    made.add_argument("--save", type=Path, help="write the tables as Markdown")
    return made


def single_precision() -> None:
    """Keep a GPU from rounding the factors of products and convolutions to ten bits, for all sides alike."""
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False


def clock(device: str, *, helped: bool = False) -> float:
    """Return seconds: this process's own on a CPU, where others work as well; the wall's on a GPU, its queue waited for.

    They are the wall's, too, where a process is ``helped`` by others, such as those that load its data.
    """
    if device.startswith("cuda"):
        torch.cuda.synchronize()
    elif not helped:
        return time.process_time()
    return time.perf_counter()


def seconds(way: Way, device: str, *, helped: bool = False) -> float:
    """Return what one call takes."""
    start = clock(device, helped=helped)
    way()
    return clock(device, helped=helped) - start


def working(ways: Mapping[str, Way]) -> dict[str, Way]:
    """Return the ways that can be gone once, and say what stops the others: a library's failure costs its column only."""
    found = {}
    for name, way in ways.items():
        try:
            way()
            found[name] = way
        except Exception as error:  # noqa: BLE001 - whatever a library of others raises
            print(f"{name} left out: {told(error)}", flush=True)
    return found


def least(ways: Mapping[str, Way], rounds: int, device: str, warm_up: int = 1) -> dict[str, float]:
    """Run all ways in turn, several rounds after those that warm up; return each one's least seconds."""
    best = dict.fromkeys(ways, math.inf)
    for number in range(-warm_up, rounds):
        for name, way in ways.items():
            taken = seconds(way, device)
            best[name] = min(best[name], taken) if number >= 0 else math.inf
    return best


def added_memory(way: Way, device: str) -> float:
    """Return the MiB that a call adds at its peak: to a GPU's allocator, or to a fork of this process; NaN where untold."""
    if device.startswith("cuda"):
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
        way()
        return (torch.cuda.max_memory_allocated() - before) / MEBIBYTE
    if not RESIDENT.exists():
        return math.nan
    context = multiprocessing.get_context("fork")
    receiver, sender = context.Pipe(duplex=False)

    def child() -> None:
        before = int(RESIDENT.read_text("ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")
        way()
        sender.send(((peak_memory(torch.device(device)) or 0) - before) / MEBIBYTE)

    process = context.Process(target=child)
    process.start()
    process.join()
    return float(receiver.recv()) if receiver.poll() else math.nan


def version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "not installed"


def facts(device: str, *packages: str) -> dict[str, object]:
    """Return machine and versions, with those of the packages that the numbers depend on."""
    on_gpu = {"gpu": torch.cuda.get_device_name(), "cuda": torch.version.cuda} if device.startswith("cuda") else {}
    return {
        **on_gpu,
        "processor": processor(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "load": round(os.getloadavg()[0], 1),
        "threads": torch.get_num_threads(),
        "python": platform.python_version(),
        "torch": torch.__version__,
        **{package: version(package) for package in packages},
    }


def processor() -> str:
    told = Path("/proc/cpuinfo")
    lines = told.read_text(encoding="utf-8").splitlines() if told.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def command() -> str:
    """Return how this benchmark was called, to be copied to another machine."""
    words = iter(sys.argv[1:])
    said = ["python", f"benchmarks/{Path(sys.argv[0]).name}"]
    for word in words:
        if word == "--save":
            next(words)
        elif word in PLACES:
            said += [word, PLACES[word]]
            next(words)
        else:
            said.append(word)
    return shlex.join(said)


def number(value: float, digits: int = 3) -> str:
    """Write a number with so many significant digits, a large one as an integer."""
    if not math.isfinite(value):
        return "–"
    return f"{value:,.0f}" if abs(value) >= 10 ** (digits - 1) else f"{value:.{digits}g}"


def table(rows: Sequence[Row]) -> str:
    """Return rows as a Markdown table with all their columns; nothing for no rows."""
    if not rows:
        return ""
    columns = list(dict.fromkeys(column for row in rows for column in row))
    lines = [columns, ["---"] * len(columns), *([str(row.get(column, "–")) for column in columns] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def keep(path: Path | None, title: str, known: Mapping[str, Any], *parts: str) -> None:
    """Write a page with the day, if it is asked for; called after every part, so that an interrupted benchmark leaves what it has."""
    if path is not None:
        heading = f"# {title}, measured by benchmarks/{Path(sys.argv[0]).name}"
        path.write_text(
            "\n\n".join([heading, f"`{json.dumps(known)}`, {datetime.now(UTC).date()}", f"`{command()}`", *parts])
            + "\n",
            "utf-8",
        )
