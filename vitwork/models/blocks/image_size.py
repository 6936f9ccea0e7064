"""The size of the images that a model accepts."""

from __future__ import annotations

from collections.abc import Callable
from numbers import Integral

from torch import Tensor, nn

from vitwork.errors import VitworkError, told


def image_size_of(model: nn.Module, images: Callable[[tuple[int, ...]], Tensor]) -> tuple[int, ...]:
    """Return the image size of a model: the size it states, otherwise the one of 32 and 224 pixels that it accepts."""
    stated = getattr(model, "input_size", None)
    sizes = [getattr(module, "img_size", None) for module in model.modules()]
    embedded = next(((size, size) if isinstance(size, int) else size for size in sizes if size), None)
    config = (getattr(model, "pretrained_cfg", None) or {}).get("input_size")
    known = stated or (embedded and (3, *embedded)) or config
    if known:
        return tuple(known)
    reasons = []
    for side in (32, 224):
        try:
            model(images((3, side, side)))
        except Exception as error:  # noqa: BLE001  # any error means that the model does not accept this size
            reasons.append(f"{side} pixels ({told(error)[:120]})")
        else:
            return (3, side, side)
    raise VitworkError(f"{type(model).__name__} takes no images of {' or '.join(reasons)}: say which with input_size")


def check_size(input_size: object) -> None:
    """Refuse a value that is not an image size (channels, height, width).

    Raises:
        VitworkError: the value is not an image size.
    """
    sides = input_size if isinstance(input_size, (tuple, list)) else ()
    if len(sides) != 3 or not all(isinstance(side, Integral) and int(side) > 0 for side in sides):
        raise VitworkError(f"input_size is (channels, height, width), as in (3, 224, 224), not {input_size!r}")
