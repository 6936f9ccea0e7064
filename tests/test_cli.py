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
