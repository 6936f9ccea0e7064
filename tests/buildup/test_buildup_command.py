"""The command that builds a network up, at a scale of seconds."""

from __future__ import annotations

import contextlib
import io
import json
import re
import shutil
from pathlib import Path

import pytest

from vitwork.buildup.team import Team
from vitwork.cli import main
from vitwork.training import train as training

TINY = ("--set", "epochs=1", "--set", "data.train=60", "--validation", "40", "--seeds", "3")


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def built_up(*arguments, workers=1):
    """Run the command and return its document."""
    assert main(["buildup", *arguments, *TINY, "--workers", str(workers)]) == 0
    return json.loads(Path("buildup/buildup.json").read_text())


@pytest.fixture
def finished(here, once):
    """The document of a finished search, whose folder and store lie here, and what it printed."""

    def fill(folder):
        printed = io.StringIO()
        with contextlib.chdir(folder), contextlib.redirect_stdout(printed):
            built_up("alternet")
        (folder / "printed").write_text(printed.getvalue())

    shutil.copytree(once("finished-search", fill), here, dirs_exist_ok=True)
    return json.loads(Path("buildup/buildup.json").read_text())


def test_a_search_ends_with_a_call_a_diagram_a_path_and_its_cost(here, finished):
    """All blocks are tried from the last stage on, and what is printed can be pasted."""
    assert [step["block"] for step in finished["steps"]] == ["c3#2", "c2#2", "c1#2"]
    assert [len(one["accuracies"]) for one in finished["configurations"]] == [3, 3, 3, 3]
    assert all(one["low"] <= one["mean"] <= one["high"] for one in finished["configurations"])
    printed = (here / "printed").read_text()
    assert "12 networks, " in printed
    assert "stage 3  Conv Conv" in printed
    names = {}
    exec(finished["call"], names)  # noqa: S102 - what a user is told to paste
    assert (
        sum(weight.numel() for weight in names["network"].parameters()) == finished["configurations"][0]["parameters"]
    )
    page = (here / "buildup" / "buildup.html").read_text()
    assert "Our build-up path" in page
    assert "Fig. 12a, CIFAR-100" in page
    assert "<script src" not in page
    assert not re.search(r"https?://(?!www\.w3\.org)", page)


def test_the_same_command_again_trains_nothing(finished, monkeypatch, capsys):
    """The search rests on the store alone: it finds the same and says at once what it found."""

    def trained(*_, **__):
        raise AssertionError("a stored run is never trained again")

    monkeypatch.setattr(training, "train", trained)
    again = built_up("alternet")
    assert {**again, "wall_seconds": 0} == {**finished, "wall_seconds": 0}
    assert "networks to train" not in capsys.readouterr().out.rpartition("Declared")[2]


def test_a_search_without_time_ends_unfinished_and_goes_on_from_there():
    """With no minutes nothing is trained; with time the search is whole."""
    found = built_up("alternet", "--minutes", "0")
    assert (found["finished"], found["configurations"]) == (False, [])
    assert [step["ruling"] for step in found["steps"]] == ["not decided yet: the time is up"]
    assert found["answer"].startswith("The time was up before a block was judged;")
    assert 'id="path"' not in Path("buildup/buildup.html").read_text()
    assert built_up("alternet")["finished"]


def test_an_interrupted_search_says_so_everywhere(monkeypatch, capsys):
    """After Ctrl-C terminal and document say that nothing is concluded, and the same command goes on."""
    drain = Team.drain

    def interrupted(team, plan):
        if Path("buildup/buildup.json").exists():
            raise KeyboardInterrupt
        drain(team, plan)

    monkeypatch.setattr(Team, "drain", interrupted)
    assert main(["buildup", "alternet", *TINY, "--workers", "1"]) == 130
    said = "The search is under way, or was interrupted after 1 block; the same command goes on from here."
    found = json.loads(Path("buildup/buildup.json").read_text())
    assert (found["finished"], found["answer"]) == (False, said)
    assert capsys.readouterr().out.splitlines()[-1] == said
    monkeypatch.undo()


def test_a_finished_search_is_not_written_over_by_another(finished, capsys):
    """What another search, or one of other rates, would write needs a folder of its own; the same one may write again."""
    before = Path("buildup/buildup.json").read_bytes()
    for other in (("resnet",), ("alternet", "--alpha", "0.1"), ("alternet", "--set", "lr=0.1")):
        assert main(["buildup", *other, *TINY, "--minutes", "0", "--workers", "1"]) == 2
        assert "buildup holds the finished search of alternet at smoke" in capsys.readouterr().err
    assert Path("buildup/buildup.json").read_bytes() == before
    assert built_up("alternet")["finished"]


def test_where_no_block_can_be_built_nothing_is_said_to_have_been_tried(capsys):
    """A window that divides no map is the reason, not that no block helps."""
    found = built_up("alternet", "--set", "options.window_size=3")
    assert {step["ruling"] for step in found["steps"]} == {"cannot be built"}
    assert found["answer"] == "No MSA block can be built into alternet, so that none was tried; the steps say why."
    assert "No network trained" in capsys.readouterr().out


@pytest.mark.slow
def test_several_workers_find_what_one_finds():
    """Networks that are trained side by side are the same to the bit."""
    side_by_side = built_up("alternet", "--store", "two", workers=2)
    alone = built_up("alternet", "--store", "one")
    assert [one["accuracies"] for one in side_by_side["configurations"]] == [
        one["accuracies"] for one in alone["configurations"]
    ]


def test_a_resnet_of_timms_is_built_up_where_its_maps_allow():
    """At 16 pixels windows of two fit into the first stage alone, whose second block is tried; the others are refused."""
    found = built_up("timm:resnet10t", "--set", "options.layers=(2, 1, 2, 1)", "--set", "options.window_size=2",
                     "--set", "options.channels=(8, 8, 8, 8)", "--set", "options.stem_width=8", "--set", "options.head_dim=4")  # fmt: skip
    assert found["steps"][0]["ruling"] == "cannot be built"
    assert "a window of 2 does not divide a feature map of 1×1" in found["steps"][0]["why"]
    assert [step["block"] for step in found["steps"]] == ["c3#2", "c1#2"]
    assert len(found["configurations"]) == 2


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["vit"], "vit_ti has no stages of residual convolution blocks"),
        (["nothing"], "There is no model 'nothing'"),
        (["resnet18"], "There is no model 'resnet18': did you mean timm:resnet18?"),
        (["timm:resnet10t"], "timm:resnet10t has no stage of two blocks"),
        (["alternet", "--alpha", "2"], "alpha must lie between 0 and 1"),
        (["alternet", "--seeds", "2"], "seeds is 3 or more, not 2"),
        (["alternet", "--minutes", "-1"], "minutes is 0 or more, not -1"),
        (["alternet", "--minutes", "nan"], "minutes is 0 or more, not nan"),
        (["alternet", "--validation", "2"], "2 validation images cannot judge 10 classes: hold out 10 or more"),
        (["alternet", "--workers", "0"], "workers is 1 or more, not 0"),
        (["alternet", "--profile", "none"], "There is no profile 'none'"),
        (["alternet", "--data", "nowhere"], "does not exist or is not a folder"),
    ],
)
def test_mistakes_are_one_sentence(arguments, sentence, capsys):
    """What a user gets wrong ends with status 2 and one line that says it, before anything is trained."""
    assert main(["buildup", *arguments]) == 2
    said = capsys.readouterr().err
    assert sentence in said
    assert said.count("\n") == 1
