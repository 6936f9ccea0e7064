"""The script for a GPU: parts that pass, fail, hang or come too late, and what is kept of each."""

from __future__ import annotations

import argparse
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
def listed(gpu):
    """The real parts, with everything to compare with."""
    options = {"official": BENCHMARKS, "data": BENCHMARKS, "timm": BENCHMARKS, "tiny": False, "device": "cuda"}
    return gpu.parts(argparse.Namespace(**options))


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


def test_goals_of_one_network_judge_no_other(gpu):
    """Where a goal is of one kind of network, what others reach is only shown."""
    part = gpu.Part("seeds", (), 60, (gpu.Goal("× other", least=2000, of="vit"),))
    result = gpu.Result("seeds", "done", 1, PAGE.replace("not installed", "7"))
    assert gpu.numbers(part, result) == ["× other: a ViT: 1234.5 (MISSES ≥ 2000); a CNN: 7"]


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("bringing up nodes...\n..F. [ 31%]\n\nFAILED test_a.py::test_b\n1 failed, 3 passed in 2.00s\n!! KeyboardInterrupt !!", "1 failed, 3 passed in 2.00s"),
        ("warning\nbringing up nodes...\n....... [ 31%]\n", "....... [ 31%]"),
        ("bringing up nodes...", None),
    ],
)  # fmt: skip
def test_of_tests_the_line_is_shown_that_says_something(gpu, said, told):
    """Their counts, or how far they were, but not how they began."""
    result = gpu.Result("tests", "stopped", 1, last=said)
    assert gpu.numbers(gpu.Part("tests", ("-m", "pytest"), 60), result) == ([told] if told else [])


def test_time_is_kept_for_the_goals_to_come(gpu, tmp_path, monkeypatch):
    """Where less time is left than all goals may take, each part gets its share, and what has no goal gets none of it."""
    monkeypatch.setattr(gpu, "run", lambda part, limit, _: gpu.Result(part.name, f"{limit:.0f}", 0))
    goal = (gpu.Goal("×", least=1),)
    parts = [
        gpu.Part("tests", (), 100),
        gpu.Part("a", (), 100, goal),
        gpu.Part("b", (), 200, goal),
        gpu.Part("c", (), 80),
    ]
    results = gpu.run_all(parts, tmp_path, 200)
    assert [result.outcome for result in results.values()] == ["50", "67", "200", "80"]


def test_all_goals_fit_into_eight_minutes(gpu, listed):
    """With the time of one lease, no part with a goal waits in vain for those before it; what holds training back follows it."""
    names = ["correctness", "hessian", "training", "bottlenecks", "seeds", "augmentation"]
    assert [part.name for part in listed][:6] == names
    assert [part.name for part in listed][-1] == "compiled"
    assert sum(part.seconds for part in listed if part.counts) <= 480
    assert sum(part.seconds for part in listed[:6]) <= 480


def test_what_must_be_installed_is_told(gpu, monkeypatch):
    """The docstring names every dependency, and a run those that are missing."""
    assert not gpu.missing()
    monkeypatch.setattr(gpu.metadata, "distributions", list)
    lacking = gpu.missing()
    assert {"msgspec", "platformdirs", "pytest-xdist", "curvlinops-for-pytorch"} <= set(lacking)
    assert not [name for name in lacking if name not in gpu.__doc__]


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
