"""What a file holds is known by loading it once, and a network by its weights alone."""

from __future__ import annotations

from dataclasses import replace

import pytest
from safetensors.torch import load_file, save_file

from tests.published_networks import save
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
    assert (known.path, len(known.weights)) == (path, 64)
    path.rename(tmp_path / f"{NAME}2.safetensors")
    monkeypatch.setattr(content, "built", lambda *_: pytest.fail("loaded again"))
    assert found(published(f"{NAME}2"), tmp_path).weights == known.weights
    assert found(published(NAME), tmp_path).weights == ""
    for changed in (replace(known, classes=10), replace(known, options={"img_size": 32})):
        with pytest.raises(pytest.fail.Exception):
            content.identified(changed)


def test_the_digest_is_that_of_the_weights(tmp_path):
    """A file with other metadata has it too; one with a single other number, or of other networks, does not."""
    path = save(tmp_path / f"{NAME}.safetensors", "test_vit", 0)
    state, first = load_file(path), found(published(NAME), tmp_path)
    save_file(state, path, {"saved": "anew"})
    again = found(published(NAME), tmp_path)
    assert (again.weights, again.sha256 == first.sha256) == (first.weights, False)
    state["head.bias"][0] += 1e-6
    save_file(state, path)
    assert found(published(NAME), tmp_path).weights != first.weights


def test_what_cannot_be_loaded_is_tried_again(tmp_path):
    """A file of another architecture is named by its path, and is not remembered as anything."""
    path = save(tmp_path / f"{NAME}.safetensors", "test_resnet", 0)
    for _ in range(2):
        with pytest.raises(DamagedError, match="is of another architecture than") as raised:
            found(published(NAME), tmp_path)
        assert raised.value.place == path
    assert not list((tmp_path / "cache").glob("contents/*"))
