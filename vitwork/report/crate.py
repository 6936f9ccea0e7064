"""RO-Crate metadata: what the files of a report are, for archives (https://w3id.org/ro/crate/1.1)."""

from __future__ import annotations

from datetime import UTC, datetime

from vitwork.facts.document import SCHEMA, Results
from vitwork.report import words
from vitwork.report.document import dump
from vitwork.report.tables import NAMES

SHARED = {
    "results.json": (f"Results document, schema {SCHEMA}", "application/json"),
    **{f"{name}.parquet": (f"One row per {of}", "application/vnd.apache.parquet") for name, of in NAMES.items()},
    "summary.md": ("Summary for pull requests", "text/markdown"),
}
"""Files that the page holds and links to, with title and media type."""
FILES = {"report.html": ("The report", "text/html"), **SHARED, "badge.svg": ("Badge", "image/svg+xml")}
METADATA = "ro-crate-metadata.json"


def crate(results: Results) -> bytes:
    """Return the metadata of a report's folder as JSON-LD."""
    root = {
        "@id": "./",
        "@type": "Dataset",
        "name": f"Claims of 'How Do Vision Transformers Work?' at profile {results.profile.name}",
        "description": words.summary(results),
        "datePublished": datetime.fromtimestamp(results.provenance.finished, UTC).isoformat(),
        "license": {"@id": "https://spdx.org/licenses/Apache-2.0"},
        "isBasedOn": {"@id": "https://arxiv.org/abs/2202.06709"},
        "version": results.provenance.commit,
        "hasPart": [{"@id": name} for name in FILES],
    }
    descriptor = {
        "@id": METADATA,
        "@type": "CreativeWork",
        "about": {"@id": "./"},
        "conformsTo": {"@id": "https://w3id.org/ro/crate/1.1"},
    }
    parts = [{"@id": n, "@type": "File", "name": title, "encodingFormat": kind} for n, (title, kind) in FILES.items()]
    return dump({"@context": "https://w3id.org/ro/crate/1.1/context", "@graph": [descriptor, root, *parts]})
