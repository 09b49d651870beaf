"""Lines of one table with other numbers of seeds: what is counted, what is said."""

import numpy as np
import pytest

from bench.report import build_report, duel_table, summarise
from bench.report.rows.multiverse import verses
from bench.report.rows.strata import stratum_rows
from bench.report.tables.duels import duels
from bench.report.tables.multiverse import multiverse_tables, tell
from bench.report.tables.power import power_table
from bench.report.tables.sensitivity import sensitivity_tables
from bench.report.tables.strata import strata_tables
from bench.report.tables.wording import seed_notes
from bench.store.multiverse import KeptMultiverse, KeptUniverse
from bench.store.records import Learning, ProtocolNumbers
from bench.store.strata import StratifiedCell, Stratum
from fakes.report_samples import CARDS, numbers, record

MANY = {"test": 12, "expected": 12}
FAILED = {"status": "failed", "error_class": "timeout", "reason": "after 240 min"}
SKIPPED = {"status": "skipped", "reason": "has 1 channel"}


def three(method, *values, **more):
    return [
        record(method, value, seed=at, drawn=at, **MANY, **more) for at, value in enumerate(values)
    ]


def headline(records, protocol="pixel-pooled@1"):
    (row,) = [
        one
        for one in summarise(records, CARDS.datasets, CARDS.protocols)
        if (one.protocol, one.metric) == (protocol, "ap")
    ]
    return row


def notes(table):
    return [one.plain for one in table.notes]


def test_a_seed_that_finished_without_the_number_is_counted_and_said():
    *two, third = three("ae", 0.2, 0.3, 0.4)
    lost = third.model_copy(update={"protocols": {"image@1": third.protocols["image@1"]}})
    row = headline([*two, lost])
    assert (row.value, row.seeds, row.status) == (pytest.approx(0.25), 2, "partial")
    assert row.reason == "1 of 3 seeds has no such number: not computed yet"
    (table,) = build_report([*two, lost], CARDS).tables
    assert "ae: 1 of 3 seeds has no such number: not computed yet" in notes(table)
    empty = ProtocolNumbers(status="done")
    odd = third.model_copy(update={"protocols": {**third.protocols, "pixel-pooled@1": empty}})
    assert headline([*two, odd]).reason == "1 of 3 seeds has no such number: undefined"


def test_seeds_that_failed_and_seeds_that_were_skipped_are_counted_apart():
    records = [
        record("ae", 0.2, **MANY),
        record("ae", seed=1, **SKIPPED),
        record("ae", seed=2, **FAILED),
        record("ae", seed=3, **FAILED),
    ]
    row = headline(records)
    assert (row.value, row.seeds, row.sd, row.status) == (0.2, 1, None, "partial")
    assert row.reason == (
        "2 of 4 seeds failed (timeout): after 240 min; 1 of 4 seeds skipped: has 1 channel"
    )
    assert headline(records[1:]).reason == "failed (timeout): after 240 min; skipped: has 1 channel"


def test_it_is_said_how_many_seeds_have_not_learned():
    errors = (0.3, 0.05, 0.05)
    records = [
        record("ae", 0.2, seed=at, **MANY,
               learning=Learning(images=9, error=error, constant_error=0.2, mean_image_error=0.1))
        for at, error in enumerate(errors)
    ]  # fmt: skip
    row = headline(records)
    assert (row.untrained, row.unlearned) == (True, (1, 3))
    assert row.error_ratio == pytest.approx(np.mean(errors) / 0.1)
    (table,) = build_report(records, CARDS).tables
    (said,) = [one for one in notes(table) if "not yet trained" in one]
    assert said.startswith("ae (not yet trained): in 1 of 3 seeds its error on normal validation")


