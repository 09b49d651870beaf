"""The gate's outcome for programs: JUnit XML and JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import groupby
from xml.etree import ElementTree

from bench.gate.compare import FAULTS, CheckedNumber, compared, fails
from bench.report.tables.table import one_line
from bench.report.tables.wording import name_with_settings


def to_json(checked: Sequence[CheckedNumber], noise: float) -> str:
    """An object with the outcome, the noise and one object per number; values are fractions.

    ``regression`` is true where the gate fails, also because nothing was compared.
    """
    rows = [
        {
            "task": one.task,
            "method": one.method,
            "config": one.config,
            "train_on": one.train_on,
            "budget": one.budget,
            "protocol": one.protocol,
            "metric": one.metric,
            "verdict": one.verdict,
            "baseline": one.before,
            "value": one.now,
            "difference": one.difference,
            "allowed": one.allowed,
            "seeds": one.seeds,
            "reason": one.reason,
        }
        for one in checked
    ]
    content = {
        "regression": fails(checked),
        "compared": compared(checked),
        "noise": noise,
        "rows": rows,
    }
    return json.dumps(content, indent=1, allow_nan=False) + "\n"


def to_junit(checked: Sequence[CheckedNumber]) -> str:
    """JUnit XML: a suite per task, a case per number; what is new counts as skipped."""
    root = ElementTree.Element("testsuites", name="bench check")
    for task, group in groupby(checked, key=lambda one: one.task):
        cases = list(group)
        suite = ElementTree.SubElement(
            root,
            "testsuite",
            name=one_line(task),
            tests=str(len(cases)),
            failures=str(sum(one.verdict in FAULTS for one in cases)),
            skipped=str(sum(one.verdict == "new" for one in cases)),
        )
        for one in cases:
            _case(suite, one)
    if not compared(checked):
        _nothing_compared(root)
    ElementTree.indent(root)
    return ElementTree.tostring(root, encoding="unicode", xml_declaration=True) + "\n"


def _nothing_compared(root: ElementTree.Element) -> None:
    """A failure of its own: without it, a file with skipped cases alone counts as passed."""
    suite = ElementTree.SubElement(root, "testsuite", name="gate", tests="1", failures="1")
    case = ElementTree.SubElement(suite, "testcase", classname="gate", name="numbers compared")
    ElementTree.SubElement(case, "failure", type="nothing", message="nothing was compared")


def _case(suite: ElementTree.Element, one: CheckedNumber) -> None:
    name = name_with_settings(one.method, one.config)
    where = f"{one.task}.{name}.{one.train_on}.{one.budget}"
    case = ElementTree.SubElement(
        suite, "testcase", classname=one_line(where), name=f"{one.protocol} {one.metric}"
    )
    if one.verdict == "new":
        ElementTree.SubElement(case, "skipped", message="not in the baseline")
    elif one.verdict in FAULTS:
        ElementTree.SubElement(case, "failure", type=one.verdict, message=one_line(_message(one)))


def _message(one: CheckedNumber) -> str:
    if one.difference is None or one.allowed is None:
        return f"{one.verdict}: {one.reason}"
    why = f"{one.verdict}: {one.reason}; " if one.reason else f"{one.verdict}: "
    return f"{why}{one.before:.6f} became {one.now:.6f}, allowed is {one.allowed:.6f} either way"
