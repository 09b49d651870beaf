"""``bench report --by`` as a user types it, on the tiny data set with a table of subjects."""

import csv
import json
import os

import pytest

from fakes import tiny
from fakes.here import bench_here

WHO = "who\tage\tsite\nn1\t20\tA\np1\t30\tA\np2\t41\tB\np2\t41\tB\np3\t52\tA\nzz\t9\tB\n"
TABLE = '\n[subjects_table]\nfile = "who.tsv"\nsubject = "who"\n'
RUN = ("run", "--method", "random", "--method", "intensity", "--budget", "smoke")


@pytest.fixture(scope="module")
def place(tmp_path_factory, session_cache):
    """A folder with data, a table of subjects, a card and a finished run."""
    folder = tmp_path_factory.mktemp("by")
    (tiny.make_volumes(folder / "data") / "who.tsv").write_text(WHO)
    tiny.write_card(folder)
    (card,) = (folder / "datasets").glob("*.toml")
    card.write_text(card.read_text().replace("\n[splits.train]", f"{TABLE}\n[splits.train]"))
    os.environ["BENCH_CACHE"] = str(session_cache)
    done = bench_here(folder, *RUN, "--task", "tiny/t1", "--data-dir", "data")
    assert done.returncode == 0, done.stderr
    return folder


def report(place, *arguments):
    return bench_here(place, "report", "--data-dir", "data", "--by", *arguments)


def test_a_column_of_the_table_groups_the_subjects(place):
    done = report(place, "site")
    assert done.returncode == 0, done.stderr
    assert "**site A: " in done.stdout
    assert "of 2 subjects, 2 of them abnormal, 2 lesions**" in done.stdout
    assert "site B: not applicable: all" in done.stdout  # one healthy subject
    assert "**not stated: " in done.stdout  # p4
    assert "1 row of subjects without images: zz" in done.stderr
    assert "1 subject has several equal rows: p2" in done.stderr
    assert "4 of 8 subjects have no row: n2, n3, n4, and 1 more" in done.stderr


@pytest.mark.parametrize("by", ["lesion-size", "contrast", "slice-position"])
def test_strata_that_the_maps_give(place, by):
    done = report(place, by, "--format", "json")
    assert done.returncode == 0, done.stderr
    rows = json.loads(done.stdout)
    assert {one["by"] for one in rows} == {by}
    assert {one["method"] for one in rows} == {"random", "intensity"}
    assert any(one["value"] is not None for one in rows)
    assert all(one["low"] is None for one in rows)  # four subjects


def test_every_format_and_a_picture(place):
    for format, name in (("csv", "a.csv"), ("latex", "a.tex"), ("html", "a.html")):
        done = report(place, "site", "--format", format, "--out", name)
        assert done.returncode == 0, done.stderr
        assert "site A" in (place / name).read_text()
    assert {one["group"] for one in csv.DictReader((place / "a.csv").open())} == {
        "site A",
        "site B",
        "not stated",
    }
    done = report(place, "site", "--figures", "figures")
    assert done.returncode == 0, done.stderr
    assert (place / "figures/tiny-t1-by-site-ap.png").stat().st_size > 1000


def test_another_protocol_is_parted_alike(place):
    done = report(place, "lesion-size", "--protocol", "froc", "--format", "json")
    assert {one["metric"] for one in json.loads(done.stdout)} == {
        "froc",
        "sensitivity_at_1fp",
        "sensitivity_at_4fp",
    }


def test_what_cannot_be_parted_names_the_way_out(place):
    unknown = report(place, "sites")
    assert unknown.returncode == 2
    assert "no column 'sites'" in unknown.stderr
    assert "did you mean 'site'?" in unknown.stderr
    clash = report(place, "site", "--sensitivity")
    assert clash.returncode == 2
    assert "--by" in clash.stderr


def test_without_kept_maps_the_command_that_keeps_them_is_named(place):
    arguments = ("--task", "tiny/t1", "--data-dir", "data", "--keep", "none")
    kept = ("--results", "none")
    assert bench_here(place, *RUN, *arguments, *kept).returncode == 0
    done = report(place, "lesion-size", *kept)
    assert done.returncode == 2
    assert (
        "bench run --method random --task tiny/t1 --budget smoke --keep maps --force" in done.stderr
    )


def test_a_table_moves_no_key_and_the_check_reads_it(place):
    again = bench_here(place, *RUN, "--task", "tiny/t1", "--data-dir", "data")
    who = place / "data/tiny/who.tsv"
    who.write_text(WHO + "p4\t60\tB\n")
    moved = bench_here(place, *RUN, "--task", "tiny/t1", "--data-dir", "data")
    for done in (again, moved):
        assert "2 of 2 cells are done already" in done.stderr
    assert "**not stated" not in report(place, "site").stdout
    check = ("data", "check", "tiny", "--data-dir", "data", "--json")
    found = bench_here(place, *check).stdout
    assert "`bench report --by` takes: age, site" in found
    who.unlink()
    found = bench_here(place, *check)
    assert found.returncode == 0
    assert "the table of subjects" in found.stdout
    who.write_text(WHO)
