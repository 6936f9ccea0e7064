"""Pictures of every mode are scaled from black to white, or refused by name."""

import io
import struct
import zlib
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image, ImageFile

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
    return read(buffer.getvalue())


def read(content):
    return pixels_of(Example(content, 0, "it")).astype(int)


def tiff(content, tags):
    """Return a file of TIFF, 16 × 16 pixels, with further tags of one number each."""
    tags = {256: 16, 257: 16, 259: 1, 262: 1, 273: 8, 277: 1, 278: 16, 279: len(content)} | tags
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in sorted(tags.items()))
    listed = struct.pack("<H", len(tags)) + entries + bytes(4)
    return struct.pack("<2sHI", b"II", 42, 8 + len(content)) + content + listed


def twelve(levels):
    """Return levels of 12 bits as TIFF packs them, two in three bytes."""
    return b"".join(((int(one) << 12) | int(other)).to_bytes(3) for one, other in levels.reshape(-1, 2))


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
@pytest.mark.parametrize("order", ["<u2", ">u2"])
def test_sixteen_bits_are_scaled_to_eight(kind, order):
    """A ramp over all 65536 levels is a ramp over all 256, to the nearest."""
    levels = np.round(RAMP * 65535).astype(order)
    found = decoded(Image.fromarray(levels), kind)
    assert np.abs(found - np.round(RAMP * 255)[..., None]).max() == 0


@pytest.mark.parametrize(
    ("content", "tags", "wanted"),
    [
        (twelve(np.round(RAMP * 4095)), {258: 12}, RAMP),
        (np.round(RAMP * 65535).astype("<u2").tobytes(), {258: 16}, RAMP),
        (np.round(RAMP * 65535).astype("<u2").tobytes(), {258: 16, 262: 0}, 1 - RAMP),
        (GREY.tobytes(), {258: 8, 262: 0}, 1 - RAMP),
    ],
)
def test_tiff_says_what_its_white_is(content, tags, wanted):
    """The largest number of as many bits as a level has is white, or black where the file calls nought white."""
    assert np.abs(read(tiff(content, tags)) - np.round(wanted * 255)[..., None]).max() == 0


@pytest.mark.parametrize(
    ("content", "tags", "message"),
    [
        (GREY.tobytes(), {258: 8, 339: 2}, "has signed levels, which are not read here"),
        (3 * np.round(RAMP * 65535).astype("<u2").tobytes(), {258: 16, 262: 2, 277: 3, 284: 2}, "has planes of more"),
    ],
)
def test_levels_that_pil_takes_for_others_are_refused(content, tags, message):
    """PIL reads signed levels as unsigned, and planes of 16 bits as of 8: the picture is named."""
    with pytest.raises(VitworkError, match=f"The image in it {message}"):
        read(tiff(content, tags))


@pytest.mark.parametrize("bare", [False, True])
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("bits", [1, 4, 8])
def test_jpeg_2000_of_fewer_than_eight_bits_is_refused(bits, channels, bare):
    """PIL has no white of them: the highest of 4 bits would be 240, and that of one bit 128."""
    levels = np.round(RAMP * (2**bits - 1)).astype(np.uint8) + (128 - 2 ** (bits - 1))  # written around the middle
    picture = Image.fromarray(levels if channels == 1 else np.stack([levels] * 3, -1))
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG2000", no_jp2=bare, irreversible=False, mct=0)
    content = bytearray(buffer.getvalue())
    first = content.index(b"\xff\x4f\xff\x51") + 42
    for channel in range(channels):
        content[first + 3 * channel] = bits - 1
    if bits == 8:
        assert (read(bytes(content)) == GREY[..., None]).all()
        return
    with pytest.raises(
        VitworkError, match=f"has levels of {bits} bits?, which are not read here; store it with 8 bits"
    ):
        read(bytes(content))


def unsaid(content):
    """Return a file of JPEG 2000 whose last part does not say how long it is."""
    at = content.rindex(b"\xff\x90\x00\x0a") + 6
    return content[:at] + bytes(4) + content[at + 4 :]


@pytest.mark.parametrize("bare", [False, True])
@pytest.mark.parametrize("tiles", [1, 4])
@pytest.mark.parametrize("change", [bytes, unsaid])
def test_every_cut_of_jpeg_2000_is_refused(bare, tiles, change):
    """Cut behind its header or between two tiles, PIL makes black of the rest without a word."""
    options = {} if tiles == 1 else {"tile_size": (8, 8)}
    buffer = io.BytesIO()
    Image.fromarray(GREY).save(buffer, "JPEG2000", no_jp2=bare, irreversible=False, **options)
    content = change(buffer.getvalue())
    assert content.count(b"\xff\x90\x00\x0a") == tiles
    assert (read(content) == GREY[..., None]).all()
    if change is bytes:  # else PIL takes it for a part of the picture, and refuses that
        assert (read(content + b"a box behind it") == GREY[..., None]).all()
    for length in range(len(content)):
        with pytest.raises(VitworkError, match=r"The image in it (was cut off|is corrupt)"):
            read(content[:length])


