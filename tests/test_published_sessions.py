"""Sessions on published networks, from files of weights and of images to verdicts: what was planted is found, and nothing else."""

from __future__ import annotations

import json
import shlex
import subprocess
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from tests import forked
from tests.published_networks import class_folders, into_hub, save
from vitwork.profiles import PUBLISHED, registered
from vitwork.statistics import compare, decide_claims
from vitwork.statistics.claims import MeasuredClaim
from vitwork.statistics.effect import Verdict

ROOT = Path(__file__).parents[1]
CLAIM = ("claims/test_frequency.py", "-k", "msa-lowpass")
NETWORKS = 9


def filtering(sign: float, strength: float = 0.1):
    """Return a change by which every MSA adds (or takes) a share of the tokens' mean: a low-pass filter, or its opposite.

    The classifier always says the first class, so that it is right more often than chance on images of few classes.
    """

    def change(model: nn.Module) -> None:
        for block in model.blocks:
            width = block.attn.proj.weight.shape[0]
            for layer in (block.attn.qkv, block.attn.proj):
                layer.weight.zero_()
                if layer.bias is not None:
                    layer.bias.zero_()
            block.attn.qkv.weight[2 * width :].copy_(torch.eye(width))  # equal weights: the mean over all tokens
            block.attn.proj.weight.copy_(sign * strength * torch.eye(width))
        model.head.bias[0] = 100.0

    return change


def session(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run claims at the profile `published`, with a store and a cache in a folder."""
    return started(folder, *CLAIM, "--profile", "published", "--set", "data.test=8", *arguments, **environment)


def started(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run pytest with a store and a cache in a folder."""
    hub = ["-p", "tests.offline_hub"] if "HF_HUB_CACHE" in environment else []
    asked = [*hub, "-p", "no:cacheprovider", *arguments, "--store", str(folder / "store")]
    return forked.run("pytest", *asked, cwd=ROOT, VITWORK_CACHE=str(folder / "cache"), **environment)


def results(folder: Path) -> dict:
    (found,) = (folder / "store").glob("report-*/results.json")
    return json.loads(found.read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    ("sign", "verdict", "status"),
    [(1.0, "reproduced", 0), pytest.param(-1.0, "contradicted", 1, marks=pytest.mark.slow)],
)
def test_a_planted_effect_is_found(tmp_path, sign, verdict, status):
    """Networks whose MSAs are low-pass filters reproduce the claim, and high-pass ones contradict it; the command that the
    report gives for the claim measures nothing anew, and the report is judged again without weights."""
    names = [f"test_vit.planted{seed}" for seed in range(NETWORKS)]
    for seed, name in enumerate(names):
        save(tmp_path / "weights" / f"{name}.safetensors", "test_vit", seed, filtering(sign))
    images = class_folders(tmp_path / "val", (0, 7), each=4)
    arguments = [
        "--data",
        str(images),
        "--weights",
        str(tmp_path / "weights"),
        "--model",
        f"vit=timm:{','.join(names)}",
    ]
    done = session(tmp_path, *arguments)
    assert done.returncode == status, done.stdout + done.stderr
    found = results(tmp_path)
    (claim,) = found["claims"]
    assert claim["verdict"] == verdict
    effect = found["hypotheses"][0]["effect"]
    assert effect["n_a"] == NETWORKS
    assert effect["estimate"] * sign < 0
    assert {run["network"]["name"] for run in found["runs"]} == set(names)
    for run in found["runs"]:
        assert len(run["network"]["sha256"]) == 64
        assert run["network"]["preprocessing"]["size"] == 160
        assert str(tmp_path) not in json.dumps(run)
    written = {path: path.stat().st_mtime_ns for path in (tmp_path / "store" / "records").rglob("*.json")}
    program, *again = shlex.split(claim["rerun"])
    assert program == "pytest"
    folders = iter((str(images), str(tmp_path / "weights")))
    assert started(tmp_path, *(next(folders) if word == "DIR" else word for word in again)).returncode == status
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "store" / "records").rglob("*.json")} == written
    (report,) = (tmp_path / "store").glob("report-*")
    judged = forked.run("vitwork", "judge", str(report), "--claims", str(ROOT / "claims"), cwd=tmp_path)
    assert judged.returncode == 0, judged.stdout + judged.stderr


def test_a_session_without_weights_or_images_ends_in_one_sentence(tmp_path):
    """On a machine that is offline and has nothing, what is missing is named with what to do, and nothing is planned."""
    done = session(tmp_path, "--data", str(tmp_path), HF_HUB_CACHE=str(tmp_path / "hub"))
    assert done.returncode == pytest.ExitCode.USAGE_ERROR
    assert "vitwork networks published --fetch" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.slow
def test_networks_of_the_hubs_cache_are_judged_if_they_are_enough(tmp_path):
    """From the hub's cache, offline: networks of timm's own names are found, and too few of an arm make its claim not measured."""
    weights = save(tmp_path / "file.safetensors", "deit_tiny_patch16_224", 0)
    into_hub(tmp_path / "hub", "timm/deit_tiny_patch16_224.fb_in1k", weights)
    images = class_folders(tmp_path / "val", (0, 7), each=4)
    done = session(tmp_path, "--data", str(images), "-rs", HF_HUB_CACHE=str(tmp_path / "hub"))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "vit 1 (alone it decides nothing" in done.stdout
    assert "needs weights of vit that are not here: deit3_base_patch16_224.fb_in1k" in done.stdout


@pytest.mark.slow
def test_noise_decides_nothing():
    """Where networks of unequal arms differ in nothing but chance, at most one session in twenty decides any claim."""
    draw = np.random.default_rng(0)
    sizes = {"resnet": 16, "vit": 8, "swin": 9, "pit": 4}
    claims, repetitions, decided = registered(PUBLISHED.name), 200, 0

    def asked(a: np.ndarray, b: np.ndarray | float):
        return lambda alpha: compare(a, b, "less", alpha=alpha)

    for _ in range(repetitions):
        cases = {}
        for place, claim in enumerate(claims):
            first, second = (list(sizes.values())[(place + step) % 4] for step in (0, 1))
            a = draw.normal(size=first)
            b = draw.normal(size=second) if place % 2 else 0.0
            cases[claim] = MeasuredClaim([asked(a, b)], [])
        found = decide_claims(cases, len(claims), PUBLISHED.alpha)
        decided += any(one.verdict is not Verdict.INCONCLUSIVE for one in found.values())
    assert decided <= 0.05 * repetitions + 2 * (0.05 * 0.95 * repetitions) ** 0.5
