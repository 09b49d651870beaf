"""2-D images that Pillow reads: what every viewer shows, or a refusal."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import ExifTags, Image, UnidentifiedImageError

from bench.data.read.colour import Array, opaque, palette_label, transparent, upright
from bench.data.read.damage import AGAIN
from bench.errors import DataError, counted

# Modes whose arrays are the values of the file.
_PLAIN = {"1", "L", "I", "F", "RGB", "I;16", "I;16L", "I;16B", "I;16N"}
# Of others Pillow may cut 16 bits to 8 without a word, whatever the suffix says.
_KNOWN = {"PNG", "JPEG", "MPO", "BMP", "DIB", "GIF"}
# Grey PNG of so few bits are stretched to 8 by Pillow, as viewers do.
_STRETCHED = {"L;2": 85, "L;4": 17}


def decode(path: Path, *, indices: bool) -> Array:
    """Read an image; see `bench.data.read.contract.ImageReader`."""
    try:
        with Image.open(path) as image:
            _require_readable(path, image)
            array = _shown(path, image, indices=indices)
            # After the pixels: a PNG may say it behind them.
            return upright(path, array, int(image.getexif().get(ExifTags.Base.Orientation, 1)))
    except UnidentifiedImageError as error:
        raise DataError(f"{path} is not an image that can be read", hint=AGAIN) from error


def orientation_of_one(path: Path) -> int:
    """What the EXIF data of a file say; 1 where it has none.

    Raises:
        DataError: it holds several images.
    """
    with Image.open(path) as image:
        _require_readable(path, image)
        return int(image.getexif().get(ExifTags.Base.Orientation, 1))


def orientation(path: Path) -> int:
    """What the data of a file say of how it is turned; 1 where they say nothing."""
    # Pillow decodes a whole PNG before it knows that nothing is said.
    if path.suffix.lower() == ".png":
        content = path.read_bytes()
        # EXIF data in a chunk (eXIf), in a text or a JPEG (exif, Exif), or XMP.
        if not any(one in content for one in (b"eXIf", b"xif", b"Orientation")):
            return 1
    with Image.open(path) as image:
        return int(image.getexif().get(ExifTags.Base.Orientation, 1))


def _require_readable(path: Path, image: Image.Image) -> None:
    """Refuse what is not one image of a format that is known.

    Raises:
        DataError: another format than the suffix says, several images, or a part of one.
    """
    said = Image.registered_extensions().get(path.suffix.lower())
    if image.format not in {*_KNOWN, said}:
        raise DataError(
            f"{path} holds {image.format}, which is not what its suffix says",
            hint="convert the image without loss to PNG or TIFF",
        )
    # A photograph of a phone may hold a second view (MPO); viewers show the first.
    frames = getattr(image, "n_frames", 1) if image.format != "MPO" else 1
    if frames != 1:
        raise DataError(
            f"{path} holds {counted(frames, 'image')}, expected one",
            hint="save each image as a file of its own",
        )
    tiles = getattr(image, "tile", [])
    if image.format == "GIF" and tiles and tiles[0][1] != (0, 0, *image.size):
        raise DataError(
            f"{path} has an image that fills only a part of its {image.size[1]} x {image.size[0]}"
            " pixels; the rest has no values",
            hint="save the image as PNG",
        )


def _shown(path: Path, image: Image.Image, *, indices: bool) -> Array:
    if image.mode in ("P", "PA"):
        if not indices:
            return opaque(path, np.asarray(image.convert("RGBA")))
        stored = np.asarray(image)
        if stored.ndim == 3:  # with alpha of its own
            stored = opaque(path, stored)
        colours = np.zeros((256, 3), np.uint8)
        known = np.reshape(image.getpalette() or [], (-1, 3))
        colours[: len(known)] = known
        return palette_label(path, stored, colours)
    if image.mode in ("LA", "RGBA"):
        return opaque(path, np.asarray(image))
    if image.mode == "CMYK":
        return np.asarray(image.convert("RGB"))
    if image.mode not in _PLAIN:
        raise DataError(
            f"{path} is in colour space {image.mode}, expected grey, RGB, CMYK or a palette",
            hint="convert the image to RGB",
        )
    # Asked before the pixels are read, which takes it away.
    tiles = getattr(image, "tile", [])
    times = _STRETCHED.get(str(tiles[0][3]), 1) if tiles else 1
    array = np.asarray(image)
    key = image.info.get("transparency")
    if key is not None:
        # Of one bit the key is 0 or 255, of two and four the stored value.
        wanted = bool(key) if image.mode == "1" else np.asarray(key) * times
        clear = array == wanted
        count = int(np.count_nonzero(clear.all(axis=-1) if clear.ndim == 3 else clear))
        if count:
            raise transparent(path, count)
    # A class of a label is what the file stores.
    return array // times if indices and times > 1 else array
