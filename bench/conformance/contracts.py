"""The contracts that every method keeps, one check each.

A check takes a `bench.conformance.trial.Trial` and raises `MethodError` with what was broken and
why it matters. ``tests/conformance`` holds every method card against all of them.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from bench.conformance.resuming import check_resuming
from bench.conformance.trial import Trial, made_up, read_only
from bench.detector import (
    Explains,
    Images,
    Prediction,
    Reconstructs,
)
from bench.errors import agreed, an, counted

ALLOWED_SUFFIXES = (".json", ".npz", ".safetensors")


# --- the checks -------------------------------------------------------------------------------


def check_form(trial: Trial) -> None:
    """Maps and scores have the promised shapes and types and are finite."""
    found, count = trial.prediction, len(trial.images)
    _check_array(trial, "scores", found.scores, (count,))
    if found.maps is not None:
        _check_array(trial, "maps", found.maps, (count, trial.size, trial.size))
    if (found.maps is not None) != ("map" in trial.card.outputs):
        raise trial.broken(
            "form",
            f"the card's outputs are {trial.card.outputs}, maps are "
            f"{'missing' if found.maps is None else 'there'}",
            "Protocols are chosen by the card, so it must say what the detector gives",
        )
    if not isinstance(found.signed, bool) or (found.signed and found.maps is None):
        raise trial.broken(
            "form",
            f"signed is {found.signed!r}, maps are {'missing' if found.maps is None else 'there'}",
            "It is True or False, and True only for maps whose distance from 0 is anomalous",
        )


def check_repeatable(trial: Trial) -> None:
    """The same seed gives the same bytes on a CPU."""
    again = trial.fit().predict(trial.images)
    _check_same(
        trial,
        "repeatable",
        again,
        "Two fits with one seed differ, so no number of this method could be reproduced; look "
        "for a generator that run.seed does not reach, or for threads that add in any order",
    )


def check_deterministic(trial: Trial) -> None:
    """A method that calls itself deterministic does not depend on the seed."""
    if trial.card.deterministic:
        again = trial.fit(seed=1).predict(trial.images)
        _check_same(
            trial,
            "deterministic",
            again,
            "The card says deterministic = true, so only one seed would be run; yet the seed "
            "changes the result",
        )


def check_saving(trial: Trial) -> None:
    """What was saved and loaded predicts the same, and no pickle is among the files.

    What was fitted on a GPU is judged on a CPU too.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        trial.detector.save(folder)
        files = sorted(path for path in folder.rglob("*") if path.is_file())
        odd = [path.name for path in files if path.suffix not in ALLOWED_SUFFIXES]
        if odd:
            raise trial.broken(
                "saving",
                f"save wrote {', '.join(odd)}, allowed are {', '.join(ALLOWED_SUFFIXES)}",
                "Other formats may execute code when they are read",
            )
        for path in files:
            _check_no_pickle(trial, path)
        loaded = trial.build(dict(trial.config))
        loaded.load(folder)
    for device in dict.fromkeys([trial.device, "cpu"]):
        images = Images(trial.images.images, trial.images.masks, device, trial.images.positions)
        _check_same(
            trial,
            "saving",
            loaded.predict(images),
            f"A detector that was loaded judges otherwise on {device} than the fitted one on "
            f"{trial.device}, so cells that share a fit would not agree",
        )


def check_order(trial: Trial) -> None:
    """The order of test images changes nothing."""
    turned = _part(trial.images, slice(None, None, -1))
    found = trial.detector.predict(turned)
    maps = None if found.maps is None else found.maps[::-1]
    _check_same(
        trial,
        "order",
        Prediction(maps, found.scores[::-1], found.signed),
        "An image's result depends on where it stands among the others",
    )


def check_batching(trial: Trial) -> None:
    """Test images judged one by one give the same as all together."""
    singles = [
        trial.detector.predict(_part(trial.images, slice(i, i + 1)))
        for i in range(len(trial.images))
    ]
    maps = [one.maps for one in singles if one.maps is not None]
    joined = Prediction(
        np.concatenate(maps) if maps else None,
        np.concatenate([one.scores for one in singles]),
        any(one.signed for one in singles),
    )
    _check_same(
        trial,
        "batching",
        joined,
        "An image's result depends on its neighbours: on batch statistics, on a scaling over "
        "the batch, or on kernels chosen by the batch's size",
    )


def check_untouched(trial: Trial) -> None:
    """Predicting changes neither the images nor the detector."""
    images, masks = trial.images.images.copy(), trial.images.masks.copy()
    trial.detector.predict(Images(images, masks, trial.device, trial.images.positions))
    same = np.array_equal(images, trial.images.images) and np.array_equal(masks, trial.images.masks)
    if not same:
        raise trial.broken(
            "untouched", "predict wrote into its input", "Later cells would see other images"
        )
    _check_same(
        trial,
        "untouched",
        trial.detector.predict(trial.images),
        "A second prediction differs from the first, so predict changes the detector",
    )


