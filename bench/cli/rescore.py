"""``bench rescore``: apply protocols to kept predictions, without training."""

from __future__ import annotations

from typing import Annotated

import typer

from bench import registry
from bench.cli import completion
from bench.cli import options as o
from bench.cores import usable_cores
from bench.errors import counted


def rescore(
    protocol: Annotated[
        list[str],
        typer.Option(
            "--protocol",
            "-p",
            help="Protocol; repeatable.",
            autocompletion=completion.protocols,
        ),
    ],
    task: o.OnlyTasks = [],  # noqa: B006
    method: o.OnlyMethods = [],  # noqa: B006
    results: o.Results = o.DEFAULT_RESULTS,
    jobs: o.Processes = None,
) -> None:
    """Apply protocols to every cell whose predictions were kept, and update the records.

    Examples: bench rescore --protocol pixel-whole@1;
    bench rescore --protocol healthy@1 --task mslub/t1
    """
    names = [registry.protocol(name).id for name in protocol]
    from bench.cli.multiverse import chosen
    from bench.execution.rescoring import rescore_store
    from bench.store.store import Store

    store = Store(results)
    store.must_exist()
    outcome = rescore_store(
        store,
        names,
        processes=jobs or usable_cores(),
        choose=lambda records: chosen(records, task, method),
    )
    for line in outcome.problems:
        typer.echo(line, err=True)
    typer.echo(
        f"{counted(outcome.rescored, 'cell')} rescored with {', '.join(names)}; "
        f"{counted(outcome.without_predictions, 'cell', 'have')} no kept predictions",
        err=True,
    )
    raise typer.Exit(1 if outcome.problems else 0)
