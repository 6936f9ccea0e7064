"""The page on a network of one's own: what it shows runs and prints what it says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

PAGE = (Path(__file__).parents[2] / "docs" / "own-network.md").read_text(encoding="utf-8")


def test_every_block_of_code_runs(capsys: pytest.CaptureFixture[str]) -> None:
    """The page's Python, from top to bottom, prints the division as the page has it."""
    names: dict[str, object] = {"__name__": "net"}
    for block in re.findall(r"^```python\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE):
        exec(compile(block, "docs/own-network.md", "exec"), names)  # noqa: S102 - our own page
    (division,) = re.findall(r"^```text\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
    assert capsys.readouterr().out.startswith(division)
