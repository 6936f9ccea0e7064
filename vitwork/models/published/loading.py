"""Loading of published weights into networks, only if they are the weights that a run's key names."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from textwrap import shorten
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from vitwork.design.published import Network
from vitwork.device.settings import kept
from vitwork.errors import DamagedError, VitworkError, said, told
from vitwork.models.checkpoints.loading import check_architecture, load_checkpoint
from vitwork.models.published.membership import TIMM
from vitwork.models.published.weights import SUFFIX
from vitwork.models.zoo.creation import create
from vitwork.store.digests import known_digest

LONGEST = 300
"""Most characters of an error message of torch, which may list every weight of a network."""


def load(network: Network) -> nn.Module:
    """Return a published network in evaluation mode on the CPU.

    Raises:
        DamagedError: its weights are damaged, or of another architecture.
        VitworkError: they are not on this machine, or have changed since they were located.
    """
    path = network.path
    if path is None or not network.sha256:
        raise VitworkError(f"The weights of {network.name} are not here.")
    if known_digest(path, anew=True) != network.sha256:  # so that the next session knows the file as it is now
        raise VitworkError(f"{path} has changed since the session began: start it again.")
    return built(network, path)


def built(network: Network, path: Path) -> nn.Module:
    """Return a network in evaluation mode on the CPU with the weights of a file; its SHA-256 is not checked.

    Raises:
        DamagedError: the weights are damaged, or of another architecture.
    """
    with kept():
        if network.model.startswith(TIMM):
            return _from_timm(network).eval()
        source = path if path.suffix != SUFFIX else _tensors(network)
        return load_checkpoint(network.model, source, network.classes, **network.options)


def _tensors(network: Network) -> dict[str, object]:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return dict(load_file(str(network.path)))
    except (SafetensorError, OSError) as error:
        raise DamagedError(network.path, f"truncated or no file of weights: {told(error).rstrip('.')}") from error


def _from_timm(network: Network) -> nn.Module:
    """Return a network with its weights, loaded as timm loads a file of the hub, including conversion of old keys."""
    import timm

    state = _tensors(network)  # read here, because timm would report a damaged file as another error
    try:
        model: nn.Module = timm.create_model(
            network.model.removeprefix(TIMM),
            pretrained=True,
            pretrained_cfg_overlay={"state_dict": state, "custom_load": False, "num_classes": network.classes},
            num_classes=network.classes,
            **network.options,
        )
    except Exception as error:  # unknown keys and shapes raise errors of any kind
        reason = shorten(said(error), LONGEST, placeholder=" …") or type(error).__name__
        raise DamagedError(
            network.path, f"of another architecture than {network.name}: {reason.rstrip('.')}"
        ) from error
    _check(state, model.state_dict(), network)
    return model


def _check(state: Mapping[str, object], filled: Mapping[str, Tensor], network: Network) -> None:
    """Refuse weights that timm loads without an error: numbers of a type that lost their scale, or that are not finite.

    Weights that timm converts have another name or shape in the model; for these, only the loaded values are checked.

    Raises:
        DamagedError: a weight does not have the model's type, is not finite, or is a variance below zero. Or its number
            of elements differs from that of the model's tensor of that name, so that it was resampled, as position
            embeddings are.
    """
    for key, value in state.items():
        if isinstance(value, Tensor) and key in filled and value.numel() != filled[key].numel():
            raise DamagedError(
                network.path,
                f"of another resolution than {network.name}: its {key} is {tuple(value.shape)}, not "
                f"{tuple(filled[key].shape)}",
            )
    kept_as_they_are = {
        key: value
        for key, value in state.items()
        if isinstance(value, Tensor) and key in filled and value.shape == filled[key].shape
    }
    check_architecture({**filled, **kept_as_they_are}, filled, str(network.path), network.name)


@dataclass(frozen=True, slots=True)
class Size:
    """How large a network is.

    Attributes:
        parameters: number of parameters.
        bytes: size of its parameters and buffers as they are published, in single precision.
    """

    parameters: int
    bytes: int


class _Unfilled(TorchFunctionMode):
    """Context that skips functions that fill tensors: on the meta device these have no effect but take most time."""

    FILLING = frozenset({"add_", "clamp_", "copy_", "erfinv_", "fill_", "mul_", "normal_", "uniform_", "zero_"})

    def __torch_function__(
        self, function: Callable[..., Any], types: object, values: Any = (), options: Mapping[str, Any] | None = None
    ) -> Any:
        named = options or {}
        if getattr(function, "__name__", "") in self.FILLING:
            return values[0] if values else named["tensor"]  # its name in torch.nn.init
        return function(*values, **named)


def size_of(network: Network) -> Size:
    """Return the size of a network, without allocating memory for it."""
    with kept(), torch.device("meta"), _Unfilled():
        if network.model.startswith(TIMM):
            import timm

            name = network.model.removeprefix(TIMM)
            model: nn.Module = timm.create_model(name, num_classes=network.classes, **network.options)
        else:
            model = create(network.model, network.classes, **network.options)
    stored = sum(value.numel() * value.element_size() for value in model.state_dict().values())
    return Size(sum(parameter.numel() for parameter in model.parameters()), stored)
