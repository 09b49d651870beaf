"""NRRD and MetaImage files of which ITK gives wrong values or places without a word."""

import gzip
import zlib

import numpy as np
import pytest

from bench.data.prepare.export import write_volume
from bench.data.read.volumes import open_volume, read_volume
from bench.errors import DataError

sitk = pytest.importorskip("SimpleITK")

VALUES = np.random.default_rng(0).integers(1, 20_000, (4, 5, 6)).astype("<i2")
RAW = VALUES.tobytes(order="F")
NRRD = {"type": "short", "dimension": "3", "space": "left-posterior-superior", "sizes": "4 5 6",
        "space directions": "(1,0,0) (0,2,0) (0,0,3)", "endian": "little", "encoding": "raw",
        "space origin": "(10,20,30)"}  # fmt: skip
META = {"ObjectType": "Image", "NDims": "3", "TransformMatrix": "1 0 0 0 1 0 0 0 1",
        "Offset": "10 20 30", "ElementSpacing": "1 2 3", "DimSize": "4 5 6",
        "ElementType": "MET_SHORT", "CompressedData": "False"}  # fmt: skip


def nrrd(path, voxels=RAW, **changes):
    fields = NRRD | {name.replace("_", " "): value for name, value in changes.items()}
    lines = [f"{name}: {value}\n" for name, value in fields.items() if value is not None]
    path.write_bytes("".join(["NRRD0005\n", *lines, "\n"]).encode() + voxels)
    return path


def meta(path, voxels=RAW, data="LOCAL", **changes):
    fields = META | changes
    lines = [f"{name} = {value}\n" for name, value in fields.items() if value is not None]
    path.write_bytes("".join([*lines, f"ElementDataFile = {data}\n"]).encode() + voxels)
    return path


def values_of(path):
    opened = open_volume(path)
    return np.concatenate([part for _, part in opened.slabs(4)], axis=2)


@pytest.mark.parametrize("size", [None, "1", "50", str(len(zlib.compress(RAW)))])
@pytest.mark.parametrize("frame", [zlib.compress, gzip.compress])
def test_compressed_voxels_are_right_whatever_the_header_says_of_their_size(tmp_path, size, frame):
    path = meta(tmp_path / "a.mha", frame(RAW), CompressedData="True", CompressedDataSize=size)
    np.testing.assert_array_equal(values_of(path), VALUES)
    (tmp_path / "b.zraw").write_bytes(frame(RAW))
    detached = meta(tmp_path / "b.mhd", b"", "b.zraw", CompressedData="True")
    np.testing.assert_array_equal(values_of(detached), VALUES)


@pytest.mark.parametrize("dtype", ["<u1", "<i1", "<u2", ">i2", "<u4", "<i4", ">f4", "<f8"])
def test_compressed_voxels_of_every_type(tmp_path, dtype):
    names = {"u1": "UCHAR", "i1": "CHAR", "u2": "USHORT", "i2": "SHORT", "u4": "UINT",
             "i4": "INT", "f4": "FLOAT", "f8": "DOUBLE"}  # fmt: skip
    values = (VALUES % 100 - (0 if "u" in dtype else 50)).astype(dtype)
    path = meta(
        tmp_path / "a.mha",
        zlib.compress(values.tobytes(order="F")),
        ElementType=f"MET_{names[dtype[1:]]}",
        CompressedData="True",
        BinaryDataByteOrderMSB=str(dtype[0] == ">"),
    )
    np.testing.assert_array_equal(values_of(path), values)


