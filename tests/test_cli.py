from __future__ import annotations

from pathlib import Path

import pytest

from vitwork import cli
from vitwork.execution.progress import Reporter
from vitwork.store import Store


def test_status_shows_what_is_done(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`vitwork status` reads the workers' progress, and says so when there is none."""
    assert cli.main(["status", "--store", str(tmp_path)]) == 0
    assert "Nobody is working" in capsys.readouterr().out
    Reporter(Store(tmp_path), "gw0", total=3).report("vit seed 0", "epoch 1/6", 0)
    cli.main(["status", "--store", str(tmp_path)])
    assert "gw0 vit seed 0: epoch 1/6" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["train", "--profile", "nope"], "vitwork: There is no profile 'nope'"),
        (["train", "--arms", "vit,nope"], "vitwork: The profile smoke has no arm 'nope'"),
        (["train", "--set", "vit.lr=fast"], "vitwork: lr cannot be 'fast'; it takes a number"),
        (["nope"], "usage: vitwork COMMAND"),
        ([], "usage: vitwork COMMAND"),
    ],
)
def test_mistakes_are_one_sentence(arguments: list[str], sentence: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A mistake of the user ends in one sentence and exit status 2."""
    assert cli.main(arguments) == 2
    assert capsys.readouterr().err.startswith(sentence)


def test_packages_add_commands(capsys: pytest.CaptureFixture[str]) -> None:
    """The report's commands are found without the package importing the reports."""
    cli.main(["--help"])
    printed = capsys.readouterr().err
    assert all(name in printed for name in ("train", "plan", "status", "models", "report", "compare", "site"))


def test_training_takes_changes_event_files_and_a_mode_for_debugging(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`vitwork train` trains the changed arm, in the mode asked for, tells TensorBoard, and does it once."""
    changes = ["epochs=1", "warmup_epochs=0", "snapshots=end", "data.train=20", "data.test=20", "vit.options.depth=1"]
    arguments = ["train", "--store", str(tmp_path / "store"), "--arms", "vit", "--seeds", "1", "--device", "cpu"]
    arguments += [word for change in changes for word in ("--set", change)]
    arguments += ["--deterministic", "--tensorboard", str(tmp_path / "events")]
    assert cli.main(arguments) == 0
    assert "1 of 1 runs are missing" in capsys.readouterr().out
    (path,) = (tmp_path / "store" / "runs").glob("*/outcome.json")
    assert b"cpu, fp32, deterministic" in path.read_bytes()
    assert list((tmp_path / "events" / "vit-seed-0").glob("events.*"))
    assert cli.main(arguments) == 0
    assert "0 of 1 runs are missing" in capsys.readouterr().out
