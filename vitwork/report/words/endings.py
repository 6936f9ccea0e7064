"""What is said of a session itself: that it needs no workers, what went wrong in it, and how it ended."""

from __future__ import annotations

from pathlib import Path

from vitwork.facts.forecast import NoWork
from vitwork.report.words.numbers import plural

IDLE = {
    NoWork.ASKED: "this session trains and measures nothing",
    NoWork.DONE: "the last session left nothing undone, and nothing that it was seen to read has changed",
}
"""Why a session has no work."""


def no_workers(found: NoWork) -> str:
    """Return why the workers that were asked for do not appear."""
    return f"{IDLE[found]}, so that no workers are started"


def ending(contradicted: int, ours: int, failed: int, changed: int, *, unreached: bool = False) -> str:
    """Return what went wrong in a session, as its exit status says that something did.

    Args:
        contradicted: claims of which that is new.
        ours: those of them that the paper does not make.
        failed: tests that failed for another reason than a verdict.
        changed: tests and claims that changed since a baseline.
        unreached: whether tests were not reached, and nothing else says so.
    """
    apart = " of ours" if ours == contradicted else f", {ours} of them ours," * bool(ours)
    said = [
        *(
            [
                f"{plural(contradicted, 'claim')}{apart} {'is' if contradicted == 1 else 'are'} contradicted at this scale"
            ]
            * bool(contradicted)
        ),
        *([f"{plural(changed, 'change')} since the baseline"] * bool(changed)),
        *([f"{plural(failed, 'test')} failed for another reason"] * bool(failed)),
        *(["the session did not come to all of its tests"] * unreached),
    ]
    return " and ".join(said)


def interrupted() -> str:
    """Return why a session ends that was stopped, and what becomes of it: all that was finished is kept."""
    return "Interrupted, and the same command goes on from here"


def against_baseline(baseline: str, breaking: int, others: int) -> str:
    """Return what became of a comparison with a baseline.

    Args:
        baseline: its file, as it was asked for.
        breaking: changes that break something.
        others: that do not.
    """
    if not breaking + others:
        return f"Nothing changed against {baseline}"
    counts = ", ".join(
        f"{plural(number, 'change')} {what}"
        for number, what in ((breaking, "for the worse"), (others, "that fail no test"))
        if number
    )
    return f"Against {baseline}: {counts}"


def exit_status(number: int, *, exited: bool) -> str:
    """Return a session's exit status in words, and that ``pytest.exit`` chose it where it did."""
    return f"exit status {int(number)}{', chosen by pytest.exit' if exited else ''}"


def last_line(page: Path, why: str, *, interrupted: bool) -> str:
    """Return the last line of a session: where its report lies, and why it ends as it does; nothing of a session that is well."""
    return f"{why}; report so far: {page}" if interrupted else f"Report: {f'{why}: ' if why else ''}{page}"


def time_up(seeds: int, asked: int) -> str:
    """Return how far a session of limited time came."""
    if not seeds:
        return f"Time was up before every arm had a network: 0 of {asked} seeds. The same command goes on from there."
    return f"Time was up: every arm has {seeds} of {plural(asked, 'network')}. The same command goes on from there."
