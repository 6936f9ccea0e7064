"""What a session's evidence costs: seconds and Hessian products per seed, by training and by kind of measurement.

    python benchmarks/price.py RESULTS.json … [--save FILE]

Seconds are those of the processes that worked, which share the processor: what is compared between files are shares and products.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from pathlib import Path

from vitwork.facts.document import Results
from vitwork.report.document import read


def parts(results: Results) -> tuple[dict[str, float], dict[str, float]]:
    """Return seconds and Hessian products per seed of every part."""
    seconds: dict[str, float] = defaultdict(float)
    products: dict[str, float] = defaultdict(float)
    for run in results.runs:
        seconds[f"training {run.arm}"] += (run.seconds or 0.0) / results.profile.seeds
    for made in results.measurements:
        values = made.values or {}
        name = f"{made.name}{' by PyHessian' if made.parameters.get('solver') == 'pyhessian' else ''}"
        seconds[name] += (made.seconds or 0.0) / results.profile.seeds
        spent = [values, *values.get("spectra", [])]
        products[name] += sum(sum(found.get("products", [])) for found in spent) / results.profile.seeds
    return seconds, products


def table(path: Path) -> str:
    """Return the parts of a results file, the dearest first."""
    results = read(path)
    seconds, products = parts(results)
    whole = sum(seconds.values())
    rows = [
        f"| {name} | {spent:.1f} | {100 * spent / whole:.0f} | {f'{products[name]:.0f}' if products[name] else '–'} |"
        for name, spent in sorted(seconds.items(), key=lambda item: -item[1])
        if spent >= 0.005 * whole
    ]
    head = [
        f"{results.profile.name}, {results.profile.seeds} seeds, commit {results.provenance.commit[:12]}: {whole:.0f} s per seed",
        "",
        "| part | s per seed | % | Hessian products per seed |",
        "| --- | --- | --- | --- |",
    ]
    return "\n".join([*head, *rows])


def main() -> None:
    """Print the table of every file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("results", type=Path, nargs="+")
    parser.add_argument("--save", type=Path)
    given = parser.parse_args()
    text = "\n\n".join(map(table, given.results))
    print(text)
    if given.save:
        given.save.write_text(f"# Price of a session, measured by benchmarks/price.py\n\n{text}\n", encoding="utf-8")


if __name__ == "__main__":
    main()
