"""Data files that change while a run is under way: no wrong number, and nothing wrong cached."""

import os

import nibabel as nib
import pytest

from bench.data.cache.folder import cache_dir
from bench.data.prepare import subject as preparing
from bench.data.prepare.request import PreparationRequest
from bench.errors import DataError
from fakes import tiny
from fakes.cells import cells, run


@pytest.fixture
def data(tmp_path):
    tiny.make_volumes(tmp_path)
    return tmp_path


def volume(data, subject):
    return data / "tiny" / subject / "T1.nii.gz"


def change(path, by=5):
    """Another image in the file."""
    image = nib.load(path)
    nib.save(nib.Nifti1Image(image.get_fdata() + by * (image.get_fdata() > 90), image.affine), path)


def prepared_entries():
    return {path.name for path in (cache_dir() / "prepared").glob("*")}


@pytest.mark.parametrize("changed", ["p1", "n1", "n4"])
def test_a_cell_whose_files_changed_since_the_plan_fails_and_names_them(data, changed):
    (cell,) = cells(data, tiny.method("Brightness"))
    change(volume(data, changed))
    record = run(data, cell)
    assert (record.status, record.error_class) == ("failed", "data")
    assert "data changed since the plan" in record.reason
    assert str(volume(data, changed)) in record.reason
    (planned_again,) = cells(data, tiny.method("Brightness"))
    assert planned_again.key != cell.key
    assert run(data, planned_again).status == "done"


def test_a_file_that_changes_between_two_cells_stops_the_second(data):
    first, second = cells(data, tiny.method("Brightness"), seeds=2)
    assert run(data, first).status == "done"
    change(volume(data, "p1"))
    record = run(data, second)
    assert (record.status, record.error_class) == ("failed", "data")


def test_a_file_that_changes_while_it_is_read_is_an_error_and_not_cached(data, monkeypatch):
    change(volume(data, "p1"), by=7)  # the cache is shared by all tests
    (cell,) = cells(data, tiny.method("Brightness"))
    (files,) = [one for one in cell.test.present if one.subject == "p1"]
    request = PreparationRequest(cell.fit.channels, cell.fit.preparation, 32, with_label=True)
    read = preparing.prepare_volumes

    def read_and_change(*given):
        found = read(*given)
        change(volume(data, "p1"))
        return found

    monkeypatch.setattr(preparing, "prepare_volumes", read_and_change)
    before = prepared_entries()
    with pytest.raises(DataError, match="data changed since they were first read"):
        preparing.prepare_subject(files, request, cache_dir())
    assert prepared_entries() == before


def test_a_copy_with_the_same_size_and_times_is_noticed(data):
    path = volume(data, "p1")
    (cell,) = cells(data, tiny.method("Brightness"))
    before, content = path.stat(), bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    (planned_again,) = cells(data, tiny.method("Brightness"))
    assert planned_again.fingerprint != cell.fingerprint
