"""Subjects of one class each: which of them are ranked best and worst among the other class."""

import numpy as np
import pytest
from PIL import Image
from sklearn.metrics import roc_auc_score

from bench import registry
from bench.report.figures.gallery import shown_by_rank
from bench.report.figures.paper import save_gallery
from bench.report.figures.ranked import RANKED_RIGHT, ranked_right
from bench.store.predictions import SubjectPrediction, write_index, write_prediction

# Subject: whether it is abnormal, and the height of the map of each of its images.
SINGLE = {"a1": (True, [9]), "a2": (True, [4]), "a3": (True, [1]), "n1": (False, [2]),
          "n2": (False, [4]), "n3": (False, [3]), "n4": (False, [0])}  # fmt: skip
EXPECTED = {"a1": 1.0, "a2": 3.5 / 4, "a3": 1 / 4, "n1": 2 / 3, "n2": 1.5 / 3, "n3": 2 / 3,
            "n4": 1.0}  # fmt: skip


def cell(folder, subjects, *, maps=True):
    folder.mkdir()
    for name, (abnormal, heights) in subjects.items():
        drawn = np.ones((len(heights), 8, 8), np.float32) * np.array(heights)[:, None, None]
        masks = np.ones(drawn.shape, bool)
        masks[1:, 0] = False  # so that the first image stands for its subject
        write_prediction(
            folder,
            SubjectPrediction(name, "test", maps=drawn if maps else None, scores=drawn[:, 0, 1],
                              masks=masks, labels=None,
                              image_labels=np.full(len(heights), abnormal),
                              preview=drawn[0].astype(np.float16) / 9),
        )  # fmt: skip
    write_index(folder, {"test": list(subjects), "validation": []})
    return folder


@pytest.mark.parametrize("protocol", ["image@1", "image-max@1", "image-mean@1", "subject@1"])
def test_each_is_held_against_all_of_the_other_class_and_the_mean_is_the_auroc(tmp_path, protocol):
    found = ranked_right(cell(tmp_path / "cell", SINGLE), registry.protocol(protocol))
    assert found == pytest.approx(EXPECTED)
    truth = [abnormal for abnormal, _ in SINGLE.values()]
    auroc = roc_auc_score(truth, [heights[0] for _, heights in SINGLE.values()])
    for kind in (True, False):
        own = [found[name] for name, (abnormal, _) in SINGLE.items() if abnormal == kind]
        assert np.mean(own) == pytest.approx(auroc)


def test_of_several_images_the_shown_one_counts_against_all_others(tmp_path):
    several = {"a": (True, [5, 0]), "n": (False, [4, 6, 7]), "o": (False, [2])}
    found = ranked_right(cell(tmp_path / "cell", several), registry.protocol("image@1"))
    assert found == pytest.approx({"a": 2 / 4, "n": 1 / 2, "o": 1 / 2})


@pytest.mark.parametrize("protocol", ["pixel-pooled@2", "image-matched@1", "image-standardised@1"])
def test_protocols_that_do_not_rank_images_together_rank_none(tmp_path, protocol):
    assert ranked_right(cell(tmp_path / "cell", SINGLE), registry.protocol(protocol)) == {}


def test_without_a_second_class_or_maps_none_is_ranked(tmp_path):
    normal = {name: one for name, one in SINGLE.items() if not one[0]}
    assert ranked_right(cell(tmp_path / "one", normal), registry.protocol("image@1")) == {}
    scores = cell(tmp_path / "scores", SINGLE, maps=False)
    assert ranked_right(scores, registry.protocol("image-max@1")) == {}
    assert shown_by_rank(scores, registry.protocol("image@1")) == []


def test_best_median_and_worst_are_drawn_with_their_class(tmp_path):
    shown = shown_by_rank(cell(tmp_path / "cell", SINGLE), registry.protocol("image@1"))
    assert [(one.standing, one.subject, one.abnormal) for one in shown] == [
        ("best", "a1", True),
        ("median", "n1", False),
        ("worst", "a3", True),
    ]
    assert [one.value for one in shown] == pytest.approx([1, 2 / 3, 1 / 4])
    out = save_gallery(shown, "intensity", RANKED_RIGHT, tmp_path / "cell.png")
    assert min(Image.open(out).size) > 500
