"""Ways to store maps without loss: bytes, and speed of writing and reading, on real files.

    python benchmarks/storage.py FILE.npz.zst ...     # of a store's `_predictions`

Speeds are per second of the processor's time, on one thread, since a machine may do other work;
`--threads 2` compresses with two where the library can, per second of wall time. Blosc2 is
measured where it is installed; it is not a dependency.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import io
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import zstandard

Floats = npt.NDArray[np.float32]
Way = tuple[Callable[[Floats], bytes], Callable[[bytes], Floats]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("files", nargs="+", type=Path)
    parser.add_argument("--threads", type=int, default=0, help="of zstd")
    options = parser.parse_args()
    clock = time.perf_counter if options.threads else time.process_time
    maps = [read(one) for one in options.files]
    total = sum(one.nbytes for one in maps)
    print(f"{len(maps)} subjects, {total / 1e6:.1f} MB of maps")
    for name, (write, back) in ways(options.threads).items():
        size, writing, reading = 0, 0.0, 0.0
        for one in maps:
            start = clock()
            content = write(one)
            middle = clock()
            again = back(content)
            writing, reading = writing + middle - start, reading + clock() - middle
            assert again.tobytes() == one.tobytes()
            size += len(content)
        speeds = [total / 1e6 / seconds for seconds in (writing, reading)]
        print(f"{name:24} {size / total:6.3f}  {speeds[0]:7.0f} MB/s  {speeds[1]:7.0f} MB/s")


def read(path: Path) -> Floats:
    content = path.read_bytes()
    if path.suffix == ".zst":
        content = zstandard.ZstdDecompressor().decompress(content)
    with np.load(io.BytesIO(content)) as kept:
        maps: Floats = kept["maps"]
    return maps


def ways(threads: int) -> dict[str, Way]:
    found: dict[str, Way] = {"zlib, numpy's archive": (archive, unarchive)}
    for level in (1, 3, 6):
        packer = zstandard.ZstdCompressor(level=level, threads=threads)
        found[f"zstd {level}"] = (packer.compress, lambda b: floats(unpacked(b)))
        found[f"zstd {level}, bytes shuffled"] = (
            lambda a, packer=packer: packer.compress(shuffled(a)),
            lambda b: floats(unshuffled(unpacked(b))),
        )
    if importlib.util.find_spec("blosc2") is not None:
        blosc2 = importlib.import_module("blosc2")
        for level in (1, 5):
            found[f"blosc2 zstd {level}"] = (
                lambda a, level=level: blosc2.compress2(
                    a, codec=blosc2.Codec.ZSTD, clevel=level, typesize=4, nthreads=threads or 1
                ),
                lambda b: floats(blosc2.decompress2(b, nthreads=threads or 1)),
            )
    return found


def archive(maps: Floats) -> bytes:
    content = io.BytesIO()
    np.savez_compressed(content, maps=maps)
    return content.getvalue()


def unarchive(content: bytes) -> Floats:
    with np.load(io.BytesIO(content)) as kept:
        maps: Floats = kept["maps"]
    return maps


def unpacked(content: bytes) -> bytes:
    return zstandard.ZstdDecompressor().decompress(content)


def floats(content: bytes) -> Floats:
    return np.frombuffer(content, dtype=np.float32)


def shuffled(maps: Floats) -> bytes:
    return np.ascontiguousarray(maps).view(np.uint8).reshape(-1, 4).T.tobytes()


def unshuffled(content: bytes) -> bytes:
    return np.frombuffer(content, dtype=np.uint8).reshape(4, -1).T.tobytes()


if __name__ == "__main__":
    main()
