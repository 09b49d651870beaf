"""Why a cell has no pictures, and what to do."""

import numpy as np
import pytest

from bench.api.showing import draw_cell
from bench.errors import StoreError
from bench.store.predictions import SubjectPrediction, write_index, write_prediction
from bench.store.records import ProtocolNumbers, SubjectNumbers
from bench.store.store import Store
from fakes.records import a_record

OWN = {"b": SubjectNumbers(cases=9, positives=1, metrics={"ap": 0.5})}
NONE = {"b": SubjectNumbers(cases=9, positives=0)}


def refusal(tmp_path, record, *, predictions=True, protocol=None, scores_only=False):
    store = Store(tmp_path / "runs")
    store.open_for_writing()
    folder = store.prediction_folder(record.key)
    if predictions:
        folder.mkdir(parents=True)
        maps, nothing = np.ones((1, 4, 4), np.float32), np.zeros((1, 4, 4), bool)
        write_prediction(
            folder,
            SubjectPrediction("b", "test", maps=None if scores_only else maps,
                              scores_only=scores_only, scores=maps[:, 0, 0], masks=~nothing,
                              labels=nothing, image_labels=np.array([False])),
        )  # fmt: skip
        write_index(folder, {"test": ["b"], "validation": []})
    with pytest.raises(StoreError) as refused:
        draw_cell(store, record, tmp_path / "out.png", subjects=[], protocol=protocol,
                  device="cpu", data_dir=None, warn=lambda _: None)  # fmt: skip
    assert not (tmp_path / "out.png").exists()
    start = f"nothing to draw of cell {record.key[:12]} (ae on phantom/ms-t1): "
    assert str(refused.value).startswith(start)
    return str(refused.value).removeprefix(start).splitlines()[0], refused.value.hint


def numbers(**per_subject):
    return {name.replace("_", "-") + "@2": ProtocolNumbers(status="done", per_subject=one)
            for name, one in per_subject.items()}  # fmt: skip


@pytest.mark.parametrize("kept", ["scores", "maps"])
def test_maps_that_were_not_kept_or_are_gone(tmp_path, kept):
    said = refusal(tmp_path, a_record(kept=kept), predictions=kept == "scores")
    assert said == ("its maps were not kept", "bench run --keep maps --force")


def test_a_method_without_maps(tmp_path):
    record = a_record(protocols=numbers(pixel_pooled=OWN))
    assert refusal(tmp_path, record, scores_only=True) == (
        "the method gives scores and no maps",
        "bench list methods",
    )


def test_a_cell_that_failed_says_why(tmp_path):
    failed = a_record(status="failed", error_class="method", reason="the loss is a teapot")
    assert refusal(tmp_path, failed, predictions=False)[0] == "the loss is a teapot"


def test_no_subject_has_both_classes(tmp_path):
    assert refusal(tmp_path, a_record(protocols=numbers(pixel_pooled=NONE))) == (
        "no subject has an AP of its own under pixel-pooled@2",
        "name a subject, such as --subject b",
    )


def test_another_protocol_has_values(tmp_path):
    record = a_record(protocols=numbers(pixel_pooled=OWN, pixel_subject=NONE))
    assert refusal(tmp_path, record, protocol="pixel-subject@2") == (
        "no subject has an AP of its own under pixel-subject@2",
        "--protocol pixel-pooled@2, or name a subject with --subject",
    )
