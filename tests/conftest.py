"""Settings that all tests share."""

from __future__ import annotations

import torch
from hypothesis import settings

pytest_plugins = ["pytester"]

# Examples are drawn alike on every machine, and a slow machine is no failure.
settings.register_profile("vitwork", deadline=None, derandomize=True, max_examples=50)
settings.load_profile("vitwork")

torch.set_num_threads(1)
