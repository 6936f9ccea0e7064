from __future__ import annotations

import os
import subprocess
import sys
from importlib.metadata import entry_points, version
from pathlib import Path

import pytest

from vitwork import cli
from vitwork.profiles import SMOKE
from vitwork.session.progress import Reporter
from vitwork.store.store import Store


def test_status_shows_what_is_done(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`vitwork status` reads the workers' progress, and says where it looked when there is none."""
    assert cli.main(["status", "--store", str(tmp_path)]) == 0
    assert f"Nobody is working on the store {tmp_path}." in capsys.readouterr().out
    Reporter(Store(tmp_path), "gw0", total=3).report("vit seed 0", "epoch 1/6", 0)
    cli.main(["status", "--store", str(tmp_path)])
    assert f"gw0 ({os.getpid()}) vit seed 0: epoch 1/6" in capsys.readouterr().out


def test_status_says_where_there_is_no_store(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A folder that is not there, or a file, is no store on which nobody works."""
    (tmp_path / "file").touch()
    for name, wrong in (("nowhere", "does not exist"), ("file", "is no folder")):
        assert cli.main(["status", "--store", str(tmp_path / name)]) == 2
        assert f"The store {tmp_path / name} {wrong}" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["train", "--profile", "nope"], "vitwork: There is no profile 'nope'"),
        (["train", "--arms", "vit,nope"], "vitwork: The profile smoke has no arm 'nope'"),
        (["train", "--set", "vit.lr=fast"], "vitwork: lr cannot be 'fast'; it takes a number"),
        (["train", "--set", "vit.snapshots=9"], "vitwork: Recipe smoke asks for a snapshot at 9"),
        (["train", "--device", "gpu"], "vitwork: The device 'gpu' cannot be used"),
        (["train", "--data", "images"], "vitwork: The images of the profile smoke are drawn, so images would not be"),
        (["nope"], "vitwork: There is no command 'nope'"),
        ([], "usage: vitwork COMMAND"),
    ],
)
def test_mistakes_are_one_sentence(arguments: list[str], sentence: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A mistake of the user ends in one sentence and exit status 2."""
    assert cli.main(arguments) == 2
    assert capsys.readouterr().err.startswith(sentence)


def test_an_unknown_option_of_a_session_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Pytest's usage and its file of settings, which `vitwork run` leaves empty, are not spoken of."""
    monkeypatch.chdir(tmp_path)
    assert cli.main(["run", "--bogus"]) == pytest.ExitCode.USAGE_ERROR
    said = capsys.readouterr().err.strip()
    assert said == "ERROR: There is no option --bogus; `vitwork run --help` lists the options."


def test_packages_add_commands(capsys: pytest.CaptureFixture[str]) -> None:
    """The report's commands are found without the package importing the reports, and have a line of help as the others."""
    assert cli.main(["--help"]) == 0
    lines = [line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines()[2:]]
    assert {name for name, _ in lines} == {*cli.COMMANDS, *entry_points(group="vitwork.commands").names}
    assert {"report", "train", "status"} <= {name for name, _ in lines}
    assert ["status", "Show what the workers of a store are doing, and the jobs that its runs were handed to."] in lines


def test_what_a_terminals_encoding_lacks_is_escaped() -> None:
    """A tick or a typographic apostrophe ends no command where Python writes ASCII."""
    code = "from vitwork import cli; cli.command = lambda _: lambda _: print('\\u2713') or 0; cli.main(['any'])"
    env = {**os.environ, "PYTHONIOENCODING": "ascii"}
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True)
    assert done.stdout == "\\u2713\n"


def test_the_version_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    """`vitwork --version` says the package's version."""
    assert cli.main(["--version"]) == 0
    assert capsys.readouterr().out == f"vitwork {version('vitwork')}\n"


def test_a_closed_pipe_ends_a_command_quietly() -> None:
    """Where the reader of the output has gone, as `head` does, nothing is said of it."""
    reading, writing = os.pipe()
    os.close(reading)
    ended = subprocess.run(
        [sys.executable, "-m", "vitwork", "--help"], stdout=writing, stderr=subprocess.PIPE, check=False
    )
    os.close(writing)
    assert (ended.returncode, ended.stderr) == (141, b"")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no device that is always full")
def test_an_output_that_is_full_is_one_sentence() -> None:
    """A command whose output cannot be written fails, without a traceback from Python's own last flush."""
    with Path("/dev/full").open("w", encoding="utf-8") as full:
        ended = subprocess.run(
            [sys.executable, "-m", "vitwork", "--help"], stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )
    assert (ended.returncode, ended.stderr) == (2, "vitwork: OSError: [Errno 28] No space left on device.\n")


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
    assert list((tmp_path / "events" / f"vit-seed-{SMOKE.first_seed}").glob("events.*"))
    assert cli.main(arguments) == 0
    assert "0 of 1 runs are missing" in capsys.readouterr().out


def test_a_diverged_run_is_named_and_other_arms_need_not_fit(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A training that diverges is told in one line; what is changed need only fit the arms that are trained."""
    changes = [
        "epochs=2",
        "warmup_epochs=0",
        "vit.snapshots=end",
        "data.train=40",
        "data.test=20",
        "lr=1e30",
        "clip=none",
    ]
    arguments = ["train", "--store", str(tmp_path), "--arms", "vit", "--seeds", "1", "--device", "cpu"]
    arguments += [word for change in [*changes, "options.depth=1"] for word in ("--set", change)]
    assert cli.main(arguments) == 0
    assert f"vit seed {SMOKE.first_seed}: diverged in epoch 1" in capsys.readouterr().out
