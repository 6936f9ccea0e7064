"""`vitwork train` under torchrun: two processes share every training, and the store is as ever."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from vitwork import cli
from vitwork.store.store import Store
from vitwork.training.train import load_snapshot

CHANGES = [
    "epochs=1", "warmup_epochs=0", "snapshots=end", "data.train=40", "data.test=20", "options.depth=1", "batch_size=10",
    "augmentation.crop_padding=0", "augmentation.flip=0",
]  # fmt: skip


@pytest.mark.slow
def test_processes_of_torchrun_share_each_training(tmp_path: Path) -> None:
    """Two processes train each run once, together; every record is there and the weights are those of one process."""
    arguments = ["train", "--arms", "vit", "--seeds", "2", "--device", "cpu"]
    arguments += [word for change in CHANGES for word in ("--set", f"vit.{change}")]
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    command += ["-m", "vitwork", *arguments, "--store", str(tmp_path / "two")]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    result = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert result.returncode == 0, result.stderr[-3000:]
    assert cli.main([*arguments, "--store", str(tmp_path / "one")]) == 0
    two, one = Store(tmp_path / "two"), Store(tmp_path / "one")
    keys = sorted(path.name for path in (tmp_path / "one" / "runs").iterdir())
    assert keys == sorted(path.name for path in (tmp_path / "two" / "runs").iterdir())
    assert len(keys) == 2
    for key in keys:
        record = two.read(key)
        assert record is not None
        assert "2 processes" in record["mode"]
        mine, theirs = (load_snapshot(store.run_folder(key), "end") for store in (two, one))
        for name, value in theirs.items():
            torch.testing.assert_close(mine[name], value, rtol=2e-3, atol=2e-4)
