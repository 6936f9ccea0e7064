"""The drawn images of the `smoke` profile's data set, which needs no download.

Every image shows one object in front of a shaded background. Its *outline* (a low-frequency cue,
`vitwork.data.drawn.shapes`) and its *texture* (a high-frequency cue, `vitwork.data.drawn.textures`) are chosen
separately. The texture has periods of 2.5 to 3.5 pixels, that is 0.57π to 0.8π, at every image size. In ordinary images
both cues are those of the class; `conflict` pairs the outline of one class with the texture of another. Each cue is
mixed, by a random share of up to 0.3, with that of a random class, so that some images are ambiguous.

These vary from image to image and are independent of the class: position, size and rotation of the object, direction
and period of the texture, the colours of object and background, smaller objects of random outline and texture behind
it, and noise on each pixel. A horizontal mirror does not change the class.

Images depend only on seed, split and position: the first images of a longer drawing are the shorter drawing. They are
the same on every platform (see `vitwork.data.drawn.exact_rng`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from vitwork.data.drawn.exact_rng import ExactRng, Floats, direction
from vitwork.data.drawn.shapes import SHAPES
from vitwork.data.drawn.textures import TEXTURES
from vitwork.errors import choice

CLASSES = tuple(f"class-{number}" for number in range(len(SHAPES)))
SPLITS = ("train", "test", "conflict")
Split = Literal["train", "test", "conflict"]
Labels = NDArray[np.int64]

BLOCK = 250  # images drawn at once; a multiple of the class count, so that every block is balanced
DISTRACTORS = 2
# The ranges below were chosen by the accuracy of small networks after six epochs on 1,600 images of 16×16, before any
# claim was measured on them (docs/registration.md): a ViT should learn clearly more than chance in the available time,
# and a pre-activation ResNet should not saturate. Measured with one training each: ViT (dim 48, three blocks) 35 %,
# ResNet (widths 8 to 32) 77 % after five epochs. With fainter textures the ViT stays at chance; stronger outlines hide
# the textures.
AMBIGUITY = (0.0, 0.3)  # share of another class's outline, and of its texture, that is mixed in
TEXTURE_CONTRAST = (0.3, 0.5)  # share of the intensity range, one standard deviation
OUTLINE_CONTRAST = (0.2, 0.45)
NOISE = (0.01, 0.04)
PERIOD = (2.5, 3.5)  # pixels


class PoseRange(NamedTuple):
    """Ranges of an object's pose.

    Attributes:
        radius: half of its width, as a share of half the image.
        spread: largest distance of its centre from the image's centre along each axis, in the same unit.
        turn: rotation in full turns.
        darker: share of the objects that are darker than their background.
    """

    radius: tuple[float, float]
    spread: float
    turn: tuple[float, float]
    darker: float


OBJECT = PoseRange(radius=(0.65, 0.9), spread=0.2, turn=(-0.07, 0.07), darker=0.5)
CLUTTER = PoseRange(radius=(0.2, 0.35), spread=0.9, turn=(0.0, 1.0), darker=0.5)


class Drawing(NamedTuple):
    """Drawn images.

    Attributes:
        images: uint8 (n, 3, size, size).
        shapes: class of each outline, int64 (n,); the label of ordinary images.
        textures: class of each texture, int64 (n,); equal to `shapes` in ordinary images.
    """

    images: NDArray[np.uint8]
    shapes: Labels
    textures: Labels


def draw_images(n: int, size: int = 16, seed: int = 0, split: Split = "train") -> Drawing:
    """Return drawn, labelled images whose outline and texture agree.

    Args:
        n: number of images; classes alternate, so every prefix is balanced to within one image.
        size: side in pixels.
        seed: seed of the drawing.
        split: part of the data set; splits share no random number.

    Returns:
        The images with their labels.
    """
    labels = np.arange(n, dtype=np.int64) % len(CLASSES)
    return draw_cues(labels, labels, size=size, seed=seed, split=split)


def conflict(n: int, size: int = 16) -> Drawing:
    """Return drawn images with the outline of one class and the texture of another, all ordered pairs equally often."""
    count = len(CLASSES)
    index = np.arange(n, dtype=np.int64)
    shapes = index % count
    textures = (shapes + 1 + (index // count) % (count - 1)) % count
    return draw_cues(shapes, textures, size=size, split="conflict")


def draw_cues(shapes: Labels, textures: Labels, *, size: int = 16, seed: int = 0, split: Split = "test") -> Drawing:
    """Return one drawn image for each pair of outline and texture.

    Args:
        shapes, textures: classes, int64 (n,).
        size: side in pixels.
        seed: seed of the drawing.
        split: part of the data set.

    Returns:
        The images with the given classes.

    Raises:
        VitworkError: there is no such split.
    """
    choice("split", split, Split)
    images = np.empty((len(shapes), 3, size, size), np.uint8)
    for start in range(0, len(shapes), BLOCK):
        part = slice(start, start + BLOCK)
        stream = ExactRng((seed, SPLITS.index(split), size, start // BLOCK))
        # A whole block is drawn even if fewer images are needed, so that a prefix does not depend on n.
        drawn = _paint(_padded(shapes[part]), _padded(textures[part]), size, stream)
        images[part] = drawn[: len(shapes[part])]
    return Drawing(images, shapes, textures)


def _padded(labels: Labels) -> Labels:
    return np.resize(labels, BLOCK)


def _paint(shapes: Labels, textures: Labels, size: int, stream: ExactRng) -> NDArray[np.uint8]:
    """Return one block of images, background first, object last, noise on top."""
    n = len(shapes)
    canvas = _background(n, size, stream)
    for _ in range(DISTRACTORS):
        kinds = (stream.uniform(2, n) * len(CLASSES)).astype(np.int64)
        canvas = _put(canvas, kinds[0], kinds[1], CLUTTER, stream)
    canvas = _put(canvas, shapes, textures, OBJECT, stream)
    noise = _between(stream.uniform(n, 1, 1, 1), NOISE) * stream.normal(n, 3, size, size)
    levels = np.clip((canvas + noise) * 255, 0, 255)
    return np.asarray(np.floor(levels + np.float32(0.5)), np.uint8)


def _background(n: int, size: int, stream: ExactRng) -> Floats:
    """Return a shaded plane of random colour and slope, (n, 3, size, size)."""
    x, y = _grid(size)
    slope = (stream.uniform(2, n, 3, 1, 1) - np.float32(0.5)) * np.float32(0.3)
    level = _between(stream.uniform(n, 1, 1, 1), (0.35, 0.65)) + _between(stream.uniform(n, 3, 1, 1), (-0.1, 0.1))
    return np.asarray(level + slope[0] * x + slope[1] * y)


def _put(canvas: Floats, shapes: Labels, textures: Labels, place: PoseRange, stream: ExactRng) -> Floats:
    """Return the canvas with one textured object on each image."""
    n, _, size, _ = canvas.shape
    cover = _cover(shapes, size, place, stream)[:, None]
    pattern = _pattern(textures, size, stream)[:, None]
    sign = np.where(stream.uniform(n, 1, 1, 1) < place.darker, -1, 1).astype(np.float32)
    shade = sign * _between(stream.uniform(n, 1, 1, 1), OUTLINE_CONTRAST)
    tint = _between(stream.uniform(n, 3, 1, 1), (-0.1, 0.1))
    relief = _between(stream.uniform(n, 1, 1, 1), TEXTURE_CONTRAST) * pattern
    return np.asarray(canvas + cover * (shade + tint + relief))


def _cover(shapes: Labels, size: int, place: PoseRange, stream: ExactRng) -> Floats:
    """Return the share of each pixel that the posed outline covers, (n, size, size), with anti-aliased edges."""
    n = len(shapes)
    x, y = _grid(size)
    centre = (2 * stream.uniform(2, n, 1, 1) - 1) * np.float32(place.spread)
    radius = _between(stream.uniform(n, 1, 1), place.radius)
    cos, sin = direction(_between(stream.uniform(n, 1, 1), place.turn))
    mirror = np.where(stream.uniform(n, 1, 1) < 0.5, -1, 1).astype(np.float32)
    right, down = (x - centre[0]) / radius, (y - centre[1]) / radius
    a, b = cos * right + sin * down, mirror * (cos * down - sin * right)
    share, others = _admixture(n, stream)
    field = (1 - share) * _each(SHAPES, shapes, a, b) + share * _each(SHAPES, others, a, b)
    pixels = field * radius * np.float32(size / 2)
    return np.asarray(np.clip(np.float32(0.5) - pixels, 0, 1))


def _pattern(textures: Labels, size: int, stream: ExactRng) -> Floats:
    """Return each image's pattern over the whole plane, (n, size, size)."""
    n = len(textures)
    x, y = _grid(size)
    period = _between(stream.uniform(n, 1, 1), PERIOD)
    cos, sin = direction(_between(stream.uniform(n, 1, 1), (-0.03, 0.03)))
    phase = stream.uniform(2, n, 1, 1)
    across, down = x * np.float32(size / 2) / period, y * np.float32(size / 2) / period
    u, v = cos * across + sin * down + phase[0], cos * down - sin * across + phase[1]
    field = stream.uniform(n, size, size)
    share, others = _admixture(n, stream)
    rest = 1 - share
    mixed = rest * _each(TEXTURES, textures, u, v, field) + share * _each(TEXTURES, others, u, v, field)
    return np.asarray(mixed / np.sqrt(rest * rest + share * share))


def _each(drawers: Sequence[Callable[..., Floats]], kinds: Labels, *planes: Floats) -> Floats:
    """Return the result of each image's own drawing function on its planes, (n, h, w)."""
    result = np.empty_like(planes[0])
    for kind, drawer in enumerate(drawers):
        chosen = kinds == kind
        result[chosen] = drawer(*(plane[chosen] for plane in planes))
    return result


def _admixture(n: int, stream: ExactRng) -> tuple[Floats, Labels]:
    """Return the share of another class's cue to mix into each image's cue, and that class, (n, 1, 1) and (n,)."""
    share = _between(stream.uniform(n, 1, 1), AMBIGUITY)
    return share, (stream.uniform(n) * len(CLASSES)).astype(np.int64)


def _grid(size: int) -> tuple[Floats, Floats]:
    """Return the pixels' centres on [-1, 1], as (1, size) and (size, 1)."""
    line = ((2 * np.arange(size) + 1) / size - 1).astype(np.float32)
    return line[None, :], line[:, None]


def _between(uniform: Floats, limits: tuple[float, float]) -> Floats:
    low, high = limits
    return np.asarray(uniform * np.float32(high - low) + np.float32(low))
