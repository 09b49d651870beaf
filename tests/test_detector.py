"""The optional parts of a detector's contract."""

import numpy as np
import pytest

from bench import registry
from bench.detector import CountsParameters, Detector, Explains, parameter_count
from fakes.detectors import Brightness


class Sized(Brightness):
    """A detector that says `count` of itself."""

    def __init__(self, count):
        self.n_parameters = count


class Unsized(Brightness):
    """A detector that says nothing of its size."""

    def __init__(self):
        pass


def test_the_size_of_a_detector_is_optional():
    assert not isinstance(Unsized(), CountsParameters)
    assert parameter_count(Unsized()) is None
    assert parameter_count(Sized(None)) is None
    assert parameter_count(Sized(np.int64(7))) == 7


def test_a_size_is_a_whole_number():
    with pytest.raises(TypeError):
        parameter_count(Sized("many"))


def test_a_loaded_class_gives_detectors():
    card = registry.method("pca")
    detector = registry.load_class(card)(card.config)
    assert isinstance(detector, Detector)
    assert not isinstance(detector, Explains)
