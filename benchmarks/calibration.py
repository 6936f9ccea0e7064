"""Error rates, coverage and power of every decision path, by simulation; writes the tables of docs/statistics.md.

Run `python benchmarks/calibration.py --write docs/statistics.md` after any change to a test, or without --write to
look. `--runs` sets the simulated experiments per condition (default 10 000, about twenty minutes on one core), and
`--only` chooses tables. The worst condition of a cell is simulated anew, and that rate is shown.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import numpy as np
import simulation as sim
from family_tables import (
    alone,
    audits,
    claims_found,
    claims_found_in_structures,
    counts,
    discoveries,
    structures,
)
from scipy import stats
from simulation import table

from vitwork.statistics import compare, detectable, equivalent, ordering
from vitwork.statistics.contrasts import PLAIN, SKEWED, Contrast, Penalty, student
from vitwork.statistics.effect import Verdict
from vitwork.statistics.evalues import safe_contrast

SEED = 20220216
CONFIRM = 5
START, END = "<!-- calibration: start -->", "<!-- calibration: end -->"
SEEDS = (3, 4, 5, 6, 8, 10, 15, 20)
UNEQUAL = ((3, 20), (5, 10), (10, 20))
SPREADS = (1.0, 1.5, 2.0, 3.0, 4.0, 10.0, 100.0)
UNGUARDED = Penalty(0.0, 0.0)
FIXED: tuple[tuple[str, sim.Path, bool], ...] = (
    ("difference of two arms", sim.two_arms, True),
    ("log-ratio of two arms", sim.logarithms, True),
    ("one arm against a constant", sim.one_sample, False),
    ("paired", sim.paired, True),
    ("probability of superiority", sim.order, True),
    ("trend over four arms", sim.slope, True),
    ("order of four arms, no step", sim.steps, True),
    ("equivalence, effect on the band's edge", sim.equivalence, True),
    ("change against a baseline", sim.change, True),
)
STOPPING: tuple[tuple[str, sim.Path, bool], ...] = (
    ("two arms; order of which one step is absent", sim.stopping_two_arms, True),
    ("log-ratio of two arms", sim.stopping_logarithms, True),
    ("one arm against a constant", sim.stopping_one_sample, False),
    ("trend over four arms", sim.stopping_slope, True),
    ("order of four arms, no step", sim.stopping_order, True),
    ("equivalence, effect on the band's edge", sim.stopping_equivalence, True),
    ("(misuse: `compare` after every seed)", sim.stopping_compare, True),
)


def shapes(path: sim.Path) -> Iterable[str]:
    """Shapes of values, or of positive values for paths on logarithms."""
    return sim.POSITIVE if path in (sim.logarithms, sim.stopping_logarithms) else sim.SHAPES


def main(arguments: Sequence[str] | None = None) -> None:
    tables = {part.__name__: part for part in TABLES}
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=10_000)
    parser.add_argument("--only", nargs="+", choices=tables, default=list(tables), metavar="TABLE")
    parser.add_argument("--write", type=Path)
    options = parser.parse_args(arguments)
    began = time.perf_counter()
    found = []
    for place, (name, part) in enumerate(tables.items()):
        if name in options.only:
            text = part(np.random.default_rng([SEED, place]), options.runs)
            sessions = part in (discoveries, claims_found, structures, claims_found_in_structures)
            base = f"{options.runs // 10} simulated sessions" if sessions else f"{options.runs} simulated experiments"
            found.append(f"{text}\n\nBase: {base} per condition.")
            print(f"{name}: {time.perf_counter() - began:.0f} s", file=sys.stderr, flush=True)
    print("\n\n".join(found))
    if options.write:
        _write(options.write, found)


def _write(path: Path, found: Sequence[str]) -> None:
    """Put the tables in the page, each in the place of the one of its title, a new one at the end."""
    page = path.read_text(encoding="utf-8")
    before, _, rest = page.partition(START)
    kept, _, after = rest.partition(END)
    sections = {
        section.partition("\n")[0]: section for part in kept.split("\n### ")[1:] if (section := f"### {part.strip()}")
    }
    sections |= {section.partition("\n")[0]: section for section in found}
    text = "\n\n".join(sections.values())
    path.write_text(f"{before}{START}\n\n{text}\n\n{END}{after}", encoding="utf-8")


def percent(rate: sim.Rate) -> str:
    """Upper 99 % bound in percent, bold above 5 %."""
    text = f"{100 * rate.upper:.2f}"
    return text if rate.upper <= 0.05 else f"**{text}**"


def conditions(shape: str, sizes: Iterable[tuple[int, int]], *, spreads: bool) -> list[sim.Condition]:
    """Every spread ratio, either way round where the arms differ in seeds."""
    found = []
    for n_a, n_b in sizes:
        for spread in SPREADS if spreads else (1.0,):
            condition = sim.Condition(shape, spread, n_a, n_b)
            found += [condition] if n_a == n_b else [condition, condition.swapped()]
    return found


def worst(
    rng: np.random.Generator, path: sim.Path, cases: Iterable[sim.Condition], runs: int, alpha: float = 0.05
) -> sim.Rate:
    """Rate of the condition that looks worst, on fresh experiments, so that the choice does not colour it."""
    found = max(cases, key=lambda case: sim.rate(path(rng, case, runs), alpha).value)
    return sim.rate(path(rng, found, CONFIRM * runs), alpha)


def satterthwaite(rng: np.random.Generator, condition: sim.Condition, runs: int) -> np.ndarray:
    """Welch's test as in the textbooks."""
    return np.asarray(stats.ttest_ind(*condition.draw(rng, runs), axis=1, equal_var=False).pvalue)


