"""Files of the hub: what is left of broken downloads, and why one cannot be had."""

from __future__ import annotations

import os
import time

import huggingface_hub
import pytest
from huggingface_hub import constants
from huggingface_hub.errors import GatedRepoError, LocalEntryNotFoundError

from vitwork.errors import VitworkError
from vitwork.store.hub import ABANDONED, downloaded


def test_parts_of_abandoned_downloads_are_removed(tmp_path, monkeypatch):
    """What a killed download left long ago goes; what may be under way stays, and so do whole files."""
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(huggingface_hub, "hf_hub_download", lambda *_, **__: "file")
    blobs = tmp_path / "models--o--n" / "blobs"
    blobs.mkdir(parents=True)
    long_ago = time.time() - ABANDONED - 60
    for name, when in (("a.1.incomplete", long_ago), ("a.2.incomplete", time.time()), ("a", long_ago)):
        (blobs / name).write_bytes(b"part")
        os.utime(blobs / name, (when, when))
    downloaded("o/n", "model.safetensors")
    assert sorted(path.name for path in blobs.iterdir()) == ["a", "a.2.incomplete"]


def test_what_a_gated_repository_asks_for_is_said(monkeypatch):
    """Beside the hub's own words it is said to accept the terms and to log in."""

    def refuse(*_, **__):
        raise GatedRepoError("403 Client Error.\nAccess is restricted.", response=Response())

    monkeypatch.setattr(huggingface_hub, "hf_hub_download", refuse)
    with pytest.raises(VitworkError, match=r"^GatedRepoError: 403 Client Error\. If it is gated .* HF_TOKEN\.$"):
        downloaded("o/n", "data.parquet", kind="dataset")


@pytest.mark.parametrize("offline", [True, False])
def test_a_setting_that_forbids_downloads_is_named(monkeypatch, offline):
    """Then the connection is not to blame; without the setting, the hub's own words stand."""

    def fail(*_, **__):
        raise LocalEntryNotFoundError("Please check your connection.")

    monkeypatch.setattr(huggingface_hub, "hf_hub_download", fail)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", offline)
    with pytest.raises(VitworkError, match="^HF_HUB_OFFLINE .* is set, which" if offline else "check your connection"):
        downloaded("o/n", "model.safetensors")


class Response:
    """As much of an answer as the hub's errors look at."""

    headers: dict[str, str] = {}  # noqa: RUF012 - never changed
    request = None
