"""Writes what is made of the published reports: findings in README.md and on their page, and timings that plans refer to.

Run by hand, ``python docs/from_reports.py``, when a report was published; a test compares.
"""

from __future__ import annotations

import json
from pathlib import Path
from statistics import median

from vitwork.design.deviation import Change
from vitwork.facts.document import Results
from vitwork.report.document import read
from vitwork.report.findings import page, summary
from vitwork.report.words.verdicts import core_seconds, worked

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
FINDINGS = ROOT / "docs" / "findings.md"
TIMINGS = ROOT / "vitwork" / "profiles" / "timings.json"
BEGIN, END = "<!-- findings: written by docs/from_reports.py -->", "<!-- end of findings -->"


def reports() -> list[Results]:
    """Return the published results, by name."""
    return [read(path.parent) for path in sorted((ROOT / "reports" / "published").glob("*/results.json"))]


def written(text: str, lines: list[str]) -> str:
    """Return a page with other lines between its two marks."""
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    return "".join([before, BEGIN, "\n", "\n".join(lines), "\n", END, after])


def timings(results: list[Results]) -> str:
    """Return the file of timings: median seconds of a core for a run, trained and measured, by profile and arm.

    The median, since a run that shared its cores with other work takes several times as long. Of an arm that is not complete
    nothing is said, and nothing of a session that changed settings or models.
    """
    own = [found for found in results if found.runs and not _changed(found)]
    return json.dumps({found.profile.name: _timed(found) for found in own}, indent=1) + "\n"


def _changed(results: Results) -> bool:
    return any(found.change in {Change.SETTING, Change.MODEL} for found in results.profile.deviations)


def _timed(results: Results) -> dict[str, object]:
    hardware = results.provenance.hardware
    share = core_seconds(results) / worked(results)  # of a core, where more workers than cores were at work
    seconds: dict[str, list[float]] = {}
    for run in results.runs:
        if run.seconds is None:  # not trained yet, in a report that grows
            continue
        own = [entry.seconds or 0.0 for entry in results.measurements if entry.run == run.key and entry.arm == run.arm]
        seconds.setdefault(run.arm, []).append(share * (run.seconds + sum(own)))
    device = hardware.get("accelerator") or f"{hardware['cores']} cores of an {hardware['processor']}"
    complete = {arm: found for arm, found in seconds.items() if len(found) == results.profile.seeds}
    return {"machine": str(device), "seconds": {arm: round(median(found), 1) for arm, found in complete.items()}}


if __name__ == "__main__":
    found = reports()
    for path, lines in ((README, summary(found)), (FINDINGS, page(found))):
        path.write_text(written(path.read_text(encoding="utf-8"), lines), encoding="utf-8")
    TIMINGS.write_text(timings(found), encoding="utf-8")
