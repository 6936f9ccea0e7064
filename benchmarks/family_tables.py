"""Tables of whole families of claims for docs/statistics.md; `calibration.py` writes them."""

from __future__ import annotations

from collections.abc import Callable

import families as fam
import numpy as np
from simulation import table

from vitwork.statistics import Rate
from vitwork.statistics.audit import plainly, pooled_skewness
from vitwork.statistics.contrasts import student

CHUNK = 50
SKEWED = ("exponential, skew 2", "log-normal, skew 6.2")
DECISIONS = (("fixed", fam.decided, (5, 9, 15)), ("seeds auto, to 15", fam.decided_as_seeds_arrive, (15,)))


def sessions(
    rng: np.random.Generator, family: fam.Family, runs: int, decide: Callable[[fam.Experiment], fam.Outcome]
) -> fam.Outcome:
    """Decide simulated sessions, a tenth of the runs since each holds a whole family; few at a time share a sheet."""
    found = [decide(fam.draw(rng, family, CHUNK)) for _ in range(max(1, runs // (10 * CHUNK)))]
    return fam.joined(found)


def discoveries(rng: np.random.Generator, runs: int) -> str:
    """False discovery rate over whole families of claims."""
    rows = []
    for shape in fam.SHAPES:
        for claims in (36, 65):
            for true in (0.0, 0.5):
                row = [shape, str(claims), f"{true:g}"]
                for _, decide, seeds in DECISIONS:
                    for n in seeds:
                        family = fam.Family(claims, shape, n, true=true)
                        found = sessions(rng, family, runs, decide)
                        row.append(f"{100 * found.rate:.2f} ({bound(found.upper)})")
                family = fam.Family(claims, shape, 9, true=true, audited=False)
                row.append(f"{100 * sessions(rng, family, runs, fam.decided).rate:.1f}")
                rows.append(row)
    sizes = [f"{name}, n = {n}" if name == "fixed" else name for name, _, found in DECISIONS for n in found]
    return table(
        "False discovery rate of claims in %, spread ratios to 10 (upper 99 % bound)",
        ["shape", "claims", "true", *sizes, "without the audit, n = 9"], rows,
    )  # fmt: skip


def structures(rng: np.random.Generator, runs: int) -> str:
    """False discovery rate of the families of two profiles, nothing of which is true."""
    sizes = {"smoke": (5, 9, 11), "cifar10-micro": (9, 18)}
    rows = []
    cases = [(shape, 1.0) for shape in (*fam.SHAPES, *fam.LOGARITHMS)] + [(shape, 0.5) for shape in SKEWED]
    for shape, share in cases:
        row = [shape if share == 1.0 else f"half normal, half {shape}"]
        for profile, structure in fam.STRUCTURES.items():
            for n in sizes[profile]:
                found = sessions(rng, fam.Family(shape=shape, seeds=n, skewed=share, **structure), runs, fam.decided)
                row.append(f"{100 * found.rate:.2f} ({bound(found.upper)})")
        rows.append(row)
    header = [f"{profile}, n = {n}" for profile, found in sizes.items() for n in found]
    return table(
        "False discovery rate with the structure of two profiles in %, all null (upper 99 % bound)",
        ["shape", *header],
        rows,
    )


def bound(upper: float) -> str:
    """Upper bound in percent, bold above 5 %."""
    return f"{100 * upper:.1f}" if upper <= 0.05 else f"**{100 * upper:.1f}**"


def claims_found(rng: np.random.Generator, runs: int) -> str:
    """Power of claims in a family of which half hold, by effect and number of primaries."""
    rows = []
    for n in (5, 9, 15):
        for name, decide in (("fixed", fam.decided), ("seeds auto", fam.decided_as_seeds_arrive)):
            for spread in (1.0, 10.0):
                row = [f"{n}, {name}", f"{spread:g}"]
                for effect in (1.0, 2.0, 3.0, 5.0):
                    family = fam.Family(65, "normal", n, spread, 0.5, effect)
                    found = sessions(rng, family, runs, decide)
                    row.append(powers(found))
                rows.append(row)
    header = ["seeds", "spread ratio to", *(f"{effect} SD" for effect in (1, 2, 3, 5))]
    return table(
        "Claims reproduced of those that hold in %: all / with one primary hypothesis / with two", header, rows
    )


def claims_found_in_structures(rng: np.random.Generator, runs: int) -> str:
    """Power in the families of two profiles, of which half hold, where it was asked for."""
    rows = []
    for profile, structure in fam.STRUCTURES.items():
        cases = [
            sessions(rng, fam.Family(seeds=n, spread=1.0, true=0.5, effect=effect, **structure), runs, fam.decided)
            for n, effect in ((5, 3.0), (5, 5.0), (9, 2.0))
        ]
        rows.append([profile, *map(powers, cases)])
    return table(
        "Claims reproduced with the structure of two profiles in %: all / with one primary hypothesis / with two",
        ["profile", "5 seeds, 3 SD", "5 seeds, 5 SD", "9 seeds, 2 SD"], rows,
    )  # fmt: skip


def powers(found: fam.Outcome) -> str:
    """Power in percent: of all claims, of those with one primary hypothesis and with two."""
    return " / ".join(f"{100 * power:.0f}" for power in (found.power, found.power_of(1), found.power_of(2)))


def audits(rng: np.random.Generator, runs: int) -> str:
    """How often a quantity is called plainly skewed."""
    rows = []
    for n in (5, 9, 15):
        for arms in (2, 4, 8):
            row = [str(n), str(arms)]
            for shape in fam.SHAPES.values():
                values = shape(rng.standard_normal((arms, runs, n)))
                row.append(f"{100 * plainly(pooled_skewness(list(values))[1]).mean():.0f}")
            rows.append(row)
    return table("Quantities called plainly skewed by themselves in %", ["seeds", "arms", *fam.SHAPES], rows)


def alone(rng: np.random.Generator, runs: int) -> str:
    """One sample or pairs, of which the imbalance is one: is p × 2 enough?"""
    rows = []
    for shape in fam.SHAPES:
        row = [shape]
        for n in (5, 9, 15):
            p = student(fam.SHAPES[shape](rng.standard_normal((20 * runs, n)))).p(0.0)
            row.append(" / ".join(f"{float((p <= level).mean()) / level:.2f}" for level in (0.05, 0.05 / 36)))
        rows.append(row)
    header = ["shape", *(f"n = {n}" for n in (5, 9, 15))]
    return table("One sample, p × 2: actual over nominal error at 5 % and at 5 %/36", header, rows)


def counts(rng: np.random.Generator, runs: int) -> str:
    """Networks whose rates have a mean of one percent, all at zero: how often the bound says that it is lower."""
    rows = []
    for trials in (20, 100, 1000):
        for n in (5, 7, 9, 15):
            row = [str(trials), str(n)]
            for draw in (np.full((runs, n), 0.01), 0.02 * (rng.random((runs, n)) < 0.5), rng.beta(0.98, 97.0, (runs, n)),
                         1.0 * (rng.random((runs, n)) < 0.01)):  # fmt: skip
                empty = (rng.binomial(trials, draw) == 0).all(axis=1).mean()
                row.append(f"{100 * empty * (Rate(trials).none_at(0.01) ** n <= 0.025):.1f}")
            row += [f"{100 * Rate(trials, dispersion=c).bound(n, 0.025):.2g}" for c in (0.0, 1.0, np.inf)]
            rows.append(row)
    header = ["trials", "networks", "all alike", "half at zero", "beta", "one in 100 at 100 %"]
    header += [f"bound in % at dispersion {c}" for c in ("0", "1", "∞")]
    return table(
        "Rates of mean 1 %, zero in every network: called below 1 % in % of experiments (2.5 allowed)", header, rows
    )
