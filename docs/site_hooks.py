"""Hooks of the site: formulas become MathML, which browsers draw by themselves; notebooks are files of the site, and links to
published reports lead to where the Pages workflow puts them. Other links out of the pages become their text.
"""

from __future__ import annotations

import re
from html import unescape
from pathlib import Path
from typing import Any

from latex2mathml.converter import convert
from mkdocs.structure.files import File, Files

NOTEBOOK = re.compile(r"\]\(\.\./(examples/[^)]+\.ipynb)\)")
REPORTS = re.compile(r"\[([^\]]+)\]\(\.\./reports/published/?\)")
OUTWARD = re.compile(r"(?<!!)\[([^\]]+)\]\((?:\.\./)+(?!decisions/|docs/)[^)]*\)")
FORMULA = re.compile(r'<(span|div) class="arithmatex">\\([(\[])(.*?)\\[)\]]</\1>', re.DOTALL)


def on_files(files: Files, config: Any) -> Files:
    """Add the notebooks."""
    root = Path(config.config_file_path).parent
    for path in sorted((root / "examples").glob("*.ipynb")):
        files.append(File.generated(config, path.relative_to(root).as_posix(), abs_src_path=str(path)))
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Lead links to notebooks and published reports to where the site has them; of other files keep the links' text."""
    if page.file.src_uri.startswith("decisions/"):
        return markdown
    reports = "../" * page.url.count("/") + "reports/"
    found = REPORTS.sub(rf'<a href="{reports}">\1</a>', NOTEBOOK.sub(r"](\1)", markdown))
    return OUTWARD.sub(r"\1", found)


def on_page_content(html: str, **_: Any) -> str:
    """Write formulas as MathML; one that stands by itself scrolls where a window is narrower."""
    return FORMULA.sub(_formula, html)


def _formula(found: re.Match[str]) -> str:
    if found[2] != "[":
        return convert(unescape(found[3]), display="inline")
    return f'<div style="overflow-x: auto">{convert(unescape(found[3]), display="block")}</div>'
