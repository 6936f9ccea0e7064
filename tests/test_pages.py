"""The site, README and the examples: every command and every snippet on them runs, and what is generated is current."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from docs import from_reports, results_schema
from tests import forked
from vitwork.facts.changes import BREAKING, Kind
from vitwork.report.findings import page, summary

ROOT = Path(__file__).parents[1]
SITE = [
    ROOT / "docs" / f"{name}.md"
    for name in (
        "index",
        "verdicts",
        "own-network",
        "scales",
        "own-claims",
        "results",
        "mathematics",
        "statistics",
        "analyse",
        "engines",
        "networks",
        "buildup",
        "checking-a-report",
    )
]
EXAMPLE = {path.read_text(encoding="utf-8") for path in (ROOT / "examples" / "own_claim").glob("*.py")}
PAGES = [ROOT / "README.md", *SITE, ROOT / "examples" / "own_claim" / "README.md"]
DONE_ELSEWHERE = {
    "pip install vitwork",  # the job `wheel` of the tests workflow, in an empty environment
    "pytest",  # the suite's own tests, of which this is one
    "pytest -n 2 --profile tiny",  # tests/test_wheel.py runs the example
    "cd examples/own_claim && pytest -n 2 --profile tiny",  # likewise
    "python3 -m pip install uv",  # .ci/run
    "vitwork networks published --fetch",  # tests/session/test_networks.py, without the hub
    "pytest claims -n 4 --profile published --data path/to/imagenet/val",  # tests/test_published_sessions.py, with small networks
    "pytest claims -n 4 --profile published --data path/to/imagenet/val --weights DIR",  # likewise
    (
        "pytest claims --profile published --data path/to/imagenet/val"
        " --model vit=timm:vit_small_patch16_224.mine1,vit_small_patch16_224.mine2 --weights DIR"
    ),  # likewise
    # tests/test_plugin.py, on a small project: a plan without timings trains steps of the paper's networks, minutes on a CPU
    'pytest claims --profile cifar10 -k "hessian-vit-smaller or msa-lowpass" --max-minutes 8',
    "vitwork buildup alternet --profile cifar10-micro --data path/to/cifar10",  # tests/buildup/, with small networks
    "vitwork train --profile paper    --engine slurm --engine-set array_parallelism=16",  # tests/engines/test_slurm.py
    "pytest claims --profile cifar10-micro --from .vitwork --report reports/published/cifar10-micro",  # tests/test_from.py
    "vitwork judge reports/published/smoke",  # the published reports are judged in tests/evidence/
    "vitwork audit reports/published/smoke --runs 6",  # tests/test_from.py, on a small report
    "vitwork audit reports/published/cifar10-micro --runs 3 --data cifar10",  # likewise
    "vitwork pool reports/published/cifar10-micro second --out both",  # tests/test_from.py, on small reports
    "vitwork register --profile cifar10-micro",  # tests/test_from.py
    "git add reports/registered && git commit",  # not ours
}
OWN = """
from torch import nn


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(4, 4, 3, padding=1)

    def forward(self, x):
        return x + self.conv(x).relu()


def build(num_classes):
    return nn.Sequential(
        nn.Conv2d(3, 4, 3), Block(), Block(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, num_classes)
    )
"""
CLAIM = """
import pytest
from vitwork.language.claim import Paper, claim
from vitwork.measurements import accuracy
"""


def commands(page: Path) -> list[str]:
    """Return the commands of a page without comments and without the `uv run` of the repository."""
    text = re.sub(r" \\\n +", " ", page.read_text(encoding="utf-8"))  # a command of several lines
    shown = re.findall(r"^```console\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    lines = [
        line[2:].partition("  #")[0].strip() for block in shown for line in block.splitlines() if line.startswith("$ ")
    ]
    return [line.removeprefix("uv run ") for line in lines]


def blocks(page: Path) -> list[str]:
    """Return the Python of a page."""
    return re.findall(r"^```python\n(.*?)^```", page.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)


def snippets(page: Path) -> list[str]:
    """Return the Python of a page but for files of the example, which other tests run."""
    return [block for block in blocks(page) if block not in EXAMPLE]


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which every command of the pages finds what it names: claims, a baseline, a network, images."""
    folder = tmp_path_factory.mktemp("project")
    for name in ("claims", "reports", "conftest.py", "pyproject.toml"):
        (folder / name).symlink_to(ROOT / name)
    (folder / "mypkg").mkdir()
    (folder / "mypkg" / "net.py").write_text(OWN)
    dice = np.random.default_rng(0)
    for place in ("images", "cifar10"):
        for split in ("train", "test"):
            for kind in range(10):
                target = folder / "path" / "to" / place / split / f"class{kind}"
                target.mkdir(parents=True)
                for number in range(2):
                    Image.fromarray(dice.integers(0, 256, (32, 32, 3), dtype=np.uint8)).save(target / f"{number}.png")
    return folder


COMMANDS = list(dict.fromkeys(command for page in PAGES for command in commands(page) if command not in DONE_ELSEWHERE))


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_runs(project: Path, command: str) -> None:
    """As it stands on the page; a session reads all claims and options and plans, but does not train: --plan is added."""
    program, *arguments = shlex.split(command)
    assert program in {"vitwork", "pytest"}
    done = forked.run(program, *arguments, cwd=project, PYTEST_ADDOPTS="--plan -p no:cacheprovider")
    assert done.returncode == 0, done.stdout + done.stderr
    if arguments[0] in {"run", "plan", "claims"}:
        assert "  a run takes\n" in done.stdout or "There is nothing to train" in done.stdout, done.stdout
        assert "--engine" not in arguments or "one step on this machine" not in done.stdout


