"""A training step recorded once and replayed from then on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any
from weakref import WeakMethod

import torch
from torch import Tensor

from vitwork.design.recipe import Recipe
from vitwork.device.graphs import Record, cuda_graph

WARM_UP = 3  # steps before the recording: libraries choose their kernels, and compilers compile, in the first ones
LARGEST_DIFFERENCE = 0.1  # of what a replayed step does to a tensor from what a computed one does, relative
LARGEST_SHARE = 0.1  # of the tensors that may differ by more; where something is drawn at random, most do


def recorder(recipe: Recipe, device: torch.device, processes: int = 1) -> Record | None:
    """Return what records steps, or None where they are better computed one by one.

    Not on a CPU, where launching costs little; not by several processes, whose steps wait for each other; not for debugging;
    and not where torch.compile records by itself.
    """
    recordable = recipe.compile in {"", "default"} and not recipe.deterministic and processes == 1
    return cuda_graph if device.type == "cuda" and recordable else None


def weakly(method: Callable[..., Any]) -> Callable[..., Any]:
    """Return what calls a method without keeping its object alive.

    For an object that holds a `Replayed` of its own methods: with its last name it is freed, and a GPU's memory with it,
    which garbage collection does not know to be scarce.
    """
    reference = WeakMethod(method)

    def call(*arguments: Any) -> Any:
        found = reference()
        assert found is not None, "called by nobody but its object"
        return found(*arguments)

    return call


class Replayed:
    """A function of tensors that changes other tensors in place, recorded at its fourth call with the same shapes.

    The recording is checked when it is made: from the same state, a replay has to change the state as a computed step
    does. Where that fails, or something in the step cannot be recorded, all steps are computed.

    Args:
        compute: the function; it must read nothing back and always take the same way.
        state: returns all tensors that it changes and whose values matter later.
        record: makes the recording; None to compute every step.
    """

    def __init__(
        self, compute: Callable[..., None], state: Callable[[], Sequence[Tensor]], record: Record | None
    ) -> None:
        self.compute, self.state, self.record = compute, state, record
        self.calls: Counter[tuple[torch.Size, ...]] = Counter()
        self.inputs: list[Tensor] = []
        self.replay: Callable[[], object] | None = None
        self.refused = ""

    def __call__(self, *inputs: Tensor) -> None:
        """Compute, or replay where the inputs have the recorded shapes."""
        if self.record is None:
            self.compute(*inputs)
            return
        shapes = tuple(x.shape for x in inputs)
        if self.replay is not None:
            if shapes == tuple(x.shape for x in self.inputs):
                torch._foreach_copy_(self.inputs, list(inputs))
                self.replay()
            else:
                self.compute(*inputs)  # the short last batch of an epoch
            return
        self.calls[shapes] += 1
        if self.calls[shapes] <= WARM_UP or self.refused:
            self.compute(*inputs)
        else:
            self._begin(self.record, inputs)

    def _begin(self, record: Record, inputs: tuple[Tensor, ...]) -> None:
        """Take a step, and record it."""
        self.inputs = [x.detach().clone() for x in inputs]
        state = [value.detach() for value in self.state()]
        before, drawn = [value.clone() for value in state], _draws(state[0].device)
        self.compute(*self.inputs)
        computed = [value.clone() for value in state]
        try:
            replay = record(lambda: self.compute(*self.inputs))
            torch._foreach_copy_(state, before)
            if drawn is not None:  # dropout's numbers are to be those of the computed step
                torch.cuda.set_rng_state(drawn, state[0].device)
            replay()
            if _alike(before, computed, state):
                self.replay = replay
            else:
                self.refused = "a replay differed"
        except RuntimeError as error:
            self.refused = str(error).partition("\n")[0] or type(error).__name__
        finally:
            torch._foreach_copy_(state, computed)

    @property
    def note(self) -> str:
        """How steps are computed, in words; empty before that is decided, and where there is nothing to say."""
        if self.refused:
            return f"steps not recorded ({self.refused})"
        return "steps replayed as one graph" if self.replay is not None else ""


def _draws(device: torch.device) -> Tensor | None:
    """Return the state of a GPU's own random generator, from which a replay draws as well; None on a CPU."""
    return torch.cuda.get_rng_state(device) if device.type == "cuda" else None


def _alike(before: Sequence[Tensor], one: Sequence[Tensor], other: Sequence[Tensor]) -> bool:
    """Say whether two steps from the same state go to the same place, up to a GPU's rounding; waits for the device.

    A few tensors may differ: a bias without influence moves by nothing but rounding.
    """
    pairs = list(zip(before, one, other, strict=True))
    differ = [_distance(b, c) > LARGEST_DIFFERENCE * _distance(a, b) for a, b, c in pairs]
    return float(torch.stack(differ).double().mean()) <= LARGEST_SHARE


def _distance(a: Tensor, b: Tensor) -> Tensor:
    """Return the Euclidean distance; numbers that are not finite in both are equal, in one of both infinitely far."""
    apart = torch.nan_to_num((a - b).double())
    distance: Tensor = torch.linalg.vector_norm(torch.where(a.isfinite() == b.isfinite(), apart, torch.inf))
    return distance
