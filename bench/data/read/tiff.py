"""TIFF, of any depth: what every viewer shows, or a refusal."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from PIL import Image
from tifffile import PHOTOMETRIC

from bench.data.read.codecs import lossy_label, needs_codecs
from bench.data.read.colour import Array, opaque, palette_label, upright
from bench.data.read.damage import AGAIN, require_promise
from bench.errors import DataError, agreed, counted

_ONE_CHANNEL = (PHOTOMETRIC.MINISBLACK, PHOTOMETRIC.MINISWHITE, PHOTOMETRIC.PALETTE)


def decode(path: Path, *, indices: bool) -> Array:
    """Read an image; see `bench.data.read.contract.ImageReader`."""
    try:
        with tifffile.TiffFile(path) as file:
            page = _only_page(path, file)
            require_promise(path, page.nbytes)
            if indices and page.compression == tifffile.COMPRESSION.JPEG:
                raise lossy_label(path)
            array = page.asarray()
            if page.axes.startswith("S"):  # planes one after the other
                array = np.moveaxis(array, 0, -1)
            array = _without_extra(path, page, array)
            array = _shown(path, page, array, indices=indices)
            return upright(path, array, _number(page, "Orientation", 1))
    except tifffile.TiffFileError as error:
        raise DataError(f"{path} is not a TIFF that can be read: {error}", hint=AGAIN) from error
    except ValueError as error:
        if "imagecodecs" not in str(error):
            raise
        raise needs_codecs(path) from error


def orientation(path: Path) -> int:
    """What a file says of how it is turned; 1 where it says nothing."""
    with tifffile.TiffFile(path) as file:
        return _number(_only_page(path, file), "Orientation", 1)


def _number(page: tifffile.TiffPage, name: str, default: int) -> int:
    """The value of a tag."""
    tag = page.tags.get(name)
    return default if tag is None else int(tag.value)


def _only_page(path: Path, file: tifffile.TiffFile) -> tifffile.TiffPage:
    """The one image of a file; small copies of it do not count."""
    pages, places = list[Any](), set[int]()
    for one in file.pages:
        if one.offset in places:  # a flipped bit, and the chain of images has no end
            raise DataError(
                f"{path} is damaged: its list of images leads back to an earlier one", hint=AGAIN
            )
        places.add(one.offset)
        pages.append(one.aspage())
    # A program may keep the image behind its small copy, in a list of the copy's own (SubIFD).
    behind = [one.aspage() for page in pages for one in page.pages or ()]
    pages += [one for one in behind if not one.is_reduced and one.shape == pages[0].shape]
    whole = [one for one in pages if not one.is_reduced]
    if not whole and not behind and len(pages) == 1:
        whole = pages  # a small copy, and nothing that it is a copy of
    if not whole:
        raise DataError(
            f"{path} holds only small copies of its image where it is looked for",
            hint="save the image as a plain TIFF or PNG",
        )
    # ImageJ keeps the images of a stack behind one header.
    stacked = int(np.prod(file.series[0].shape)) // max(int(np.prod(whole[0].shape)), 1)
    count = max(len(whole), stacked if len(whole) == 1 else 0)
    if count != 1:
        raise DataError(
            f"{path} holds {counted(count, 'image')}, expected one",
            hint="save each image as a file of its own",
        )
    page: tifffile.TiffPage = whole[0]
    return page


def _without_extra(path: Path, page: tifffile.TiffPage, array: Array) -> Array:
    """The image without its alpha channel; any other further channel is refused."""
    extra = [int(one) for one in page.extrasamples]
    if not extra:
        return array
    if len(extra) == 1 and extra[0] in (1, 2) and array.dtype.kind == "u":
        return opaque(path, array)
    raise DataError(
        f"{path} holds {counted(array.shape[-1], 'channel')}, of which {len(extra)} "
        f"{agreed(len(extra), 'are')} neither colour nor alpha",
        hint="save each modality as a file of its own, and name them in the card's `images`",
    )


def _shown(path: Path, page: tifffile.TiffPage, array: Array, *, indices: bool) -> Array:
    meaning = page.photometric
    if meaning in _ONE_CHANNEL and array.ndim != 2:
        raise DataError(
            f"{path} has the shape {array.shape} and says that it is grey; expected one channel",
            hint="save each modality as a file of its own, or a colour image as RGB",
        )
    if meaning == PHOTOMETRIC.MINISBLACK or meaning == PHOTOMETRIC.RGB:
        return array
    if meaning == PHOTOMETRIC.MINISWHITE and indices:
        # ImageJ and tifffile store what they mean; fax and scanners store what is shown.
        raise DataError(
            f"{path} is a label whose 0 is shown white (min-is-white), and programs differ in"
            " which of both is background",
            hint="save the label as PNG with 0 as background",
        )
    if meaning == PHOTOMETRIC.MINISWHITE and array.dtype.kind in "ub":
        most = array.dtype.type(2**page.bitspersample - 1) if array.dtype.kind == "u" else True
        return np.asarray(most ^ array)
    if meaning == PHOTOMETRIC.PALETTE and page.colormap is not None:
        colours = _colours(np.asarray(page.colormap).T)
        return palette_label(path, array, colours) if indices else colours[array]
    cmyk = meaning == PHOTOMETRIC.SEPARATED and _number(page, "InkSet", 1) == 1
    if cmyk and array.dtype == np.uint8 and array.ndim == 3 and array.shape[-1] == 4:
        return np.asarray(Image.fromarray(array, mode="CMYK").convert("RGB"))
    # A JPEG inside is decoded to RGB.
    if meaning == PHOTOMETRIC.YCBCR and page.compression == tifffile.COMPRESSION.JPEG:
        return array
    raise DataError(
        f"{path} is of photometric interpretation {getattr(meaning, 'name', meaning)} with"
        f" {array.dtype} values, which is not read",
        hint="convert the image to grey or RGB",
    )


def _colours(table: Array) -> Array:
    """A colour table as it was meant: TIFF has 16 bits, into which many programs write 8.

    Args:
        table: (N, 3) uint16.

    Returns:
        (N, 3) uint8 where the lower 8 bits say nothing, else uint16.
    """
    high, low = table >> 8, table & 255
    if not low.any() or (low == high).all():
        return np.asarray(high.astype(np.uint8))
    return np.asarray(table.astype(np.uint16))
