"""Every place where bench reads what others wrote, with a good file for each."""

import io
import json
import shutil
import tarfile
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import nibabel
import numpy as np
import tifffile
from PIL import Image

from bench import checksums
from bench.cards import DatasetCard, MethodCard, ProtocolCard, PublishedRow
from bench.cards.base import read_card
from bench.cards.layouts import Layout, TableLayout
from bench.cards.subject_table import SubjectTable
from bench.data.fetch.archives import unpack
from bench.data.find.class_tables import read_table
from bench.data.find.exclusion import Exclusion
from bench.data.find.medmnist import match_medmnist
from bench.data.find.subject_table import read_subject_table
from bench.data.read.images import read_image, read_label, read_values
from bench.data.read.volumes import read_label_volume, read_volume
from bench.errors import StoreError
from bench.gate.baseline import read_baseline
from bench.planning.settings import parse_settings
from bench.planning.suite import read_suite
from bench.store.current import read_marks
from bench.store.predictions import SubjectPrediction, read_predictions, write_prediction
from bench.store.store import Store
from bench.upkeep.archive import export, unpacked
from conftest import ROOT
from fakes import records

SHAPE = (6, 7, 5)
SIDE = (9, 11)


@dataclass(frozen=True)
class Boundary:
    """One kind of file.

    Attributes:
        name: also of its files, with the suffix that its reader looks at.
        make: writes a good file.
        read: reads it as bench does; raises a `BenchError` or nothing.
    """

    name: str
    make: Callable[[Path], None]
    read: Callable[[Path], object]


def _copy(source: Path) -> Callable[[Path], None]:
    return lambda path: path.write_bytes(source.read_bytes())


def _text(content: str) -> Callable[[Path], None]:
    return lambda path: path.write_text(content)


def _volume(path: Path) -> None:
    data = np.random.default_rng(0).integers(0, 3, SHAPE).astype(np.float32)
    nibabel.save(nibabel.Nifti1Image(data, np.diag([2.0, 2, 2, 1])), path)


def _freesurfer(path: Path) -> None:
    data = np.random.default_rng(0).random(SHAPE, dtype=np.float32)
    nibabel.save(nibabel.MGHImage(data, np.eye(4)), path)


def _itk(path: Path) -> None:
    import SimpleITK

    data = np.random.default_rng(0).integers(0, 3, SHAPE).astype(np.int16)
    SimpleITK.WriteImage(SimpleITK.GetImageFromArray(data), str(path))


def _picture(path: Path) -> None:
    array = np.random.default_rng(0).integers(0, 255, (*SIDE, 3)).astype(np.uint8)
    Image.fromarray(array).save(path)


def _label(path: Path) -> None:
    array = np.zeros(SIDE, np.uint8)
    array[2:5, 3:9] = 255
    Image.fromarray(array).save(path)


def _deep(path: Path) -> None:
    array = np.random.default_rng(0).integers(0, 60_000, SIDE).astype(np.uint16)
    if path.suffix == ".npy":
        np.save(path, array)
    elif path.suffix == ".tiff":
        tifffile.imwrite(path, array, compression="zlib", tile=(16, 16))
    else:
        Image.fromarray(array).save(path)


def _dicom(path: Path) -> None:
    from fakes import dicom_files

    names = {"SOPInstanceUID": "1.2.3", "SeriesInstanceUID": "1.2.4"}  # a case is its number
    draw = np.random.default_rng(0)
    if path.stem == "label":
        lesion = np.pad(np.full((3, 6), 255, np.uint8), ((2, 4), (3, 2)))
        dicom_files.picture(path, lesion, **names)
    elif path.stem == "grey":
        dicom_files.picture(path, draw.integers(-900, 900, SIDE).astype(np.int16), "MONOCHROME1",
                            RescaleSlope=0.5, RescaleIntercept=-3, **names)  # fmt: skip
    else:
        colours = draw.integers(0, 255, (*SIDE, 3)).astype(np.uint8)
        dicom_files.packed(dicom_files.picture(path, colours, "RGB", **names))


def _medmnist(path: Path) -> None:
    arrays = {}
    for part in ("train", "val", "test"):
        arrays[f"{part}_images"] = np.zeros((4, 8, 8), np.uint8)
        arrays[f"{part}_labels"] = np.arange(4)[:, None] % 2
    np.savez_compressed(path, **arrays)


def _zip(path: Path) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("a/b.txt", "x" * 200)
        packed.writestr("c.txt", "y")


def _tar(path: Path) -> None:
    with tarfile.open(path, "w:gz") as packed:
        info = tarfile.TarInfo("a/b.txt")
        info.size = 5
        packed.addfile(info, io.BytesIO(b"hello"))


def _unpack(path: Path) -> None:
    into = path.parent / "unpacked"
    into.mkdir()
    try:
        unpack(path, into)
    finally:
        shutil.rmtree(into)


def _store(path: Path) -> Store:
    """The store that the file is a part of."""
    return Store(path.parent / "store")


def _exported(path: Path) -> None:
    store = _store(path)
    store.open_for_writing()
    store.write_record(records.record())
    export(store, store.read_all()[0], path)


def _merge(path: Path) -> object:
    with unpacked(path, _store(path)) as found:
        return found.read_all()


def _record(path: Path) -> None:
    path.write_text(records.record().model_dump_json(indent=1))


def _read_record(path: Path) -> object:
    store = _store(path)
    place = store.record_path("made-up/t1", "far", "k")
    place.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(path, place)
    store.read_all(), store.read_heads()
    return store.read_head("made-up/t1", "far", "k"), store.read_record("made-up/t1", "far", "k")