def damaged(how):
    packed = bytearray(zlib.compress(RAW))
    if how == "one bit":
        packed[len(packed) // 2] ^= 4
    elif how == "the checksum":
        packed[-2] ^= 4
    return {
        "cut": packed[:-8],
        "fewer voxels": zlib.compress(RAW[:100]),
        "more voxels": zlib.compress(RAW * 2),
        "nothing": b"",
    }.get(how, packed)


@pytest.mark.parametrize(
    "how", ["one bit", "the checksum", "cut", "fewer voxels", "more voxels", "nothing"]
)
@pytest.mark.parametrize("beside", [False, True])
def test_damage_of_compressed_voxels_is_named(tmp_path, how, beside):
    content = bytes(damaged(how))
    (tmp_path / "a.zraw").write_bytes(content)
    said = {"CompressedData": "True", "CompressedDataSize": str(len(content))}
    if beside:
        path = meta(tmp_path / "a.mhd", b"", "a.zraw", **said)
    else:
        path = meta(tmp_path / "a.mha", content, **said)
    with pytest.raises(DataError, match=r"/a\.(mha|mhd|zraw) is truncated or damaged"):
        values_of(path)


@pytest.mark.parametrize(
    ("make", "pack", "changes"),
    [(nrrd, bytes, {}), (nrrd, gzip.compress, {"encoding": "gzip"}), (meta, bytes, {})],
)
def test_voxels_that_the_header_does_not_count_are_not_dropped(tmp_path, make, pack, changes):
    path = tmp_path / ("a.nrrd" if make is nrrd else "a.mha")
    for rest in (RAW[:40], RAW):
        make(path, pack(RAW + rest), **changes)
        said = r"promises 240 bytes, but (280|480)( or more)? are there"
        with pytest.raises(DataError, match=said):
            values_of(path)
    # Less than a slice is what some writers pad with.
    np.testing.assert_array_equal(values_of(make(path, pack(RAW + b"\n"), **changes)), VALUES)


def test_skipped_bytes_are_not_voxels(tmp_path):
    path = nrrd(tmp_path / "a.nrrd", bytes(500) + RAW, byte_skip="500")
    np.testing.assert_array_equal(values_of(path), VALUES)
    (tmp_path / "b.raw").write_bytes(bytes(500) + RAW)
    for size in ("500", "-1"):
        path = meta(tmp_path / "b.mhd", b"", "b.raw", HeaderSize=size)
        np.testing.assert_array_equal(values_of(path), VALUES)


def test_the_scale_of_a_metaimage_is_applied(tmp_path):
    slope, offset = "ElementToIntensityFunctionSlope", "ElementToIntensityFunctionOffset"
    path = meta(tmp_path / "a.mha", **{slope: "0.5", offset: "-3"})
    np.testing.assert_array_equal(values_of(path), VALUES * 0.5 - 3)
    for odd in ("0", "nan", "much"):
        meta(path, **{slope: odd})
        with pytest.raises(DataError, match=f"the slope {odd} and the offset None"):
            values_of(path)


def test_one_frame_is_a_volume(tmp_path):
    path = meta(
        tmp_path / "a.mha", NDims="4", DimSize="4 5 6 1", ElementSpacing="1 2 3 1",
        Offset="10 20 30 0", TransformMatrix="1 0 0 0 0 1 0 0 0 0 1 0 0 0 0 1",
    )  # fmt: skip
    np.testing.assert_array_equal(values_of(path), VALUES)
    assert np.diag(open_volume(path).affine).tolist() == [-1, -2, 3, 1]


@pytest.mark.parametrize(
    ("make", "changes", "known"),
    [
        (nrrd, {"space_directions": "(1,0,0) (0,2,0) none"}, 2),
        (nrrd, {"space_directions": None, "space": None, "space_origin": None}, 0),
        (nrrd, {"space_directions": None, "space": None, "space_origin": None,
                "spacings": "1 2 nan"}, 2),
        (meta, {"ElementSpacing": None}, 0),
        (meta, {"ElementSpacing": "1 nan 3"}, 2),
    ],
)  # fmt: skip
def test_a_size_that_is_not_given_is_not_one_millimetre(tmp_path, make, changes, known):
    path = make(tmp_path / ("a.nrrd" if make is nrrd else "a.mha"), **changes)
    with pytest.raises(DataError, match=f"gives the voxels' size along {known} of three axes"):
        read_volume(path)


@pytest.mark.parametrize("unit", ["um", "cm"])
def test_lengths_in_other_units_are_refused(tmp_path, unit):
    for path in (
        meta(tmp_path / "a.mha", DistanceUnits=unit),
        nrrd(tmp_path / "a.nrrd", space_units=f'"{unit}" "{unit}" "{unit}"'),
    ):
        with pytest.raises(DataError, match=f"counts lengths in '{unit}', expected millimetres"):
            read_volume(path)
    for path in (
        meta(tmp_path / "b.mha", DistanceUnits="mm"),
        nrrd(tmp_path / "b.nrrd", space_units='"mm" "mm" "mm"'),
    ):
        assert read_volume(path).voxel_mm.tolist() == [1, 2, 3]


def test_a_map_of_a_file_with_a_negative_size_lies_on_it(tmp_path):
    path = meta(tmp_path / "a.mha", ElementSpacing="-1 2 3")
    write_volume(tmp_path / "map.mha", VALUES.astype(np.float32), like=path)
    back = open_volume(tmp_path / "map.mha")
    assert np.allclose(back.affine, open_volume(path).affine)
    assert back.affine[0, 0] == 1  # -1 mm to the left is 1 mm to the right
    np.testing.assert_array_equal(values_of(tmp_path / "map.mha"), VALUES)


def test_the_reason_is_one_line(tmp_path):
    path = nrrd(tmp_path / "a.nrrd", endian=None)
    with pytest.raises(DataError) as caught:
        read_volume(path)
    assert str(caught.value) == (
        f"{path} is truncated or damaged: _nrrdHeaderCheck: type (short) and encoding (raw) "
        "require endian info"
    )
