"""ResNet variants and AlterNet at any depth and width."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from timm.models.resnet import BasicBlock, Bottleneck
from torch import nn

from vitwork.errors import VitworkError
from vitwork.models.zoo import staged
from vitwork.models.zoo.staged import SMALL_IMAGE, Place, StagedNet
from vitwork.models.zoo.token_mixing import Weights, Windows

WIDTHS = (64, 128, 256, 512)
Placement = Literal["stage-end", "stage-start", "model-end", "appended"]
MIXERS: dict[str, Weights] = {"msa": "dynamic", "static": "static", "pool": "uniform"}


def with_blur(stages: Sequence[nn.Sequential], blur: bool | Sequence[int]) -> Sequence[nn.Sequential]:
    """Return stages with a `staged.Blur` appended: to all but the last for True, or where the sequence is not 0."""
    chosen = [bool(blur)] * (len(stages) - 1) + [False] if isinstance(blur, bool) else [bool(flag) for flag in blur]
    for stage, smooth in zip(stages, chosen, strict=True):
        if smooth:
            stage.add_module("blur", staged.Blur())
    return stages


def resnet(
    num_classes: int,
    *,
    depths: Sequence[int],
    bottleneck: bool,
    widths: Sequence[int] = WIDTHS,
    image_size: int = 32,
    drop_path: float = 0.0,
    blur: bool | Sequence[int] = False,
    groups: int = 1,
    base_width: int = 64,
    gate: str | None = None,
) -> nn.Module:
    """Post-activation ResNet of timm's blocks, with a stem that depends on the image size.

    Args:
        num_classes: classes.
        depths, widths: blocks and bottleneck channels of each stage, any number of stages.
        bottleneck: 1×1, 3×3, 1×1 blocks in place of two 3×3.
        image_size: side of the images; up to 64 the stem is one 3×3 convolution.
        drop_path: stochastic depth of the last block, linear in depth.
        blur: spatial smoothing at the end of all stages but the last, or of those marked.
        groups, base_width: ResNeXt's and WideResNet's parameters, as timm counts them.
        gate: timm's name of a gate on each residual branch (``se``, ``cbam``).
    """
    kind: Any = Bottleneck if bottleneck else BasicBlock

    def block(place: Place, _index: int) -> nn.Module:
        out = place.width * kind.expansion
        projection = [nn.Conv2d(place.dim, out, 1, stride=place.stride, bias=False), nn.BatchNorm2d(out)]
        made: nn.Module = kind(
            place.dim,
            place.width,
            place.stride,
            nn.Sequential(*projection) if place.stride != 1 or place.dim != out else None,
            cardinality=groups,
            base_width=base_width,
            attn_layer=gate,
            drop_path=staged.residual_drop(place.drop_path),
        )
        return made

    built = staged.stages(depths, widths, kind.expansion, drop_path, block)
    return StagedNet(
        staged.stem(widths[0], image_size, activate=True),
        with_blur(built, blur),
        staged.head(widths[-1] * kind.expansion, num_classes, activate=False),
    )


def layout(depths: Sequence[int], msas: Sequence[int], placement: Placement) -> list[list[bool]]:
    """Return for every block of every stage whether it is an MSA block.

    ``stage-end`` alternates backwards from each stage's last block (the paper's rule). ``stage-start`` alternates
    forwards from each stage's second block, since the first changes width and resolution. ``model-end`` makes the last
    blocks of the whole network MSAs, the same number in total. ``appended`` puts `msas` MSA blocks after the `depths`
    convolution blocks of each stage.
    """
    if len(depths) != len(msas):
        raise VitworkError(f"msas has {len(msas)} stages but depths has {len(depths)}")
    if placement == "appended":
        return [[False] * depth + [True] * count for depth, count in zip(depths, msas, strict=True)]
    if placement == "model-end":
        first = sum(depths) - sum(msas)
        ends = [sum(depths[: i + 1]) for i in range(len(depths))]
        return [[end - depth + j >= first for j in range(depth)] for end, depth in zip(ends, depths, strict=True)]
    if placement not in ("stage-end", "stage-start"):
        raise VitworkError(f"placement must be stage-end, stage-start, model-end or appended, not {placement!r}")
    rows = []
    for depth, count in zip(depths, msas, strict=True):
        if 2 * count > depth:
            raise VitworkError(f"{count} alternating MSA blocks do not fit into a stage of {depth} blocks")
        convolutions, pairs = [False] * (depth - 2 * count), [False, True] * count
        rows.append(convolutions + pairs if placement == "stage-end" else pairs + convolutions)
    return rows


@dataclass(frozen=True, slots=True, kw_only=True)
class AlterNetOptions:
    """Size of an AlterNet, and the positions of its MSA blocks.

    Attributes:
        depths, widths: blocks and bottleneck channels of each stage, any number of stages.
        msas: MSA blocks of each stage; None for no MSAs (the baseline with the same blocks).
        bottleneck: 1×1, 3×3, 1×1 blocks in place of two 3×3.
        image_size: side of the images; up to 64 the stem is one 3×3 convolution.
        drop_path: stochastic depth of the last block, linear in depth.
        blur: spatial smoothing, as in `resnet`.
        placement: positions of the MSA blocks, see `layout`.
        window_size: side of a window in places; 4 for small images and 7 for large ones unless given.
        heads: heads of each stage; 3, 6, 12, … unless given.
        head_dim: channels of a head.
        mixer: ``msa``, or its controls ``static`` (learned constant weights) and ``pool`` (3×3 mean).
        activation: activation before (``pre``, the paper's) or after the MSA block's convolution.
    """

    depths: Sequence[int]
    bottleneck: bool
    msas: Sequence[int] | None = None
    widths: Sequence[int] = WIDTHS
    image_size: int = 32
    drop_path: float = 0.0
    blur: bool | Sequence[int] = False
    placement: Placement = "stage-end"
    window_size: int | None = None
    heads: Sequence[int] | None = None
    head_dim: int = 64
    mixer: str = "msa"
    activation: Literal["pre", "post"] = "pre"

    def __post_init__(self) -> None:
        if self.mixer not in MIXERS:
            raise VitworkError(f"mixer must be one of {', '.join(MIXERS)}, not {self.mixer!r}")

    def windows(self, stage: int) -> Windows:
        """Return how the MSA blocks of a stage mix."""
        heads = 3 * 2**stage if self.heads is None else self.heads[stage]
        window = self.window_size or (4 if self.image_size <= SMALL_IMAGE else 7)
        return Windows(heads, self.head_dim, window, MIXERS[self.mixer])


def alternet(num_classes: int, options: AlterNetOptions) -> nn.Module:
    """AlterNet: a pre-activation ResNet some of whose blocks mix by windowed MSA (paper, Section 4)."""
    depths, widths = options.depths, options.widths
    expansion = 4 if options.bottleneck else 1
    is_msa = layout(depths, [0] * len(depths) if options.msas is None else options.msas, options.placement)
    mixing = {"pre": staged.PreActMixing, "post": staged.PostActMixing}[options.activation]

    def block(place: Place, index: int) -> nn.Module:
        if is_msa[place.stage][index]:
            return mixing(place, expansion, options.windows(place.stage))
        return staged.PreActBlock(place, expansion)

    built = staged.stages([len(row) for row in is_msa], widths, expansion, options.drop_path, block)
    return StagedNet(
        staged.stem(widths[0], options.image_size, activate=False),
        with_blur(built, options.blur),
        staged.head(widths[-1] * expansion, num_classes, activate=True),
    )


def preresnet(
    num_classes: int,
    *,
    depths: Sequence[int],
    bottleneck: bool,
    widths: Sequence[int] = WIDTHS,
    image_size: int = 32,
    drop_path: float = 0.0,
    blur: bool | Sequence[int] = False,
) -> nn.Module:
    """Pre-activation ResNet: `alternet` without MSA blocks."""
    options = AlterNetOptions(
        depths=depths, bottleneck=bottleneck, widths=widths, image_size=image_size, drop_path=drop_path, blur=blur
    )
    return alternet(num_classes, options)
