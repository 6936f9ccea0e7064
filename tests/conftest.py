"""Settings that all tests share."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from filelock import FileLock
from hypothesis import settings

pytest_plugins = ["pytester"]

WARNINGS = [
    "error",  # here and not in pyproject.toml, since a library's warning shall not stop a session of claims
    "ignore::DeprecationWarning:timm.*",
]

# Examples are drawn alike on every machine, and a slow machine is no failure.
settings.register_profile("vitwork", deadline=None, derandomize=True, max_examples=50)
settings.load_profile("vitwork")


def pytest_configure(config):
    """Make warnings errors in these tests, and start with one thread, for fixtures that more than one test shares."""
    torch.set_num_threads(1)
    for line in WARNINGS:
        config.addinivalue_line("filterwarnings", line)


@pytest.fixture(autouse=True)
def _one_thread():
    """Sums depend on the number of threads, which workers set: every test starts with one, so that runs repeat to the bit."""
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def once(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, Callable[[Path], object]], Path]:
    """A function that fills a folder of a name and returns it: made once, whichever worker asks first."""
    root = tmp_path_factory.getbasetemp()
    shared = root.parent if "PYTEST_XDIST_WORKER" in os.environ else root

    def made(name: str, fill: Callable[[Path], object]) -> Path:
        folder, finished = shared / name, shared / f"{name}.finished"
        with FileLock(shared / f"{name}.lock"):
            if not finished.exists():
                folder.mkdir()
                fill(folder)
                finished.touch()
        return folder

    return made


@pytest.hookimpl(tryfirst=True)  # before `-m` chooses
def pytest_collection_modifyitems(config, items):
    """Mark the tests that say more where there is a GPU, and leave out long simulations unless `-m` or a name asks for them.

    ``pytest -m "slow or not slow"`` runs everything.
    """
    for item in items:
        reasons = [mark.kwargs.get("reason", "") for mark in item.iter_markers("skipif")]
        if "needs a GPU" in reasons or hasattr(item.module, "pretend_gpu"):
            item.add_marker("gpu")
    if config.option.markexpr or any("::" in argument for argument in config.args):
        return
    long = [item for item in items if item.get_closest_marker("slow")]
    if long:
        config.hook.pytest_deselected(items=long)
        items[:] = [item for item in items if not item.get_closest_marker("slow")]
