"""Why a line has no number, and which seeds are missing in it, in words."""

from __future__ import annotations

from collections.abc import Sequence

from bench.errors import counted_of
from bench.report.rows.pick import Line
from bench.store.records import ProtocolNumbers, Record


def reason_of(line: Line, protocol: str, usable: Sequence[Record]) -> str | None:
    """Why a line has no number of a protocol, or which of its seeds are not in it.

    Args:
        line: of one task.
        protocol: its ``name@version``.
        usable: the finished records whose number counts.
    """
    if line.done and not usable:
        given = [one.protocols[protocol] for one in line.done if protocol in one.protocols]
        return _no_number(given)
    words = (_undone_words(line), _without_words(line, protocol, usable), _lacking_words(line))
    return "; ".join(part for part in words if part) or None


def _without_words(line: Line, protocol: str, usable: Sequence[Record]) -> str:
    """Seeds that finished and have no such number."""
    counted = {one.seed for one in usable}
    without = [one for one in line.done if one.seed not in counted]
    if not without:
        return ""
    given = [one.protocols[protocol] for one in without if protocol in one.protocols]
    known = not given or any(one.reason for one in given)
    why = _no_number(given) if known else "undefined"  # not for its images: other seeds have one
    return f"{counted_of(len(without), _seeds(line), 'seed', 'have')} no such number: {why}"


def _seeds(line: Line) -> int:
    """All seeds that are known of a line."""
    return len(line.done) + len(line.undone) + len(line.lacking)


def _undone_words(line: Line) -> str:
    """Seeds that failed or were skipped, by why: the failed ones first."""
    counts: dict[str, int] = {}
    for one in sorted(line.undone, key=lambda one: one.status != "failed"):
        label = f"{one.status} ({one.error_class})" if one.error_class else one.status
        why = f"{label}: {one.reason or 'no reason recorded'}"
        counts[why] = counts.get(why, 0) + 1
    if not line.done:
        return "; ".join(counts)
    return "; ".join(
        f"{counted_of(count, _seeds(line), 'seed')} {why}" for why, count in counts.items()
    )


def _lacking_words(line: Line) -> str:
    """Seeds that were measured on other files or by other versions, and not since."""
    if not line.lacking or not line.done:
        return ""
    return (
        f"partial: {counted_of(len(line.lacking), _seeds(line), 'seed', 'are')} of older files or "
        "versions and not in the number; bench run makes them again"
    )


def _no_number(given: Sequence[ProtocolNumbers]) -> str:
    if not given:
        return "not computed yet"
    texts = sorted({one.reason for one in given if one.reason})
    if any(one.status == "not applicable" for one in given):
        return f"not applicable: {'; '.join(texts) or 'no reason recorded'}"
    return "; ".join(texts) or "undefined: the test images hold one class only"
