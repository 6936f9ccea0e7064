"""Switches of libraries and of Python are given back as they were, whatever code of a user's does to them."""

from __future__ import annotations

import gc
import logging
import signal
import socket
import sys
import warnings

import numpy as np
import pytest
import timm.layers
import torch
from PIL import ImageFile
from torch.autograd.graph import save_on_cpu
from torch.backends import cuda, cudnn, mkldnn, nnpack

from vitwork.device.settings import kept
from vitwork.device.switches import SWITCHES
from vitwork.models import create

CHANGES = {
    "oneDNN": lambda: setattr(mkldnn, "enabled", False),
    "oneDNN's determinism": lambda: setattr(mkldnn, "deterministic", True),
    "oneDNN's precision": lambda: setattr(mkldnn, "fp32_precision", "bf16"),
    "NNPACK": lambda: nnpack.set_flags(False),
    "a kernel of attention": lambda: cuda.enable_flash_sdp(False),
    "attention's order": lambda: torch._C._set_sdp_priority_order([2, 1, 0, 3, 4]),
    "attention's precision": lambda: cuda.allow_fp16_bf16_reduction_math_sdp(True),
    "TF32 of convolutions": lambda: setattr(cudnn, "allow_tf32", False),
    "TF32 of products": lambda: setattr(cuda.matmul, "allow_tf32", True),
    "TF32 by its new word": lambda: setattr(torch.backends, "fp32_precision", "tf32"),
    "TF32 of cuDNN": lambda: setattr(cudnn, "fp32_precision", "tf32"),
    "TF32 by precision": lambda: torch.set_float32_matmul_precision("high"),
    "reduced precision": lambda: setattr(cuda.matmul, "allow_fp16_reduced_precision_reduction", False),
    "reduced precision of bfloat16": lambda: setattr(cuda.matmul, "allow_bf16_reduced_precision_reduction", False),
    "smallest numbers": lambda: torch.set_flush_denormal(True),
    "saved tensors": lambda: save_on_cpu().__enter__(),
    "timm's attention": lambda: timm.layers.set_fused_attn(False),
    "NumPy's errors": lambda: np.seterr(all="raise"),
    "warnings": lambda: warnings.simplefilter("error"),
    "logging": lambda: logging.disable(logging.CRITICAL),
    "garbage": gc.disable,
    "sockets": lambda: socket.setdefaulttimeout(0.001),
    "a signal": lambda: signal.signal(signal.SIGTERM, signal.SIG_IGN),
    "cut pictures": lambda: setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True),
}


def asked(question):
    try:
        return question()
    except RuntimeError as mixed:  # what torch answers where a switch was set by an old and by a new word
        return str(mixed)


def state():
    return [asked(question) for question, _ in SWITCHES]


@pytest.mark.parametrize("change", CHANGES)
def test_a_switch_is_given_back(change):
    """Each switch that a model can turn is turned inside, and as it was outside."""
    before = state()
    with kept():
        CHANGES[change]()
        assert state() != before
    assert state() == before


def test_a_module_switches_nothing_for_others(tmp_path, monkeypatch):
    """What a module says as it is imported holds until its network is built, and is then given back."""
    lines = ("import torch", "torch.backends.mkldnn.enabled = False", "build = lambda num_classes: torch.nn.Flatten()")
    (tmp_path / "switching.py").write_text("\n".join(lines))
    monkeypatch.syspath_prepend(tmp_path)
    try:
        create("switching:build")
        assert mkldnn.enabled
    finally:
        sys.modules.pop("switching", None)
