"""Brain masks by the commands of others, where they are installed: HD-BET and SynthStrip."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.data.arrays import BoolArray
from bench.data.read.optional import library
from bench.data.register.affine import from_itk
from bench.errors import DataError

_IMAGE, _BRAIN = "image.nii.gz", "brain.nii.gz"


@dataclass(frozen=True)
class Extraction:
    """A command that finds the brain in an image with a skull.

    Attributes:
        command: its name on PATH.
        arguments: it runs in a folder that holds the image, on the CPU.
        mask: the file that it writes there.
        source: where to get it.
    """

    command: str
    arguments: tuple[str, ...]
    mask: str
    source: str

    def require(self) -> str:
        """The path of the command.

        Raises:
            DataError: it is not installed.
        """
        found = shutil.which(self.command)
        if found is None:
            raise DataError(
                f"the command {self.command!r} is not on PATH",
                hint=f"install it ({self.source}), or leave --brain: the template's mask is used",
            )
        return found

    def version(self) -> str:
        """What the command says of its version, else a hash of its file."""
        path = self.require()
        try:
            told = _run([path, "--version"], Path.cwd())
        except OSError as error:
            raise DataError(f"{path} cannot be run: {error}") from error
        lines = [*told.stdout.splitlines(), *told.stderr.splitlines()]
        named = [one.strip() for one in lines if one.strip()]
        if told.returncode == 0 and named:
            return named[0]
        return f"sha256 {hashlib.sha256(Path(path).read_bytes()).hexdigest()[:12]}"


EXTRACTIONS = {
    # Isensee et al., Human Brain Mapping 40 (2019); arguments of version 2.
    "hd-bet": Extraction(
        "hd-bet",
        ("-i", _IMAGE, "-o", _BRAIN, "-device", "cpu", "--disable_tta",
         "--save_bet_mask", "--no_bet_image"),
        "brain_bet.nii.gz",
        "pip install hd-bet, version 2 or later",
    ),
    # Hoopes et al., NeuroImage 260 (2022).
    "synthstrip": Extraction(
        "mri_synthstrip",
        ("-i", _IMAGE, "-o", _BRAIN, "-m", "mask.nii.gz"),
        "mask.nii.gz",
        "a part of FreeSurfer 7.3 or later",
    ),
}  # fmt: skip
"""By the names that `bench data register --brain` takes."""


def extract_brain(image: Any, how: Extraction) -> BoolArray:  # noqa: ANN401 - SimpleITK has no types
    """The brain that a command finds in an image.

    Args:
        image: float32, of ITK.
        how: the command.

    Returns:
        (X, Y, Z) bool, on the image's grid.

    Raises:
        DataError: the command is not installed, fails, or finds no brain.
    """
    sitk = library("SimpleITK", "a registration")
    path = how.require()
    with tempfile.TemporaryDirectory(prefix="bench-brain-") as name:
        folder = Path(name)
        # HD-BET expects the axes of MNI space.
        sitk.WriteImage(sitk.DICOMOrient(image, "RAS"), str(folder / _IMAGE))
        done = _run([path, *how.arguments], folder)
        if done.returncode != 0:
            said = [*done.stdout.splitlines(), *done.stderr.splitlines()]
            last = next((one.strip() for one in reversed(said) if one.strip()), "nothing said")
            raise DataError(f"{how.command} failed (exit {done.returncode}): {last}")
        if not (folder / how.mask).is_file():
            raise DataError(f"{how.command} wrote no mask {how.mask}", hint=how.source)
        mask = sitk.ReadImage(str(folder / how.mask), sitk.sitkUInt8)
    same = sitk.Resample(mask, image, sitk.Transform(), sitk.sitkNearestNeighbor, 0)
    found: BoolArray = from_itk(same) > 0
    if not found.any():
        raise DataError(f"{how.command} found no brain")
    return found


def _run(command: Sequence[str], folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a command; subjects run beside each other, so each has one thread."""
    one_thread = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    return subprocess.run(
        command,
        cwd=folder,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
        stdin=subprocess.DEVNULL,
        env={**os.environ, **one_thread},
    )
