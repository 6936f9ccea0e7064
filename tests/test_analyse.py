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
    ],
)
def test_mistakes_are_one_sentence(arguments, sentence, capsys):
    """What a user gets wrong ends with status 2 and one line that says it."""
    assert main(["analyse", "analysed_nets:vit", "--size", "16", *arguments]) == 2
    said = capsys.readouterr().err
    assert sentence in said
    assert said.count("\n") == 1
