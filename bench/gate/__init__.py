"""The regression gate: compares a run store with the numbers of a committed baseline.

It runs nothing. `compare` holds the store's numbers against those of `read_baseline` and gives
`CheckedNumber` objects; `to_table`, `to_junit` and `to_json` show them. `write_baseline` makes the
store's numbers the new baseline.
"""

from bench.gate.baseline import (
    Baseline,
    BaselineRow,
    Change,
    obstacles,
    read_baseline,
    write_baseline,
)
from bench.gate.compare import FAULTS, CheckedNumber, compare, compared, fails, is_regression
from bench.gate.json_junit import to_json, to_junit
from bench.gate.words import summary_line, to_table

__all__ = [
    "FAULTS",
    "Baseline",
    "BaselineRow",
    "Change",
    "CheckedNumber",
    "compare",
    "compared",
    "fails",
    "is_regression",
    "obstacles",
    "read_baseline",
    "summary_line",
    "to_json",
    "to_junit",
    "to_table",
    "write_baseline",
]