def unguarded(rng: np.random.Generator, condition: sim.Condition, runs: int) -> np.ndarray:
    """Welch's statistic with min(n) - 1 degrees of freedom and nothing else."""
    return np.asarray(student(*condition.draw(rng, runs), UNGUARDED).p(0.0))


def plain(rng: np.random.Generator, condition: sim.Condition, runs: int) -> np.ndarray:
    """The rule for quantities that are not plainly skewed."""
    return np.asarray(student(*condition.draw(rng, runs), PLAIN).p(0.0))


def guarded(rng: np.random.Generator, condition: sim.Condition, runs: int) -> np.ndarray:
    """The rule for quantities that are."""
    return np.asarray(student(*condition.draw(rng, runs), SKEWED).p(0.0))


def alternatives(rng: np.random.Generator, runs: int) -> str:
    """The tests that were not chosen, next to the one that was."""
    sizes = [(n, n) for n in SEEDS]
    cases = {
        "same shape and spread, exponential": [sim.Condition("exponential, skew 2", 1.0, *size) for size in sizes],
        "normal, spread ratio up to 100": conditions("normal", sizes, spreads=True),
        "exponential, 3 against 20 seeds, like spread": [sim.Condition("exponential, skew 2", 1.0, 3, 20)],
        "exponential, spread ratio up to 100": conditions("exponential, skew 2", sizes, spreads=True),
        "log-normal of skew 6.2, spread ratio up to 100": conditions("log-normal, skew 6.2", sizes, spreads=True),
    }
    rows = [
        [name, *(percent(worst(rng, path, found, runs)) for path in (satterthwaite, unguarded, plain, guarded))]
        for name, found in cases.items()
    ]
    header = [
        "two arms, n = 3 … 20, worst case",
        "Welch, Satterthwaite's df",
        "Welch, min(n) − 1 df",
        "p × (1 + imbalance)",
        "with the fuller guard",
    ]
    return table("Why this test: upper 99 % bound of the type-I error in %", header, rows)


