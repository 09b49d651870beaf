"""``bench predict``: apply the detector of a cell to new images."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bench.cli import options as o


def predict(
    images: Annotated[
        list[str],
        typer.Argument(
            metavar="IMAGE...",
            help="Image files, folders, or quoted patterns such as 'scans/*.nii.gz'. A task with "
            "several channels needs one of these per channel, joined by commas in the order of the "
            "channels: a_T1.nii.gz,a_T2.nii.gz",
        ),
    ],
    cell: o.CellName,
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for the output files.")],
    mask: Annotated[
        list[Path],
        typer.Option(
            "--mask",
            help="Foreground mask: one per image, in the same order. Default: the mask beside the "
            "image, where the dataset's card names one, else the rule of the preparation.",
        ),
    ] = [],  # noqa: B006 - Typer copies it
    p_maps: Annotated[
        bool,
        typer.Option(
            "--p-maps",
            help="Also NAME_p: how unusual each voxel is among those of the cell's healthy "
            "validation images, from 0 to 1 (see bench healthy).",
        ),
    ] = False,
    device: o.DeviceOption = o.Device.auto,
    results: o.Results = o.DEFAULT_RESULTS,
) -> None:
    """Apply the detector of a cell to new images. They are prepared like the cell's own images.

    Writes for each image NAME_map (NIfTI on the voxel grid of the input, or a float TIFF of the
    input's size; raw values, 0 outside the foreground), NAME_foreground and NAME_overlay.png, and
    one scores.csv and scores.json for all images, with the percentile of each score among the
    cell's normal validation images and the share of the foreground above the threshold that is
    calibrated on them, which the overlay outlines; with --p-maps also NAME_p, 1 outside the
    foreground. Older files of these names are overwritten. A volume gets one score per slice. In
    folders, what is not an image of the task is skipped and counted: other files, masks, labels.

    Example: bench predict --cell 3f9c scan.nii.gz --out predictions
    """
    from bench.api.places import cell_of
    from bench.api.predicting import UNPREPARED, Asked, apply_detector
    from bench.api.prediction_files import Listener
    from bench.store.store import Store

    def tell(text: str) -> None:
        typer.echo(text, err=True)

    store = Store(results)
    store.must_exist()
    asked = Asked(images, out, mask, p_maps, device.value)
    listener = Listener(say=tell, warn=tell, wrote=typer.echo)
    _, skipped = apply_detector(store, cell_of(store, cell), asked, listener)
    raise typer.Exit(1 if UNPREPARED in skipped else 0)
