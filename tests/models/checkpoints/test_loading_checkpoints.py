"""Published weights give the numbers of the code that they were published with; bad files get one sentence."""

from __future__ import annotations

import json
import math
import os
import pickle
import zlib
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from vitwork.errors import VitworkError
from vitwork.models import create, load_checkpoint

GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "checkpoints.json").read_text())
INTEGERS = ("num_batches_tracked", "relative_position_index", "attn_mask")


def filled(shapes):
    """Fill a state dict by the rule that the golden logits were made with: pseudo-random numbers seeded by the key."""
    state = {}
    for key, shape in shapes:
        if key.endswith(INTEGERS):
            state[key] = torch.zeros(shape, dtype=torch.long)
            continue
        z = np.random.RandomState(zlib.crc32(key.encode())).standard_normal(shape)
        if key.endswith("running_var"):
            z = 1 + 0.1 * np.abs(z)
        elif key.endswith(("running_mean", "bias")):
            z = 0.1 * z
        elif len(shape) >= 2:
            z = z / math.sqrt(math.prod(shape[1:]))
        else:
            z = 1 + 0.1 * z
        state[key] = torch.from_numpy(np.asarray(z, dtype=np.float32))
    return state


@pytest.mark.parametrize("entry", GOLDEN)
def test_official_weights_give_official_logits(entry):
    """A state dict in official or timm 0.5.4 names gives the official code's logits, from the same parameters."""
    facts = GOLDEN[entry]
    model = load_checkpoint(facts["name"], filled(facts["state_dict"]), facts["num_classes"], **facts["options"])
    images = torch.from_numpy(np.random.RandomState(0).standard_normal((2, 3, 32, 32)).astype(np.float32))
    with torch.no_grad():
        logits = model(images)
    assert sum(p.numel() for p in model.parameters()) == facts["parameters"]
    torch.testing.assert_close(logits, torch.tensor(facts["logits"]), atol=1e-5, rtol=0)


def epsilons(model):
    return {module.eps for module in model.modules() if isinstance(module, nn.LayerNorm)}


class Own(nn.Module):
    """Parts named as the official code's, with norms of its own."""

    def __init__(self, num_classes):
        super().__init__()
        self.embedding = nn.Sequential(nn.Conv2d(3, 8, 4, 4), nn.Flatten(2))
        self.transformers = nn.ModuleList([nn.LayerNorm(8, eps=1e-2)])
        self.classifier = nn.Sequential(nn.LayerNorm(8, eps=1e-2), nn.Linear(8, num_classes))

    def forward(self, x):
        return self.classifier(self.transformers[0](self.embedding(x).transpose(1, 2)).mean(1))


def test_a_model_of_ones_own_keeps_its_norms():
    """Keys that begin as the official ViT's are loaded under their names, and no LayerNorm gets the official epsilon."""
    model = Own(5).eval()
    loaded = load_checkpoint(f"{__name__}:Own", model.state_dict(), 5)
    x = torch.randn(2, 3, 8, 8)
    assert epsilons(loaded) == {1e-2}
    assert torch.equal(loaded(x), model(x))


def test_official_weights_bring_their_epsilon():
    """The official ViT's weights have the official epsilon in our ViT and in timm's, unless another is asked for."""
    facts = GOLDEN["vit_ti"]
    state, options = filled(facts["state_dict"]), facts["options"]
    assert epsilons(load_checkpoint("vit_ti", state, facts["num_classes"], **options)) == {1e-5}
    assert epsilons(load_checkpoint("vit_ti", state, facts["num_classes"], **options, norm_eps=1e-3)) == {1e-3}
    timm = {"img_size": 32, "patch_size": 2, "qkv_bias": False}
    assert epsilons(load_checkpoint("timm:vit_tiny_patch16_224", state, facts["num_classes"], **timm)) == {1e-5}


TINY = {"depths": (1, 1), "widths": (8, 16)}


