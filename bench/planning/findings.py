"""What is found in the files of a task before it runs: errors are refused, the rest is said."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from bench.cards import DatasetCard
from bench.cards.splits import Bucket
from bench.data.find.faults import absent_findings, empty_findings, file_findings
from bench.data.find.index import Index
from bench.data.find.selection import Selection, chosen
from bench.data.find.swallowed import swallowed_findings
from bench.data.findings import Finding, merged, some
from bench.errors import DataError, agreed, counted_of
from bench.planning.request import TaskChoice


def task_findings(task: TaskChoice, learn: Index, test: Index) -> tuple[Finding, ...]:
    """Judge the files of a task by their names, as `bench data check` does.

    Args:
        task: what is tested, and on what is learned.
        learn: the dataset to learn from.
        test: the dataset to test on.

    Returns:
        Warnings, then what is only to be known. Each names its dataset.

    Raises:
        DataError: errors are found; it names all of them.
    """
    sides = [one for one in ("train", "validation") if one in learn.card.splits]
    found: list[Finding] = []
    if learn is test:
        found += _of(learn, [*dict.fromkeys([*sides, task.task.test])], task)
    else:
        found += [*_of(learn, sides, task), *_of(test, [task.task.test], task)]
    errors = [one for one in found if one.severity == "error"]
    if errors:
        names = sorted({one.card.name for one in (learn, test)})
        raise DataError(
            f"the files of task {task.name!r} cannot be used:\n  "
            + "\n  ".join(f"{one.where}: {one.problem}" for one in errors),
            hint=f"{errors[0].remedy}; to list all: "
            + ", ".join(f"bench data check {name}" for name in names),
        )
    return tuple(merged(found))


def lacking_findings(card: DatasetCard, split: str, selection: Selection) -> Iterator[Finding]:
    """Subjects of a split that are there and that the task cannot use."""
    if selection.lacking:
        first = selection.lacking[0]
        yield Finding(
            "warning",
            f"{card.name}, split {split}",
            f"{counted_of(len(selection.lacking), selection.expected, 'subject', 'lack')} a file "
            f"and {agreed(len(selection.lacking), 'are')} left out: "
            f"{some(selection.lacking, limit=3)}; the first has {selection.reasons[first]}",
            "add the files; if no label means no lesion, say unlabelled = 'healthy' in the card",
        )


def _of(index: Index, splits: Sequence[str], task: TaskChoice) -> Iterator[Finding]:
    card = index.card
    if card.generator is not None:
        return  # its files are made as they are needed
    match = chosen(index, task.task.channels)
    tested = index.card is task.dataset and task.task.test in splits
    lesion_free = any(card.splits[one].slices == "lesion-free" for one in splits)
    found = [*file_findings(index, match, splits, with_label=tested or lesion_free)]
    found += swallowed_findings(index.root, match)
    if tested:
        found += absent_findings(index, [match], task.task.test)
    for split in splits:
        if isinstance(card.splits[split].subjects, Bucket):
            found += empty_findings(index, split)
    for one in found:
        yield replace(one, where=f"{card.name}, {one.where}")
