"""Injected faults: a short form of the benchmark, and that it would notice what it looks for."""

from __future__ import annotations

import importlib
import random
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture
def faults(monkeypatch):
    monkeypatch.syspath_prepend(BENCHMARKS)
    return importlib.import_module("faults")


@pytest.mark.slow
def test_nothing_is_lost_and_nothing_is_wrong(faults, tmp_path):
    """One round of faults that are quick to inject: early ends, damaged records, malformed results."""
    chosen, tallies = faults.inject(tmp_path, seed=1, minutes=0, only="ends early|record|malformed")
    assert len(chosen) == 3
    assert all(tally.tried and not tally.lost and not tally.wrong for tally in tallies), tallies


def test_a_wrong_verdict_and_a_replaced_report_are_noticed(faults, tmp_path, monkeypatch):
    """The benchmark counts a verdict that is better than the truth, and a whole report that a part replaced."""
    truth = {"a": "contradicted", "b": "reproduced"}
    verdicts = {faults.PART: {"a": "reproduced"}, faults.WHOLE: {"a": "not measured"}}
    monkeypatch.setattr(faults.Project, "verdicts", lambda _, report: verdicts[report])
    monkeypatch.setattr(faults.Project, "run", lambda *_: "")
    bench, tally = faults.Bench(tmp_path, None, truth, random.Random(0)), faults.Tally()
    bench.judge(tally, faults.Project.make(tmp_path / "project"), "INTERNALERROR")
    assert [what.partition(":")[0] for what in tally.wrong] == [
        "a is reproduced",
        "a part stands in the place of the whole",
        "ends without a sentence",
        "is not put right by another session",
    ]


def test_damage_changes_a_file_and_repeats(faults, tmp_path):
    """Damage is drawn from a seed, and a damaged file is never what it was."""
    for seed in range(20):
        results = []
        for _ in range(2):
            path = tmp_path / "file"
            path.write_bytes(b"content of a file")
            faults.damage(path, random.Random(seed))
            results.append(path.read_bytes() if path.exists() else None)
        assert results[0] == results[1] != b"content of a file"
