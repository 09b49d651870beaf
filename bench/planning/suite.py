"""Suite files: a whole table's runs in one TOML file."""

from __future__ import annotations

import os
from pathlib import Path

from pydantic import Field

from bench.cards import DEFAULT_BUDGET, Card, read_card
from bench.errors import UnknownName
from bench.planning.request import Request, RunArguments, check_request
from bench.registry import resources


class SuiteRun(Card):
    """One `bench run`; the keys are its options."""

    method: list[str] = Field(min_length=1)
    dataset: list[str] = Field(default_factory=list)
    task: list[str] = Field(default_factory=list)
    train_on: str | None = None
    budget: str = DEFAULT_BUDGET
    seeds: int | None = None
    set: list[str] = Field(default_factory=list)
    yardsticks: bool = True


class Suite(Card):
    """A title and any number of ``[[run]]`` tables."""

    title: str
    run: list[SuiteRun] = Field(min_length=1)


def shipped_suites() -> dict[str, Path]:
    """The suites that come with bench, by name."""
    return {one.stem: one for one in sorted(resources.suite_folder().glob("*.toml"))}


def find_suite(name: str) -> Path:
    """The file of a suite: a path, or the name of a shipped suite.

    Raises:
        UnknownName: neither exists.
    """
    path = Path(name)
    if os.path.isfile(path):  # which, unlike `Path.is_file`, raises nothing on an overlong name
        return path
    shipped = shipped_suites()
    if name not in shipped:
        raise UnknownName("suite file", name, shipped, hint="give a path, or one of these names")
    return shipped[name]


def read_suite(path: Path) -> tuple[Suite, list[Request]]:
    """Read a suite file and check every run of it.

    Raises:
        CardError: the file is not a suite.
        UsageError: a run names something that does not exist.
    """
    suite = read_card(path, Suite)
    return suite, [check_request(RunArguments(**one.model_dump())) for one in suite.run]
