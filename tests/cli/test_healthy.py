"""``bench healthy`` and ``bench predict --p-maps`` on tiny volumes."""

import nibabel as nib
import numpy as np
import pytest

from bench.store.store import Store
from fakes import tiny
from fakes.here import bench_here


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made = tmp_path_factory.mktemp("healthy")
    tiny.make_volumes(made)
    tiny.write_card(made)
    done = bench_here(
        made, "run", "-m", "equalized", "-m", "gaussian", "--task", "tiny/t1", "--budget", "smoke",
        "--data-dir", ".", "--results", "runs",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return made


def test_the_table_and_the_charts_of_a_store(folder):
    done = bench_here(folder, "healthy", "--results", "runs", "--figures", "figures")
    assert done.returncode == 0, done.stderr
    assert "False positives of p-maps in healthy test subjects" in done.stdout
    assert "| gaussian" in done.stdout
    assert (folder / "figures" / "healthy-tiny-t1-trained-on-tiny.png").is_file()
    latex = bench_here(folder, "healthy", "--results", "runs", "--format", "latex")
    assert r"\label{tab:healthy" in latex.stdout
    one = bench_here(folder, "healthy", "--results", "runs", "--method", "equalized")
    assert "| equalized" in one.stdout
    assert "| gaussian" not in one.stdout
    other = bench_here(folder, "healthy", "--results", "runs", "--task", "tiny/t9")
    assert other.returncode == 2


def test_predict_writes_p_maps_beside_maps(folder):
    records, _ = Store(folder / "runs").read_all()
    (record,) = [one for one in records if one.method == "gaussian"]
    scan = folder / "tiny" / "p2" / "T1.nii.gz"
    asked = ["predict", str(scan), "--cell", record.key, "--results", "runs", "--out", "out"]
    done = bench_here(folder, *asked, "--p-maps")
    assert done.returncode == 0, done.stderr
    p_map, foreground = (
        nib.load(folder / "out" / f"T1_{name}.nii.gz").get_fdata() for name in ("p", "foreground")
    )
    assert p_map.shape == tiny.SHAPE
    assert (p_map[foreground == 0] == 1).all()
    assert 0 < p_map.min() < 0.05
    assert np.median(p_map[foreground > 0]) == pytest.approx(0.5, abs=0.2)
    assert "calibrated on 1 healthy validation subject" in done.stderr
