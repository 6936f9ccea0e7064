"""Ties the parts of the project together: the pytest plugin measures, `reports` writes what it found."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

pytest_plugins = ["vitwork.plugin"]


def pytest_vitwork_results(config: pytest.Config, results: dict[str, Any], folder: Path) -> list[str]:
    """Write the report and say where it is."""
    from vitwork.report.build import build

    del config
    return [f"Report: {build(results, folder)}"]
