"""Settings that all tests share."""

from __future__ import annotations

import pytest
import torch
from hypothesis import settings

pytest_plugins = ["pytester"]

# Examples are drawn alike on every machine, and a slow machine is no failure.
settings.register_profile("vitwork", deadline=None, derandomize=True, max_examples=50)
settings.load_profile("vitwork")


@pytest.fixture(autouse=True)
def _one_thread():
    """Sums depend on the number of threads, which workers set: every test starts with one, so that runs repeat to the bit."""
    torch.set_num_threads(1)