def test_a_saved_file_loads_into_the_same_function(tmp_path):
    """A file with today's names, wrapped and with the prefix of parallel training, restores the model."""
    model = create("preresnet_18", 7, **TINY).eval()
    torch.save({"state_dict": {f"module.{k}": v for k, v in model.state_dict().items()}}, tmp_path / "model.pt")
    loaded = load_checkpoint("preresnet_18", tmp_path / "model.pt", 7, **TINY)
    x = torch.randn(2, 3, 32, 32)
    assert torch.equal(loaded(x), model(x))
    assert not loaded.training


@pytest.mark.parametrize("keep", [0, 10, 1000, -100])
def test_a_truncated_file_is_named(tmp_path, keep):
    """A file cut anywhere gets one sentence that names it."""
    path = tmp_path / "cut.pt"
    torch.save(create("preresnet_18", **TINY).state_dict(), path)
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(VitworkError, match=r"cut.pt is truncated or no checkpoint$"):
        load_checkpoint("preresnet_18", path, 10, **TINY)


class Harmful:
    """Unpickles by running a command."""

    def __init__(self, marker):
        self.marker = marker

    def __reduce__(self):
        return os.system, (f"touch {self.marker}",)


@pytest.mark.parametrize("protocol", [None, 2, 5])
def test_a_pickle_with_code_is_refused_and_not_run(tmp_path, protocol):
    """A file that would execute a command is refused, and the command is not executed."""
    path, marker = tmp_path / "bad.pt", tmp_path / "executed"
    if protocol:
        path.write_bytes(pickle.dumps({"state_dict": Harmful(marker)}, protocol))
    else:
        torch.save({"state_dict": Harmful(marker)}, path)
    with pytest.raises(VitworkError, match=r"bad.pt is refused: .* could run code"):
        load_checkpoint("preresnet_18", path, 10, **TINY)
    assert not marker.exists()


def test_another_architecture_is_named():
    """Weights of another model are refused with the first parameter that differs."""
    state = create("alternet_18", depths=(1, 2), widths=(8, 16), msas=(0, 1)).state_dict()
    message = (
        r"another architecture than preresnet_18 .*: it lacks stages.1.1.conv1.weight, has stages.1.1.conv.weight \(and"
    )
    with pytest.raises(VitworkError, match=message):
        load_checkpoint("preresnet_18", state, 10, depths=(1, 2), widths=(8, 16))


def test_another_number_of_classes_is_named():
    """A classifier of another size is refused with both shapes."""
    state = create("preresnet_18", 100, **TINY).state_dict()
    with pytest.raises(VitworkError, match=r"head.fc.weight is \(100, 16\) in it and \(10, 16\) in the model"):
        load_checkpoint("preresnet_18", state, 10, **TINY)


@pytest.mark.parametrize("content", [[1, 2], {}, {"state_dict": {"a": 3}}])
def test_files_without_weights_are_named(tmp_path, content):
    """A file that holds no state dict gets one sentence."""
    torch.save(content, tmp_path / "other.pt")
    with pytest.raises(VitworkError, match=r"other.pt is no state dict"):
        load_checkpoint("preresnet_18", tmp_path / "other.pt", 10, **TINY)


@pytest.mark.parametrize("given", [None, [1.0], torch.ones(3), nn.Linear(2, 2)])
def test_what_is_neither_path_nor_weights_is_named_by_its_type(given):
    """What it holds would fill the terminal."""
    with pytest.raises(VitworkError, match=rf"a path, an address or a state dict, not {type(given).__name__}\.$"):
        load_checkpoint("vit_ti", given, 10)


def test_missing_and_unpublished_files_are_named(tmp_path):
    """A path that is not there, and a model that was not published, are said to be so."""
    with pytest.raises(VitworkError, match="there is no checkpoint"):
        load_checkpoint("preresnet_18", tmp_path / "absent.pt", 10)
    with pytest.raises(VitworkError, match="no published file for preresnet_18"):
        load_checkpoint("preresnet_18", "published", 10)
