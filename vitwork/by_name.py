"""What pytest loads in every environment that has vitwork: it gives ``pytest --pyargs vitwork.claims`` the suite's options.

pytest reads options before it looks for tests, so a plugin that the claims name themselves would come too late. A session
of anything else gets nothing of it, and neither torch nor the rest of the package is imported.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pytest


def pytest_load_initial_conftests(early_config: pytest.Config, args: Sequence[str]) -> None:
    """Load the suite's plugin where the installed claims are asked for by name."""
    if any(str(word).partition("::")[0].startswith("vitwork.claims") for word in args):
        early_config.pluginmanager.import_plugin("vitwork.plugin")
