"""Mixing images and their labels, and erasing parts of them: mixup, cutmix, random erasing as timm draws them."""

from __future__ import annotations

import math

import torch
from torch import Tensor

ERASED_AREA = (0.02, 1 / 3)
ERASED_ASPECT = (0.3, 1 / 0.3)
ATTEMPTS = 10


def smoothed_targets(labels: Tensor, num_classes: int, smoothing: float) -> Tensor:
    """Return float32 (b, classes): 1 - smoothing on the label and smoothing spread over all classes."""
    off = smoothing / num_classes
    targets = torch.full((len(labels), num_classes), off, device=labels.device)
    return targets.scatter_(1, labels.unsqueeze(1), 1 - smoothing + off)


def own_share(
    groups: int,
    size: tuple[int, int],
    *,
    mixup: float,
    cutmix: float,
    probability: float,
    switch: float,
    generator: torch.Generator,
) -> tuple[Tensor, Tensor]:
    """Draw the share that images of each group keep; the rest comes from their partners.

    Args:
        groups: number of draws.
        size: height and width of the images.
        mixup, cutmix: Beta parameters; 0 switches one of the two off, not both.
        probability: probability of mixing at all.
        switch: probability of cutmix if both are on.
        generator: source of all draws; its device is that of the result.

    Returns:
        The images' own share at each pixel, float32 (groups, height, width), and its mean (groups,), which is the
        labels' own share. For cutmix it is the area outside the box, after cutting the box at the image's border.
    """
    device = generator.device
    height, width = size
    uniform = torch.rand(4, groups, generator=generator, device=device)
    chance = 0.0 if cutmix == 0 else 1.0 if mixup == 0 else switch
    cut = uniform[0] < chance
    share = torch.where(cut, _beta(cutmix, groups, generator), _beta(mixup, groups, generator))
    share = torch.where(uniform[1] < probability, share, 1.0)
    side = (1 - share).clamp_(min=0).sqrt_()
    inside = _span(uniform[2], side, height).unsqueeze(2) & _span(uniform[3], side, width).unsqueeze(1)
    shares = torch.where(cut.view(-1, 1, 1), 1 - inside.to(torch.float32), share.view(-1, 1, 1))
    return shares, shares.mean((1, 2))


def mix(images: Tensor, targets: Tensor, shares: Tensor, means: Tensor) -> tuple[Tensor, Tensor]:
    """Return images and targets with each image of a group mixed with the one at the mirrored position in the group.

    Args:
        images: float32 (groups, k, 3, h, w).
        targets: float32 (groups, k, classes).
        shares, means: results of `own_share`.
    """
    mixed = torch.lerp(images.flip(1), images, shares.view(len(shares), 1, 1, *shares.shape[1:]))
    return mixed, torch.lerp(targets.flip(1), targets, means.view(-1, 1, 1))


def erase(images: Tensor, probability: float, generator: torch.Generator) -> Tensor:
    """Return normalised images (b, 3, h, w) in which, with the given probability, a random box is set to 0."""
    b, _, height, width = images.shape
    device = images.device
    uniform = torch.rand(2, ATTEMPTS, b, generator=generator, device=device)
    place = torch.rand(3, b, generator=generator, device=device)
    area = (ERASED_AREA[0] + uniform[0] * (ERASED_AREA[1] - ERASED_AREA[0])) * (height * width)
    low, high = math.log(ERASED_ASPECT[0]), math.log(ERASED_ASPECT[1])
    aspect = torch.exp(low + uniform[1] * (high - low))
    rows, columns = (area * aspect).sqrt_().round_(), (area / aspect).sqrt_().round_()
    fits = (rows < height) & (columns < width)
    first = fits.to(torch.uint8).argmax(0, keepdim=True)
    rows, columns = rows.gather(0, first)[0], columns.gather(0, first)[0]
    top = (place[0] * (height - rows + 1)).floor_()
    left = (place[1] * (width - columns + 1)).floor_()
    erased = _box(top, rows, height).unsqueeze(2) & _box(left, columns, width).unsqueeze(1)
    erased &= (fits.any(0) & (place[2] < probability)).view(-1, 1, 1)
    return images.masked_fill(erased.unsqueeze(1), 0.0)


def _beta(alpha: float, count: int, generator: torch.Generator) -> Tensor:
    """Return draws of Beta(alpha, alpha), or ones for alpha 0."""
    if alpha == 0:
        return torch.ones(count, device=generator.device)
    shape = torch.full((2, count), alpha, device=generator.device)
    gamma = torch._standard_gamma(shape, generator=generator)  # noqa: SLF001 - torch.distributions takes no generator
    return gamma[0] / (gamma[0] + gamma[1])


def _span(uniform: Tensor, side: Tensor, length: int) -> Tensor:
    """Return which pixels of a line are within ``side · length`` about a random centre, bool (groups, length)."""
    extent = (side * length).floor()
    centre = (uniform * length).floor()
    start = (centre - (extent / 2).floor()).clamp(min=0)
    end = centre + ((extent + 1) / 2).floor()
    pixel = torch.arange(length, device=side.device)
    return (pixel >= start.unsqueeze(1)) & (pixel < end.unsqueeze(1))


def _box(start: Tensor, extent: Tensor, length: int) -> Tensor:
    pixel = torch.arange(length, device=start.device)
    return (pixel >= start.unsqueeze(1)) & (pixel < (start + extent).unsqueeze(1))
