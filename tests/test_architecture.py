"""The picture of the architecture: drawn from the source, and as committed."""

from __future__ import annotations

import runpy
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"

WITH_TORCH = (  # packages, folders and modules
    *("analysis", "device", "models", "training"),
    *("data.augmentation", "data.constants", "data.corruptions", "data.images", "data.noise_bands"),
    *("data.position_rng", "data.prepared", "data.sources.stream"),
    *("engines.torchrun", "measurements.loaded_run", "measurements.power_iteration", "measurements.trained_run"),
)
"""What may import torch when it is imported. Nothing else does, nor anything that it imports."""

IMPORTING = """
import importlib, sys, traceback

class Watch:
    chain = []

    def find_spec(self, name, path=None, target=None):
        if name == "torch" and not self.chain:
            found = [frame.f_globals.get("__name__", "") for frame, _ in traceback.walk_stack(None)]
            self.chain += dict.fromkeys(name for name in found if name.startswith("vitwork."))

sys.meta_path.insert(0, Watch())
for name in sys.argv[1:]:
    importlib.import_module(name)
    if "torch" in sys.modules:
        sys.exit("torch was imported by " + ", imported by ".join(Watch.chain))
"""


@pytest.fixture(scope="module")
def script():
    """The script's functions by name."""
    return runpy.run_path(str(DOCS / "architecture.py"))


def test_the_committed_picture_is_that_of_the_source(script):
    """Drawing the package as it is gives the file in docs; `python docs/architecture.py` renews it."""
    assert (DOCS / "architecture.svg").read_text(encoding="utf-8") == script["picture"]()


def test_arrows_count_imports_between_rooms(script, tmp_path):
    """Imports inside functions count; those for annotations, within a package, and of other packages do not."""
    package = tmp_path / "house"
    (package / "upper").mkdir(parents=True)
    (package / "lower.py").write_text("import json\n", encoding="utf-8")
    (package / "upper" / "one.py").write_text(
        "from typing import TYPE_CHECKING\n"
        "from house import lower\n"
        "from house.upper import two\n"
        "if TYPE_CHECKING:\n    from house.lower import name\n"
        "def late():\n    import house.lower\n",
        encoding="utf-8",
    )
    assert script["arrows"](package) == {("upper", "lower"): 2}


def test_an_arrow_upwards_is_marked(script):
    """An import against the layers is drawn as such; one with them is not."""
    drawn = script["draw"]([["upper"], ["lower"]], {("upper", "lower"): 3})
    assert 'class="up"' not in drawn
    assert ">3</text>" in drawn
    assert 'class="up"' in script["draw"]([["upper"], ["lower"]], {("lower", "upper"): 1})


def test_what_plans_judges_and_reports_starts_without_torch():
    """Every module but those that work with tensors is imported in one process, which has not imported torch then."""
    paths = (path.relative_to(ROOT).with_suffix("") for path in sorted((ROOT / "vitwork").rglob("*.py")))
    modules = [".".join(path.parts).removesuffix(".__init__") for path in paths if path.name != "__main__"]
    heavy = tuple(f"vitwork.{name}." for name in WITH_TORCH)
    light = [name for name in modules if not f"{name}.".startswith(heavy)]
    done = subprocess.run(
        [sys.executable, "-c", IMPORTING, *light], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
