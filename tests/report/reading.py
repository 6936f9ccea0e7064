"""How tests read pages and drawings."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from html.parser import HTMLParser

from vitwork.facts.document import Results
from vitwork.report.html import all_visible
from vitwork.report.page import render
from vitwork.report.svg import LETTER


def page_of(results: Results) -> str:
    """Return the page of results as a report has it."""
    return render(all_visible(results))


def text_of(results: Results) -> str:
    """Return the text of the page of results."""
    return "".join(Elements(page_of(results)).text)


def section_of(results: Results, id: str) -> str:
    """Return the part of the page of results that is about one claim."""
    return page_of(results).split(f'id="claim-{id}"')[1].split("</details>")[0]


class Elements(HTMLParser):
    """Collects tags with their attributes, and the text outside scripts and styles."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []
        self._silent = False
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        self._silent = tag in ("script", "style")

    def handle_endtag(self, tag):
        self._silent = False

    def handle_data(self, data):
        if not self._silent:
            self.text.append(data)

    def of(self, tag):
        return [attributes for found, attributes in self.tags if found == tag]


def parse(svg):
    """Return the root of a drawing that a test made itself."""
    return ET.fromstring(svg)  # noqa: S314 - ours


STARTS = {"start": 0.0, "middle": 0.5, "end": 1.0}


def texts(svg):
    """Return text, left end, right end and base line of every level text of a drawing that a test made itself."""
    found = [text for text in parse(svg).iter("text") if "transform" not in text.attrib]
    spans = []
    for text in found:
        length = float(text.get("textLength", LETTER * len(text.text)))
        start = float(text.attrib["x"]) - STARTS[text.get("text-anchor", "start")] * length
        spans.append((text.text, start, start + length, float(text.attrib["y"])))
    return spans
