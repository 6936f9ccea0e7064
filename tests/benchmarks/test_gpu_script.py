"""The script for a GPU: parts that pass, fail, hang or come too late, and what is kept of each."""

from __future__ import annotations

import importlib
import json
import time
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
PAGE = "# A page\n\n| what | × other |\n| --- | --- |\n| a ViT | 1,234.5 × (1 to 2) |\n| a CNN | not installed |\n"
PASSES = (
    f"import sys, pathlib; pathlib.Path(sys.argv[sys.argv.index('--save') + 1]).write_text({PAGE!r}); print('well')"
)
FAILS = "raise ValueError('said at the end')"
HANGS = "import subprocess, sys, time; print('begun', flush=True); subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)']); time.sleep(60)"


@pytest.fixture
def gpu(monkeypatch):
    monkeypatch.syspath_prepend(BENCHMARKS)
    return importlib.import_module("gpu")


@pytest.fixture
def parts(gpu):
    goals = (gpu.Goal("× other", least=1000),)
    return [
        gpu.Part("passes", ("-c", PASSES), 60, goals),
        gpu.Part("fails", ("-c", FAILS), 60),
        gpu.Part("hangs", ("-c", HANGS), 2),
    ]


def test_a_part_costs_the_others_nothing(gpu, parts, tmp_path, capsys):
    """One fails, one hangs past its limit, and the results of the third are kept."""
    began = time.monotonic()
    results = gpu.run_all(parts, tmp_path, 300)
    assert [results[part.name].outcome for part in parts] == ["done", "failed (1)", "stopped after 2 s"]
    assert time.monotonic() - began < 50
    said = capsys.readouterr().out
    assert "ValueError: said at the end" in said
    assert "begun" in said
    log = (tmp_path / "log.txt").read_text()
    assert all(text in log for text in ("===== passes", "well", "===== fails", "said at the end", "begun"))
    table = json.loads((tmp_path / "results.json").read_text())["passes"]["tables"][0]
    assert table[0] == {"what": "a ViT", "× other": "1,234.5 × (1 to 2)"}
    assert len(list(tmp_path.iterdir())) <= 8


def test_tests_that_are_stopped_name_their_failures(gpu, tmp_path, monkeypatch):
    """Of tests that take too long, those that failed until then are told."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")  # they start sooner
    (tmp_path / "test_slow.py").write_text(
        "import time\ndef test_wrong(): assert 'one' == 'other'\ndef test_slow(): time.sleep(60)\n"
    )
    command = ("-m", "pytest", "-q", "-p", "no:cacheprovider", "-rfE", str(tmp_path / "test_slow.py"))
    results = gpu.run_all([gpu.Part("tests", command, 5)], tmp_path / "out", 300)
    assert results["tests"].outcome == "stopped after 5 s"
    assert "assert 'one' == 'other'" in (tmp_path / "out" / "log.txt").read_text()
    assert "test_wrong" in results["tests"].last


def test_the_summary_holds_numbers_against_goals(gpu, parts, tmp_path):
    """Numbers are judged by the goals, absent ones are left out, and parts that did not run are named."""
    results = gpu.run_all(parts[:1], tmp_path, 300)
    lines = gpu.summary(parts, results).splitlines()
    assert "a ViT: 1234.5 (reaches ≥ 1000)" in lines[2]
    assert "a CNN" not in lines[2]
    assert "not yet run" in lines[3]
    assert "| a ViT | 1,234.5 × (1 to 2) |" in (tmp_path / "results.md").read_text()


def test_nothing_starts_without_time(gpu, parts, tmp_path):
    """Parts that come after the time is up are reported as such and not begun."""
    results = gpu.run_all(parts, tmp_path, 0)
    assert {result.outcome for result in results.values()} == {"not run: no time left"}
    assert not (tmp_path / "log.txt").exists()


@pytest.mark.parametrize(
    ("goal", "cell", "expected"),
    [
        ({"least": 10}, "9.5 ×", "9.5 (MISSES ≥ 10)"),
        ({"most": 2.5}, "1.96", "1.96 (reaches ≤ 2.5)"),
        ({}, "43%", "43%"),
        ({"least": 10}, "–", None),
    ],
)
def test_a_number_is_read_from_its_cell(gpu, goal, cell, expected):
    """Cells hold a number with signs around it, or none."""
    assert gpu.Goal("column", **goal).judged(cell) == expected


def test_every_part_names_a_script_that_exists(gpu, monkeypatch, capsys):
    """What the list shows can be called, and tests that need a GPU are found."""
    monkeypatch.setattr("sys.argv", ["gpu.py", "--list", "--official", ".", "--data", "."])
    gpu.main()
    lines = capsys.readouterr().out.splitlines()
    assert [line.partition(":")[0] for line in lines][:2] == ["correctness", "hessian"]
    assert all(Path(line.split(" s, ")[1].split()[0]).exists() for line in lines[1:])
    assert "tests/training/test_host_waits.py" in lines[0]
