"""The pages of docs: what they show runs, and what they list is there."""

from __future__ import annotations

import pkgutil
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from vitwork.analyse.table import ANALYSES, settable

ROOT = Path(__file__).parents[1]
PAGES = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "benchmarks").glob("*.md")]
ANALYSES_PAGE = (ROOT / "docs" / "analyses.md").read_text(encoding="utf-8")


def download(folder):
    """Put ten images of each published benchmark into a folder, in the layout of its files."""
    pixels = np.random.default_rng(0).integers(0, 256, (50, 16, 16, 3), dtype=np.uint8)
    (folder / "CIFAR-10-C").mkdir()
    np.save(folder / "CIFAR-10-C" / "fog.npy", pixels)
    np.save(folder / "CIFAR-10-C" / "labels.npy", np.arange(50) % 10)
    for number, picture in enumerate(pixels[:10]):
        kind = folder / "ImageNet-C" / "weather" / "fog" / "3" / f"n{number:02}"
        kind.mkdir(parents=True)
        Image.fromarray(picture).save(kind / "one.png")


def test_every_call_on_the_page_of_analyses_runs(tmp_path, monkeypatch, capsys):
    """The page's Python, read from top to bottom, runs as it stands and prints numbers that are defined.

    The working folder is empty but for the block that says that it needs downloaded files.
    """
    monkeypatch.chdir(tmp_path)
    names = {}
    for said, block in re.findall(r"(.*?)^```python\n(.*?)^```", ANALYSES_PAGE, re.DOTALL | re.MULTILINE):
        if "(needs downloaded files)" in said:
            download(tmp_path)
        exec(compile(block, "docs/analyses.md", "exec"), names)  # noqa: S102 - our own page
    assert capsys.readouterr().out.count("nan") == 1  # the angle of a path's end, seen from itself
    for module in ("hessian", "landscape", "trajectory", "fourier", "variance", "similarity", "lesion"):
        assert module in names
    assert names["surface"].nll.shape == (3, 5, 5)
    assert names["published"].metrics["fog", 3]["acc"] >= 0


def as_given(value):
    """Return a value as the command line takes it."""
    return "none" if value is None else ",".join(map(str, value)) if isinstance(value, tuple) else str(value)


def test_the_page_lists_every_parameter_that_can_be_set():
    """The table holds each analysis of the command with all of its parameters, as they are unless set."""
    rows = [
        f"| `{name}` | {', '.join(f'`{key}={as_given(value)}`' for key, value in settable(analysis.of(256)).items())} |"
        for name, analysis in ANALYSES.items()
    ]
    assert ANALYSES_PAGE.endswith("\n".join(["|---|---|", *rows, ""]))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_and_names_lead_somewhere(page):
    """Files that a page links to and names of the package that it mentions exist."""
    text = page.read_text(encoding="utf-8")
    links = re.findall(r"\]\((?!https?:)([^)#]+)", text)
    assert [link for link in links if not (page.parent / link).exists()] == []
    paths = re.findall(r"`((?:vitwork|claims|tests|docs|benchmarks|reports)/[\w./-]*)`", text)
    assert [path for path in paths if not (ROOT / path).exists()] == []
    for name in re.findall(r"`(vitwork(?:\.[A-Za-z_]\w*)+)[`(]", text):
        pkgutil.resolve_name(name)
