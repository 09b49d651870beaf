"""Volumes that memory does not hold, and that preparing them in parts changes no byte."""

import subprocess
import sys

import nibabel
import numpy as np
import pytest

from bench.cards import Preparation
from bench.data.prepare import volumes as module
from bench.data.read import slabs, volumes
from fakes.brain_files import ball, is_inside, prepare, subject

# 600 MB as float32; what preparing it may take beyond the interpreter and its libraries.
SHAPE, BOUND = (500, 600, 500), 250e6

# The limit holds for all that is mapped, so that nothing escapes it.
CHILD = """
import resource, sys
from pathlib import Path
import numpy as np
from bench.cards import Preparation
from bench.data.files import SubjectFiles
from bench.data.prepare.subject import PreparationRequest, prepare_subject
import nibabel, scipy.ndimage
path, cache, bound = Path(sys.argv[1]), Path(sys.argv[2]), int(float(sys.argv[3]))
taken = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (taken + bound, taken + bound))
prepared = prepare_subject(
    SubjectFiles("toy", "s1", {"T1": path}),
    PreparationRequest(["T1"], Preparation(spacing_mm=(1, 1, 2), grid=(120, 120, 60)), 112),
    cache,
)
print(prepared.images.shape, float(prepared.images.max()))
"""


@pytest.fixture(scope="module")
def large(tmp_path_factory):
    """A sparse file: a box of brain of 80 x 80 x 48 mm in 200 x 240 x 200 mm of nothing."""
    header = nibabel.Nifti1Header()
    header.set_data_shape(SHAPE)
    header.set_data_dtype(np.uint8)
    header.set_sform(np.diag([-0.4, 0.4, 0.4, 1]), 1)
    header["vox_offset"], header["magic"] = 352, b"n+1"
    path = tmp_path_factory.mktemp("large") / "v.nii"
    image = np.zeros((SHAPE[1], SHAPE[0]), dtype=np.uint8)
    image[200:400, 150:350] = 50 + np.arange(200) % 60
    with path.open("wb") as handle:
        handle.write(header.binaryblock)
        handle.truncate(352 + int(np.prod(SHAPE)))
        for slice_ in range(190, 310):
            handle.seek(352 + slice_ * image.size)
            handle.write(image.tobytes())
    return path


@pytest.mark.skipif(sys.platform != "linux", reason="limits of memory are kept on Linux only")
def test_a_volume_larger_than_memory(large, tmp_path):
    call = [sys.executable, "-c", CHILD, large, tmp_path, str(BOUND)]
    done = subprocess.run(call, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-500:]
    assert done.stdout.startswith("(24, 1, 112, 112) ")
    left = sorted(one.name for one in tmp_path.iterdir())
    assert left == ["evicting", "fingerprints", "prepared"]


@pytest.mark.parametrize("axes", ["LAS", "PSR", "IRA"])
@pytest.mark.parametrize("spacing", [1.5, 2.5, 4.0])
@pytest.mark.parametrize("lesion_free", [False, True])
def test_parts_change_no_byte(tmp_path, monkeypatch, axes, spacing, lesion_free):
    files = subject(
        tmp_path,
        modalities=("T1", "T2"),
        label=ball((5, 5, 2), 5),
        mask=lambda mm: is_inside(mm, 0.9),
        axes=axes,
    )
    grid = tuple(2 * round(110 / spacing / 2) for _ in range(3))
    options = {
        "channels": ["T1", "T2"],
        "preparation": Preparation(spacing_mm=(spacing,) * 3, grid=grid),
        "lesion_free": lesion_free,
    }
    whole = prepare(files, tmp_path / "whole", **options)
    monkeypatch.setattr(slabs, "_IN_MEMORY_BYTES", 0)
    for one in (slabs, volumes, module):
        monkeypatch.setattr(one, "PART_VOXELS", 5000)
    portions = []
    real = module.masked
    monkeypatch.setattr(module, "masked", lambda *given: portions.append(1) or real(*given))
    parts = prepare(files, tmp_path / "parts", **options)
    assert len(portions) > 1
    for name in ("images", "masks", "labels", "image_labels"):
        assert getattr(whole, name).tobytes() == getattr(parts, name).tobytes()
    np.testing.assert_array_equal(whole.geometry.slices, parts.geometry.slices)
