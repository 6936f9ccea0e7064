"""The paper's method for top eigenvalues: PyHessian's power iteration with its default tolerance."""

from __future__ import annotations

import copy
import warnings

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vitwork.device.unfused_attention import math_attention


def top_eigenvalues(model: nn.Module, batch: tuple[Tensor, Tensor], k: int, weight_decay: float) -> list[float]:
    """Return the k eigenvalues of largest magnitude of NLL + L2 on a mini-batch, largest magnitude first.

    PyHessian uses BatchNorm's running statistics, starts from random vectors, and stops after 100 products or when an
    eigenvalue changes by less than a thousandth.
    """
    from pyhessian import hessian

    own = copy.deepcopy(model)  # PyHessian leaves gradients behind
    weights = [value for value in own.parameters() if value.requires_grad]

    def loss(logits: Tensor, targets: Tensor) -> Tensor:
        penalty = torch.stack([value.square().sum() for value in weights]).sum()
        return F.cross_entropy(logits, targets) + 0.5 * weight_decay * penalty

    devices = [batch[0].device] if batch[0].is_cuda else []
    with math_attention(), warnings.catch_warnings(), torch.random.fork_rng(devices):
        warnings.filterwarnings("ignore", message="Using backward")
        torch.manual_seed(0)
        found, _ = hessian(own, loss, data=batch, cuda=batch[0].is_cuda).eigenvalues(top_n=k)
    return sorted((float(value) for value in found), key=abs, reverse=True)