def type_one(rng: np.random.Generator, runs: int) -> str:
    rows = []
    for (name, path, spreads), stream in zip(FIXED, rng.spawn(len(FIXED)), strict=True):
        for shape in shapes(path):
            cells = [worst(stream, path, conditions(shape, [(n, n)], spreads=spreads), runs) for n in SEEDS]
            if path in (sim.two_arms, sim.logarithms, sim.order, sim.equivalence):
                cells.append(worst(stream, path, conditions(shape, UNEQUAL, spreads=True), runs))
            rows.append([name, shape, *(percent(cell) for cell in cells)])
            if len(rows[-1]) < len(SEEDS) + 3:
                rows[-1].append("–")
    header = ["path", "shape", *(f"n = {n}" for n in SEEDS), "n unequal"]
    return table("Type-I error at alpha = 5 %: upper 99 % bound in %, worst spread ratio of 1 … 100", header, rows)


def stopping(rng: np.random.Generator, runs: int) -> str:
    rows = []
    for name, path, spreads in STOPPING:
        for shape in shapes(path):
            cases = conditions(shape, [(20, 20)], spreads=spreads)
            rows.append([name, shape, percent(worst(rng, path, cases, 2 * runs))])
    return table(
        "Optional stopping after every seed, n = 3 … 20: upper 99 % bound in %", ["path", "shape", "error"], rows
    )


def scalar(rng: np.random.Generator, runs: int) -> str:
    """Paths that have no vectorised form, run through the public functions."""
    rows = []
    for name, draw in SCALAR:
        row = [name]
        for n in (3, 5, 6, 10, 20):
            wrong = sum(draw(rng, n) for _ in range(runs))
            row.append(percent(sim.Rate(wrong, runs)))
        rows.append(row)
    return table(
        "Paths run one by one: upper 99 % bound in %", ["path", *(f"n = {n}" for n in (3, 5, 6, 10, 20))], rows
    )


def decided(verdict: Verdict) -> bool:
    return verdict is not Verdict.INCONCLUSIVE


def diverging(rng: np.random.Generator, n: int) -> bool:
    a, b = (np.where(rng.random(n) < 0.2, np.nan, rng.standard_normal(n)) for _ in range(2))
    return decided(compare(a, b).verdict)


def logarithms(rng: np.random.Generator, n: int) -> bool:
    """Log-normal arms of equal median, strongly skewed (6.2) and barely skewed, on the log-ratio."""
    a, b = np.exp(rng.standard_normal(n)), np.exp(0.1 * rng.standard_normal(n))
    return decided(compare(a, b, scale="log-ratio").verdict)


def weakest(rng: np.random.Generator, n: int) -> bool:
    """The claimed order fails in one step only, by equality: the hardest case for "reproduced"."""
    arms = [rng.standard_normal(n) + place for place in (0.0, 30.0, 30.0, 60.0)]
    return ordering(arms).verdict is Verdict.REPRODUCED


def all_alike(rng: np.random.Generator, n: int) -> bool:
    """No step at all: the hardest case for "contradicted"."""
    return ordering([rng.standard_normal(n) for _ in range(4)]).verdict is Verdict.CONTRADICTED


def outside(rng: np.random.Generator, n: int) -> bool:
    """Equivalence is claimed, the effect lies on the band's edge: neither verdict is right."""
    return decided(equivalent(rng.standard_normal(n) + 2.0, rng.standard_normal(n), 2.0).verdict)


def coin(rng: np.random.Generator, n: int) -> bool:
    """Two-valued data: mostly ties, the exact path where no seed differs."""
    a, b = (np.round(rng.random(n)) for _ in range(2))
    return decided(compare(a, b).verdict)


SCALAR: tuple[tuple[str, Callable[[np.random.Generator, int], bool]], ...] = (
    ("two arms, a fifth of the runs diverge", diverging),
    ("log-ratio, log-normal arms of skew 6.2 and 0.3", logarithms),
    ("order of four arms, one step absent", weakest),
    ("order of four arms, no step: contradicted", all_alike),
    ("claim of no difference, effect on the band's edge", outside),
    ("two-valued data of equal mean", coin),
)


