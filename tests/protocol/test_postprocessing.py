"""Smoothing and signed maps: one post-processing for all methods."""

import io
from dataclasses import replace

import numpy as np
import pytest
from scipy import ndimage
from sklearn.metrics import average_precision_score
from test_protocol import CARDS, apply, subject
from test_protocol_steps import GEOMETRY, protocol
from zstandard import ZstdDecompressor

from bench.protocol import apply_protocol, apply_protocols
from bench.protocol.postprocess import _smoothed, processed
from bench.store.predictions import read_subject, write_prediction


@pytest.fixture
def signed():
    """Two subjects whose maps have a sign, with values outside the foreground too."""
    cohort = [subject("a"), subject("b", seed=1)]
    return [replace(one, maps=one.maps - 2 * one.labels, signed=True) for one in cohort]


def by_hand(values, mask, sd):
    """Normalised convolution, one pixel at a time; the kernel ends at 4 standard deviations."""
    reach = int(4 * sd + 0.5)
    result = values.astype(np.float64).copy()
    for r, c in np.argwhere(mask):
        total = weight = 0.0
        for y, x in np.argwhere(mask):
            if abs(y - r) <= reach and abs(x - c) <= reach:
                share = np.exp(-((y - r) ** 2 + (x - c) ** 2) / (2 * sd**2))
                total, weight = total + share * values[y, x], weight + share
        result[r, c] = total / weight
    return result


@pytest.mark.parametrize(
    ("absolute", "expected"),
    [
        ("after", lambda maps, mask: np.abs(by_hand(maps, mask, 1.2))),
        ("before", lambda maps, mask: by_hand(np.abs(maps), mask, 1.2)),
    ],
)
def test_signed_maps_are_smoothed_and_made_absolute(signed, absolute, expected):
    one = signed[0]
    one.masks[1, 3:9, 5] = False  # a hole, which must not dim its rim
    found = processed(protocol(smoothing=0.1, absolute=absolute), one)
    assert not found.signed
    for at, mask in enumerate(one.masks):
        by_brute_force = expected(one.maps[at], mask)[mask]
        assert found.maps[at][mask] == pytest.approx(by_brute_force, abs=1e-5)
    outside = ~one.masks
    assert np.array_equal(found.maps[outside], np.abs(one.maps[outside]))


def test_unsigned_maps_keep_their_sign(signed):
    plain = [replace(one, maps=-np.abs(one.maps), signed=False) for one in signed]
    for card in (protocol(), protocol(smoothing=0.1), protocol(smoothing=0.1, absolute="before")):
        pooled = apply_protocol(card, lambda: iter(plain))
        turned = apply_protocol(card, lambda: iter([replace(one, signed=True) for one in plain]))
        assert pooled.metrics["auroc"] == pytest.approx(1 - turned.metrics["auroc"])
    assert (processed(protocol(smoothing=0.1), plain[0]).maps[plain[0].masks] < 0).all()


@pytest.mark.parametrize("name", sorted(CARDS))
def test_without_blending_a_signed_map_counts_as_its_absolute_value(signed, name):
    card = CARDS[name].model_copy(update={"smoothing": 0.0, "size": None})
    signed = [replace(one, geometry=GEOMETRY) for one in signed]
    healthy = replace(signed[1], subject="v", role="validation")
    cohort = [*signed, replace(signed[1], subject="w"), healthy]
    as_absolute = [replace(one, maps=np.abs(one.maps), signed=False) for one in cohort]
    found = apply_protocol(card, lambda: iter(cohort))
    assert found == apply_protocol(card, lambda: iter(as_absolute))


def test_the_headline_is_the_smoothed_map_of_every_foreground_pixel(signed):
    numbers = apply("pixel-pooled@2", signed)
    scores, labels = [], []
    for one in signed:
        for at, mask in enumerate(one.masks):
            scores.append(np.abs(by_hand(one.maps[at], mask, 0.04 * 12))[mask])
            labels.append(one.labels[at][mask])
    expected = average_precision_score(np.concatenate(labels), np.concatenate(scores))
    assert numbers.metrics["ap"] == pytest.approx(expected)
    plain = np.concatenate([np.abs(one.maps[one.masks]) for one in signed])
    truth = np.concatenate([one.labels[one.masks] for one in signed])
    expected = average_precision_score(truth, plain)
    assert apply("pixel-pooled@1", signed).metrics["ap"] == pytest.approx(expected)


def test_a_map_is_resized_with_its_sign(signed):
    found = processed(protocol(size=6), signed[0])
    opposite = processed(protocol(size=6), replace(signed[0], maps=-signed[0].maps))
    assert np.array_equal(found.maps, opposite.maps)
    blended = np.abs(signed[0].maps.reshape(6, 6, 2, 6, 2).mean(axis=(2, 4)))
    assert found.maps == pytest.approx(blended, abs=1e-5)


def test_several_protocols_at_once_give_what_each_gives_alone(signed):
    cards = [CARDS[name] for name in sorted(CARDS)]
    together = dict(apply_protocols(cards, lambda: iter(signed)))
    assert together == {card.id: apply_protocol(card, lambda: iter(signed)) for card in cards}


def test_the_sign_is_kept_in_the_file(tmp_path, signed):
    write_prediction(tmp_path, signed[0])
    write_prediction(tmp_path, replace(signed[1], signed=False))
    assert read_subject(tmp_path, "test", "a").signed is True
    assert read_subject(tmp_path, "test", "b").signed is False


def test_files_of_an_older_bench_have_no_sign(tmp_path, signed):
    write_prediction(tmp_path, signed[0])
    path = tmp_path / "test-a.npz.zst"
    with np.load(io.BytesIO(ZstdDecompressor().decompress(path.read_bytes()))) as kept:
        older = {name: kept[name] for name in kept.files if name != "signed"}
    path.unlink()
    np.savez_compressed(tmp_path / "test-a.npz", **older)
    assert read_subject(tmp_path, "test", "a").signed is False


@pytest.mark.parametrize("sd", [0.01, 0.04, 0.3])
def test_smoothing_the_box_of_the_foreground_is_smoothing_the_image(sd):
    generator = np.random.default_rng(0)
    maps = generator.standard_normal((6, 40, 33), dtype=np.float32)
    masks = np.zeros(maps.shape, dtype=bool)
    masks[0, 5:20, 9:30] = True
    masks[1] = generator.random((40, 33)) < 0.3
    masks[2, 39, 32] = masks[2, 0, 0] = masks[3, 17, 4] = True
    masks[4] = True
    expected = maps.copy()
    for at, (map_, mask) in enumerate(zip(maps, masks, strict=True)):
        if mask.any():
            width = sd * 40
            inside = np.where(mask, map_, 0).astype(float)
            whole = ndimage.gaussian_filter(inside, width, mode="constant")
            weight = ndimage.gaussian_filter(mask.astype(float), width, mode="constant")
            expected[at][mask] = whole[mask] / weight[mask]
    np.testing.assert_array_equal(_smoothed(maps, masks, sd), expected)
