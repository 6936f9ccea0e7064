"""Checks what a session of claims needs before any worker starts."""

from __future__ import annotations

import pytest

from vitwork.plugin import prepare


def pytest_configure(config: pytest.Config) -> None:
    """Stop a session that cannot succeed, with a one-sentence error."""
    prepare(config)
