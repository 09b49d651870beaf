"""Which share of the images is foreground, and when that is worth a look."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from bench.data.cache.stored import Foreground
from bench.data.findings import Finding, some
from bench.errors import counted

# A brain fills about half of the box around it, an object in a picture nearly any part of it.
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
