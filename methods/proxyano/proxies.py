"""Proxy images: what bridges an image and its reconstruction. The superpixel image is the best.

Every proxy maps an image, (C, H, W) float32 with a foreground of about 0 to 1 and a background of
0, and its mask, (H, W) bool, to (C, H, W) float32 in the same scale. Lengths are shares of the
image's side, so that a proxy means the same at every image size.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from importlib import metadata
from pathlib import Path

import numpy as np
import numpy.typing as npt
from scipy.ndimage import gaussian_filter
from skimage.filters import sobel
from skimage.segmentation import slic
from skimage.transform import resize

from bench.detector import BoolArray, FloatArray, NormalImages, Run
from methods.proxyano.config import ProxyAnoSettings

CHUNK = 64
FILE = "proxies.npy"
VERSION = 1
"""Raised whenever a proxy would come out differently: kept ones are then made again."""

SETTINGS_OF: dict[str, tuple[str, ...]] = {
    "superpixel": ("segments", "compactness", "iterations"),
    "edge": (),
    "blur": ("blur",),
    "quantized": ("levels",),
    "lowres": ("lowres_side",),
    "none": (),
}
"""What each proxy depends on."""

Proxy = Callable[[FloatArray, BoolArray, ProxyAnoSettings], FloatArray]


def make_proxy(image: FloatArray, mask: BoolArray, settings: ProxyAnoSettings) -> FloatArray:
    """The proxy of one image.

    Args:
        image: (C, H, W) float32, about 0 to 1 in the foreground.
        mask: (H, W) bool.
        settings: which proxy, and its size.

    Returns:
        (C, H, W) float32, 0 outside the mask.
    """
    made = PROXIES[settings.proxy](image, mask, settings)
    return np.where(mask, made, 0).astype(np.float32)


def write_proxies(normal: NormalImages, settings: ProxyAnoSettings, run: Run) -> FloatArray:
    """The proxies of all training images, made once for all fits, on all threads of the cell.

    Args:
        normal: N images (N, C, H, W) and their masks (N, H, W).
        settings: which proxy, and its size.
        run: its budget says how many threads work; its store keeps the result.

    Returns:
        (N, C, H, W) float32, memory-mapped and read-only.
    """

    def make(folder: Path) -> None:
        shape = normal.images.shape
        store = np.lib.format.open_memmap(folder / FILE, mode="w+", dtype=np.float32, shape=shape)

        def write(i: int) -> None:
            store[i] = make_proxy(
                np.asarray(normal.images[i]), np.asarray(normal.masks[i]), settings
            )

        with ThreadPoolExecutor(run.budget.threads) as pool:
            for start in range(0, len(normal), CHUNK):  # all at once would queue every image
                stop = min(start + CHUNK, len(normal))
                list(pool.map(write, range(start, stop)))
                run.progress(stop, len(normal), "proxies")
        store.flush()

    folder = run.derived(proxy_key(normal, settings), make)
    kept: FloatArray = np.load(folder / FILE, mmap_mode="r", allow_pickle=False)
    return kept


def proxy_key(normal: NormalImages, settings: ProxyAnoSettings) -> str:
    """What proxies are kept under.

    Args:
        normal: N images (N, C, H, W) and their masks (N, H, W).
        settings: only those that the chosen proxy uses count.

    Returns:
        sha256, 64 hexadecimal digits, of everything that proxies follow from: images, masks,
        settings and software.
    """
    about = {name: getattr(settings, name) for name in SETTINGS_OF[settings.proxy]}
    about |= {"proxy": settings.proxy, "version": VERSION, "shape": normal.images.shape}
    about |= {name: metadata.version(name) for name in ("scikit-image", "scipy")}
    digest = sha256(json.dumps(about, sort_keys=True).encode())
    for start in range(0, len(normal), CHUNK):
        for array in (normal.images, normal.masks):
            digest.update(np.ascontiguousarray(array[start : start + CHUNK]).tobytes())
    return digest.hexdigest()


def superpixel(image: FloatArray, mask: BoolArray, settings: ProxyAnoSettings) -> FloatArray:
    """The superpixel image (SI): each SLIC superpixel filled with its mean.

    SLIC runs on all channels together, on intensities cut to 0 to 1, because a single bright
    pixel would otherwise flatten the rest; means are those of the uncut foreground pixels.
    A superpixel may be in several pieces (no connectivity is enforced): that fits more closely and
    takes half of the time.

    Args:
        image: (C, H, W) float32.
        mask: (H, W) bool.
        settings: ``segments`` in superpixels per image, ``compactness``, ``iterations``.

    Returns:
        (C, H, W) float32, 0 outside the mask.

    Source: Achanta et al. 2012, "SLIC superpixels compared to state-of-the-art superpixel
    methods".
    """
    labels = slic(
        np.clip(image, 0, 1).transpose(1, 2, 0),
        n_segments=settings.segments,
        compactness=settings.compactness,
        max_num_iter=settings.iterations,
        enforce_connectivity=False,
        convert2lab=False,
        channel_axis=-1,
        start_label=0,
    )
    # A pixel outside every superpixel's window keeps the label -1.
    return fill_means(image, labels - labels.min(), mask)


def fill_means(image: FloatArray, labels: npt.NDArray[np.intp], mask: BoolArray) -> FloatArray:
    """Replace each foreground pixel by the mean of the foreground pixels of its label.

    Args:
        image: (C, H, W) float32.
        labels: (H, W) integers from 0.
        mask: (H, W) bool.

    Returns:
        (C, H, W) float32, 0 outside the mask.
    """
    result = np.zeros_like(image)
    inside = labels[mask]
    counts = np.maximum(np.bincount(inside), 1) if inside.size else np.ones(1)
    for filled, channel in zip(result, image, strict=True):
        sums = np.bincount(inside, weights=channel[mask], minlength=len(counts))
        filled[mask] = (sums / counts)[inside]
    return result


def edge(image: FloatArray, mask: BoolArray, settings: ProxyAnoSettings) -> FloatArray:
    """Sobel gradient magnitude per channel; 0 along the foreground's outline.

    In intensity per pixel times the square root of 2, as scikit-image scales it.
    """
    edges = [
        sobel(channel, mask=mask)  # type: ignore[no-untyped-call]
        for channel in image.astype(np.float64)
    ]
    return np.stack(edges).astype(np.float32)


def blur(image: FloatArray, mask: BoolArray, settings: ProxyAnoSettings) -> FloatArray:
    """Gaussian blur per channel; its standard deviation is ``blur`` times the longer side."""
    sigma = settings.blur * max(mask.shape)
    blurred: FloatArray = gaussian_filter(image, (0, sigma, sigma), mode="nearest")
    return blurred


def quantized(image: FloatArray, mask: BoolArray, settings: ProxyAnoSettings) -> FloatArray:
    """Intensities cut to 0 to 1 and rounded to ``levels`` equally spaced values."""
    steps = np.float32(settings.levels - 1)
    rounded: FloatArray = np.rint(np.clip(image, 0, 1) * steps) / steps
    return rounded


def lowres(image: FloatArray, mask: BoolArray, settings: ProxyAnoSettings) -> FloatArray:
    """Averaged down to ``lowres_side`` pixels per side and enlarged linearly to (C, H, W)."""
    side = min(settings.lowres_side, *mask.shape)
    shape = (len(image), side, side)
    small = resize(image, shape, order=1, anti_aliasing=True)  # type: ignore[no-untyped-call]
    large: FloatArray = resize(small, image.shape, order=1)  # type: ignore[no-untyped-call]
    return large


def none(image: FloatArray, mask: BoolArray, settings: ProxyAnoSettings) -> FloatArray:
    """The image itself: no proxy."""
    return image


PROXIES: dict[str, Proxy] = {
    "superpixel": superpixel,
    "edge": edge,
    "blur": blur,
    "quantized": quantized,
    "lowres": lowres,
    "none": none,
}
