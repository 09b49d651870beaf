"""``bench data register``: the volumes of a dataset in MNI space, as a dataset of its own."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bench import registry
from bench.cli import options as o
from bench.cli.data.options import DatasetName
from bench.cores import usable_cores
from bench.display import display_for
from bench.errors import UsageError


def register(
    name: DatasetName,
    data_dir: o.DataDir = None,
    voxel: Annotated[
        int, typer.Option("--voxel", min=1, max=4, help="Side of the result's voxels in mm.")
    ] = 1,
    jobs: o.Jobs = None,
) -> None:
    """Bring a dataset's volumes into MNI space (N4, affine, brain mask), as dataset NAME-mni.

    The originals stay as they are. Run again, only what changed is done. Look at registered.png of
    each subject, and at registration.csv; exit 1 where a subject failed.

    Example: bench data register ixi --data-dir ~/data
    """
    card = registry.dataset(name)
    if data_dir is None:
        raise UsageError("the data folder is missing", hint="say --data-dir DIR or set BENCH_DATA")
    from bench.atomic import write_text
    from bench.data.cache.folder import cache_dir
    from bench.data.find.index import index_dataset
    from bench.data.register.dataset import TABLE, mni_card, register_dataset

    cache = cache_dir()
    with display_for() as progress:
        found = register_dataset(
            card, data_dir, cache, progress.files, jobs=jobs or usable_cores(), voxel_mm=voxel
        )
    path = Path("datasets") / f"{name}-mni.toml"
    if not path.exists():
        subjects = list(index_dataset(card, data_dir, cache).subjects.values())
        write_text(path, mni_card(card, subjects, set(registry.load_datasets())))
    for subject, why in found.failed.items():
        typer.echo(f"error: subject {subject}: {why}", err=True)
    for subject, why in found.odd.items():
        typer.echo(f"warning: subject {subject}: {why}; look at {found.folder / subject}", err=True)
    typer.echo(f"{found.folder / TABLE}: {len(found.done)} registered, {len(found.odd)} odd")
    typer.echo(f"next: bench data check {name}-mni   (card {path})", err=True)
    raise typer.Exit(bool(found.failed))
