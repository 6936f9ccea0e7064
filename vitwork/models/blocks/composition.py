"""A check that the composition of blocks equals the model, on two batch sizes and at two sets of weights."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from contextlib import redirect_stderr

import torch
from torch import Tensor, nn
from torch.func import functional_call

from vitwork.device.parts import apart, check_repeatable
from vitwork.errors import VitworkError, told
from vitwork.models.blocks.block import Block
from vitwork.models.blocks.places import state_of
from vitwork.models.blocks.unchanged import unchanged

EXACT = 1e-4  # share of the logits' variation, beyond rounding; equal operations in equal order differ by far less


def check_composition(model: nn.Module, blocks: Sequence[Block], images: Tensor, shapes: Sequence[torch.Size]) -> None:
    """Refuse blocks whose composition differs from the model.

    At fresh weights much of a model may be multiplied by zero. So the check is repeated at other weights near its own.

    Args:
        model: the model that was recorded.
        blocks: its blocks.
        images: images with the shape, type and device of the recording.
        shapes: shapes of the blocks' outputs in the recording.

    Raises:
        VitworkError: outputs differ (the message says by how much), or a block fails or returns another shape. Or the
            model's output changes when it is run again on the same images and random numbers.
    """
    own = {id(value): value.detach() for value in model.parameters()}
    generator = torch.Generator().manual_seed(0)
    moved = {key: near(value, generator) for key, value in own.items()}
    devices = [images.device] if images.device.type == "cuda" else []
    with torch.no_grad(), torch.random.fork_rng(devices):
        for count, weights in ((2, own), (3, moved)):
            x = torch.randn(count, *images.shape[1:], generator=generator).to(images)
            with unchanged(model):  # one after the other, since a model may cache values computed from its weights
                wanted, again = (seeded(model, x, weights) for _ in range(2))
            check_repeatable(wanted, again)
            torch.manual_seed(0)
            with unchanged(model):
                check_logits(model, passed(blocks, x, weights, shapes), wanted)


def seeded(model: nn.Module, x: Tensor, weights: Mapping[int, Tensor]) -> Tensor:
    """Return a model's outputs for images at given weights, with random numbers from a fixed seed."""
    torch.manual_seed(0)
    logits: Tensor = functional_call(model, state_of(model, weights), (x.clone(),))
    return logits


def near(value: Tensor, generator: torch.Generator) -> Tensor:
    """Return weights that differ by a tenth of their size and are not zero."""
    if not value.is_floating_point():
        return value
    noise = torch.randn(value.shape, generator=generator).to(value)
    return value + 0.1 * (value.square().mean().sqrt() + 0.1) * noise


def passed(blocks: Sequence[Block], x: Tensor, weights: Mapping[int, Tensor], shapes: Sequence[torch.Size]) -> Tensor:
    """Return the outputs of the composed blocks for images at given weights."""
    for block, shape in zip(blocks, shapes, strict=True):
        try:
            with redirect_stderr(io.StringIO()):  # torch prints failing code there
                x = functional_call(block.module, state_of(block.module, weights), (x,))
        except (RuntimeError, ValueError, TypeError, IndexError) as error:
            raise VitworkError(f"the structure of {block.name} is not understood: {told(error)[:200]}") from error
        if x.shape[1:] != shape[1:]:
            raise VitworkError(f"the structure of {block.name} is not understood: its shape follows the batch size")
    return x


def check_logits(model: nn.Module, found: Tensor, wanted: Tensor) -> None:
    """Refuse logits that differ from the expected ones; where the model overflows, there is nothing to compare."""
    share = apart(found, wanted)
    if share > EXACT:
        raise VitworkError(
            f"{type(model).__name__} cannot be divided into blocks: one after the other, they differ from it by {share:.2g} of "
            "what a logit varies, so something in its code, such as a change of a tensor in place, is not followed"
        )
