"""The command that runs every analysis on one model."""

from __future__ import annotations

import json

import pytest
import torch
from pretend_gpu import pretend_gpu

from vitwork.analyse import ANALYSES
from vitwork.cli import main

NETS = """
from vitwork.models import create

def vit(num_classes):
    return create("vit_ti", num_classes, image_size=16, patch_size=2, dim=16, depth=2, heads=2, head="gap")

def resnet(num_classes):
    return create("preresnet_18", num_classes, depths=(1, 2), widths=(8, 16), image_size=16)
"""


@pytest.fixture(autouse=True)
def nets(tmp_path, monkeypatch):
    (tmp_path / "analysed_nets.py").write_text(NETS)
    monkeypatch.syspath_prepend(tmp_path)


def document(path, *arguments):
    assert main(["analyse", *arguments, "--images", "20", "--json", str(path)]) == 0
    return json.loads(path.read_text())


@pytest.mark.parametrize("net", ["vit", "resnet"])
def test_every_analysis_is_made_of_a_users_model(net, tmp_path, capsys):
    """All analyses run, each with its time, memory and numbers; what a network does not have is said in one sentence."""
    found = document(tmp_path / "found.json", f"analysed_nets:{net}", "--size", "16")
    analyses = found["analyses"]
    assert analyses.keys() == ANALYSES.keys()
    lacking = {name: entry["not_measured"] for name, entry in analyses.items() if "not_measured" in entry}
    assert lacking == ({} if net == "vit" else {"attention": "No block of this model tells its attention weights."})
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


def test_the_command_takes_a_gpu(tmp_path):
    """With a device given, measurements are made there (on a pretended GPU where there is none), and find the same."""
    some = ("--size", "16", "--analyses", "evaluation,surface,log_amplitude,attention,lesion,noise_bands,cue_conflict")
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
        (["--data", "nowhere"], "does not exist or is not a folder"),
        (["--checkpoint", "nowhere.pt"], "nowhere.pt"),
        (["--set", "k=3"], "ANALYSIS.PARAMETER=VALUE, not 'k=3'"),
        (["--set", "none.k=3"], "There is no analysis 'none'"),
        (["--set", "spectrum.when=init"], "There is no field 'when'; spectrum has batchnorm, batches"),
        (["--set", "spectrum.k=few"], "k cannot be 'few'; it takes a whole number"),
        (["--set", "noise_bands.power=loud"], "power cannot be 'loud'; it takes 'fixed', 'equal'"),
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
        (["--device", "nope"], "argument --device: 'nope' cannot be used: "),
        (["--device", "meta"], "argument --device: 'meta' cannot be used: "),
    ],
)
def test_values_that_cannot_be_are_refused_by_the_parser(arguments, sentence, capsys):
    """Numbers below one and devices that cannot compute are refused before anything is loaded."""
    with pytest.raises(SystemExit) as end:
        main(["analyse", "analysed_nets:vit", *arguments])
    assert end.value.code == 2
    assert sentence in capsys.readouterr().err


def test_parameters_can_be_set(tmp_path, capsys):
    """A parameter that is set reaches its analysis in its own type, and nothing else changes."""
    changes = {
        "log_amplitude.window": "hann", "log_amplitude.direction": "radial", "spectrum.which": "extremes",
        "spectrum.k": "2", "surface.extent": "0.3", "noise_bands.power": "equal", "corruptions.severities": "1,5",
        "evaluation.training_images": "none",
    }  # fmt: skip
    given = [part for path, text in changes.items() for part in ("--set", f"{path}={text}")]
    names = "evaluation,spectrum,surface,log_amplitude,noise_bands,corruptions"
    arguments = ["analysed_nets:vit", "--size", "16", "--analyses", names]
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
    assert list(json.loads(path.read_text())["analyses"]) == ["variance", "similarity"]


def test_an_analysis_that_does_not_fit_into_memory_is_not_measured(tmp_path, monkeypatch):
    """One analysis without memory is said as such, and the others are made."""

    def hungry(*_, **__):
        raise torch.OutOfMemoryError

    monkeypatch.setattr("vitwork.analysis.lesion.study", hungry)
    found = document(
        tmp_path / "found.json", "analysed_nets:vit", "--size", "16", "--analyses", "lesion,variance"
    )["analyses"]  # fmt: skip
    assert found["lesion"] == {"not_measured": "does not fit into memory"}
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
    assert "share of the accuracy kept under corruptions: nan %" in capsys.readouterr().out
    assert found["variance"]["values"]
