"""What a file holds is known by loading it once, and a network by its weights alone."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations

import pytest
import torch
from safetensors.torch import load_file, save_file

from tests.published_networks import save
from vitwork.design.published import Network
from vitwork.errors import DamagedError
from vitwork.models.published import content
from vitwork.models.published.content import found
from vitwork.models.published.membership import published

NAME = "test_vit.mine"


@pytest.fixture(autouse=True)
def _cache(tmp_path, monkeypatch):
    monkeypatch.setenv("VITWORK_CACHE", str(tmp_path / "cache"))


def test_a_file_is_loaded_once(tmp_path, monkeypatch):
    """What was loaded is known from then on by its SHA-256, under any name, but not what another architecture would make of it."""
    path = save(tmp_path / f"{NAME}.safetensors", "test_vit", 0)
    known = found(published(NAME), tmp_path)
    assert (known.path, len(known.weights) > 0) == (path, True)
    path.rename(tmp_path / f"{NAME}2.safetensors")
    monkeypatch.setattr(content, "built", lambda *_: pytest.fail("loaded again"))
    assert found(published(f"{NAME}2"), tmp_path).weights == known.weights
    assert found(published(NAME), tmp_path).weights == b""
    for changed in (replace(known, classes=10), replace(known, options={"img_size": 32})):
        with pytest.raises(pytest.fail.Exception):
            content.identified(changed)


def test_the_sample_is_that_of_the_weights(tmp_path):
    """A file with other metadata has it too; one with another tensor does not, and neither does another network."""
    path = save(tmp_path / f"{NAME}.safetensors", "test_vit", 0)
    state, first = load_file(path), found(published(NAME), tmp_path)
    save_file(state, path, {"saved": "anew"})
    again = found(published(NAME), tmp_path)
    assert (again.weights, again.sha256 == first.sha256) == (first.weights, False)
    state["head.bias"] += 0.1
    save_file(state, path)
    other = found(published(NAME), tmp_path)
    assert not content.same(first, other)
    assert content.same(first, again)


@pytest.mark.parametrize("architecture", ["test_vit", "test_resnet"])
def test_copies_in_every_precision_are_the_same_network(tmp_path, architecture):
    """Rounded once or twice, in either order, the original among them or not, and with other counters; other seeds are others."""

    def kept(name: str, *kinds: torch.dtype, seed: int = 0) -> Network:
        path = save(tmp_path / f"{architecture}.{name}.safetensors", architecture, seed)
        state = load_file(path)
        for kind in kinds:
            state = {key: value.to(kind) if value.is_floating_point() else value + 1 for key, value in state.items()}
        save_file(state, path)
        return found(published(f"{architecture}.{name}"), tmp_path)

    half, brain = torch.float16, torch.bfloat16
    saved = [kept("half", half), kept("brain", brain), kept("first", half, brain), kept("second", brain, half)]
    for one, other in combinations([*saved, kept("full")], 2):
        assert content.same(one, other)
    assert not any(content.same(kept("other", kind, seed=1), one) for kind in (torch.float32, half) for one in saved)
    assert set(content.copies([*saved, kept("full"), kept("other", seed=1), published("test_vit")]).values()) == {
        saved[0].name
    }


def test_what_cannot_be_loaded_is_tried_again(tmp_path):
    """A file of another architecture is named by its path, and is not remembered as anything."""
    path = save(tmp_path / f"{NAME}.safetensors", "test_resnet", 0)
    for _ in range(2):
        with pytest.raises(DamagedError, match="is of another architecture than") as raised:
            found(published(NAME), tmp_path)
        assert raised.value.place == path
    assert not list((tmp_path / "cache").glob("contents/*"))
