"""A real Slurm for the tests that need one."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

sys.path.append(str(Path(__file__).parents[2] / "benchmarks"))


@pytest.fixture(scope="session")
def slurm() -> Iterator[Any]:
    """A Slurm of one node on loopback, for all tests of a session."""
    from lone_slurm import LoneSlurm, absent

    pytest.importorskip("submitit", reason="needs submitit")
    if why := absent():
        pytest.skip(why)
    with tempfile.TemporaryDirectory(prefix="slurm-") as folder, LoneSlurm(Path(folder)) as running:
        yield running
