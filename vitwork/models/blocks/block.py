"""The block, a part of a model that analyses observe, compare and remove."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from torch import Tensor, nn

Kind = Literal["stem", "conv", "msa", "mlp", "pool", "head"]
Layout = Literal["nchw", "nhwc", "tokens", "vector", "other"]


@dataclass(frozen=True, slots=True)
class Block:
    """One step of a model; composing a model's blocks in order is the model.

    Attributes:
        name: dotted module path where there is one, unique in the model.
        kind: its type of operation; ``pool`` changes resolution between stages, ``head`` ends in logits.
        stage: 0 for the stem, then 1, 2, …; the head carries the last stage's number.
        module: maps the previous block's output to this one's; shares the model's parameters.
        layout: dimensions of its output: ``nchw``, ``nhwc``, ``tokens`` (b, prefix + h·w, c), ``vector`` (logits), or
            ``other`` where its positions do not lie in a grid of the image that is numbered row by row.
        prefix: leading tokens without a place in the image (class token).
        grid: rows and columns of its output's places; None where there are no places, and for a square of tokens.
        downsamples: whether its output has a lower resolution than its input.
        stage_end: whether it is the last block of its stage.
        skip: the residual connection alone, projection included; None where the block has none.
        attention: returns the attention weights (b, heads, queries, keys) for the block's input, for ``msa`` kinds
            whose structure is understood; otherwise None. Rows sum to one, unless the model changes them after its
            softmax. Windowed attention folds windows into b; the places of a window are neighbours. Queries and keys
            are
            ``prefix`` tokens and places; at most one more key stands for padding.
        window: rows and columns of the places that attention spans; None for a square.
    """

    name: str
    kind: Kind
    stage: int
    module: nn.Module
    layout: Layout = "nchw"
    prefix: int = 0
    grid: tuple[int, int] | None = None
    downsamples: bool = False
    stage_end: bool = False
    skip: Callable[[Tensor], Tensor] | None = None
    attention: Callable[[Tensor], Tensor] | None = None
    window: tuple[int, int] | None = None

    def feature_map(self, output: Tensor) -> Tensor:
        """Return the block's output as (b, c, h, w), without prefix tokens.

        Raises:
            ValueError: the output has no spatial layout, or its tokens do not form its grid.
        """
        if self.layout == "nchw":
            return output
        if self.layout == "nhwc":
            return output.permute(0, 3, 1, 2)
        if self.layout == "tokens":
            tokens = output[:, self.prefix :]
            side = round(tokens.shape[1] ** 0.5)
            height, width = self.grid or (side, side)
            if height * width != tokens.shape[1]:
                raise ValueError(f"block {self.name}: {tokens.shape[1]} tokens do not form {height} × {width} places")
            return tokens.transpose(1, 2).reshape(tokens.shape[0], -1, height, width)
        if self.layout == "other":
            raise ValueError(f"the positions of block {self.name} lie in no grid of the image")
        raise ValueError(f"block {self.name} ends in a vector, not in a feature map")
