"""The command that runs every analysis on one model."""

from __future__ import annotations

import csv
import json
import os
import sys

import numpy as np
import pytest
import torch
from PIL import Image
from pretend_gpu import pretend_gpu

from vitwork.analyse.table import ANALYSES
from vitwork.cli import main

NETS = """
from functools import partial

import torch
from torch import nn

from vitwork.models import create

def vit(num_classes):
    return create("vit_ti", num_classes, image_size=16, patch_size=4, dim=16, depth=2, heads=2, head="gap")

def resnet(num_classes):
    return create("preresnet_18", num_classes, depths=(1, 2), widths=(8, 16), image_size=16)

class Odd(nn.Module):
    def __init__(self, num_classes, change):
        super().__init__()
        self.change = change
        self.layers = nn.Sequential(nn.Conv2d(3, 4, 3, 2), nn.ReLU(), nn.Flatten(), nn.LazyLinear(num_classes))

    def forward(self, x):
        if self.change == "input":
            x.mul_(2)
        logits = self.layers(x)
        return {"tuple": (logits,), "map": logits[..., None], "nan": logits / 0}.get(self.change, logits)

lazy, pair, feature_map, nan, changing = (
    partial(Odd, change=change) for change in ("", "tuple", "map", "nan", "input")
)

def few(num_classes):
    return Odd(5, "")

def values(num_classes):
    return Odd(num_classes, str(torch.linspace(0, 1, 3)[0].item()))
"""


@pytest.fixture(autouse=True)
def nets(tmp_path, monkeypatch):
    (tmp_path / "analysed_nets.py").write_text(NETS)
    monkeypatch.syspath_prepend(tmp_path)


def document(path, *arguments):
    assert main(["analyse", *arguments, "--images", "20", "--json", str(path)]) == 0
    found = json.loads(path.read_text())
    (model,) = found.pop("models")
    return {**found, **model}


@pytest.mark.parametrize("net", ["vit", pytest.param("resnet", marks=pytest.mark.slow)])
def test_every_analysis_is_made_of_a_users_model(net, tmp_path, capsys):
    """All analyses run, each with its time, memory and numbers; what a network does not have is said in one sentence."""
    found = document(tmp_path / "found.json", f"analysed_nets:{net}", "--size", "16", "--set", "surface.points=5")
    analyses = found["analyses"]
    assert analyses.keys() == ANALYSES.keys()
    lacking = {name: entry["not_measured"] for name, entry in analyses.items() if "not_measured" in entry}
    assert set(lacking) == (set() if net == "vit" else {"attention"})
    assert all(why.startswith("No block of this model tells its attention weights") for why in lacking.values())
    for entry in (entry for name, entry in analyses.items() if name not in lacking):
        assert entry["seconds"] > 0
        assert entry["peak_bytes"] > 0
        assert entry["values"]
    assert len(analyses["spectrum"]["values"]["residuals"][0]) == 5
    assert {"stem", "head", *(("msa", "mlp") if net == "vit" else ("conv",))} <= analyses["blockwise"]["values"].keys()
    assert found["parameters"] == sum(p.numel() for p in create_as(net).parameters())
    table = capsys.readouterr().out
    assert all(f"\n{name} " in table for name in ANALYSES)
    assert str(tmp_path) not in json.dumps(found)


def test_what_a_network_does_not_have_is_said(tmp_path):
    """A network without attention lacks that analysis alone, and its Hessian has the kinds of its own layers."""
    some = ("--size", "16", "--analyses", "attention,blockwise", "--set", "blockwise.max_products=3")
    found = document(tmp_path / "found.json", "analysed_nets:resnet", *some)["analyses"]
    assert found["attention"]["not_measured"].startswith("No block of this model tells its attention weights")
    assert {"stem", "head", "conv"} <= found["blockwise"]["values"].keys()


