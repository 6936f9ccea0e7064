"""The picture of the architecture: drawn from the source, and as committed."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[1] / "docs"


@pytest.fixture(scope="module")
def script():
    """The script's functions by name."""
    return runpy.run_path(str(DOCS / "architecture.py"))


def test_the_committed_picture_is_that_of_the_source(script):
    """Drawing the package as it is gives the file in docs; `python docs/architecture.py` renews it."""
    assert (DOCS / "architecture.svg").read_text(encoding="utf-8") == script["picture"]()


def test_arrows_count_imports_between_rooms(script, tmp_path):
    """Imports inside functions count; those for annotations, within a room, and of other packages do not."""
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
    """An import against the floors is drawn as such; one with them is not."""
    drawn = script["draw"]([["upper"], ["lower"]], {("upper", "lower"): 3})
    assert 'class="up"' not in drawn
    assert ">3</text>" in drawn
    assert 'class="up"' in script["draw"]([["upper"], ["lower"]], {("lower", "upper"): 1})
