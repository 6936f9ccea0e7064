"""Decoding of images to arrays, in an order that does not depend on the files, with a fingerprint."""

from __future__ import annotations

import hashlib
import io
import os
import struct
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from threading import Lock
from typing import IO

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFile
from PIL.Jpeg2KImagePlugin import Jpeg2KImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.TiffImagePlugin import (
    BITSPERSAMPLE,
    PHOTOMETRIC_INTERPRETATION,
    PLANAR_CONFIGURATION,
    SAMPLEFORMAT,
    TiffImageFile,
)

from vitwork.data.sources.collection import Collection, Example, Pixels
from vitwork.errors import VitworkError

NATIVE_SIDE = 64
"""Images up to this side are stored unchanged and pooled when loaded; larger ones are resized when decoded."""

MODES = frozenset({"1", "L", "LA", "LAB", "P", "PA", "RGB", "RGBA", "RGBa", "RGBX", "CMYK", "YCbCr", "HSV"})
"""Modes of PIL with eight bits per channel, or one: its conversion to RGB keeps black and white."""

FULL_RANGE = frozenset({"PNG", "JPEG2000", "PPM"})
"""Formats whose grey levels of more than 8 bits PIL scales to the full range of 16 bits, for any stated white."""

WHITE_IS_ZERO, SIGNED, IN_PLANES = 0, 2, 2
"""TIFF's codes for these, in three of its tags."""

CODESTREAM = b"\xff\x4f\xff\x51"
"""Beginning of the pixels in a JPEG 2000 file; their sizes and bits follow."""

PNG_PARTS = 8
"""Offset of the first chunk in a PNG; each chunk has a length, a type, content and a checksum."""

PNG_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
"""Number of values per pixel of a PNG, by its code for the colour type."""

PNG_PASSES = (
    (0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)
)  # fmt: skip
"""For an interlaced PNG: first column and row of each pass, and steps to the right and down."""

TILE, END = b"\xff\x90", b"\xff\xd9"
"""Markers of JPEG 2000 at the beginning of a tile part, and after the last one."""


class TooLargeError(VitworkError):
    """The decoded images do not fit into half of the machine's memory."""


@dataclass(frozen=True, slots=True)
class Decoded:
    """A decoded data set.

    Attributes:
        images, labels: for each split, uint8 (n, 3, h, w) and int64 (n,).
        classes: names of the classes.
        side: shortest side of the largest image before resizing.
        fingerprint: SHA-256 of labels and pixels, equal for every copy of the data in any files and order.
    """

    images: dict[str, Pixels]
    labels: dict[str, NDArray[np.int64]]
    classes: tuple[str, ...]
    side: int
    fingerprint: str


def decode(collection: Collection, size: int | None) -> Decoded:
    """Return all images of a collection, decoded.

    Rows are ordered by a hash of their content, so the order does not depend on how the files were written, and the
    images of any prefix are a fair sample.

    Args:
        collection: the collection to decode.
        size: side to which images larger than `NATIVE_SIDE` are resized, and smaller ones if they have several sizes;
            None keeps every image unchanged.

    Raises:
        VitworkError: an image is corrupt, images differ in size and `size` is None, or labels and classes disagree.
        TooLargeError: the whole does not fit into half of the machine's memory.
    """
    images: dict[str, Pixels] = {}
    labels: dict[str, NDArray[np.int64]] = {}
    total = hashlib.sha256()
    largest = 0
    for split in collection.splits:
        images[split], labels[split], side, digest = _decode_split(collection, split, size)
        largest = max(largest, side)
        total.update(f"{split}:{len(labels[split])}:".encode() + digest)
    classes = checked_classes(collection, labels)
    shapes = {pixels.shape[1:] for pixels in images.values()}
    if len(shapes) > 1:
        raise VitworkError(f"{collection.where} has images of different sizes in its splits; choose one image size.")
    return Decoded(images, labels, classes, largest, total.hexdigest())


