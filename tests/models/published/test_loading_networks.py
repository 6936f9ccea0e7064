"""What is loaded is what the key of a run says, and gives the numbers of the network that was saved."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import timm
import torch
from safetensors.torch import load_file, save_file

from tests.models.checkpoints.test_loading_checkpoints import GOLDEN, filled
from tests.published_networks import save
from vitwork.errors import DamagedError, VitworkError
from vitwork.models.published.content import found
from vitwork.models.published.loading import load, size_of
from vitwork.models.published.membership import published
from vitwork.models.published.weights import located
from vitwork.profiles.published import OF_THE_PAPER
from vitwork.store.digests import file_digest

SHARED = Path(__file__).parents[4] / "shared" / "golden" / "published_checkpoints.json"


@pytest.fixture(autouse=True)
def _cache(tmp_path, monkeypatch):
    monkeypatch.setenv("VITWORK_CACHE", str(tmp_path / "cache"))


@pytest.mark.parametrize(
    "name", ["test_vit.r160_in1k", "test_resnet.r160_in1k", "test_convnext.r160_in1k", "test_vit.mine"]
)
def test_saved_weights_give_the_same_logits(tmp_path, name):
    """A network is the one whose weights were saved, whether timm knows their tag or they are a user's own."""
    architecture = name.partition(".")[0]
    save(tmp_path / f"{name}.safetensors", architecture, 3)
    torch.manual_seed(3)
    saved = timm.create_model(architecture).eval()
    network = located(published(name), tmp_path)
    loaded, images = load(network), torch.randn(2, 3, 160, 160)
    with torch.no_grad():
        torch.testing.assert_close(loaded(images), saved(images))
    assert not loaded.training
    size = size_of(network)
    assert size.parameters == sum(parameter.numel() for parameter in saved.parameters())
    assert network.path is not None
    assert 0 < network.path.stat().st_size - size.bytes < 50_000  # the header, of names and shapes


@pytest.mark.parametrize(("arm", "as_published"), [("vit", False), ("vit", True), ("pit", False), ("swin", False)])
def test_the_papers_checkpoints_give_the_official_logits(tmp_path, arm, as_published):
    """Weights in the keys of timm 0.5.4, from a file as a session finds and loads it, give the official code's logits."""
    network = OF_THE_PAPER[arm]
    facts = next(facts for facts in GOLDEN.values() if facts["name"] == network.model and facts["num_classes"] == 100)
    state = filled(facts["state_dict"])
    if as_published:
        torch.save({"state_dict": state}, tmp_path / Path(network.origin).name)
    else:
        save_file(state, tmp_path / f"{network.name}.safetensors")
    images = torch.from_numpy(np.random.RandomState(0).standard_normal((2, 3, 32, 32)).astype(np.float32))
    with torch.no_grad():
        logits = load(found(network, tmp_path))(images)
    torch.testing.assert_close(logits, torch.tensor(facts["logits"]), atol=1e-4, rtol=0)
    if SHARED.is_file():  # the official numbers themselves, where they lie beside the project
        stated = [entry["logits"] for entry in json.loads(SHARED.read_text()).values()]
        assert any(np.allclose(logits.numpy(), one, atol=1e-4) for one in stated)


def test_weights_that_are_not_the_ones_of_the_key_are_refused(tmp_path):
    """A file that changed after it was found, is damaged, missing or of another network is refused by name."""
    path = save(tmp_path / "test_vit.r160_in1k.safetensors", "test_vit", 0)
    network = located(published("test_vit.r160_in1k"), tmp_path)
    with pytest.raises(VitworkError, match="are not here"):
        load(replace(network, path=None))
    with pytest.raises(VitworkError, match="is of another architecture than test_resnet"):
        load(replace(network, name="test_resnet.r160_in1k", model="timm:test_resnet.r160_in1k"))
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(VitworkError, match="has changed since the session began"):
        load(network)
    with pytest.raises(VitworkError, match="truncated or no file of weights"):
        load(replace(network, sha256=file_digest(path)))


def test_a_long_reason_ends_at_a_word(tmp_path):
    """What torch says of all weights of a network is cut between two of its words."""
    save(tmp_path / "test_vit.r160_in1k.safetensors", "test_vit", 0)
    network = replace(located(published("test_vit.r160_in1k"), tmp_path), model="timm:test_resnet.r160_in1k")
    with pytest.raises(DamagedError) as raised:
        load(network)
    *words, end = raised.value.reason.split()
    assert end == "…"
    assert words[-1] in {f'"{key}",' for key in timm.create_model("test_resnet").state_dict()}


def test_weights_of_another_resolution_are_refused(tmp_path):
    """Position embeddings are not resampled to fit: what would be measured is no network that anybody trained."""
    torch.manual_seed(0)
    large = timm.create_model("test_vit", img_size=224).state_dict()
    save_file({key: value.contiguous() for key, value in large.items()}, tmp_path / "test_vit.large.safetensors")
    with pytest.raises(VitworkError, match="of another resolution than"):
        load(located(published("test_vit.large"), tmp_path))


def test_a_file_that_was_replaced_is_known_at_the_next_attempt(tmp_path):
    """Other weights of the same size and time are refused by the session that found the first, and taken by the next one."""
    path, other = (save(tmp_path / f"test_vit.{name}.safetensors", "test_vit", seed) for seed, name in enumerate("ab"))
    network, status = located(published("test_vit.a"), tmp_path), path.stat()
    path.write_bytes(other.read_bytes())
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    with pytest.raises(VitworkError, match="has changed since the session began"):
        load(network)
    again = located(published("test_vit.a"), tmp_path)
    assert again.sha256 == file_digest(other)
    load(again)


@pytest.mark.parametrize(
    ("key", "change", "words"),
    [
        ("blocks.1.mlp.fc1.weight", lambda value: value.mul(100).to(torch.int8), "fc1.weight is torch.int8 in it"),
        ("blocks.1.mlp.fc1.weight", lambda value: value * float("nan"), "fc1.weight is not finite"),
        ("head.weight", lambda value: value[:10].clone(), "size mismatch for head.weight"),
    ],
)
def test_weights_that_timm_would_take_are_checked(tmp_path, key, change, words):
    """Integers that lost their scale, numbers that are none, and a head of other classes: refused, with the weight's name."""
    path = save(tmp_path / "test_vit.r160_in1k.safetensors", "test_vit", 0)
    state = load_file(path)
    save_file({**state, key: change(state[key])}, path)
    with pytest.raises(VitworkError, match=words):
        load(located(published("test_vit.r160_in1k"), tmp_path))
