"""BibTeX entries of a report, of the suite and of the paper."""

from __future__ import annotations

import hashlib
import re
from datetime import UTC, datetime

from vitwork.facts.document import Results
from vitwork.report import words

ARXIV = "https://arxiv.org/abs/2202.06709"
OTHER = re.compile(r"[^\w .,;:()×=+-]")
"""What a field of BibTeX could take for its own syntax."""


def bibtex(results: Results, content: bytes) -> dict[str, str]:
    """Return entries by what they cite; that of the report names the results by the SHA-256 of their file's `content`."""
    finished = datetime.fromtimestamp(results.provenance.finished, UTC)
    profile, version = (_plain(text) for text in (results.profile.name, results.provenance.versions.get("vitwork", "")))
    claims, whose = words.sides(results.claims)[0]
    of = "Our claims" if whose == "ours" else f"Claims of ``{words.PAPER}''"
    digest = hashlib.sha256(content).hexdigest()
    commit = f"commit {_plain(results.provenance.commit)[:12]}, " if results.provenance.commit else ""
    return {
        "This report": _entry("misc", f"vitwork-{profile.replace(' ', '-')}-{finished:%Y%m%d}", {
            "title": f"{of} {_plain(words.scale(results))}: a report of vitwork at profile {profile}",
            "author": "{The vitwork developers}",
            "year": f"{finished:%Y}",
            "month": f"{finished.month}",
            "note": f"{words.counted(claims) or 'no claims'}; {commit}SHA-256 of results.json {digest}",
        }),
        "The suite": _entry("software", "vitwork", {
            "title": f"vitwork: do the claims of ``{words.PAPER}'' hold?",
            "author": "{The vitwork developers}",
            "version": version,
            "year": f"{finished:%Y}",
        }),
        "The paper": _entry("inproceedings", "park2022how", {
            "title": words.PAPER,
            "author": "Park, Namuk and Kim, Songkuk",
            "booktitle": "International Conference on Learning Representations",
            "year": "2022",
            "eprint": "2202.06709",
            "archiveprefix": "arXiv",
            "url": ARXIV,
        }),
    }  # fmt: skip


def _plain(text: str) -> str:
    return OTHER.sub("", text)


def _entry(kind: str, key: str, fields: dict[str, str]) -> str:
    lines = [f"  {name} = {{{value}}}," for name, value in fields.items() if value]
    return "\n".join([f"@{kind}{{{key},", *lines, "}"])
