"""Process-wide switches of libraries and of Python that user code may change, with functions that read and set them."""

from __future__ import annotations

import gc
import logging
import os
import signal
import socket
import sys
import threading
import warnings
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import torch
from PIL import ImageFile
from torch import backends
from torch._C import _get_nnpack_enabled, _get_sdp_priority_order, _set_nnpack_enabled, _set_sdp_priority_order
from torch._C._autograd import _pop_saved_tensors_default_hooks, _top_saved_tensors_default_hooks
from torch.backends import cuda, cudnn, mkldnn, opt_einsum
from torch.utils import deterministic

Setting = tuple[Callable[[], Any], Callable[[Any], object]]
"""The functions that read and set a setting."""

FLAGS: tuple[tuple[Any, str], ...] = (
    (cudnn, "enabled"), (cudnn, "benchmark"), (cudnn, "benchmark_limit"), (cudnn, "deterministic"), (cudnn, "allow_tf32"),
    (mkldnn, "enabled"), (mkldnn, "deterministic"), (mkldnn, "allow_tf32"),
    (cuda.matmul, "allow_tf32"), (cuda.matmul, "allow_fp16_accumulation"),
    (cuda.matmul, "allow_fp16_reduced_precision_reduction"), (cuda.matmul, "allow_bf16_reduced_precision_reduction"),
    # After the older switches for the same, which set these, too; each after the one that it inherits its default from.
    (backends, "fp32_precision"), (cuda.matmul, "fp32_precision"),
    *((getattr(owner, operator) if operator else owner, "fp32_precision") for owner, operators in (
        (cudnn, ("", "conv", "rnn")), (mkldnn, ("", "conv", "rnn", "matmul"))) for operator in operators),
    (opt_einsum, "enabled"), (opt_einsum, "strategy"), (deterministic, "fill_uninitialized_memory"),
    (ImageFile, "LOAD_TRUNCATED_IMAGES"),
)  # fmt: skip
"""Attributes that are set by assignment, with their owners."""

ATTENTION = ("flash", "mem_efficient", "math", "cudnn")
"""Kernels of scaled dot-product attention."""

SIGNALS = (signal.SIGINT, signal.SIGTERM)

TIMM = "timm.layers.config"


def _flag(owner: Any, name: str) -> Setting:
    return partial(getattr, owner, name), partial(setattr, owner, name)


def _flushes() -> bool:
    """Return whether denormal numbers are flushed to zero, which torch can set but not report."""
    return sys.float_info.min / 2 == 0.0


def _saving() -> Any:
    return _top_saved_tensors_default_hooks(False)


def _leave_saving(before: Any) -> None:
    while _saving() not in (None, before):
        _pop_saved_tensors_default_hooks()


def _fused() -> int:
    """Return whether timm uses torch's fused attention; before timm is imported, whether it will."""
    return getattr(sys.modules.get(TIMM), "_USE_FUSED_ATTN", int(os.environ.get("TIMM_FUSED_ATTN", "1")))


def _set_warnings(before: list[Any]) -> None:
    warnings.resetwarnings()  # so that cached decisions of the filters are dropped
    warnings.filters[:] = before  # type: ignore[index]  # a list


def _handlers() -> dict[signal.Signals, Any]:
    return {number: signal.getsignal(number) for number in SIGNALS}


def _set_handlers(before: dict[signal.Signals, Any]) -> None:
    if threading.current_thread() is threading.main_thread():  # no other thread may set them
        for number, handler in before.items():
            if handler is not None:  # None: it was not set from Python, and cannot be
                signal.signal(number, handler)


SWITCHES: tuple[Setting, ...] = (
    (lambda: list(warnings.filters), _set_warnings),  # first, since torch warns when some are set
    *(_flag(owner, name) for owner, name in FLAGS),
    *((getattr(cuda, f"{kernel}_sdp_enabled"), getattr(cuda, f"enable_{kernel}_sdp")) for kernel in ATTENTION),
    (cuda.fp16_bf16_reduction_math_sdp_allowed, cuda.allow_fp16_bf16_reduction_math_sdp),
    (_get_sdp_priority_order, _set_sdp_priority_order),
    (_get_nnpack_enabled, _set_nnpack_enabled),
    (torch.is_autocast_cache_enabled, torch.set_autocast_cache_enabled),
    (_flushes, torch.set_flush_denormal),
    (_saving, _leave_saving),
    (_fused, lambda before: setattr(sys.modules[TIMM], "_USE_FUSED_ATTN", before)),
    (np.geterr, lambda before: np.seterr(**before)),
    (lambda: logging.root.manager.disable, logging.disable),
    (gc.isenabled, lambda before: gc.enable() if before else gc.disable()),
    (socket.getdefaulttimeout, socket.setdefaulttimeout),
    (_handlers, _set_handlers),
)
