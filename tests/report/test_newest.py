"""Which of several records of one line is the number: the newest; and no mean over two versions."""

from bench.cards import Headline
from bench.report import build_report, render, summarise
from bench.report.rows.pick import pick_lines
from fakes.report_samples import CARDS, ROWS, record

HEAD = Headline(protocol="pixel-pooled@1", metric="ap")


def made(value, day, *, files="a", **more):
    """A record of some test files, finished on a day of January."""
    at = f"2026-01-{day:02}T00:00:00+00:00"
    provenance = {"finished": at, **more.pop("provenance", {})}
    return record(
        "ae",
        value,
        key=f"{files}{more.get('seed', 0)}{day}",
        fingerprints={"test": files, **more.pop("fingerprints", {})},
        provenance=provenance,
        **more,
    )


def head(records, older=(), **more):
    rows = summarise(records, CARDS.datasets, CARDS.protocols, older=older, **more)
    return [row for row in rows if (row.protocol, row.metric) == (HEAD.protocol, HEAD.metric)]


def test_without_marks_the_newest_record_wins_whatever_its_fingerprint_and_subjects():
    for old, new in (("a", "z"), ("z", "a")):
        records = [made(0.9, 1, files=old, test=30), made(0.02, 2, files=new, test=29)]
        for order in (records, records[::-1]):
            (row,) = head(order)
            assert (row.value, row.left_out, row.stale) == (0.02, 1, "")
    text = render(build_report(records, CARDS), "markdown")
    assert "not in the number: 1 record of another version or other files" in text


def test_a_newer_failure_is_not_hidden_by_an_older_number():
    failed = made(None, 2, files="b", status="failed", reason="out of disk")
    (row,) = head([made(0.9, 1), failed])
    assert (row.value, row.status, row.reason) == (None, "failed", "failed: out of disk")


def test_seeds_of_two_versions_of_the_files_are_never_averaged():
    old = [made(0.9, 1, seed=at, test=30) for at in range(3)]
    (row,) = head([*old, made(0.02, 2, files="b", test=30)])
    assert (row.value, row.seeds, row.status) == (0.02, 1, "partial")
    assert row.reason == (
        "partial: 2 of 3 seeds are of older files or versions and not in the number; "
        "bench run makes them again"
    )
    (same,) = head([made(0.02, 2, files="b", test=30)], old)
    assert (same.value, same.status, same.reason) == (row.value, row.status, row.reason)
    (all_of_them,) = head([made(0.02, 2, files="b", seed=at, test=30) for at in range(3)], old)
    assert (all_of_them.seeds, all_of_them.status, all_of_them.reason) == (3, "done", None)


def test_a_cell_run_again_by_force_counts_once_and_the_newest():
    (row,) = head([made(0.9, 1), made(0.02, 2)])
    assert (row.value, row.seeds) == (0.02, 1)


def test_stale_numbers_are_shown_on_demand_and_never_preferred():
    current, older = made(0.02, 3, files="c"), [made(0.9, 1), made(0.8, 2, files="b")]
    other = record("pca", 0.01)
    (pca,) = [row for row in head([current, other], older) if row.method == "pca"]
    assert pca.value == 0.01
    assert [row.value for row in head([current], older)] == [0.02]
    rows = head([current], older, show_older=True)
    assert [(row.value, row.status, row.stale[:10]) for row in rows] == [
        (0.02, "partial", ""),
        (0.9, "stale", "2026-01-01"),
        (0.8, "stale", "2026-01-02"),
    ]
    report = build_report(
        [current, other], CARDS, ROWS, older=older, show_older=True, protocol=HEAD.protocol
    )
    task = next(table for table in report.tables if table.name == "mslub-t1")
    labels = [row[0].text for row in task.rows]
    assert labels == [
        "ae",
        "pca",
        "ae (stale, 2026-01-01T00:00:00+00:00)",
        "ae (stale, 2026-01-02T00:00:00+00:00)",
    ]
    assert [row[1].rank for row in task.rows] == [1, 2, 0, 0]
    published = next(table for table in report.tables if table.name == "published")
    assert "90.00" not in render(replace_tables(report, published), "markdown")


def replace_tables(report, *tables):
    from dataclasses import replace

    return replace(report, tables=tables)


def test_two_methods_of_one_name_from_two_files_are_two_lines_with_their_files():
    one = made(0.02, 1, fingerprints={"method": "s1"}, provenance={"method_file": "/a/one.py:AE"})
    two = made(0.03, 2, fingerprints={"method": "s2"}, provenance={"method_file": "/a/two.py:AE"})
    assert [(row.method, row.value) for row in head([two, one])] == [
        ("ae (one.py:AE)", 0.02),
        ("ae (two.py:AE)", 0.03),
    ]
    twin = made(0.03, 2, fingerprints={"method": "s2"}, provenance={"method_file": "/b/one.py:AE"})
    assert {row.method for row in head([twin, one])} == {"ae (/a/one.py:AE)", "ae (/b/one.py:AE)"}
    built_in = made(0.04, 2)
    assert {row.method for row in head([built_in, one])} == {"ae", "ae (one.py:AE)"}


def test_a_file_that_was_edited_or_moved_is_one_method():
    def of(day, source, file, **more):
        return made(
            day / 100,
            day,
            fingerprints={"method": source},
            provenance={"method_file": file},
            test=30,
            **more,
        )

    (edited,) = head([of(1, "s1", "/a/one.py:AE"), of(2, "s2", "/a/one.py:AE")])
    assert (edited.method, edited.value, edited.left_out) == ("ae", 0.02, 1)
    (moved,) = head([of(1, "s1", "/a/one.py:AE"), of(2, "s1", "/b/one.py:AE", seed=1)])
    assert (moved.method, moved.seeds, moved.status) == ("ae", 2, "done")


def test_lines_do_not_depend_on_the_order_of_records():
    records = [made(0.9, 1), made(0.02, 2, files="b"), made(0.03, 2, files="b", seed=1)]
    assert pick_lines(records) == pick_lines(records[::-1])
