"""How well the template's mask finds a brain, where neither a mask nor another command does.

    python benchmarks/template_mask.py --data-dir DIR [--dataset ixi] [--subjects ID ...] [--jobs 1]

Registers volumes with a skull as `bench data register` does without a mask, and compares the
template's mask with the data set's own, which is moved along as if it were a label. Both are on the
template's grid of 1 mm. The originals stay as they are; nothing is kept.
"""

from __future__ import annotations

import argparse
import dataclasses
import os
import statistics
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import numpy as np

from bench import registry
from bench.data.cache.folder import cache_dir
from bench.data.files import SubjectFiles
from bench.data.find.index import index_dataset
from bench.data.read.volumes import read_mask, read_volume
from bench.data.register.affine import Template, dice
from bench.data.register.dataset import outliers
from bench.data.register.subject import (
    LABEL,
    MASK,
    TEMPLATE,
    Registered,
    Steps,
    register_subject,
)


@dataclass(frozen=True)
class Found:
    """A subject's masks compared.

    Attributes:
        subject: its id.
        dice: overlap of the template's mask with its own, 0 to 1.
        lost: share of its own brain that the template's mask leaves out, 0 to 1.
        beyond: share of the template's mask that is beyond its own brain, 0 to 1.
        wall: seconds of the registration.
        done: how it went, as `bench data register` knows.
    """

    subject: str
    dice: float
    lost: float
    beyond: float
    wall: float
    done: Registered

    @property
    def cpu(self) -> float:
        """Processor seconds of the registration."""
        return self.done.seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data-dir", type=Path, required=True)
    parser.add_argument("--dataset", default="ixi")
    parser.add_argument("--subjects", nargs="+", help="only these")
    parser.add_argument("--jobs", type=int, default=1)
    options = parser.parse_args()
    index = index_dataset(registry.dataset(options.dataset), options.data_dir, cache_dir())
    names = options.subjects or sorted(index.subjects)
    chosen = [index.subjects[one] for one in names if index.subjects[one].mask is not None]
    loads, results, start = [os.getloadavg()[0]], [], time.monotonic()
    with ProcessPoolExecutor(options.jobs, mp_context=get_context("spawn")) as pool:
        for future in as_completed([pool.submit(compared, one) for one in chosen]):
            one = future.result()
            results.append(one)
            loads.append(os.getloadavg()[0])
            print(f"{one.subject}: Dice {one.dice:.3f}, lost {100 * one.lost:.1f} %, "
                  f"beyond {100 * one.beyond:.1f} %, grew {one.done.growth:.2f}, "
                  f"likeness {one.done.likeness:.3f}, "
                  f"{one.cpu:.1f} CPU s, {one.wall:.1f} s",
                  flush=True)  # fmt: skip
    print(f"\n{len(results)} subjects in {time.monotonic() - start:.0f} s, {options.jobs} at once, "
          f"load of the machine {min(loads):.1f} to {max(loads):.1f}\n")  # fmt: skip
    print("| | mean | median | least | most |\n|---|---|---|---|---|")
    for name in ("dice", "lost", "beyond", "cpu", "wall"):
        values = [getattr(one, name) for one in results]
        numbers = (statistics.fmean(values), statistics.median(values), min(values), max(values))
        print(f"| {name} | " + " | ".join(f"{one:.3f}" for one in numbers) + " |")
    for subject, why in outliers([one.done for one in results]).items():
        print(f"named as odd: {subject}: {why}")


def compared(files: SubjectFiles) -> Found:
    """Register a subject without its mask, and see where the mask would have been."""
    assert files.mask is not None
    require_skull(files)
    hidden = dataclasses.replace(files, mask=None, label=files.mask, more_labels=())
    start = time.monotonic()
    with tempfile.TemporaryDirectory() as name:
        done = register_subject(hidden, Path(name), "", Steps(brain=TEMPLATE))
        wall = time.monotonic() - start
        assert done.brain == TEMPLATE
        found, own = (np.asarray(read_volume(Path(name) / f"{one}.nii.gz").data) > 0
                      for one in (MASK, LABEL))  # fmt: skip
    assert np.array_equal(found, Template.load(1).mask)
    lost = np.count_nonzero(own & ~found) / np.count_nonzero(own)
    beyond = np.count_nonzero(found & ~own) / np.count_nonzero(found)
    return Found(files.subject, dice(own, found), lost, beyond, wall, done)


def require_skull(files: SubjectFiles) -> None:
    """Refuse a volume that is 0 outside its mask: finding its brain would show nothing."""
    volume = read_volume(next(iter(files.paths.values())))
    assert files.mask is not None
    outside = np.asarray(volume.data)[~np.asarray(read_mask(files.mask, volume).data)]
    assert np.count_nonzero(outside) > outside.size / 10, f"{files.subject} has no skull"


if __name__ == "__main__":
    main()