def check_odd_images(trial: Trial) -> None:
    """Constant images and images without any foreground get finite results."""
    images = np.zeros((3, trial.channels, trial.size, trial.size), dtype=np.float32)
    masks = np.ones((3, trial.size, trial.size), dtype=bool)
    images[1] = 0.5
    masks[2] = False
    found = trial.detector.predict(read_only(images, masks, trial.device))
    _check_array(trial, "scores of constant images", found.scores, (3,))
    if found.maps is not None:
        _check_array(trial, "maps of constant images", found.maps, (3, trial.size, trial.size))


def check_few_images(trial: Trial) -> None:
    """One normal image, fewer than a batch, and no validation is enough to run."""
    found = trial.fit(count=1).predict(trial.images)
    _check_array(trial, "scores after one normal image", found.scores, (len(trial.images),))


def check_any_size(trial: Trial) -> None:
    """Images whose side no power of two divides."""
    size = 45
    images = read_only(*made_up(2, trial.channels, size, seed=3), trial.device)
    found = trial.fit(size=size).predict(images)
    if found.maps is not None:
        _check_array(trial, f"maps at {size} pixels", found.maps, (2, size, size))


def check_explain(trial: Trial) -> None:
    """Pictures of `explain`, where there is one, fit the images and are finite."""
    if not isinstance(trial.detector, Explains):
        return
    found = trial.detector.explain(trial.images)
    if not isinstance(found, dict) or not found:
        raise trial.broken(
            "explain",
            f"explain returned {type(found).__name__} without pictures",
            "bench show draws a dictionary of pictures by name; leave explain out for none",
        )
    count, size = len(trial.images), trial.size
    for name, array in found.items():
        shape = (count, *np.shape(array)[1:2], size, size)
        _check_array(trial, f"pictures {name!r}", array, shape, contract="explain")


def check_reconstructions(trial: Trial) -> None:
    """What `reconstructions` gives, where there is one, has the images' form and is finite."""
    if isinstance(trial.detector, Reconstructs):
        found = trial.detector.reconstructions(trial.images)
        shape = trial.images.images.shape
        _check_array(trial, "reconstructions", found, shape, contract="reconstructions")


CHECKS: dict[str, Callable[[Trial], None]] = {
    "form": check_form,
    "repeatable": check_repeatable,
    "deterministic": check_deterministic,
    "saving": check_saving,
    "order": check_order,
    "batching": check_batching,
    "untouched": check_untouched,
    "odd-images": check_odd_images,
    "few-images": check_few_images,
    "any-size": check_any_size,
    "explain": check_explain,
    "resuming": check_resuming,
    "reconstructions": check_reconstructions,
}


# --- helpers ----------------------------------------------------------------------------------


def _check_array(
    trial: Trial,
    what: str,
    array: npt.NDArray[Any],
    shape: tuple[int, ...],
    contract: str = "form",
) -> None:
    if not isinstance(array, np.ndarray):
        raise trial.broken(
            contract, f"{what} are {an(type(array).__name__)}", "NumPy arrays are due"
        )
    if array.shape != shape or array.dtype != np.float32:
        raise trial.broken(
            contract,
            f"{what} are {array.shape} {array.dtype}, expected {shape} float32",
            "Protocols rely on one value per pixel and image",
        )
    bad = int((~np.isfinite(array)).sum())
    if bad:
        raise trial.broken(
            contract,
            f"{counted(bad, 'value')} of the {what} {agreed(bad, 'are')} NaN or infinite",
            "Such values cannot be ranked",
        )


def _check_same(trial: Trial, contract: str, found: Prediction, meaning: str) -> None:
    if found.signed != trial.prediction.signed:
        raise trial.broken(contract, "signed differs between the two predictions", meaning)
    for what in ("scores", "maps"):
        first, second = getattr(trial.prediction, what), getattr(found, what)
        if first is None or second is None:
            if first is not second:
                raise trial.broken(
                    contract, f"{what} are there in one of the two predictions only", meaning
                )
        elif not trial.same(first, second):
            largest = float(np.abs(first - second).max())
            raise trial.broken(contract, f"{what} differ by up to {largest:.3g}", meaning)


def _check_no_pickle(trial: Trial, path: Path) -> None:
    if path.suffix != ".npz":
        return
    try:
        with np.load(path, allow_pickle=False) as kept:
            for name in kept.files:
                kept[name]
    except ValueError as error:
        raise trial.broken(
            "saving", f"{path.name}: {error}", "Pickled objects may execute code when read"
        ) from error


def _part(images: Images, some: slice) -> Images:
    positions = None if images.positions is None else images.positions[some]
    return Images(images.images[some], images.masks[some], images.device, positions)
