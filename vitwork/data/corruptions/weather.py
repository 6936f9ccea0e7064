"""Weather corruptions, each from images on the scale 0 … 255 (float64, (b, 3, h, w)) to the same scale."""

from __future__ import annotations

import torch
from torch import Tensor

from vitwork.data.corruptions.noise import truncated
from vitwork.data.corruptions.resampling import motion_blurred, separable, zoom_matrix
from vitwork.data.position_rng import PositionRng

GREY = (0.299, 0.587, 0.114)
ICE = (0.88, 0.95, 1.0)


def brightness(images: Tensor, amount: float, _: PositionRng) -> Tensor:
    """Return images with the value of each pixel (in hue, saturation, value) raised, up to full intensity.

    With hue and saturation fixed, the channels grow in proportion to the value, so no conversion is needed; black
    becomes grey.
    """
    value = images.amax(dim=1, keepdim=True)
    raised = (value + 255 * amount).clamp(max=255)
    return torch.where(value > 0, images * (raised / value.clamp(min=1)), raised)


def fog(images: Tensor, mist: tuple[float, float], random: PositionRng) -> Tensor:
    """Return images with a random cloud added, rescaled to their maximum; `mist` is its strength and smoothness."""
    strength, decay = mist
    size = images.shape[-1]
    cloud = plasma(len(images), size, decay, random)[:, None]
    highest = images.amax(dim=(1, 2, 3), keepdim=True)
    return (images + 255 * strength * cloud) * (highest / (highest + 255 * strength))


def snow(images: Tensor, fall: tuple[float, ...], random: PositionRng) -> Tensor:
    """Return whitened images with falling snowflakes.

    `fall` holds the flakes' mean and standard deviation, their enlargement, the threshold below which there is no
    flake, radius and standard deviation of their motion blur, and the weight of the image that is not whitened.
    """
    mean, deviation, factor, threshold, radius, sigma, weight = fall
    size = images.shape[-1]
    flakes = mean + deviation * random.normal(len(images), 1, size, size).double()
    flakes = separable(flakes, zoom_matrix(size, factor))
    flakes = truncated(255 * torch.where(flakes < threshold, 0.0, flakes))
    angle = random.uniform(len(images)) * 90 - 135
    flakes = torch.floor(motion_blurred(flakes, radius, sigma, angle) + 0.5)
    grey = (images * images.new_tensor(GREY)[:, None, None]).sum(dim=1, keepdim=True)
    whitened = torch.maximum(images, 1.5 * grey + 127.5)
    return weight * images + (1 - weight) * whitened + flakes + flakes.rot90(2, (-2, -1))


def frost(images: Tensor, ice: tuple[float, float], random: PositionRng) -> Tensor:
    """Return images covered with ice; `ice` is the weight of the image and of the ice.

    The original blends in crops of six photographs of frost. Here ice is drawn (see `_ice`), so absolute accuracies
    under frost are not comparable with those on CIFAR-C or ImageNet-C files. `vitwork.data.corruptions.published` reads
    those files.
    """
    keep, cover = ice
    return keep * images + cover * _ice(len(images), images.shape[-1], random)


def _ice(batch: int, size: int, random: PositionRng) -> Tensor:
    """Return drawn ice on the scale 0 … 255, (batch, 3, size, size): a pale film with bright, thin crystals."""
    film = plasma(batch, size, 2.0, random)
    crystals = sum((1 - (2 * plasma(batch, size, 1.7, random) - 1).abs()) ** 8 for _ in range(2))
    layer = (0.55 * film + 0.6 * crystals).clamp(0, 1)[:, None]
    return 255 * layer * layer.new_tensor(ICE)[:, None, None]


def plasma(batch: int, size: int, decay: float, random: PositionRng) -> Tensor:
    """Return random clouds by the diamond-square algorithm on a torus, (batch, size, size) in [0, 1].

    The width of the map is a power of two, and the map is cut to `size`. As in the generators, the random part of every
    new point is uniform, with half-width 100 times a roughness that starts at 100 and is divided by `decay` at every
    scale.
    """
    full = 1 << (size - 1).bit_length()
    field = torch.zeros(batch, full, full, dtype=torch.double, device=random.device)
    step, roughness = full, 100.0
    while step >= 2:
        half = step // 2

        def middle(total: Tensor, rough: float = roughness) -> Tensor:
            return total / 4 + rough * rough * (2 * random.uniform(*total.shape).double() - 1)

        corner = field[:, ::step, ::step]
        rows = corner + corner.roll(-1, 1)
        field[:, half::step, half::step] = middle(rows + rows.roll(-1, 2))
        centre = field[:, half::step, half::step]
        field[:, ::step, half::step] = middle(centre + centre.roll(1, 1) + corner + corner.roll(-1, 2))
        field[:, half::step, ::step] = middle(centre + centre.roll(1, 2) + corner + corner.roll(-1, 1))
        step, roughness = half, roughness / decay
    field = field - field.amin(dim=(1, 2), keepdim=True)
    return (field / field.amax(dim=(1, 2), keepdim=True))[:, :size, :size]
