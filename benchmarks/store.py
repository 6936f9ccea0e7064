"""How a store of many runs behaves: seconds to plan, to show the status and to look a number up, as the runs grow to 10,000.

    python benchmarks/store.py [--most 10000] [--out FILE.svg]

Half of the runs are in the store, with their measurements; the other half were handed to an engine in tasks of one run, and
each has a booking. *Plan* makes the plan, checks every record, finds what is missing, and orders it as tasks. *Status* is
`vitwork status`. *Look-up* reads one number of one record that nobody read before (median). The others are the best of
three.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from vitwork.engines.commands import status
from vitwork.language.sentence import Reference
from vitwork.measurements.accuracy import Evaluation, error
from vitwork.profiles.small import SMOKE
from vitwork.report.svg import Plot
from vitwork.session.bookings import Bookings
from vitwork.session.lookup import Lookup
from vitwork.session.plan import Plan
from vitwork.session.workload import tasks
from vitwork.store.store import Store

SEEDS = 20
SIZES = (100, 300, 1000, 3000, 10_000)
LIMITS = {"plan": 5.0, "status": 1.0, "look-up": 0.005}
"""Seconds that 10,000 runs may take."""
LOOKED_UP, TRIES = 200, 3
STYLE = (
    "<style>text{font:11px sans-serif;fill:#59636e}.axis,.zero{stroke:#8c959f;fill:none}.line{fill:none;stroke-width:2}"
    ".s0{stroke:#0969da}.s1{stroke:#bc4c00}.s2{stroke:#1a7f37}.mark{fill:#fff;stroke-width:1.5}.grid{stroke:#d0d7de}</style>"
)


MEASUREMENTS = (Evaluation(), Evaluation(when="warmup"))


def planned(runs: int) -> Plan:
    """Return a plan of so many runs, each with two measurements."""
    arms = [replace(SMOKE.arms["vit"], name=f"vit-{arm}", options={**SMOKE.arms["vit"].options, "dim": 2 + 2 * arm}) for arm in range(runs // SEEDS)]  # fmt: skip
    plan = Plan(replace(SMOKE, arms={arm.name: arm for arm in arms}))
    for seed in range(SEEDS):
        for arm in arms:
            for measurement in MEASUREMENTS:
                plan.want(arm, seed, measurement)
    return plan


def filled(folder: Path, plan: Plan) -> Store:
    """Return a store with half of a plan's records, and bookings for the rest."""
    store, bookings = Store(folder), Bookings(folder, "elsewhere", lasting=False)
    history = [{"epoch": epoch, "loss": 1.0 / (1 + epoch), "accuracy": 0.5, "lr": 1e-3} for epoch in range(50)]
    for place, run in enumerate(plan.runs.values()):
        if place % 2:
            bookings.take(run.key, f"{run.arm.name} seed {run.seed}")
            continue
        store.write(run.key, {"status": "finished", "seconds": 60.0, "seed": run.seed, "history": history})
        for want in plan.measurements(run):
            store.write(want.key, {"seconds": 2.0, "values": {"acc": 0.5, "classes": 10, "images": 500}})
    return store


def best(work: Callable[[], object]) -> float:
    """Return the shortest of a few times, since other work on the machine can only make them longer."""
    times = []
    for _ in range(TRIES):
        begun = time.perf_counter()
        work()
        times.append(time.perf_counter() - begun)
    return min(times)


def ordered(store: Store, runs: int) -> None:
    """Plan so many runs, and find what is to be done."""
    plan = planned(runs)
    plan.check(store)
    found = tasks(plan, store, plan.missing(store), together=True)
    assert sum(len(task.runs) for task in found) == runs // 2


def shown(folder: str) -> None:
    """Show the status."""
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        status(["--store", folder])
    assert said.getvalue().count("elsewhere") == 1, "bookings of one session are shown in one line"


def measured(runs: int) -> dict[str, float]:
    """Return the seconds that each step takes with so many planned runs."""
    with tempfile.TemporaryDirectory() as folder:
        store = filled(Path(folder), planned(runs))
        seconds = {"plan": best(lambda: ordered(store, runs)), "status": best(lambda: shown(folder))}
        times, lookup, plan = [], Lookup(store), planned(runs)
        wanted = [want for want in plan.wanted.values() if store.has(want.key)]
        for want in wanted[:LOOKED_UP]:
            side = Reference(error, want.run.arm.name, want.measurement)
            begun = time.perf_counter()
            lookup.values(side, [want])
            times.append(time.perf_counter() - begun)
        seconds["look-up"] = statistics.median(times)
    return seconds


def plotted(sizes: Sequence[int], found: Sequence[dict[str, float]]) -> str:
    """Return the growth as an SVG picture, both axes logarithmic."""
    every = [seconds for each in found for seconds in each.values()]
    plot = Plot(
        "Seconds by planned runs", (sizes[0], sizes[-1]), (min(every) / 2, max(every) * 2), "planned runs", "seconds",
        log_x=True, log_y=True, width=560, height=300,
    )  # fmt: skip
    for series, step in enumerate(LIMITS):
        points = [(float(size), each[step]) for size, each in zip(sizes, found, strict=True)]
        plot.line(points, series)
        plot.marks([(x, y, f"{step}: {y:.2g} s") for x, y in points], series)
        plot.tag(*points[0], step)
    picture = plot.render().replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ', 1)
    return picture.replace(">", f">{STYLE}", 1) + "\n"


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print a table; the exit status is 1 where 10,000 runs take longer than they may."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--most", type=int, default=SIZES[-1], help="largest number of planned runs")
    parser.add_argument("--out", type=Path, help="where the picture goes")
    given = parser.parse_args(arguments)
    sizes = [size for size in SIZES if size <= given.most]
    found = []
    print(f"| planned runs | {' | '.join(f'{step} (s)' for step in LIMITS)} |\n|{'---|' * (1 + len(LIMITS))}")
    for size in sizes:
        found.append(measured(size))
        print(f"| {size} | {' | '.join(f'{seconds:.2g}' for seconds in found[-1].values())} |", flush=True)
    if given.out:
        given.out.write_text(plotted(sizes, found), encoding="utf-8")
    late = [step for step, limit in LIMITS.items() if sizes[-1] == SIZES[-1] and found[-1][step] > limit]
    print(*(f"{step} takes longer than {LIMITS[step]} s" for step in late), sep="\n", file=sys.stderr)
    return int(bool(late))


if __name__ == "__main__":
    raise SystemExit(main())
