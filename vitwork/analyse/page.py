"""The HTML page of analyses: one table, and the report's figures with all models side by side."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

import msgspec

from vitwork.analyse.findings import Made
from vitwork.analyse.table import ANALYSES, share_error
from vitwork.report import words
from vitwork.report.document import dump
from vitwork.report.figure_page import sheet
from vitwork.report.figures import OTHERS, Draw, corruptions, evaluation, reliability
from vitwork.report.figures.base import MALFORMED, DrawnRecord, Figure, Palette, View

if TYPE_CHECKING:
    from vitwork.analyse.outcome import AnalysisOutcome


def _accuracy(view: View) -> Figure | None:
    """Return the accuracies with their standard errors."""
    errors = {one.arm: 100.0 * share_error(one.values["acc"], one.values["images"]) for one in view.entries}
    figure = evaluation.accuracy(view, errors)
    return figure and replace(figure, note="The lines beside them are standard errors over images.")


DRAWN: dict[str, dict[str, Draw]] = {
    "evaluation": {"Accuracy": _accuracy, "Confidence and accuracy": reliability.draw},
    "spectrum": {"Largest eigenvalues of the Hessian": OTHERS["spectrum"].draw},
    "surface": {"Loss surface": OTHERS["surface"].draw},
    "log_amplitude": {"Log amplitude of feature maps": OTHERS["log_amplitude"].draw},
    "variance": {"Variance of feature maps": OTHERS["variance"].draw},
    "similarity": {"Similarity of blocks": OTHERS["similarity"].draw},
    "attention": {"Attention": OTHERS["attention"].draw},
    "lesion": {"Blocks removed": OTHERS["lesion"].draw},
    "noise_bands": {"Noise of frequency bands": OTHERS["noise_bands"].draw},
    "corruptions": {"Corruptions": corruptions.by_kind},
    "cue_conflict": {"Outline against texture": OTHERS["cue_conflict"].draw},
}
"""Functions that draw the records of a kind, by the figure's title."""


def page(found: AnalysisOutcome) -> bytes:
    """Return the page of the results so far."""
    head, *rows = found.rows
    return sheet(
        "analyse.html.j2",
        dict(_figures(found)),
        title=", ".join(dict.fromkeys(one.model for one in found.models)),
        warning=found.warning,
        head=head,
        rows=rows,
        errors=found.errors,
        reasons=found.reasons,
        models=[
            {
                "name": one.model,
                "line": f"{one.weights}, {words.count(one.parameters)} parameters, {words.plural(one.images['count'], 'image')} "
                f"of {one.images['size']} × {one.images['size']} pixels ({one.images['source']})",
            }
            for one in found.models
        ],
    )


def _figures(found: AnalysisOutcome) -> Iterator[tuple[str, Figure]]:
    """Yield title and figure of every analysis that has figures, drawn from the records of all models."""
    palette = Palette({one.model: place for place, one in enumerate(found.models)})
    for name in ANALYSES:
        made = [(one.model, record) for one in found.models if isinstance(record := one.analyses.get(name), Made)]
        entries = tuple(
            DrawnRecord(model, 0, record.parameters, msgspec.json.decode(dump(record.values))) for model, record in made
        )
        for title, draw in DRAWN.get(made[0][1].figure, {}).items() if made else ():
            try:
                figure = draw(View(entries, palette))
            except MALFORMED:
                continue  # a record without numbers to draw: the table says why
            if figure is not None:
                yield title, figure