def pixels_of(example: Example) -> Pixels:
    """Return the decoded image, uint8 (height, width, 3).

    Raises:
        VitworkError: the image is corrupt; the message names file and row.
    """
    if not isinstance(example.content, bytes):
        return example.content
    with picture_of(example) as picture:
        return np.asarray(picture)


def picture_of(example: Example) -> Image.Image:
    """Return the image as an RGB picture of PIL, fully read.

    Raises:
        VitworkError: the image is corrupt; the message names file and row.
    """
    if not isinstance(example.content, bytes):
        return Image.fromarray(example.content)
    try:
        return rgb_in(io.BytesIO(example.content), example.where)
    except VitworkError:
        raise
    except Exception as error:  # decoders raise errors of any kind on damaged pictures
        raise VitworkError(f"The image in {example.where} is corrupt or of an unknown kind.") from error


class _Readers:
    """Number of threads that read a picture now, and the value of PIL's flag before the first of them."""

    lock = Lock()
    count = 0
    before = False


@contextmanager
def _cut_refused() -> Iterator[None]:
    """Make PIL refuse truncated pictures, even if user code allows them: their rest would be grey, also in caches."""
    with _Readers.lock:
        if not _Readers.count:
            _Readers.before = ImageFile.LOAD_TRUNCATED_IMAGES
        _Readers.count += 1
        ImageFile.LOAD_TRUNCATED_IMAGES = False
    try:
        yield
    finally:
        with _Readers.lock:
            _Readers.count -= 1
            if not _Readers.count:
                ImageFile.LOAD_TRUNCATED_IMAGES = _Readers.before


def rgb_in(file: Path | IO[bytes], where: str) -> Image.Image:
    """Return the picture in a file as RGB, fully read; decoders raise errors of any kind on damaged pictures.

    Raises:
        VitworkError: as for `as_rgb`.
    """
    with _cut_refused(), Image.open(file) as picture:
        return as_rgb(picture, where)


def as_rgb(picture: Image.Image, where: str) -> Image.Image:
    """Return a PIL picture of any mode as RGB, with black and white preserved; transparency is dropped.

    Raises:
        VitworkError: its mode has no known white, as for 32-bit numbers. Or PIL misinterprets its levels, or reads it
            although it is truncated.
    """
    codes = _codes(picture) if isinstance(picture, Jpeg2KImageFile) else None
    if codes is not None and not _is_whole(codes):
        raise VitworkError(f"The image in {where} was cut off: tiles of it are missing.")
    if isinstance(picture, PngImageFile) and not _is_sound(picture):
        raise VitworkError(
            f"The image in {where} is damaged: a part of it does not have its checksum, or pixels are missing."
        )
    if ends := _ends(picture):  # PIL would turn all levels above 255 into white
        black, white = ends
        levels = (np.asarray(picture).astype(np.float64) - black) * 255 / (white - black)
        return Image.fromarray(np.rint(levels).astype(np.uint8)).convert("RGB")
    if picture.mode not in MODES:
        raise VitworkError(
            f"The image in {where} has the mode {picture.mode}, whose white is not known; store it with 8 or 16 bits."
        )
    if odd := _misread(picture, codes):
        raise VitworkError(f"The image in {where} has {odd}, which are not read here; store it with 8 bits a channel.")
    if picture.mode == "P":  # PIL warns if a palette's transparency is dropped in one step
        picture = picture.convert("RGBA")
    return picture.convert("RGB")


