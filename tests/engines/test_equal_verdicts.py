"""Sessions of claims by each engine on one machine: the same verdicts, to the last digit."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.test_plugin import CLAIMS, REPORT, TINY

pytestmark = pytest.mark.slow


def judged(folder: Path, *arguments: str) -> tuple[dict[str, Any], str]:
    """Return the results of a session, without costs, and what it printed."""
    folder.mkdir()
    (folder / "conftest.py").write_text(TINY)
    (folder / "test_claims.py").write_text(CLAIMS)
    command = [
        sys.executable,
        "-m",
        "pytest",
        "--profile",
        "tiny",
        "--seeds",
        "2",
        "-p",
        "no:cacheprovider",
        *arguments,
    ]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, env=environment)
    found = json.loads((folder / REPORT.replace("tiny", "tiny-changed") / "results.json").read_text())
    claims = [
        {name: value for name, value in claim.items() if not name.startswith("cost")} for claim in found["claims"]
    ]
    values = [(entry["key"], entry["values"]) for entry in found["measurements"]]
    return {"claims": claims, "hypotheses": found["hypotheses"], "values": values}, done.stdout + done.stderr


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The results of a session on this machine alone."""
    return judged(tmp_path_factory.mktemp("local") / "session")[0]


def test_slurm_judges_as_this_machine_does(slurm: Any, local: dict[str, Any], tmp_path: Path) -> None:
    """With `--engine slurm`, workers of pytest-xdist included, all verdicts and numbers are those of a local session."""
    settings = ("--engine", "slurm", "--engine-set", "array_parallelism=2", "-n", "2")
    found, said = judged(tmp_path / "session", *settings)
    assert found == local, said
    store = tmp_path / "session" / ".vitwork"
    assert len(list((store / "jobs").glob("*_submitted.pkl"))) == len(list((store / "runs").iterdir()))


@pytest.fixture
def cluster() -> Iterator[str]:
    """The address of a Ray cluster of one node."""
    if importlib.util.find_spec("ray") is None:
        pytest.skip("needs ray")
    from ray.cluster_utils import Cluster

    made = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "object_store_memory": 80 * 2**20, "include_dashboard": False})  # fmt: skip
    yield made.address
    made.shutdown()


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::ResourceWarning")
def test_ray_judges_as_this_machine_does(cluster: str, local: dict[str, Any], tmp_path: Path) -> None:
    """With `--engine ray`, all verdicts and numbers are those of a local session."""
    found, said = judged(tmp_path / "session", "--engine", "ray", "--engine-set", f"address={cluster}")
    assert found == local, said
