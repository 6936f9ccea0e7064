"""Pictures of every mode are scaled from black to white, or refused by name."""

import io

import numpy as np
import pytest
from PIL import Image

from tests.data import copies
from vitwork.data import DataSpec, load
from vitwork.data.corruptions.published import imagenet_c
from vitwork.data.sources.collection import Example
from vitwork.data.sources.decoding import pixels_of
from vitwork.errors import VitworkError

RAMP = np.tile(np.linspace(0, 1, 16), (16, 1))
GREY = np.round(RAMP * 255).astype(np.uint8)


def decoded(picture, kind):
    buffer = io.BytesIO()
    picture.save(buffer, kind)
    return pixels_of(Example(buffer.getvalue(), 0, "it")).astype(int)


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
@pytest.mark.parametrize("order", ["<u2", ">u2"])
def test_sixteen_bits_are_scaled_to_eight(kind, order):
    """A ramp over all 65536 levels is a ramp over all 256, to the nearest."""
    levels = np.round(RAMP * 65535).astype(order)
    found = decoded(Image.fromarray(levels), kind)
    assert np.abs(found - np.round(RAMP * 255)[..., None]).max() == 0


@pytest.mark.parametrize(
    ("mode", "kind", "error"),
    [
        ("L", "PNG", 0),
        ("LA", "PNG", 0),
        ("P", "PNG", 0),
        ("RGB", "PNG", 0),
        ("RGBA", "PNG", 0),
        ("CMYK", "TIFF", 1),
        ("CMYK", "JPEG", 4),
        ("YCbCr", "JPEG", 4),
        ("1", "PNG", 127),
    ],
)
def test_other_modes_keep_black_grey_and_white(mode, kind, error):
    """Grey, palette, transparent, printed and one-bit pictures have the levels that were stored."""
    grey = Image.fromarray(GREY)
    source = grey if mode in {"1", "P"} else grey.convert("RGB")
    picture = source.convert(mode, dither=Image.Dither.NONE)
    found = decoded(picture, kind)
    assert found.shape == (16, 16, 3)
    assert np.abs(found - GREY[..., None]).max() <= error
    assert (found.min(), found.max()) == pytest.approx((0, 255), abs=4)


def test_a_transparent_palette_warns_nobody():
    """PIL's warning on palettes with transparency, an error in tests, does not arise."""
    picture = Image.fromarray(GREY).convert("P")
    buffer = io.BytesIO()
    picture.save(buffer, "PNG", transparency=bytes(range(256)))
    assert np.array_equal(pixels_of(Example(buffer.getvalue(), 0, "it"))[..., 0], GREY)


@pytest.mark.usefixtures("cache_folder")
@pytest.mark.parametrize(("dtype", "mode"), [(np.int32, "I"), (np.float32, "F")])
def test_pictures_without_a_known_white_are_refused(tmp_path, dtype, mode):
    """32-bit integers and floats may mean anything: file and mode are named, by every reader."""
    picture = Image.fromarray((RAMP * 1000).astype(dtype))
    root = copies.image_folder(tmp_path / "data")
    picture.save(root / "train" / "cat" / "9.tif")
    with pytest.raises(VitworkError, match=rf"cat/9\.tif has the mode {mode}, whose white is not known"):
        load(DataSpec("folder", size=8), root)
    folder = tmp_path / "fog" / "1" / "n01"
    folder.mkdir(parents=True)
    picture.save(folder / "0.png", "TIFF")
    with pytest.raises(VitworkError, match=rf"0\.png has the mode {mode}"):
        next(imagenet_c(tmp_path, "fog", 1))
