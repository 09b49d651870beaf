"""What stands beside the overlay of ``bench predict``."""

import numpy as np

from bench import registry
from bench.api.prediction_files import overlay_legend, overlay_note, standing_words
from bench.execution.standing import Standing


def test_the_overlay_says_where_the_score_stands_and_what_is_outlined():
    card = registry.protocol("pixel-pooled@2")
    known = Standing(np.float32([1, 2, 3, 4]), card, 0.01, 0.62541)
    assert overlay_legend(known) == (
        "Outlined: above the threshold 0.6254 (maps as pixel-pooled@2 has them), which 1 % of the "
        "pixels of normal validation images exceed. Percentile: of the image's score among 4 "
        "normal validation images."
    )
    line = {"percentile": known.percentile(3.5), "above_threshold": 0.0313}
    assert overlay_note(line) == "percentile 75.0, 3.1 % above"
    nothing = Standing(np.empty(0, np.float32), card)
    assert overlay_legend(nothing) == ""
    assert overlay_note({"percentile": None, "above_threshold": None}) == ""


def test_percentiles_and_threshold_are_explained_in_one_line():
    card = registry.protocol("pixel-pooled@2")
    assert standing_words(Standing(np.float32([1, 2]), card, 0.01, 0.62541)) == (
        "percentiles are among 2 normal validation images; the threshold 0.6254 (maps as "
        "pixel-pooled@2 has them) is exceeded by 1 % of their pixels"
    )
    assert standing_words(Standing(np.float32([1]), card)) == (
        "percentiles are among 1 normal validation image; no threshold: no maps of them were kept"
    )
    assert standing_words(Standing(np.empty(0, np.float32), card)) == (
        "no percentile: the cell has no predictions of normal validation images"
    )
