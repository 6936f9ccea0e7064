"""A function of tensors that is captured once, checked, and replayed from then on."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, Generic, TypeVar, cast
from weakref import WeakMethod

import torch
from torch import Tensor

from vitwork.device.graphs import Capture
from vitwork.errors import said

LOG = logging.getLogger(__name__)
LARGEST_SHARE = 0.1  # share of tensors that may differ; after a random draw, most do

Result = TypeVar("Result", bound="Tensor | None")


def weakly(method: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function that calls a method without keeping its object alive.

    It is for objects that hold a `Replayed` of their own methods. Such an object is then freed with its last reference,
    and its GPU memory with it. Garbage collection might come too late, since it does not know that GPU memory is
    scarce.
    """
    reference = WeakMethod(method)

    def call(*arguments: Any) -> Any:
        found = reference()
        assert found is not None, "called only by its own object"
        return found(*arguments)

    return call


class Replayed(Generic[Result]):
    """A function of tensors, captured after some calls with the same shapes and replayed from then on.

    The capture is checked at once: from the same state, a replay has to give the same state and result as the
    computation. If the check fails, or something cannot be captured, all calls are computed.

    Args:
        compute: the function. It must not read values back, and its control flow must always be the same. It may return
            a tensor.
        capture: makes the graph; None to compute every call.
        state: returns all tensors that the function changes in place and whose values matter later.
        warm_up: number of calls before the capture, in which libraries choose kernels and compilers compile.
        tolerance: largest difference between a replay and a computation, relative to the change by the computation.
    """

    def __init__(
        self,
        compute: Callable[..., Result],
        capture: Capture | None,
        *,
        state: Callable[[], Sequence[Tensor]] = tuple,
        warm_up: int,
        tolerance: float,
    ) -> None:
        self.compute, self.capture, self.state = compute, capture, state
        self.warm_up, self.tolerance = warm_up, tolerance
        self.calls: Counter[tuple[torch.Size, ...]] = Counter()
        self.inputs: list[Tensor] = []
        self.results: list[Tensor] = []  # one or none
        self.replay: Callable[[], object] | None = None
        self.refused = ""

    def __call__(self, *inputs: Tensor) -> Result:
        """Compute, or replay if the inputs have the captured shapes; later calls do not change the result."""
        if self.capture is None or self.refused:
            return self.compute(*inputs)
        shapes = _shapes(inputs)
        if self.replay is None:
            self.calls[shapes] += 1
            ready = self.calls[shapes] > self.warm_up
            return self._begin(self.capture, inputs) if ready else self.compute(*inputs)
        if shapes != _shapes(self.inputs):  # the short last batch of an epoch
            return self.compute(*inputs)
        torch._foreach_copy_(self.inputs, list(inputs))
        self.replay()
        return cast("Result", self.results[0].clone() if self.results else None)

    def _begin(self, capture: Capture, inputs: Sequence[Tensor]) -> Result:
        """Compute, and capture the computation; waits for the device."""
        self.inputs = [x.detach().clone() for x in inputs]
        state, drawn = [value.detach() for value in self.state()], _draws(self.inputs[0].device)
        before = [value.clone() for value in state]
        result = self.compute(*self.inputs)
        returned = [] if result is None else [result]
        computed = [value.clone() for value in state]
        try:
            self.results = [torch.empty_like(value) for value in returned]
            replay = capture(self._compute)
            _copy(state, before)
            if drawn is not None:  # so that dropout draws the computation's numbers again
                torch.cuda.set_rng_state(drawn, self.inputs[0].device)
            replay()
            start = [*before, *(torch.zeros_like(value) for value in returned)]
            if alike(start, [*computed, *returned], [*state, *self.results], self.tolerance):
                self.replay = replay
            else:
                self.refused = "a replay differed"
        except RuntimeError as error:  # the function waits for the device, or memory does not suffice
            self.refused = said(error).partition("\n")[0] or type(error).__name__
        finally:
            _copy(state, computed)
        if self.refused:
            LOG.info("computed, not replayed: %s", self.refused)
        return result

    def _compute(self) -> None:
        result = self.compute(*self.inputs)
        if result is not None:
            self.results[0].copy_(result)

    @property
    def note(self) -> str:
        """Whether steps are replayed, in words; empty before this is known, and where all calls are computed anyway."""
        if self.refused:
            return f"steps not recorded ({self.refused})"
        return "steps replayed as one graph" if self.replay is not None else ""


def alike(before: Sequence[Tensor], one: Sequence[Tensor], other: Sequence[Tensor], tolerance: float) -> bool:
    """Return whether two computations from the same state give the same values up to rounding; waits for the device.

    A few tensors may differ: a bias without effect on the output changes by rounding only.

    Args:
        before: the initial state of both.
        one, other: the final state of each.
        tolerance: largest distance between them, relative to that from `before` to `one`.
    """
    differ = [_distance(b, c) > tolerance * _distance(a, b) for a, b, c in zip(before, one, other, strict=True)]
    return float(torch.stack(differ).double().mean()) <= LARGEST_SHARE


def _distance(a: Tensor, b: Tensor) -> Tensor:
    """Return the Euclidean distance; two non-finite numbers have distance 0, a finite and a non-finite one infinity."""
    apart = torch.where(a.isfinite() == b.isfinite(), torch.nan_to_num(a - b), torch.inf)
    distance: Tensor = torch.linalg.vector_norm(apart, dtype=torch.float64)
    return distance


def _draws(device: torch.device) -> Tensor | None:
    """Return the state of a GPU's random generator, which a replay uses, too; None on a CPU."""
    return torch.cuda.get_rng_state(device) if device.type == "cuda" else None


def _copy(to: list[Tensor], values: list[Tensor]) -> None:
    if to:
        torch._foreach_copy_(to, values)


def _shapes(tensors: Sequence[Tensor]) -> tuple[torch.Size, ...]:
    return tuple(x.shape for x in tensors)