def test_a_table_without_a_column_of_seeds_names_the_lines_that_have_others():
    assert seed_notes([("ae", "x", 3), ("pca", "x", 3), ("vae", "x", 0)]) == []
    counts = [("ae", "x", 3), ("ae", "y", 2), ("vae", "x", 3), ("vae", "y", 3),
              ("pca", "x", 1), ("pca", "y", 1)]  # fmt: skip
    (said,) = seed_notes(counts)
    assert said.plain == "Seeds: 3, but 2 of ae on y; 1 of pca."
    records = [*three("ae", 0.2, 0.3, 0.4), record("gaussian", 0.1, drawn=7, **MANY)]
    (across,) = build_report(records, CARDS, layout="methods-by-tasks").tables
    assert "Seeds: 3, but 1 of gaussian." in notes(across)
    rows = summarise(records, CARDS.datasets, CARDS.protocols)
    (under,) = sensitivity_tables(rows, CARDS)
    assert under.caption.endswith("1 to 3 seeds.")
    assert any(one.startswith("Seeds: ") for one in notes(under))


def test_compare_and_power_say_the_seeds_of_both_sides_and_what_is_missing():
    records = [
        *three("ae", 0.2, 0.22),
        record("ae", seed=2, **FAILED),
        record("gaussian", 0.1, drawn=7, **MANY),
    ]
    made = duel_table(records, "ae", "gaussian", cards=CARDS)
    (row,) = made.rows
    assert (made.columns[-1].title, row[-1].plain) == ("Seeds", "2 and 1")
    assert notes(made) == ["mslub/t1, ae: 1 of 3 seeds failed (timeout): after 240 min"]
    table = power_table(duels(records, "ae", "gaussian", cards=CARDS), "ae", "gaussian")
    assert (table.columns[-1].title, table.rows[0][-1].plain) == ("Seeds", "2 and 1")
    assert notes(table) == notes(made)


def test_compare_does_not_take_one_of_two_methods_of_one_name_for_the_other():
    def mine(value, file, source):
        place = {"finished": f"2026-01-0{source}", "method_file": f"/a/{file}.py:AE"}
        return record("mine", value, drawn=1, key=file, **MANY,
                      fingerprints={"method": str(source)}, provenance=place)  # fmt: skip

    records = [mine(0.4, "one", 1), mine(0.1, "two", 2), record("ae", 0.2, drawn=0, **MANY)]
    for name, difference in (("mine (one.py:AE)", 0.2), ("mine (two.py:AE)", -0.1)):
        (found,) = duels(records, name, "ae", cards=CARDS)
        assert found.first.value - found.second.value == pytest.approx(difference)


def test_the_multiverse_counts_the_seeds_that_kept_no_maps():
    def kept(value, drawn):
        number = numbers(value, subjects=12, drawn=drawn, spread=0.01)
        return KeptMultiverse(
            design=1,
            predictions="",
            universes=[KeptUniverse(level="pixel", choices={"mask": one}, numbers=number)
                       for one in ("foreground", "whole")],
        )  # fmt: skip

    ae, other = three("ae", 0.2, 0.4, 0.6), record("gaussian", 0.1, **MANY)
    found = {ae[0].key: kept(0.2, 0), ae[1].key: kept(0.4, 1), other.key: kept(0.1, 2)}
    (verse,) = verses([*ae, other], found)
    assert verse.lacking == {line: int(line.method == "ae") for line in verse.lines}
    (_, pairs) = multiverse_tables([tell(verse, CARDS)], CARDS)
    assert "1 to 2 seeds" in pairs.caption
    assert any(one.startswith("ae: 1 of 3 seeds is not in these numbers") for one in notes(pairs))


def test_strata_say_how_many_seeds_a_line_has():
    def cell(method, value, seed):
        given = numbers(value, subjects=12, drawn=seed)
        return StratifiedCell(
            record(method, value, seed=seed, **MANY),
            "pixel-pooled@1",
            (Stratum("age 1", 12, 480, 7, 10, given),),
        )

    rows = stratum_rows([cell("ae", 0.2, 0), cell("ae", 0.4, 1), cell("gaussian", 0.1, 0)], "age",
                        CARDS)  # fmt: skip
    (table,) = strata_tables(rows, "age", CARDS)
    assert table.caption.endswith(" 1 to 2 seeds.")
    (said,) = [one for one in notes(table) if one.startswith("Seeds: ")]
    assert "of ae" in said or "of gaussian" in said