def png_of(header, *pixels):
    """Return a PNG of these parts, with their checksums."""
    parts = [(b"IHDR", header), *((b"IDAT", part) for part in pixels), (b"IEND", b"")]
    chunks = (
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in parts
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


PASSES = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))


@pytest.mark.parametrize("interlaced", [0, 1])
@pytest.mark.parametrize("shape", [(16, 16, 3), (1, 3, 3), (5, 1, 1), (9, 13, 4), (3, 2, 2)])
def test_png_with_other_pixels_than_it_says_is_refused(shape, interlaced):
    """PIL makes rows black that are missing, though every checksum is right, and drops those that are too many."""
    picture = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    header = struct.pack(">IIBBBBB", shape[1], shape[0], 8, {1: 0, 2: 4, 3: 2, 4: 6}[shape[2]], 0, 0, interlaced)
    passes = PASSES if interlaced else ((0, 0, 1, 1),)
    parts = (picture[y::down, x::right] for x, y, right, down in passes)
    rows = b"".join(b"\0" + row.tobytes() for part in parts if part.size for row in part)
    whole = zlib.compress(rows)
    found = read(png_of(header, whole))
    assert (found == (picture if shape[2] == 3 else picture[..., : 3 if shape[2] == 4 else 1])).all()
    assert (read(png_of(header, whole[:7], whole[7:])) == found).all()
    for other in (rows[:-1], rows[: len(rows) // 2], b"", rows + b"\0", rows + bytes(999)):
        with pytest.raises(VitworkError, match=r"The image in it is (damaged|corrupt)"):
            read(png_of(header, zlib.compress(other)))


@pytest.mark.parametrize("bits", [1, 2, 4])
def test_png_of_fewer_than_eight_bits_is_scaled(bits):
    """Their highest level is white."""
    levels = np.arange(2**bits, dtype=np.uint8)
    row = b"\0" + np.packbits(np.unpackbits(levels[:, None], 1)[:, -bits:]).tobytes()
    found = read(png_of(struct.pack(">IIBBBBB", len(levels), 1, bits, 0, 0, 0, 0), zlib.compress(row)))
    assert found[0, :, 0].tolist() == [round(255 * level / (2**bits - 1)) for level in range(2**bits)]


def test_grey_levels_of_a_format_that_says_no_white_are_refused():
    """Sixteen bits of a telescope may be any part of their range."""
    cards = ["SIMPLE  = T", "BITPIX  = 16", "NAXIS   = 2", "NAXIS1  = 16", "NAXIS2  = 16", "END"]
    header = "".join(card.ljust(80) for card in cards).ljust(2880).encode()
    with pytest.raises(VitworkError, match="The image in it has the mode I;16, whose white is not known"):
        read(header + np.round(RAMP * 4095).astype(">u2").tobytes().ljust(2880, b"\0"))


@pytest.mark.parametrize("white", [300, 4095, 65535])
@pytest.mark.parametrize("kind", ["P2", "P5"])
def test_grey_pnm_says_what_its_white_is(kind, white):
    """Levels of more than 8 bits, as numbers or as texts, go from nought to the white that the header says."""
    levels = np.round(RAMP * white).astype(">u2")
    content = levels.tobytes() if kind == "P5" else " ".join(map(str, levels.flat)).encode()
    found = read(f"{kind} 16 16 {white}\n".encode() + content)
    assert np.abs(found - (levels.astype(float) * 255 / white)[..., None]).max() <= 0.51


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


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_a_picture_that_is_cut_is_refused_whatever_a_module_set(kind, monkeypatch, tmp_path):
    """PIL's flag that fills the rest with grey is off while a picture is read, by several threads too, and then as it was."""
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)
    buffer = io.BytesIO()
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8)).save(buffer, kind)
    whole = buffer.getvalue()
    cut = whole[: len(whole) * 3 // 4]

    def refused(content):
        try:
            return read(content) is None
        except VitworkError:
            return True

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(refused, [whole, cut] * 50)) == [False, True] * 50
    assert ImageFile.LOAD_TRUNCATED_IMAGES
    (place := tmp_path / "noise" / "1" / "dog").mkdir(parents=True)
    (place / "cut.png").write_bytes(cut)
    with pytest.raises(VitworkError, match=r"Cannot read the image|is damaged"):
        list(imagenet_c(tmp_path, "noise", 1))


def png(picture):
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    return buffer.getvalue()


@pytest.mark.parametrize("picture", [GREY, GREY > 127, (RAMP * 65535).astype(np.uint16), np.stack([GREY] * 3, axis=2)])
@pytest.mark.parametrize("zeros", [slice(-40, None), slice(60, 70), slice(-12, None), slice(-16, -12)])
def test_png_with_a_hole_is_refused(picture, zeros):
    """PIL reads on where a part of a PNG does not have its checksum, or is missing, and the rest is black."""
    content = bytearray(png(Image.fromarray(picture)))
    assert read(bytes(content)).shape[0] == 16
    content[zeros] = bytes(len(content[zeros]))
    with pytest.raises(VitworkError, match=r"The image in it is (damaged|corrupt)"):
        read(bytes(content))
    with pytest.raises(VitworkError, match=r"The image in it is (damaged|corrupt)"):
        read(png(Image.fromarray(picture))[: zeros.start])
