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


def decode(path: Path, *, indices: bool) -> Array:
    """Read an image; see `bench.data.read.contract.ImageReader`."""
    try:
        with Image.open(path) as image:
            # A photograph of a phone may hold a second view (MPO); viewers show the first.
            frames = getattr(image, "n_frames", 1) if image.format != "MPO" else 1
            if frames != 1:
                raise DataError(
                    f"{path} holds {counted(frames, 'image')}, expected one",
                    hint="save each image as a file of its own",
                )
            array = _shown(path, image, indices=indices)
            # After the pixels: a PNG may say it behind them.
            return upright(path, array, int(image.getexif().get(ExifTags.Base.Orientation, 1)))
    except UnidentifiedImageError as error:
        raise DataError(f"{path} is not an image that can be read", hint=AGAIN) from error


def orientation(path: Path) -> int:
    """What the EXIF data of a file say; 1 where it has none."""
    with Image.open(path) as image:
        return int(image.getexif().get(ExifTags.Base.Orientation, 1))


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
    array = np.asarray(image)
    key = image.info.get("transparency")
    if key is not None:
        clear = array == np.asarray(key)
        count = int(np.count_nonzero(clear.all(axis=-1) if clear.ndim == 3 else clear))
        if count:
            raise transparent(path, count)
    return array
