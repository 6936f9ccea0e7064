"""Processes that tests fork: what they begin with."""

from __future__ import annotations

from pathlib import Path

from tests import forked

TOLD = """
import sys

print("vitwork.session.worker" in sys.modules)
import torch
from vitwork.store.sources import source_hash

print(torch.get_num_threads(), source_hash.cache_info().currsize > 0)
"""


def test_a_fork_begins_warm_and_with_one_thread(tmp_path: Path) -> None:
    """Imports and digests are there, which the fork server passes over in silence where they fail."""
    (tmp_path / "told.py").write_text(TOLD)
    assert forked.run("told", cwd=tmp_path).stdout.split() == ["True", "1", "True"]
