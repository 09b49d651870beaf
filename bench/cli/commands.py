"""The commands in the order of ``bench --help``: where each one is, and its first sentence."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from bench.cli.lazy import Entry, LazyGroup


class Commands(LazyGroup):
    """``bench``."""

    entries: ClassVar[Mapping[str, Entry]] = {
        "list": Entry(
            "listing:list_cards",
            "List methods, datasets, tasks and other cards, or the cells of a run store.",
        ),
        "run": Entry("run:run", "Run methods on tasks: what is done already is not done again."),
        "suite": Entry(
            "suite:suite",
            "Run every [[run]] of a suite file and write the report beside the records.",
        ),
        "plan": Entry(
            "plan:plan", "Show what `bench run` with the same options would do; runs nothing."
        ),
        "report": Entry(
            "report:report", "Print tables of what was measured, beside the published rows."
        ),
        "site": Entry(
            "site:site", "Write a leaderboard: pages of tasks, methods, data sets and stores."
        ),
        "cite": Entry(
            "cite:cite",
            "Print BibTeX of the data sets, methods, protocols and packages behind a store's "
            "numbers.",
        ),
        "show": Entry(
            "show:show",
            "Draw a cell's best, median and worst subject: input, map and truth, at one scale.",
        ),
        "predict": Entry("predict:predict", "Apply the detector of a cell to new images."),
        "compare": Entry(
            "compare:compare",
            "Compare two methods as the tables do: difference, interval, effect, test, subjects "
            "needed.",
        ),
        "power": Entry(
            "power:power",
            "How many patients would show the difference of two methods, and what so "
            "many can show.",
        ),
        "detect-limit": Entry(
            "detect_limit:detect_limit",
            "Size and contrast of the lesions that each method finds in half of the cases.",
        ),
        "healthy": Entry(
            "healthy:healthy",
            "Achieved against nominal rate of p-maps, and ml of false positives, in "
            "healthy test subjects.",
        ),
        "multiverse": Entry(
            "multiverse:multiverse",
            "Every combination of smoothing, mask, slices, pooling, score and metric, "
            "from kept maps.",
        ),
        "rescore": Entry(
            "rescore:rescore",
            "Apply protocols to every cell whose predictions were kept, and update the records.",
        ),
        "check": Entry(
            "check:check",
            "Compare the store with the baseline; exit 1 where a number moved, or none is there.",
        ),
        "verify": Entry(
            "verify:verify",
            "Run a cell again and say whether its numbers agree; exit 1 where they do not.",
        ),
        "status": Entry(
            "cluster:status",
            "Show the state of the cells in a queue; exit 1 where one failed or is lost.",
        ),
        "cancel": Entry(
            "cluster:cancel",
            "End the jobs of cells that wait or run; a later run hands them in again.",
        ),
        "collect": Entry(
            "cluster:collect",
            "Print how each cell of the queue ended, and clear away the jobs that are over.",
        ),
        "export": Entry(
            "export:export",
            "Write cells with their predictions, fits and logs into one archive with checksums.",
        ),
        "merge": Entry(
            "merge:merge", "Take the cells of archives or other stores; a second time does nothing."
        ),
        "clean": Entry(
            "clean:clean", "Say how large the parts of a store are, and free those that are named."
        ),
        "schema": Entry(
            "schema:schema",
            "Print the JSON Schema (draft 2020-12) of a cell's record, a card or a suite.",
        ),
        "test-method": Entry(
            "test_method:check_method",
            "Fit a method on small artificial images and check every contract; exit 1 "
            "if one is broken.",
        ),
        "doctor": Entry(
            "doctor:doctor",
            "Check Python, packages, devices, folders and data; exit 1 where something is wrong.",
        ),
        "data": Entry("data:app", "Data sets: list, get, new, register, check, prepare, show."),
        "cache": Entry("cache:app", "The cache of prepared data: info, clear."),
        "new": Entry("new:app", "Write a template to begin with."),
        "cluster": Entry("cluster:app", "Profiles of clusters."),
    }
