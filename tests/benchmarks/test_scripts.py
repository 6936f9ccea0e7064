"""All benchmarks: each can be imported and says what it takes, although some are run by hand only."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

ROOT = Path(__file__).parents[2]
SCRIPTS = sorted((ROOT / "benchmarks").glob("*.py"))
HELP = """
import contextlib, importlib, io, pathlib, sys
for name in sys.argv[1:]:
    module = importlib.import_module(name)
    if "parser" in (text := pathlib.Path(module.__file__).read_text("utf-8")) and "def main(" in text:
        sys.argv[:] = [f"{name}.py", "--help"]
        with contextlib.redirect_stdout(io.StringIO()) as said, contextlib.suppress(SystemExit):
            module.main()
        assert "--help" in said.getvalue(), name
        print(name)
"""


def test_every_script_starts():
    """No script imports what is not there any more, and those with options answer `--help`."""
    path = os.pathsep.join([str(ROOT / "benchmarks"), str(ROOT)])
    ended = subprocess.run(
        [sys.executable, "-c", HELP, *(script.stem for script in SCRIPTS)],
        env=os.environ | {"PYTHONPATH": path}, cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr[-3000:]
    assert {"gpu", "hessian", "training", "augmentation", "feature_maps", "accuracy"} <= set(ended.stdout.split())


def test_without_the_model_an_analysis_finds_the_same(monkeypatch):
    """Stored feature maps are handed out mini-batch by mini-batch, also after the first images were looked at twice."""
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    maps = importlib.import_module("feature_maps")
    blocks = maps.network("vit_ti", {"patch_size": 8, "dim": 8, "depth": 2, "heads": 2}, "cpu")
    batches = [(torch.randn(4, 3, 32, 32), torch.zeros(4, dtype=torch.int64)) for _ in range(3)]
    for way in (maps.usual_maps, maps.our_maps, maps.our_cka):
        stored = maps.replayed(blocks, batches)
        expected = way(blocks, batches)
        for _ in range(2):
            assert way(stored, batches) == pytest.approx(expected, rel=1e-4, abs=1e-5)