def _is_sound(picture: PngImageFile) -> bool:
    """Return whether all chunks of an opened PNG, up to its end, have valid checksums and all its pixels are there.

    PIL does not compare all checksums, and leaves missing pixels black.
    """
    assert picture.fp is not None
    file, place = picture.fp, picture.fp.tell()
    file.seek(PNG_PARTS)
    parts: list[tuple[bytes, bytes]] = []
    kind = b""
    while kind != b"IEND":
        head = file.read(8)
        kind, content = head[4:], file.read(int.from_bytes(head[:4], "big"))
        if len(head) < 8 or file.read(4) != zlib.crc32(kind + content).to_bytes(4, "big"):
            return False
        parts.append((kind, content))
    file.seek(place)
    wanted = _pixel_bytes(parts[0][1])
    # Reading one byte more shows whether there is more, without unpacking a small file that expands to a huge one.
    return len(zlib.decompressobj().decompress(_pixels(parts), wanted + 1)) == wanted


def _pixels(parts: Iterable[tuple[bytes, bytes]]) -> bytes:
    """Return the compressed pixels of a PNG: its first run of consecutive pixel chunks; PIL ignores later ones."""
    rows = groupby(parts, key=lambda part: part[0])
    return next((b"".join(content for _, content in row) for kind, row in rows if kind == b"IDAT"), b"")