def _read_mark(path: Path) -> None:
    place = _store(path).root / "_current/x/y/test.json"
    place.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(path, place)
    if broken := read_marks(_store(path)).broken:
        raise StoreError(broken[0].problem)


def _prediction(path: Path) -> None:
    maps = np.random.default_rng(0).random((2, 4, 5), dtype=np.float32)
    write_prediction(
        path.parent,
        SubjectPrediction("a", "test", maps=maps, scores=maps.max(axis=(1, 2)), masks=maps > 0.1,
                          labels=maps > 0.9, image_labels=np.array([True, False])),
    )  # fmt: skip
    next(path.parent.glob("test-*")).rename(path)


def _read_prediction(path: Path) -> object:
    folder = path.parent / "predictions"
    folder.mkdir(exist_ok=True)
    shutil.copy(path, folder / f"test-a{''.join(path.suffixes)}")
    return list(read_predictions(folder, "test"))


def _read_checksums(path: Path) -> None:
    folder = path.parent / "sealed"
    folder.mkdir(exist_ok=True)
    (folder / "a").write_text("a")
    shutil.copy(path, folder / checksums.NAME)
    try:
        checksums.check_folder(folder)
    except checksums.DamagedFile as damage:  # each caller says in its words what is damaged
        raise StoreError(str(damage)) from damage


SETTINGS = 'ae:steps=5\nk=[1, {"a": 0.5}]\nname=x\npatches=true\nae:depth=3\n'
TABLE = "image,class,subject\n" + "".join(f"i{n},{'ab'[n % 2]},s{n}\n" for n in range(8))
SUBJECTS = "id,age,sex\n" + "".join(f"s{n},{40 + n},F\n" for n in range(8))
RUN = '\n[[run]]\nmethod = ["random"]\ntask = ["phantom/ms-t1"]\nbudget = "smoke"\n'
MEDMNIST = Layout(name="x", title="x", kind="medmnist", images={"R": "m.npz"}, normal=["0"],
                  abnormal=["1"], id="{subject}")  # fmt: skip


def _found(path: Path) -> object:
    layout = MEDMNIST.model_copy(update={"images": {"R": path.name}})
    return match_medmnist("x", layout, path.parent, Exclusion())


BOUNDARIES = [
    Boundary("dataset.toml", _copy(ROOT / "datasets/mslub.toml"),
             lambda path: read_card(path, DatasetCard)),
    Boundary("images.toml", _copy(ROOT / "datasets/resc.toml"),
             lambda path: read_card(path, DatasetCard)),
    Boundary("method.toml", _copy(next(ROOT.glob("methods/*/dae.toml"))),
             lambda path: read_card(path, MethodCard)),
    Boundary("protocol.toml", _copy(next((ROOT / "bench/protocols").glob("pixel-pooled*.toml"))),
             lambda path: read_card(path, ProtocolCard)),
    Boundary("row.toml", _copy(min((ROOT / "results/published").glob("*.toml"))),
             lambda path: read_card(path, PublishedRow)),
    Boundary("suite.toml", _text('title = "x"' + RUN + RUN), read_suite),
    Boundary("set.txt", _text(SETTINGS),
             lambda path: parse_settings(path.read_text(errors="replace").splitlines())),
    Boundary("record.json", _record, _read_record),
    Boundary("mark.json", _text(json.dumps({"fingerprint": "f", "since": "s", "data_dir": "d"})),
             _read_mark),
    Boundary("baseline.json", _copy(ROOT / "results/baseline.json"), read_baseline),
    Boundary("checksums.json", _text(json.dumps({"a": sha256(b"a").hexdigest()})), _read_checksums),
    Boundary("prediction.npz.zst", _prediction, _read_prediction),
    Boundary("volume.nii", _volume, lambda path: read_volume(path).data),
    Boundary("volume.nii.gz", _volume, lambda path: read_volume(path).data),
    Boundary("label.nii", _volume, lambda path: read_label_volume(path).data),
    Boundary("volume.mgz", _freesurfer, lambda path: read_volume(path).data),
    Boundary("volume.nrrd", _itk, lambda path: read_volume(path).data),
    Boundary("volume.mha", _itk, lambda path: read_volume(path).data),
    Boundary("colour.png", _picture, read_image),
    Boundary("deep.png", _deep, read_image),
    Boundary("photo.jpg", _picture, read_image),
    Boundary("drawn.gif", _picture, read_image),
    Boundary("drawn.bmp", _picture, read_image),
    Boundary("colour.tif", _picture, read_image),
    Boundary("deep.tiff", _deep, read_image),
    Boundary("label.png", _label, lambda path: (read_label(path, SIDE), read_values(path))),
    Boundary("array.npy", _deep, read_image),
    Boundary("grey.dcm", _dicom, read_image),
    Boundary("label.dcm", _dicom, lambda path: (read_label(path, SIDE), read_values(path))),
    Boundary("colour.dcm", _dicom, read_image),
    Boundary("medmnist.npz", _medmnist, _found),
    Boundary("classes.csv", _text(TABLE), lambda path: read_table(
        path.parent, TableLayout(file=path.name, image="image", label="class", subject="subject"))),
    Boundary("subjects.csv", _text(SUBJECTS), lambda path: read_subject_table(
        path.parent, SubjectTable(file=path.name, subject="id"), [f"s{n}" for n in range(8)])),
    Boundary("data.zip", _zip, _unpack),
    Boundary("data.tar.gz", _tar, _unpack),
    Boundary("store.tar", _exported, _merge),
]  # fmt: skip
