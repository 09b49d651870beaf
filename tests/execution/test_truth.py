"""Every test subject says what preparation kept of its lesions: in the record, plan and caption."""

import nibabel as nib
import numpy as np
import pytest

from bench import registry
from bench.data.cache.folder import cache_dir
from bench.execution.context import RunContext
from bench.execution.run import run_cell
from bench.planning.lesions_kept import truth_lines
from bench.planning.plan import make_plan
from bench.report import build_report, render
from bench.report.rows.cards import Cards
from fakes import tiny


@pytest.fixture
def cell(tmp_path, monkeypatch):
    """Two lesions of one voxel in p1, one of them outside the brain; the large one stays in p3."""
    monkeypatch.setenv("BENCH_CACHE", str(tmp_path / "cache"))  # with nothing prepared
    folder = tiny.make_volumes(tmp_path)
    for subject, voxels in (("p1", [(12, 14, 10), (0, 0, 10)]), ("p2", [(9, 16, 7), (14, 9, 12)])):
        label = np.zeros(tiny.SHAPE, dtype=np.uint8)
        label[tuple(np.transpose(voxels))] = 1
        tiny.write_volume(folder / subject / "lesion.nii.gz", label)
    asked = tiny.request(tiny.method("Brightness"))
    return make_plan(asked, data_dir=tmp_path, cache=cache_dir()).cells[0]


def test_lost_lesions_are_counted_and_said(cell, tmp_path):
    (before,) = truth_lines([cell], cache_dir())
    assert before.startswith("tiny/t1, 32 px: 4 of 4 test subjects are not prepared yet")
    context = RunContext(
        results=tmp_path / "runs", cache=cache_dir(), device="cpu", keep="none", command="test"
    )
    record = run_cell(cell, context, lambda done, total, note: None)
    assert record.status == "done", record.reason
    p1 = record.truth["p1"]
    assert (p1.lesions, p1.lesions_kept, p1.voxels, p1.slices, p1.slices_kept) == (2, 1, 2, 1, 1)
    assert p1.volume_ml == pytest.approx(2 * 4**3 / 1000)
    assert record.truth["p2"].lesions_kept == record.truth["p2"].lesions == 2
    stored = nib.load(tmp_path / "tiny/p3/lesion.nii.gz").get_fdata()
    assert record.truth["p3"].voxels == stored.sum()
    assert record.truth["p4"].lesions == record.truth["p4"].voxels == 0
    (after,) = truth_lines([cell], cache_dir())
    assert "4 of 5 lesions are kept" in after
    assert after.endswith("; 1 lost")
    cards = Cards({"tiny": tiny.card()}, {}, registry.load_protocols())
    text = render(build_report([record], cards), "markdown")
    assert "Lost: 1 of 5 lesions of the test labels is outside the grid or the foreground" in text
    kept = record.model_copy(update={"truth": {"p2": record.truth["p2"]}})
    assert "Lost:" not in render(build_report([kept], cards), "markdown")