def coverage(rng: np.random.Generator, runs: int) -> str:
    rows = []
    for shape in sim.SHAPES:
        guards = {"": PLAIN}
        if shape in sim.PLAINLY_SKEWED:  # which the audit finds, or does not: as often as its own table says
            guards = {", where the audit finds it": SKEWED, ", where it does not": PLAIN}
        for found, penalty in guards.items():
            row = [f"{shape}{found}"]
            for n in (3, 5, 10, 20):
                drawn = (sim.Condition(shape, spread, n, n).draw(rng, 3 * runs) for spread in SPREADS)
                row.append(f"{100 * min(_covered(student(*arms, penalty)) for arms in drawn):.1f}")
            arms = sim.Condition(shape, 1.0, 20, 20).draw(rng, runs)
            row.append(f"{100 * _covered(safe_contrast(*arms, penalty)):.1f}")
            rows.append(row)
    header = ["shape", *(f"two arms, n = {n}" for n in (3, 5, 10, 20)), "confidence sequence at n = 20"]
    return table("Coverage of 95 % intervals in %, worst spread ratio of 1 … 100", header, rows)


def _covered(contrast: Contrast) -> float:
    """Return the share of 95 % intervals that hold the effect, which is zero."""
    low, high = contrast.interval(0.05)
    return float(((low <= 0.0) & (high >= 0.0)).mean())


def power(rng: np.random.Generator, runs: int) -> str:
    """Smallest effect seen with 80 % power, planned and simulated."""
    rows = []
    for n in (3, 5, 9, 15):
        row = [str(n)]
        a, b = rng.standard_normal((2, 4 * runs, n))
        for arms, other in ((2, b), (1, None)):
            for count in (1, 15, 60):
                planned = detectable(n, 0.05 / count, arms=arms)
                share = float((student(a + planned, other).p(0.0) <= 0.05 / count).mean())
                row.append(f"{planned:.2f} ({100 * share:.0f} %)")
        rows.append(row)
    kinds = ("two arms", "one arm against a constant")
    header = ["n", *(f"{kind}, {part}" for kind in kinds for part in ("1 hypothesis", "first of 15", "first of 60"))]
    return table(
        "Smallest effect planned for 80 % power, in standard deviations of one arm (simulated power)", header, rows
    )


def saved(rng: np.random.Generator, runs: int) -> str:
    """Mean seeds per arm of the sequential design against the fixed design planned for a given effect."""
    rows = []
    most = 60
    for count in (1, 15):
        level = 0.05 / count
        for planned in (1.5, 2.0, 3.0):
            base = rng.standard_normal((2, runs, most))
            fixed = next(
                n
                for n in range(3, most)
                if (student(base[0, :, :n] + planned, base[1, :, :n]).p(0.0) <= level).mean() >= 0.8
            )
            row = [str(count), f"{planned:g}", str(fixed)]
            first = stops(base, planned, level, most)
            budget = int(np.quantile(first, 0.8))
            for factor in (1.0, 1.5, 2.0, 3.0):
                seeds = np.minimum(stops(base, factor * planned, level, budget), budget)
                row.append(f"{seeds.mean():.1f} ({100 * (1 - seeds.mean() / fixed):+.0f} %)")
            rows.append([*row[:3], str(budget), *row[3:]])
    header = [
        "hypotheses",
        "planned effect",
        "fixed n",
        "sequential budget",
        *(f"true effect × {f:g}" for f in (1, 1.5, 2, 3)),
    ]
    return table(
        "Mean seeds per arm with `--seeds auto` (saved against the fixed design of equal power, 80 %)", header, rows
    )


def stops(base: np.ndarray, effect: float, level: float, most: int) -> np.ndarray:
    """First number of seeds at which the sequential test decides; ``most + 1`` where it never does."""
    path = safe_contrast(base[0, :, :most] + effect, base[1, :, :most]).p_path(0.0) <= level
    return np.where(path.any(axis=1), path.argmax(axis=1) + 3, most + 1)


TABLES = (
    discoveries,
    claims_found,
    audits,
    alone,
    counts,
    alternatives,
    type_one,
    stopping,
    scalar,
    coverage,
    power,
    saved,
    structures,
    claims_found_in_structures,
)


if __name__ == "__main__":
    main()
