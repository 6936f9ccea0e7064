"""GitHub workflow commands: changes of verdicts as annotations on the files of the claims."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from vitwork.facts.changes import Event
from vitwork.facts.document import Results
from vitwork.report import words


def workflow_commands(events: Iterable[Event], results: Results) -> Iterator[str]:
    """Return one workflow command per event: an error for what broke, a notice for the rest.

    Args:
        events: changes against the baseline.
        results: today's results, which say in which file a claim is tested.
    """
    files = {claim.id: claim.file for claim in results.claims}
    for event in events:
        level = "error" if event.breaking else "notice"
        file = files.get(event.claim, "")
        place = f"file={_property(file)}," if file else ""
        title = _property(f"{event.claim}: {event.kind}")
        yield f"::{level} {place}title={title}::{_data(words.event(event, results))}"


def _data(text: str) -> str:
    """Escape the text of a command, as the runner reads it."""
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
