"""Predictions that do not fit into a device's memory at once: in pieces, with the same numbers."""

import logging

import numpy as np
import pytest
import torch

from bench.detector import Images, Prediction
from bench.errors import MethodError
from bench.execution.fitted import Fitted
from bench.execution.learning import what_was_learned
from bench.execution.pieces import Pieces, part
from fakes import tiny
from fakes.cells import cells, run
from fakes.detectors import FitsFew, Rebuilds
from fakes.method_samples import normal_images

LOG = logging.getLogger("test")


def images(count):
    rng = np.random.default_rng(0)
    positions = np.linspace(-1, 1, count, dtype=np.float32)
    pixels = rng.random((count, 1, 4, 4), dtype=np.float32)
    return Images(pixels, pixels[:, 0] > 0.2, positions=positions)


class Device:
    """Judges at most so many images at once."""

    def __init__(self, most, error=torch.OutOfMemoryError):
        self.most, self.error, self.sizes = most, error, []

    def predict(self, given, maps=True):
        self.sizes.append(len(given))
        if len(given) > self.most:
            raise self.error("out of memory")
        made = given.images[:, 0] * given.masks + given.positions[:, None, None]
        return Prediction(made if maps else None, made.max(axis=(1, 2)), signed=maps)


@pytest.mark.parametrize("error", [torch.OutOfMemoryError, MemoryError])
@pytest.mark.parametrize("most", [1, 2, 3, 6])
def test_pieces_give_what_the_whole_gives_in_order(most, error):
    whole = Device(7).predict(images(7))
    found = Pieces(log=LOG).predict(Device(most, error).predict, images(7))
    np.testing.assert_array_equal(found.maps, whole.maps)
    np.testing.assert_array_equal(found.scores, whole.scores)
    assert found.signed


def test_scores_alone_stay_scores_alone():
    device = Device(2)
    found = Pieces(log=LOG).predict(lambda given: device.predict(given, maps=False), images(5))
    assert (found.maps, found.scores.shape, found.signed) == (None, (5,), False)


def test_later_images_begin_with_pieces_that_fit():
    pieces, device = Pieces(log=LOG), Device(2)
    assert pieces.note == []
    pieces.predict(device.predict, images(5))
    assert device.sizes == [5, 3, 2, 2, 1]
    pieces.predict(device.predict, images(4))
    assert device.sizes[5:] == [2, 2]
    assert pieces.note == ["at most 2 images predicted at a time, since the memory did not suffice"]


def test_where_one_image_does_not_fit_the_error_is_the_devices():
    device = Device(0)
    with pytest.raises(torch.OutOfMemoryError):
        Pieces(log=LOG).predict(device.predict, images(4))
    assert device.sizes == [4, 2, 1]


def test_a_part_has_masks_and_positions_of_its_images():
    whole = images(6)
    piece = part(whole, 2, 4)
    np.testing.assert_array_equal(piece.masks, whole.masks[2:4])
    np.testing.assert_array_equal(piece.positions, whole.positions[2:4])


def test_a_cell_that_ran_out_of_memory_has_the_numbers_of_one_that_did_not(tmp_path):
    tiny.make_volumes(tmp_path)
    few, many, none = (
        run(tmp_path, *cells(tmp_path, tiny.method("FitsFew", most=most))) for most in (2, 999, 0)
    )
    assert few.status == many.status == "done"
    assert few.protocols == many.protocols
    assert [one for one in few.adapted if "at a time" in one] == [
        "at most 2 images predicted at a time, since the memory did not suffice"
    ]
    assert not [one for one in many.adapted if "at a time" in one]
    assert (none.status, none.error_class) == ("failed", "out_of_memory")


def test_new_images_are_judged_in_the_same_pieces(tmp_path):
    tiny.make_volumes(tmp_path)
    (cell,) = cells(tmp_path, tiny.method("FitsFew", most=2))
    given = images(5)

    def judge(most):
        fit = cell.fit
        fitted = Fitted(fit.method, cell.dataset, fit.channels, fit.preparation, 4, "cpu",
                        FitsFew({"most": most}))  # fmt: skip
        return fitted.judge(given.images, given.masks)

    np.testing.assert_array_equal(judge(2).maps, judge(5).maps)
    with pytest.raises(MethodError, match="out of memory"):
        judge(0)


def test_what_was_learned_is_the_same_in_pieces():
    class Small(Rebuilds):
        def reconstructions(self, images):
            if len(images) > 2:
                raise torch.OutOfMemoryError("CUDA out of memory")
            return super().reconstructions(images)

    normal = normal_images(5)
    normal = type(normal)(normal.images, normal.masks, validation=normal)
    found = [what_was_learned(one({}), normal, "cpu", "x") for one in (Small, Rebuilds)]
    assert found[0] == found[1] is not None