def test_the_command_takes_a_gpu(tmp_path):
    """With a device given, measurements are made there (on a pretended GPU where there is none), and find the same."""
    names = "evaluation,surface,log_amplitude,attention,lesion,noise_bands,cue_conflict"
    some = ("--size", "16", "--analyses", names, "--set", "surface.points=5", "--set", "surface.planes=1")
    expected = document(tmp_path / "cpu.json", "analysed_nets:vit", *some, "--device", "cpu")
    with pretend_gpu():
        found = document(tmp_path / "gpu.json", "analysed_nets:vit", *some, "--device", "cuda")
    for analysis, number in (("lesion", "accuracy"), ("noise_bands", "clean"), ("cue_conflict", "accuracy")):
        assert found["analyses"][analysis]["values"][number] == expected["analyses"][analysis]["values"][number]
    assert not [name for name, entry in found["analyses"].items() if "not_measured" in entry]


def create_as(net):
    import analysed_nets

    return getattr(analysed_nets, net)(10)


def test_stored_weights_are_not_judged_on_images_of_other_classes(tmp_path):
    """Weights from a file are looked at on drawn images, but what needs the right classes is not measured."""
    torch.manual_seed(7)
    torch.save(create_as("vit").state_dict(), tmp_path / "vit.pt")
    found = document(
        tmp_path / "found.json", "analysed_nets:vit", "--size", "16", "--checkpoint", str(tmp_path / "vit.pt"),
        "--analyses", "evaluation,variance",
    )["analyses"]  # fmt: skip
    assert "--data" in found["evaluation"]["not_measured"]
    assert found["variance"]["values"]["variance"]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--analyses", "variance,none"], "There is no analysis 'none'"),
        (["--json", "nowhere/at/all.json"], "its folder does not exist"),
        (["--csv", "/proc/x.csv"], "Cannot write /proc: "),
        (["--csv", "numbers.txt"], "end it with .json, .csv, .html"),
        (["--data", "nowhere"], "does not exist or is not a folder"),
        (["--checkpoint", "nowhere.pt"], "nowhere.pt"),
        (["--set", "k=3"], "ANALYSIS.PARAMETER=VALUE, not 'k=3'"),
        (["--set", "none.k=3"], "There is no analysis 'none'"),
        (["--set", "spectrum.when=init"], "There is no parameter 'when'; spectrum has batchnorm, batches"),
        (["--set", "spectrum.k=few"], "k cannot be 'few'; it takes a whole number"),
        (["--set", "noise_bands.power=loud"], "power cannot be 'loud'; it takes 'fixed', 'equal'"),
        (["--set", "spectrum.k=0"], "spectrum.k is 1 or more, not 0"),
        (["--set", "corruptions.severities=1,-1"], "corruptions.severities is 1 or more, not -1"),
        (["--device", "nope"], "The device 'nope' cannot be used"),
        (["--device", "meta"], "The device 'meta' cannot be used"),
    ],
)
def test_mistakes_are_one_sentence(arguments, sentence, capsys):
    """What a user gets wrong ends with status 2 and one line that says it."""
    assert main(["analyse", "analysed_nets:vit", "--size", "16", *arguments]) == 2
    said = capsys.readouterr().err
    assert sentence in said
    assert said.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--images", "-3"], "argument --images: '-3' is not a whole number from 1"),
        (["--images", "0"], "argument --images: '0' is not a whole number from 1"),
        (["--size", "big"], "argument --size: 'big' is not a whole number from 1"),
    ],
)
def test_values_that_cannot_be_are_refused_by_the_parser(arguments, sentence, capsys):
    """Numbers below one are refused before anything is loaded."""
    with pytest.raises(SystemExit) as end:
        main(["analyse", "analysed_nets:vit", *arguments])
    assert end.value.code == 2
    assert sentence in capsys.readouterr().err


