"""Published weights into networks: what a run's key says is what is loaded, or nothing is."""

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
"""Letters of a reason that torch gives, which may list every weight of a network."""


def load(network: Network) -> nn.Module:
    """Return a published network in evaluation mode on the CPU.

    Raises:
        DamagedError: its weights are damaged, or of another architecture.
        VitworkError: they are not here, or have changed since they were found.
    """
    path = network.path
    if path is None or not network.sha256:
        raise VitworkError(f"The weights of {network.name} are not here.")
    if known_digest(path, anew=True) != network.sha256:  # and the next session knows it as it is
        raise VitworkError(f"{path} has changed since the session began: start it again.")
    return built(network, path)


def built(network: Network, path: Path) -> nn.Module:
    """Return a network in evaluation mode on the CPU, filled with what a file holds, whatever that is.

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
    """Build and fill a network as timm does with a file of the hub, conversions of old keys included."""
    import timm

    state = _tensors(network)  # read here, because timm would take a damaged file for other errors
    try:
        model: nn.Module = timm.create_model(
            network.model.removeprefix(TIMM),
            pretrained=True,
            pretrained_cfg_overlay={"state_dict": state, "custom_load": False, "num_classes": network.classes},
            num_classes=network.classes,
            **network.options,
        )
    except Exception as error:  # of keys and shapes that the architecture does not have, errors are of any kind
        reason = shorten(said(error), LONGEST, placeholder=" …") or type(error).__name__
        raise DamagedError(
            network.path, f"of another architecture than {network.name}: {reason.rstrip('.')}"
        ) from error
    _check(state, model.state_dict(), network)
    return model


def _check(state: Mapping[str, object], filled: Mapping[str, Tensor], network: Network) -> None:
    """Refuse what timm loads without a word: numbers of a kind that have lost their scale, and those that are not finite.

    What timm converts has another name or shape in the model; of that, the numbers that arrived are checked alone.

    Raises:
        DamagedError: a weight is no number of the model's kind, is not finite, or is a variance below zero; or it has another
            number of elements than the model's of its name, so that it was resampled, as position embeddings are.
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
        parameters: their number.
        bytes: of its parameters and buffers as they are published, in single precision.
    """

    parameters: int
    bytes: int


class _Unfilled(TorchFunctionMode):
    """Leaves out what fills tensors: those of the meta device hold nothing, and going through it takes most of a network's time."""

    FILLING = frozenset({"add_", "clamp_", "copy_", "erfinv_", "fill_", "mul_", "normal_", "uniform_", "zero_"})

    def __torch_function__(
        self, function: Callable[..., Any], types: object, values: Any = (), options: Mapping[str, Any] | None = None
    ) -> Any:
        named = options or {}
        if getattr(function, "__name__", "") in self.FILLING:
            return values[0] if values else named["tensor"]  # as torch.nn.init names it
        return function(*values, **named)


def size_of(network: Network) -> Size:
    """Return how large a network is, without memory for it."""
    with kept(), torch.device("meta"), _Unfilled():
        if network.model.startswith(TIMM):
            import timm

            name = network.model.removeprefix(TIMM)
            model: nn.Module = timm.create_model(name, num_classes=network.classes, **network.options)
        else:
            model = create(network.model, network.classes, **network.options)
    stored = sum(value.numel() * value.element_size() for value in model.state_dict().values())
    return Size(sum(parameter.numel() for parameter in model.parameters()), stored)
