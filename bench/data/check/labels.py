"""Check what the values of labels mean, and what preparation keeps of the lesions."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence

from bench.cards import DatasetCard, Layout
from bench.data.check.summary import Seen
from bench.data.files import LabelValues, Match
from bench.data.find.splits import members, restricted
from bench.data.findings import Finding, some
from bench.data.lesion_counts import Truth
from bench.data.prepare.notes import value_note
from bench.errors import agreed, counted


def value_findings(where: str, found: Sequence[float], values: LabelValues) -> Iterator[Finding]:
    """Values of one label file that the card does not explain.

    Args:
        where: the file.
        found: its values, sorted.
        values: what the card says of them.
    """
    note = value_note(found, values)
    if note is not None:
        yield Finding("warning", where, *note)


def named_findings(layout: Layout, seen: Collection[Seen]) -> Iterator[Finding]:
    """Values that the card names and no label has.

    Args:
        layout: of the card.
        seen: of each subject.
    """
    there = {value for one in seen for value in one.values}
    for key, named in (("lesion", layout.lesion), ("ignore", layout.ignore)):
        absent = [str(one) for one in named if one not in there]
        if absent and there:
            yield Finding(
                "warning",
                f"layout {layout.name}",
                f"no label has the value{'s' * (len(absent) > 1)} {', '.join(absent)} that"
                f" `{key}` names; the labels have"
                f" {some([f'{one:g}' for one in sorted(there)])}",
                f"correct `{key}` in the card's layout",
            )
    known = {0, *layout.ignore}
    others = sorted(there - known)
    if not layout.lesion and len(others) > 1 and all(len(one.values - known) < 2 for one in seen):
        yield Finding(
            "warning",
            f"layout {layout.name}",
            f"the labels of some subjects have another value than those of others:"
            f" {some([f'{one:g}' for one in others])}; all of them count as lesion",
            "nothing, if all of them are lesion; else name the values in `lesion` or `ignore` of"
            " the card's layout",
        )


def headline_findings(card: DatasetCard, layout: Layout) -> Iterator[Finding]:
    """Tasks whose tables rank pixels, since their card says nothing else, without pixel labels.

    Args:
        card: of the dataset.
        layout: the one that is used.
    """
    if layout.label is not None or not layout.abnormal:
        return
    for name, task in card.tasks.items():
        if task.data in (None, card.name) and "headline" not in task.model_fields_set:
            yield Finding(
                "warning",
                f"task {name}",
                f"no labels of pixels, but tables show {task.headline.protocol}, which ranks"
                " pixels; every method will be skipped there",
                f"add to [tasks.{name}]:"
                ' headline = { protocol = "image-top@1", metric = "auroc" }',
            )


def truth_findings(where: str, seen: dict[str, Seen], *, flat: bool = False) -> Iterator[Finding]:
    """How many lesions the labels hold, and how many of them are kept at each size.

    Args:
        where: the layout.
        seen: by subject.
        flat: the images are 2-D, so they have pixels and no slices.
    """
    sizes = sorted({size for one in seen.values() for size in one.truths})
    if not sizes:
        return
    labelled = {name: one.truths for name, one in seen.items() if one.truths}
    pixel, slices = ("pixel", "abnormal image") if flat else ("voxel", "abnormal slice")
    firsts = [one[sizes[0]] for one in labelled.values()]
    kept = ", ".join(
        f"{sum(one[size].lesions_kept for one in labelled.values())} at {size} px" for size in sizes
    )
    yield Finding(
        "info",
        where,
        f"labels of {counted(len(labelled), 'subject')}: "
        f"{counted(_sum(firsts, 'lesions'), 'lesion')}, "
        f"{counted(_sum(firsts, 'voxels'), pixel)}, "
        f"{counted(_sum(firsts, 'slices'), slices)}; lesions kept by preparation: {kept}",
        "",
    )
    for size in sizes:
        lost = {
            name: one[size]
            for name, one in labelled.items()
            if one[size].lesions_kept < one[size].lesions
        }
        if lost:
            named = [
                f"{name} ({one.lesions - one.lesions_kept} of {one.lesions})"
                for name, one in lost.items()
            ]
            total = sum(one.lesions - one.lesions_kept for one in lost.values())
            yield Finding(
                "warning",
                where,
                f"{counted(total, 'lesion')} of {counted(len(lost), 'subject')} "
                f"{agreed(total, 'are')} lost at {size} px: {some(named)}",
                "look at them with `bench data show`: they are outside the foreground or the grid",
            )


def dropped_findings(
    card: DatasetCard, match: Match, seen: Mapping[str, Seen]
) -> Iterator[Finding]:
    """What a lesion-free split leaves out because a label, not a class, has a lesion.

    Args:
        card: with the splits.
        match: the layout in use.
        seen: by subject.
    """
    for split, side in card.splits.items():
        if side.slices != "lesion-free":
            continue
        dropped, whole, what = dict[str, int](), list[str](), "slice"
        for subject in members(card, split, match.subjects):
            if subject not in seen:
                continue
            images = restricted(match.subjects[subject], side).image_files
            out = seen[subject].abnormal
            if match.subjects[subject].image_files:
                what = "image"
                out = out & {one.name for one in images}
                if len(out) == len(images):
                    whole.append(subject)
            if out:
                dropped[subject] = len(out)
        if dropped:
            count = sum(dropped.values())
            rest = (
                f"; {len(whole)} of them {agreed(len(whole), 'have')} no other image"
                if whole
                else ""
            )
            yield Finding(
                "info",
                f"split {split}",
                f"{counted(count, what)} of {counted(len(dropped), 'subject')} "
                f"{agreed(count, 'have')} a lesion in the label and {agreed(count, 'are')} left "
                f"out, because the split is lesion-free: {some([*dropped], limit=3)}{rest}",
                "",
            )


def _sum(truths: Sequence[Truth], name: str) -> int:
    return sum(getattr(one, name) for one in truths)
