"""The commands ``vitwork report``, ``vitwork compare`` and ``vitwork site``."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from vitwork.arguments import file_or_folder
from vitwork.report.document import read


def report(arguments: Sequence[str]) -> int:
    """Make the report of a results file anew."""
    parser = argparse.ArgumentParser(prog="vitwork report", description=report.__doc__)
    parser.add_argument("results", type=file_or_folder, help="results.json, or a folder that holds it")
    parser.add_argument(
        "folder", type=file_or_folder, nargs="?", help="where the report goes (default: next to the results)"
    )
    given = parser.parse_args(arguments)
    from vitwork.report.build import build

    own = given.results if given.results.is_dir() else given.results.parent
    print(build(read(given.results), given.folder or own))
    return 0


def compare(arguments: Sequence[str]) -> int:
    """Say what changed between two results files; the exit status is 1 when something no longer holds."""
    parser = argparse.ArgumentParser(prog="vitwork compare", description=compare.__doc__)
    parser.add_argument("before", type=file_or_folder, help="results.json of the baseline, or a folder that holds it")
    parser.add_argument("now", type=file_or_folder, help="results.json to compare with it, or a folder that holds it")
    parser.add_argument(
        "--html", type=file_or_folder, metavar="FOLDER", help="also write a page, Markdown and annotations there"
    )
    parser.add_argument("--alpha", type=float, default=0.05, help="probability of one false alarm (default: 0.05)")
    given = parser.parse_args(arguments)
    from vitwork.facts.changes import compare_to_baseline
    from vitwork.report.compare import markdown, write_comparison
    from vitwork.report.html import all_visible

    old, new = all_visible(read(given.before)), all_visible(read(given.now))
    events = compare_to_baseline(old, new, given.alpha)
    lines = [markdown(events, old, new)]
    if given.html:  # written before a pipe may be closed
        lines.append(str(write_comparison(events, old, new, given.html)))
    print("\n".join(lines))
    return int(any(event.breaking for event in events))


def site(arguments: Sequence[str]) -> int:
    """Make an index of a folder of reports, and the tables that a report of it lacks."""
    parser = argparse.ArgumentParser(prog="vitwork site", description=site.__doc__)
    parser.add_argument("folder", type=file_or_folder, help="folder with one sub-folder per report")
    given = parser.parse_args(arguments)
    from vitwork.report.site import index

    print(index(given.folder))
    return 0
