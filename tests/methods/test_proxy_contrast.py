"""The script that measures how much of a lesion the predicted proxy keeps, and its error."""

import importlib.util

import numpy as np
import pytest

from bench.detector import Images
from conftest import ROOT

_SPEC = importlib.util.spec_from_file_location("contrast", ROOT / "benchmarks" / "contrast.py")
script = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(script)


def test_contrast_is_the_lesion_against_the_rest_of_the_foreground():
    generator = np.random.default_rng(0)
    images = generator.random((3, 1, 8, 8), dtype=np.float32)
    masks = generator.random((3, 8, 8)) < 0.8
    lesions = masks & (generator.random((3, 8, 8)) < 0.3)
    for found, image, mask, lesion in zip(
        script.contrasts(images, masks, lesions), images[:, 0], masks, lesions, strict=True
    ):
        inside = [v for v, m, k in zip(image.flat, mask.flat, lesion.flat, strict=True) if m and k]
        rest = [
            v for v, m, k in zip(image.flat, mask.flat, lesion.flat, strict=True) if m and not k
        ]
        assert found == pytest.approx(sum(inside) / len(inside) - sum(rest) / len(rest), rel=1e-5)


def test_what_keeps_a_quarter_of_the_lesion_has_a_quarter_of_its_contrast():
    masks = np.ones((2, 8, 8), dtype=bool)
    lesions = np.zeros_like(masks)
    lesions[:, 2:4, 2:4] = True
    flat = np.full((2, 1, 8, 8), 0.5, dtype=np.float32)
    lifted = lesions[:, None].astype(np.float32)
    bright, faint = flat + np.float32(0.4) * lifted, flat + np.float32(0.1) * lifted
    made = {"copy": bright, "quarter": faint, "none": flat, "darker": 1 - bright}
    found = script.shares(made, Images(bright, masks, "cpu"), lesions)
    assert found == pytest.approx({"copy": 1, "quarter": 0.25, "none": 0, "darker": -1}, abs=1e-6)


def test_the_error_is_over_the_foreground_of_all_images():
    masks = np.zeros((2, 4, 4), dtype=bool)
    masks[0, :2], masks[1, 0, 0] = True, True  # 8 pixels and 1
    images = np.zeros((2, 1, 4, 4), dtype=np.float32)
    off = images.copy()
    off[0] = 0.9
    off[1] = -1.8
    off[:, :, 3] = 100  # outside
    found = script.errors({"copy": images, "off": off}, Images(images, masks, "cpu"))
    assert found == pytest.approx({"copy": 0, "off": (8 * 0.9 + 1.8) / 9})
