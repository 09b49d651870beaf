"""Which share of the images is foreground, and when that is worth a look."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from bench.data.cache.stored import Foreground
from bench.data.findings import Finding, some
from bench.errors import counted

# A brain fills about half of the box around it, an object in a picture nearly any part of it.
# Lesions are the smaller part of what is looked at.
MOST_LESION = 0.5
_USUAL = {"volume": (0.02, 0.65), "image": (0.02, 0.95)}


def share_findings(where: str, found: Mapping[str, Foreground]) -> Iterator[Finding]:
    """Say where unusually little or much of the images is foreground.

    Args:
        where: what the subjects are of.
        found: by subject.
    """
    for kind, (least, most) in _USUAL.items():
        mine = {name: one.share for name, one in found.items() if one.of == kind}
        unusual = {name: share for name, share in mine.items() if not least <= share <= most}
        if unusual:
            low, high = (f"{100 * end(unusual.values()):.3g}" for end in (min, max))
            span = low if low == high else f"{low} to {high}"
            yield Finding(
                "warning",
                where,
                f"the foreground is {span} % of the {kind} in {len(unusual)} of "
                f"{counted(len(mine), 'subject')}, expected {100 * least:g} to {100 * most:g} %: "
                f"{some([*unusual], limit=3)}",
                "look at them with `bench data show`; give masks, or correct the background or"
                " `foreground` in the card's [preparation]",
            )


def lesion_share_findings(where: str, shares: Mapping[str, float]) -> Iterator[Finding]:
    """Say where most of the foreground is lesion: inverted labels look like that.

    Args:
        where: what the subjects are of.
        shares: by subject, the lesions' share of the foreground of the images that have one.
    """
    most = {name: share for name, share in shares.items() if share > MOST_LESION}
    if most:
        low, high = (f"{100 * end(most.values()):.0f}" for end in (min, max))
        span = low if low == high else f"{low} to {high}"
        yield Finding(
            "warning",
            where,
            f"{span} % of the foreground is lesion in {len(most)} of"
            f" {counted(len(shares), 'subject')} with lesions: {some([*most], limit=3)}",
            "look at them with `bench data show`: are the labels inverted, or is 0 not normal?",
        )