@pytest.mark.parametrize("page", [page for page in PAGES if snippets(page)], ids=lambda page: page.name)
def test_every_snippet_runs(page: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """From top to bottom, in the repository's root; a claim is read as the suite reads it."""
    monkeypatch.chdir(ROOT)
    names: dict[str, object] = {}
    for block in snippets(page):
        exec(compile(CLAIM + block if "@claim" in block else block, str(page), "exec"), names)  # noqa: S102 - our own page


@pytest.mark.slow
def test_every_snippet_fits_the_types_that_its_readers_have(tmp_path: Path) -> None:
    """A type checker finds nothing wrong in what the pages show, from the types that the package ships."""
    paths = [tmp_path / f"{page.parent.name}_{page.stem}.py".replace("-", "_") for page in PAGES if snippets(page)]
    for path, shown in zip(paths, filter(None, map(snippets, PAGES)), strict=True):
        parts = (CLAIM + block if "@claim" in block else block for block in shown)
        path.write_text("\n".join(parts), encoding="utf-8")
    options = [
        "--ignore-missing-imports",
        "--follow-imports=silent",
        "--allow-redefinition",
        "--cache-dir",
        str(tmp_path),
    ]
    check = [sys.executable, "-m", "mypy", *options, *map(str, paths)]
    done = subprocess.run(
        check, cwd=tmp_path, capture_output=True, text=True, env={**os.environ, "MYPYPATH": str(ROOT)}, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_example_is_shown_as_it_is() -> None:
    """The page of own claims holds every file of the example, and no other Python."""
    shown = blocks(ROOT / "docs" / "own-claims.md")
    assert sorted(shown) == sorted(EXAMPLE), "copy the files of examples/own_claim into docs/own-claims.md"


def test_generated_parts_are_current() -> None:
    """The findings and the timings are those of the published reports, the page of results is that of the types."""
    found = from_reports.reports()
    for path, lines in ((from_reports.README, summary(found)), (from_reports.FINDINGS, page(found))):
        text = path.read_text(encoding="utf-8")
        assert from_reports.written(text, lines) == text, "run python docs/from_reports.py"
    timings = from_reports.timings(found)
    assert from_reports.TIMINGS.read_text(encoding="utf-8") == timings, "run python docs/from_reports.py"
    assert all(seconds for profile in json.loads(timings).values() for seconds in profile["seconds"].values())
    assert results_schema.page() == results_schema.PAGE.read_text(encoding="utf-8"), "run python docs/results_schema.py"


def test_every_kind_of_event_is_described() -> None:
    """With whether it breaks a session that is compared with its baseline."""
    rows = re.findall(
        r"^\| (`.*`) \| .+ \| (yes|no) \|$", (ROOT / "docs/statistics.md").read_text(encoding="utf-8"), re.MULTILINE
    )
    told = {kind: breaks == "yes" for kinds, breaks in rows for kind in re.findall("`(.+?)`", kinds)}
    assert told == {str(kind): kind in BREAKING for kind in Kind}


def test_every_field_and_column_is_described() -> None:
    """No row of the page of results lacks its meaning; a discriminator of the format is its own."""
    text = results_schema.PAGE.read_text(encoding="utf-8")
    assert [row for row in re.findall(r"^\| `\w+` \| .* \|\s*\|$", text, re.MULTILINE) if "| `kind` |" not in row] == []


def test_the_site_is_built_without_a_warning_and_loads_nothing(tmp_path: Path) -> None:
    """Strictly, from what is installed; formulas are MathML, and no page asks another host for scripts, styles or fonts."""
    build = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(tmp_path)]
    done = subprocess.run(
        build, cwd=ROOT, capture_output=True, text=True, env={**os.environ, "NO_MKDOCS_2_WARNING": "1"}, check=False
    )
    assert done.returncode == 0, done.stderr
    pages = {path: path.read_text(encoding="utf-8") for path in tmp_path.rglob("*.html")}
    assert len(pages) > 15
    asked = r'<(?:script|img|link rel="(?:stylesheet|preconnect|icon)")[^>]*(?:src|href)="(?:https?:)?//[^"]+"'
    assert {str(path): found for path, text in pages.items() if (found := re.findall(asked, text))} == {}
    assert not [path for path in tmp_path.rglob("*") if path.suffix in {".py", ".pyc"}]
    for path in (ROOT / "examples").glob("*.ipynb"):
        assert (tmp_path / "examples" / path.name).read_bytes() == path.read_bytes()
        assert f'href="examples/{path.name}"' in pages[tmp_path / "index.html"]
    assert '<a href="reports/">' in pages[tmp_path / "index.html"]  # which the Pages workflow puts there
    assert '<a href="../reports/">' in pages[tmp_path / "findings" / "index.html"]
    mathematics = pages[tmp_path / "mathematics" / "index.html"]
    assert mathematics.count("<math") > 20
    assert 'class="arithmatex"' not in mathematics


@pytest.mark.slow
@pytest.mark.parametrize("path", sorted((ROOT / "examples").glob("*.ipynb")), ids=lambda path: path.name)
def test_notebooks_run(path: Path) -> None:
    """Every cell, in a fresh kernel, in the folder where the notebook lies; they are kept without outputs."""
    import nbformat
    from nbclient import NotebookClient

    notebook = nbformat.read(path, as_version=4)
    assert not [cell for cell in notebook.cells if cell.get("outputs")]
    NotebookClient(notebook, timeout=600, resources={"metadata": {"path": str(path.parent)}}).execute()
    assert any("image/png" in output.get("data", {}) for cell in notebook.cells for output in cell.get("outputs", []))
