"""What a header promises is held against the size of its file before memory is taken."""

import gzip
import io
import struct
import zlib

import nibabel
import numpy as np
import pytest
import tifffile

from bench.data.read.images import read_image
from bench.data.read.volumes import read_volume
from bench.errors import DataError


def nifti(shape):
    image = nibabel.Nifti1Image(np.ones((4, 4, 4), np.float64), np.eye(4))
    head = bytearray(image.to_bytes()[:352])
    head[40:48] = struct.pack("<4h", 3, *shape)
    return bytes(head)


@pytest.mark.parametrize("suffix", [".nii", ".nii.gz"])
def test_a_nifti_of_a_header_alone_takes_no_memory(tmp_path, suffix):
    path = tmp_path / f"a{suffix}"
    content = nifti((32767, 32767, 2))
    path.write_bytes(gzip.compress(content) if suffix.endswith("gz") else content)
    with pytest.raises(DataError, match="its header promises 17178820624 bytes, but the file has"):
        read_volume(path)


def test_an_almost_empty_volume_is_not_refused(tmp_path):
    data = np.zeros((64, 64, 64), np.uint8)
    data[30, 30, 30] = 1
    path = tmp_path / "a.nii.gz"
    nibabel.save(nibabel.Nifti1Image(data, np.eye(4)), path)
    assert path.stat().st_size < data.nbytes / 100
    assert read_volume(path).data.sum() == 1


def test_a_tiff_of_a_header_alone_takes_no_memory(tmp_path):
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, np.zeros((64, 64), np.uint16))
    content = bytearray(buffer.getvalue())
    for tag in (256, 257):  # width and height, as LONG
        at = content.index(struct.pack("<HH", tag, 4)) if struct.pack("<HH", tag, 4) in content \
            else content.index(struct.pack("<HH", tag, 3))  # fmt: skip
        content[at : at + 12] = struct.pack("<HHII", tag, 4, 1, 100_000)
    (tmp_path / "a.tif").write_bytes(content)
    with pytest.raises(DataError, match="its header promises 20000000000 bytes"):
        read_image(tmp_path / "a.tif")


def test_a_deep_png_of_a_header_alone_takes_no_memory(tmp_path):
    pytest.importorskip("imagecodecs")
    head = struct.pack(">IIBBBBB", 100_000, 100_000, 16, 2, 0, 0, 0)
    chunk = struct.pack(">I", 13) + b"IHDR" + head + struct.pack(">I", zlib.crc32(b"IHDR" + head))
    (tmp_path / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n" + chunk)
    with pytest.raises(DataError, match="its header promises 60000000000 bytes"):
        read_image(tmp_path / "a.png")
