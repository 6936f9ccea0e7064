"""Engines on the command line: what is planned and what is refused, before anything is submitted."""

from __future__ import annotations

from pathlib import Path

import pytest

from vitwork import cli
from vitwork.session.bookings import Bookings


def test_a_plan_is_printed_and_nothing_submitted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`vitwork train --plan` tells tasks with their resources, longest first; a GPU takes all seeds of an arm."""
    pytest.importorskip("submitit", reason="needs submitit")
    arguments = [
        "train",
        "--store",
        str(tmp_path),
        "--arms",
        "vit,resnet",
        "--seeds",
        "3",
        "--plan",
        "--engine",
        "slurm",
    ]
    assert cli.main(arguments) == 0
    assert "slurm: 6 tasks, each with 1 core, at most 4 h" in capsys.readouterr().out
    arguments += ["--engine-set", "gpus_per_node=1", "--engine-set", "cpus_per_task=8", "--engine-set", "partition=gpu"]
    assert cli.main([*arguments, "--engine-set", "array_parallelism=4"]) == 0
    assert "slurm: 2 tasks, each with 8 cores, 1 GPU, at most 4 h, 4 at a time" in capsys.readouterr().out
    assert not (tmp_path / "jobs").exists()
    assert not (tmp_path / "bookings").exists()


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--engine", "magic"], "There is no engine 'magic'; there are"),
        (["--engine-set", "partition=gpu"], "The engine local has no setting 'partition'"),
        (
            ["--engine", "slurm", "--engine-set", "cpus_per_task=many"],
            "The engine's setting cpus_per_task takes a whole",
        ),
        (["--engine", "slurm", "--engine-set", "cluster=moon"], "The engine's setting cluster is slurm or local"),
        (["--engine", "ray", "--engine-set", "gpus=half"], "The engine's setting gpus cannot be 'half'"),
        (
            ["--engine", "ray", "--engine-set", "partition=gpu"],
            "This engine has no setting 'partition'; it has address",
        ),
        (["--engine", "ray", "--engine-set", "data=fly"], "The engine's setting data is path or send, not 'fly'"),
    ],
)
def test_mistakes_are_one_sentence(
    arguments: list[str], sentence: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """An engine or a setting that there is not ends in one sentence, before anything is planned."""
    pytest.importorskip("submitit", reason="needs submitit")
    pytest.importorskip("ray", reason="needs ray")
    assert cli.main(["train", "--store", str(tmp_path), "--arms", "vit", *arguments]) == 2
    assert f"vitwork: {sentence}" in capsys.readouterr().err


def test_slurm_that_is_not_there_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where no Slurm answers, nothing is booked, and one sentence says so."""
    pytest.importorskip("submitit", reason="needs submitit")
    monkeypatch.setenv("PATH", str(tmp_path))
    arguments = ["train", "--store", str(tmp_path), "--arms", "vit", "--seeds", "1", "--engine", "slurm"]
    assert cli.main(arguments) == 2
    assert capsys.readouterr().err.startswith("vitwork: Slurm takes no jobs: ")
    assert not list((tmp_path / "bookings").glob("[!.]*"))


def test_status_shows_bookings_and_gives_them_back(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Runs that were handed over are shown with their job, one line for each, and `--cancel` gives them back."""
    bookings = Bookings(tmp_path, "local", lasting=True)
    for place, job in enumerate(("17_0", "17_1")):
        bookings.take(str(place) * 20, f"vit seed {place}")
        bookings.tell(str(place) * 20, job)
    assert cli.main(["status", "--store", str(tmp_path)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(" (")[0] for line in lines] == ["local 17_0", "local 17_1"]
    assert lines[0].endswith("ended: vit seed 0")
    assert cli.main(["status", "--store", str(tmp_path), "--cancel"]) == 0
    assert capsys.readouterr().out == "2 runs given back.\n"
    cli.main(["status", "--store", str(tmp_path)])
    assert capsys.readouterr().out.startswith("Nobody is working")