def _pixel_bytes(header: bytes) -> int:
    """Return the number of bytes of a PNG's pixels: in one pass or seven, each row after a byte for its filter."""
    width, height, bits, colour, _, _, interlaced = struct.unpack(">IIBBBBB", header)
    passes = PNG_PASSES if interlaced else ((0, 0, 1, 1),)
    sizes = ((-((x - width) // right), -((y - height) // down)) for x, y, right, down in passes)
    return sum(rows * (1 + (columns * bits * PNG_CHANNELS[colour] + 7) // 8) for columns, rows in sizes if columns > 0)


def _misread(picture: Image.Image, codes: bytes | None) -> str:
    """Return in words which levels PIL would misread as unsigned ones of 8 bits; empty if there are none."""
    # PIL does not scale fewer than 8 bits of JPEG 2000 to the full range, so white becomes grey.
    if codes is not None and (bits := _fewest_bits(codes)) < 8:
        return f"levels of {bits} bit{'s' * (bits > 1)}"
    if not isinstance(picture, TiffImageFile):
        return ""
    if SIGNED in picture.tag_v2.get(SAMPLEFORMAT, ()):
        return "signed levels"
    in_planes = picture.tag_v2.get(PLANAR_CONFIGURATION) == IN_PLANES
    return "planes of more than 8 bits" if in_planes and _bits(picture) > 8 else ""


def _ends(picture: Image.Image) -> tuple[int, int] | None:
    """Return the levels of black and white of a grey picture of 9 to 16 bits; None for other or unknown formats."""
    if isinstance(picture, TiffImageFile) and picture.mode.startswith("I;16"):  # PIL does not change the stored numbers
        white = 2 ** _bits(picture) - 1
        return (white, 0) if picture.tag_v2.get(PHOTOMETRIC_INTERPRETATION) == WHITE_IS_ZERO else (0, white)
    return (0, 65535) if picture.format in FULL_RANGE and picture.mode.startswith("I") else None


def _bits(picture: TiffImageFile) -> int:
    return int(max(picture.tag_v2.get(BITSPERSAMPLE, (1,))))


def _codes(picture: Jpeg2KImageFile) -> bytes:
    """Return the bytes after `CODESTREAM` in a JPEG 2000 file that is open but not yet read."""
    assert picture.fp is not None
    picture.fp.seek(0)
    return picture.fp.read().partition(CODESTREAM)[2]


def _is_whole(codes: bytes) -> bool:
    """Return whether the segments follow one another up to the end marker; PIL leaves missing tiles black."""
    at = int.from_bytes(codes[:2])
    while (marker := codes[at : at + 2]) not in {END, b""}:
        if marker == TILE:
            length = int.from_bytes(codes[at + 6 : at + 10])
            at = at + length if length else codes.find(END, at)  # the last part may omit its length
        else:
            at += 2 + int.from_bytes(codes[at + 2 : at + 4])
    return marker == END


def _fewest_bits(codes: bytes) -> int:
    """Return the bits of the coarsest channel."""
    channels = int.from_bytes(codes[36:38])
    return min(code & 0x7F for code in codes[38 : 38 + 3 * channels : 3]) + 1


def fit(picture: Image.Image, size: int) -> Image.Image:
    """Return the centre square of a picture, reduced to `size` with a box filter or enlarged with a bicubic filter."""
    side = min(picture.size)
    left, top = (picture.width - side) / 2, (picture.height - side) / 2
    filtered = Image.Resampling.BOX if side >= size else Image.Resampling.BICUBIC
    return picture.resize((size, size), filtered, box=(left, top, left + side, top + side))


def _decode_split(
    collection: Collection, split: str, size: int | None, *, every: bool = False
) -> tuple[Pixels, NDArray[np.int64], int, bytes]:
    contents: list[bytes] = []
    labels: list[int] = []
    digests: list[bytes] = []
    shape: tuple[int, ...] | None = None
    largest, budget = 0, memory() // 2
    for example in collection.read(split):
        pixels = pixels_of(example)
        largest = max(largest, min(pixels.shape[:2]))
        if size is not None and (every or min(pixels.shape[:2]) > max(NATIVE_SIDE, size)):
            pixels = np.asarray(fit(Image.fromarray(pixels), size))
        shape = shape or pixels.shape
        if pixels.shape != shape and size is not None and not every:
            return _decode_split(collection, split, size, every=True)
        if pixels.shape != shape:
            raise VitworkError(
                f"{example.where} is {pixels.shape[1]}×{pixels.shape[0]} pixels among images of {shape[1]}×{shape[0]}; "
                "choose one image size to fit them to."
            )
        content = pixels.tobytes()
        contents.append(content)
        labels.append(example.label)
        digests.append(hashlib.blake2b(example.label.to_bytes(8, "little", signed=True) + content).digest())
        budget -= len(content)
        if budget < 0:
            raise TooLargeError(
                f"{collection.where} ({split}) does not fit into half of this machine's memory; choose a smaller image size."
            )
    if shape is None:
        raise VitworkError(f"{collection.where} ({split}) holds no image.")
    order = sorted(range(len(digests)), key=digests.__getitem__)
    digest = hashlib.sha256(repr(shape).encode() + b"".join(digests[i] for i in order)).digest()
    flat = np.frombuffer(b"".join(contents[i] for i in order), np.uint8)
    images = np.ascontiguousarray(flat.reshape(-1, *shape).transpose(0, 3, 1, 2))
    return images, np.array(labels, np.int64)[order], largest, digest


def checked_classes(collection: Collection, labels: dict[str, NDArray[np.int64]]) -> tuple[str, ...]:
    """Return the names of the classes, or their numbers if they have no names.

    Raises:
        VitworkError: a label is outside the classes, or two classes have the same name. Or classes have no names, and
            one below the largest label has no training images, so that nothing shows that the class exists.
    """
    highest = max(int(numbers.max()) for numbers in labels.values())
    lowest = min(int(numbers.min()) for numbers in labels.values())
    named = collection.classes()
    classes = named or tuple(str(number) for number in range(highest + 1))
    if lowest < 0 or highest >= len(classes):
        raise VitworkError(f"{collection.where} has labels from {lowest} to {highest} for {len(classes)} classes.")
    if twice := [name for name, count in Counter(classes).items() if count > 1]:
        raise VitworkError(
            f"{collection.where} has two classes called {twice[0]}: give each a name of its own, or none a name."
        )
    lacking = set() if named or "train" not in labels else set(range(highest + 1)) - set(labels["train"].tolist())
    if lacking:
        raise VitworkError(
            f"{collection.where} has no training images of class {min(lacking)}, but labels up to {highest}: number "
            "the classes without a gap, or give them names."
        )
    return classes


def memory() -> int:
    """Return the machine's memory in bytes; a very large number if it is unknown."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return 1 << 60