@pytest.mark.parametrize(
    ("net", "sentence"),
    [
        ("vit", "fails on images of 33 × 33 pixels: AssertionError: Input height (33)"),
        ("few", "returns 5 logits for 10 classes"),
        ("pair", "returns a tuple: let it return the tensor of logits alone"),
        ("feature_map", "makes (8, 10, 1) of 8 images"),
        ("nan", "The logits of analysed_nets:nan are not finite"),
        ("changing", "changes the images that it is given: let it work on a copy"),
    ],
)
def test_a_model_that_no_analysis_takes_ends_in_one_sentence(net, sentence, capsys):
    """A few images are passed first, and what is wrong with the answer is said before any analysis."""
    assert main(["analyse", f"analysed_nets:{net}", "--size", "33", "--images", "20"]) == 2
    said = capsys.readouterr().err
    assert sentence in said
    assert said.count("\n") == 1


def test_a_later_model_is_refused_before_the_first_is_analysed(capsys):
    """Every model is built and tried first, and nothing is said of weights of a model that there is not."""
    models = ("analysed_nets:vit", "analysed_nets:few")
    assert main(["analyse", *models, "--size", "16", "--images", "20", "--analyses", "variance"]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err == (
        "vitwork: analysed_nets:few returns 5 logits for 10 classes: "
        "let it take num_classes (`vitwork analyse` takes --classes).\n"
    )


@pytest.mark.parametrize("net", ["lazy", "values"])
def test_layers_that_learn_their_size_from_images_are_analysed(net, tmp_path):
    """Lazy layers get their weights before they are counted, also where the model cannot be built without values."""
    found = document(tmp_path / "found.json", f"analysed_nets:{net}", "--size", "16", "--analyses", "evaluation")
    assert found["parameters"] == 4 * 27 + 4 + 196 * 10 + 10
    assert found["analyses"]["evaluation"]["values"]["acc"] >= 0


def test_weights_for_a_lazy_layer_are_refused(tmp_path, capsys):
    """Before a first pass there is nothing that stored weights could be compared with, and the layer is named."""
    path = tmp_path / "weights.pt"
    torch.save({"layers.0.weight": torch.zeros(4, 3, 3, 3)}, path)
    assert main(["analyse", "analysed_nets:lazy", "--weights", str(path), "--size", "16", "--images", "20"]) == 2
    assert "the model has weights without values, layers.3.weight for one" in capsys.readouterr().err


def test_an_analysis_that_fails_does_not_take_the_others_down(tmp_path, monkeypatch):
    """A fault that nobody foresaw is said in one line, the others are made, and the exit status says it."""

    def failing(*_, **__):
        raise TypeError("no such thing\nat all")

    monkeypatch.setattr("vitwork.analysis.lesion.study", failing)
    path = tmp_path / "found.json"
    arguments = ["analyse", "analysed_nets:vit", "--size", "16", "--images", "20", "--json", str(path)]
    assert main([*arguments, "--analyses", "lesion,variance"]) == 1
    found = json.loads(path.read_text())["models"][0]["analyses"]
    assert found["lesion"]["not_measured"] == "it failed on this model (TypeError: no such thing)"
    assert found["variance"]["values"]


def test_what_is_not_defined_is_said_with_the_reason(tmp_path, capsys):
    """No bare nan stands in the table."""
    alone = ("--set", "similarity.pseudo_stages=1", "--analyses", "similarity")
    document(tmp_path / "found.json", "analysed_nets:vit", "--size", "16", *alone)
    printed = capsys.readouterr().out
    assert "CKA within minus across stages: not defined: it compares pairs of blocks of one stage" in printed
    assert "nan" not in printed


def folder_of_images(folder, classes=(b"cat", b"dog")):
    for split in ("train", "test"):
        for number, name in enumerate(classes):
            place = folder / split / os.fsdecode(name)
            place.mkdir(parents=True)
            for image in range(12):
                pixels = np.full((16, 16, 3), 20 * image + number, np.uint8)
                Image.fromarray(pixels).save(place / f"{image}.png")
    return str(folder)


def test_no_more_images_of_a_folder_are_taken_than_asked_for(tmp_path, monkeypatch):
    """`--images` bounds what every analysis is given of the user's images too."""
    monkeypatch.setenv("VITWORK_CACHE", str(tmp_path / "cache"))
    images = folder_of_images(tmp_path / "images")
    arguments = ["--size", "16", "--data", images, "--analyses", "evaluation"]
    found = document(tmp_path / "found.json", "analysed_nets:vit", *arguments)  # twenty of twenty-four
    assert sum(found["analyses"]["evaluation"]["values"]["bins"]["count"]) == 20


def test_a_name_that_is_not_utf_8_is_said(tmp_path, monkeypatch, capsys):
    """A class folder whose name cannot be read as text is named in one sentence."""
    monkeypatch.setenv("VITWORK_CACHE", str(tmp_path / "cache"))
    images = folder_of_images(tmp_path / "images", (b"cat", b"z\xff"))
    if main(["analyse", "analysed_nets:vit", "--size", "16", "--data", images, "--analyses", "variance"]):
        assert "is not UTF-8, from " in (said := capsys.readouterr().err)
        assert said.count("\n") == 1


def test_models_are_found_in_the_current_folder(tmp_path, monkeypatch, capsys):
    """The installed command, whose path does not hold it, looks where it is started, as `python -m` does."""
    (tmp_path / "started" / "found_here").mkdir(parents=True)
    (tmp_path / "started" / "found_here" / "net.py").write_text("def build(num_classes):\n    return None\n")
    monkeypatch.chdir(tmp_path / "started")
    monkeypatch.setattr(sys, "path", [place for place in sys.path if place])
    assert main(["analyse", "found_here.net:build"]) == 2
    assert capsys.readouterr().err == "vitwork: found_here.net:build returned NoneType, not a torch.nn.Module\n"


def test_parameters_can_be_set(tmp_path, capsys):
    """A parameter that is set reaches its analysis in its own type, and nothing else changes."""
    changes = {
        "log_amplitude.window": "hann", "log_amplitude.direction": "radial", "spectrum.which": "extremes",
        "spectrum.k": "2", "surface.extent": "0.3", "noise_bands.power": "equal", "corruptions.severities": "1,5",
        "evaluation.training_images": "none",
    }  # fmt: skip
    given = [part for path, text in changes.items() for part in ("--set", f"{path}={text}")]
    names = "evaluation,spectrum,surface,log_amplitude,noise_bands,corruptions"
    brief = [part for name in ("spectrum.max_products=5", "surface.points=5") for part in ("--set", name)]
    arguments = ["analysed_nets:vit", "--size", "16", "--analyses", names, *brief]
    changed = document(tmp_path / "changed.json", *arguments, *given)["analyses"]
    assert "NEP: no eigenvalues chosen by magnitude" in capsys.readouterr().out
    usual = document(tmp_path / "usual.json", *arguments)["analyses"]
    found = {
        f"{name}.{parameter}": value
        for name, entry in changed.items()
        for parameter, value in entry["parameters"].items()
        if value != usual[name]["parameters"][parameter]
    }
    assert found == {
        "log_amplitude.window": "hann", "log_amplitude.direction": "radial", "spectrum.which": "extremes",
        "spectrum.k": 2, "surface.extent": 0.3, "noise_bands.power": "equal", "corruptions.severities": [1, 5],
        "evaluation.training_images": None,
    }  # fmt: skip
    assert changed["surface"]["values"]["x"][-1] == pytest.approx(0.3)
    assert len(changed["corruptions"]["values"]["severities"]) == 2


def test_an_interrupted_command_keeps_what_it_has(tmp_path, monkeypatch):
    """The file holds every analysis that was made before the one in which the command was interrupted."""

    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("vitwork.analysis.lesion.study", interrupted)
    path = tmp_path / "found.json"
    arguments = ["analyse", "analysed_nets:vit", "--size", "16", "--images", "20", "--json", str(path)]
    assert main([*arguments, "--analyses", "variance,similarity,lesion,evaluation"]) == 130
    assert list(json.loads(path.read_text())["models"][0]["analyses"]) == ["variance", "similarity"]


def test_an_analysis_that_does_not_fit_into_memory_is_not_measured(tmp_path, monkeypatch):
    """One analysis without memory is said as such, and the others are made."""

    def hungry(*_, **__):
        raise torch.OutOfMemoryError

    monkeypatch.setattr("vitwork.analysis.lesion.study", hungry)
    found = document(
        tmp_path / "found.json", "analysed_nets:vit", "--size", "16", "--analyses", "lesion,variance"
    )["analyses"]  # fmt: skip
    assert found["lesion"] == {"not_measured": "does not fit into memory", "reason": "memory"}
    assert found["variance"]["values"]


def test_a_network_that_is_never_right_is_analysed(tmp_path, capsys):
    """Where the clean accuracy is 0, the share of it that is kept is no number, and the rest is measured."""
    (tmp_path / "wrong.py").write_text(
        "import torch\nfrom analysed_nets import vit\n\n\n"
        "def net(num_classes):\n    model = vit(num_classes + 1)\n"
        "    with torch.no_grad():\n        list(model.parameters())[-1][-1] = 1e6\n    return model\n"
    )  # whatever it sees is of a class that no image has
    found = document(
        tmp_path / "found.json", "wrong:net", "--size", "16", "--analyses", "corruptions,noise_bands,variance"
    )["analyses"]  # fmt: skip
    assert found["corruptions"]["values"]["clean"] == 0
    assert "kept under corruptions: not defined: without corruptions the accuracy is 0" in capsys.readouterr().out
    assert found["variance"]["values"]


@pytest.mark.parametrize(
    ("model", "said"),
    [("preresnet_18", "untrained: random weights"),
     ("analysed_nets:vit", "untrained: random weights, unless its function loads others")],
)  # fmt: skip
def test_random_weights_are_said_to_be_untrained_at_once(tmp_path, capsys, model, said):
    """In the first line of the terminal, of the file and of the page, and in a row of the table."""
    files = ("--csv", str(tmp_path / "found.csv"), "--html", str(tmp_path / "found.html"))
    found = document(tmp_path / "found.json", model, "--size", "16", *files, "--analyses", "variance")
    assert found["weights"] == said
    assert capsys.readouterr().out.splitlines()[0] == f"{said} ({model})"
    assert said in (tmp_path / "found.json").read_text().splitlines()[0]
    page = (tmp_path / "found.html").read_text()
    assert f"<h1>{model}</h1>" in page
    assert said in page
    (row,) = csv.DictReader((tmp_path / "found.csv").read_text().splitlines())
    assert (row["model"], row["weights"]) == (model, said)


EXITS = """
import sys

from torch import nn


class Exits(nn.Linear):
    def forward(self, x):
        if len(x) != 8:
            sys.exit(0)
        return super().forward(x.flatten(1))


def late(num_classes):
    return Exits(3 * 256, num_classes)


def at_once(num_classes):
    sys.exit(0)
"""


def test_a_model_that_exits_does_not_pass_for_success(tmp_path, monkeypatch, capsys):
    """sys.exit(0) in a model is a fault of the model: built, it is refused; analysed, it is not measured."""
    (tmp_path / "exiting.py").write_text(EXITS)
    monkeypatch.syspath_prepend(tmp_path)
    assert main(["analyse", "exiting:at_once", "--size", "16"]) == 2
    assert "ends the program" in capsys.readouterr().err
    assert main(["analyse", "exiting:late", "--size", "16", "--images", "20", "--analyses", "evaluation"]) == 1
    assert "not measured: The model's code ends the program" in capsys.readouterr().out
