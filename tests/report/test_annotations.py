"""GitHub workflow commands."""

from __future__ import annotations

from msgspec.structs import replace

from tests.report import synthetic
from vitwork.facts.changes import Event, Kind
from vitwork.report.annotations import workflow_commands


def test_annotations_cannot_be_broken_out_of():
    """Line breaks, commas and colons of others start no command of their own."""
    event = Event(Kind.RENAMED, "x,file=/etc/passwd::\n::error::y", "", "a\n::error::b%", "c")
    (line,) = workflow_commands([event], replace(synthetic.results(seeds=1, claims=1, grid=5), claims=()))
    assert line == (
        "::notice title=x%2Cfile=/etc/passwd%3A%3A%0A%3A%3Aerror%3A%3Ay%3A renamed::a%0A::error::b%25 is now called c"
    )


def test_annotations_stand_on_the_file_of_the_claim():
    """What broke is an error."""
    results = synthetic.results(seeds=1, claims=1, grid=5)
    (line,) = workflow_commands([Event(Kind.VANISHED, results.claims[0].id, "", "", "")], results)
    assert line.startswith("::error file=claims/test_synthetic.py,title=landscape-vit-flatter%3A vanished::")
