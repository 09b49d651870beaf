import csv
import io
import json
import posixpath
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

import pytest

from bench.errors import StoreError, UsageError
from bench.report.citing import to_bibtex
from bench.report.site import pages, store_names, write_site
from bench.report.site.addresses import Addresses, plain
from fakes.report_samples import CARDS
from fakes.sites import DRAWN, two_labs

VOID = {"meta", "link", "input", "img", "line", "path", "circle", "br"}


class Read(HTMLParser):
    """Ids, links and tags of a page; fails on a tag that is closed but not open."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.stack, self.ids, self.links, self.tags = [], [], [], []
        self.feed(text)
        assert not self.stack

    def handle_starttag(self, tag, attrs):
        found = dict(attrs)
        self.tags.append(tag)
        self.ids += [found["id"]] if "id" in found else []
        self.links += [found["href"]] if "href" in found else []
        if tag not in VOID:
            self.stack.append(tag)

    def handle_endtag(self, tag):
        while (
            tag not in VOID
            and self.stack[-1] != tag
            and self.stack[-1] in {"p", "li", "option", "dt", "dd"}
        ):
            self.stack.pop()
        if tag not in VOID:
            assert self.stack.pop() == tag


@pytest.fixture(scope="module")
def labs(tmp_path_factory):
    return two_labs(tmp_path_factory.mktemp("labs"))


@pytest.fixture(scope="module")
def site(labs, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("out") / "site"
    write_site(folder, labs, pages(labs, CARDS))
    return folder


@pytest.fixture(scope="module")
def read(site) -> dict[str, Read]:
    return {
        path.relative_to(site).as_posix(): Read(path.read_text(encoding="utf-8"))
        for path in site.rglob("*.html")
    }


def text(site: Path, address: str) -> str:
    return (site / address).read_text(encoding="utf-8")


def test_every_link_leads_to_a_page_a_place_or_a_file_of_the_site(site, read):
    assert len(read) > 15
    for address, page in read.items():
        assert len(page.ids) == len(set(page.ids)), address
        for link in page.links:
            if link == "data:,":
                continue
            assert "://" not in link
            to, _, place = unquote(link).partition("#")
            target = (
                posixpath.normpath(posixpath.join(posixpath.dirname(address), to))
                if to
                else address
            )
            assert (site / target).is_file(), f"{address}: {link}"
            assert not place or place in read[target].ids, f"{address}: {link}"


def test_every_page_is_reached_from_the_first(read):
    seen, waiting = set(), ["index.html"]
    while waiting:
        address = waiting.pop()
        if address in seen or address not in read:
            continue
        seen.add(address)
        folder = posixpath.dirname(address)
        waiting += [
            posixpath.normpath(posixpath.join(folder, one.partition("#")[0]))
            for one in read[address].links
        ]
    assert seen == set(read)


def test_a_number_leads_to_its_record_its_command_and_its_pictures(site, labs):
    at = Addresses(["lab-a", "lab-b"])
    line = at.line("lab-a", DRAWN)
    assert f'<a href="{line}">3.11</a>' in text(site, "index.html")
    assert f'<a href="../{line}"><span class="value place1">3.11</span></a>' in text(
        site, at.task("mslub/t1")
    ).replace("\n", "")
    page = text(site, line)
    record = next(one for one in labs[0].records if one.method == "gaussian")
    copy = at.record("lab-a", record)
    assert f'href="../../{copy}"' in page
    kept = labs[0].store.record_path(record.task, record.method, record.key)
    assert (site / copy).read_bytes() == kept.read_bytes()
    assert "bench run --method gaussian --task mslub/t1 --budget quick --seeds 1" in page
    assert page.count("data-picture=") == 9
    assert "store <a" in page


def test_a_line_of_two_seeds_names_both_records(site):
    at = Addresses(["lab-a", "lab-b"])
    page = text(site, at.line("lab-a", DRAWN._replace(method="ae")))
    assert "Seed 0: <a" in page
    assert "Seed 1: <a" in page
    assert "--keep maps --force" in page  # nothing was kept: the command that makes pictures


def test_a_conflict_and_what_is_left_out_are_said_where_the_numbers_are(site):
    index = text(site, "index.html")
    assert "Stores disagree about 1 cell" in index
    assert "pixel-pooled@1 ap is 0.0311 in lab-a and 0.0401 in lab-b" in index
    assert index.count("in conflict</span>") == 2
    assert "lab-a: 1 stale record left out" in index
    at = Addresses(["lab-a", "lab-b"])
    assert "proxyano" in text(site, at.store("lab-a")).partition('id="stale"')[2]
    other = text(site, at.line("lab-b", DRAWN))
    assert "pixel-pooled@1 ap is 0.0311 in lab-a and 0.0401 in lab-b" in other
    assert "the same cells" in other


def test_what_records_say_is_escaped(site, read):
    for address, page in read.items():
        content = text(site, address)
        assert "<img src=x" not in content, address
        assert "alert(1)</script>" not in content, address
        assert page.tags.count("script") <= 3  # pictures, their data, filters
    assert "{{ 7*7 }}" in text(site, Addresses(["lab-a", "lab-b"]).store("lab-a"))


def test_a_page_may_load_nothing_and_run_its_own_script_only(site, read):
    for address in read:
        policy = (
            text(site, address).partition('Content-Security-Policy" content="')[2].partition('"')[0]
        )
        assert policy.startswith("default-src &#39;none&#39;; img-src data:;"), address
        assert "unsafe" not in policy


def test_numbers_and_citations_can_be_taken_away(site, labs):
    rows = list(csv.DictReader(io.StringIO(text(site, "leaderboard.csv"))))
    assert {row["store"] for row in rows} == {"lab-a", "lab-b"}
    assert len(rows) == sum(len(lab.rows) for lab in labs)
    ours = [
        row for row in rows if (row["method"], row["protocol"]) == ("gaussian", "pixel-pooled@1")
    ]
    assert [(row["store"], row["metric"], row["value"]) for row in ours] == [
        ("lab-a", "ap", "0.0311"), ("lab-a", "auroc", "0.6"),
        ("lab-b", "ap", "0.0401"), ("lab-b", "auroc", "0.6"),
    ]  # fmt: skip
    one = list(csv.DictReader(io.StringIO(text(site, "tasks/odd--t1.csv"))))
    assert {row["task"] for row in one} == {"odd/t1"}
    records = [one for lab in labs for one in lab.records]
    assert text(site, "leaderboard.bib") == to_bibtex(records, CARDS)


def test_the_same_stores_give_the_same_bytes(site, labs):
    for address, content in pages(labs, CARDS):
        assert content.encode() == (site / address).read_bytes(), address


def test_one_store_has_no_column_of_stores(labs):
    index = dict(pages(labs[:1], CARDS))["index.html"]
    assert ">Store<" not in index
    assert '<select name="store">' not in index


@pytest.mark.parametrize(
    ("paths", "names"),
    [
        (["/x/runs"], ["runs"]),
        (["/x/lab-a/results/runs", "/y/lab-b/results/runs"], ["lab-a", "lab-b"]),
        (["/x/a/runs", "/y/a/runs"], ["x", "y"]),
        (["/runs", "/lab/runs"], ["runs", "lab/runs"]),
    ],
)
def test_stores_have_the_shortest_names_that_tell_them_apart(paths, names):
    assert store_names([Path(one) for one in paths]) == names


def test_names_of_files_are_safe_and_differ():
    odd = ["a/b", "a--b", "A/b", "../../etc", "a\\b", ".", "", "x" * 300, "<img src=x>", "é"]
    made = [plain(one) for one in odd]
    assert len({one.lower() for one in made}) == len(odd)
    for one in made:
        assert len(one) < 80
        assert set(one) <= set("abcdefghijklmnopqrstuvwxyz0123456789-_.")
        assert one[0] not in ".-"
    assert plain("phantom/ms-t2") == "phantom--ms-t2"


# --- the folder ---


def tree(folder: Path) -> dict[str, bytes]:
    return {
        one.relative_to(folder).as_posix(): one.read_bytes()
        for one in folder.rglob("*")
        if one.is_file()
    }


def test_an_older_site_is_replaced_and_nothing_else_is_left(labs, tmp_path):
    out = tmp_path / "site"
    write_site(out, labs[:1], [("index.html", "old"), ("gone/page.html", "old")])
    write_site(out, labs[:1], [("index.html", "new")])
    assert (out / "index.html").read_text() == "new"
    assert not (out / "gone").exists()
    assert [one.name for one in tmp_path.iterdir()] == ["site"]


def test_what_fails_half_way_changes_nothing(labs, tmp_path):
    def broken():
        yield "index.html", "new"
        raise StoreError("the disk is gone")

    out = tmp_path / "site"
    with pytest.raises(StoreError):
        write_site(out, labs, broken())
    assert list(tmp_path.iterdir()) == []
    write_site(out, labs, [("index.html", "old")])
    before = tree(out)
    with pytest.raises(StoreError):
        write_site(out, labs, broken())
    assert tree(out) == before
    assert [one.name for one in tmp_path.iterdir()] == ["site"]


def test_only_a_site_of_ours_is_replaced(labs, tmp_path):
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "thesis.tex").write_text("years of work")
    with pytest.raises(
        UsageError, match=r"mine holds 1 file that bench site did not write: thesis.tex"
    ):
        write_site(mine, labs, [("index.html", "new")])
    assert tree(mine) == {"thesis.tex": b"years of work"}

    out = tmp_path / "site"
    write_site(out, labs, [("index.html", "old")])
    (out / "CNAME").write_text("bench.example")
    with pytest.raises(UsageError, match="did not write: CNAME"):
        write_site(out, labs, [("index.html", "new")])
    assert (out / "index.html").read_text() == "old"

    (out / "CNAME").unlink()
    (out / "bench-site.json").write_text(json.dumps({"files": [1, None]}))
    with pytest.raises(UsageError, match=r"did not write: index.html"):
        write_site(out, labs, [("index.html", "new")])
    with pytest.raises(UsageError, match="is a file, not a folder"):
        write_site(mine / "thesis.tex", labs, [])
    empty = tmp_path / "empty"
    empty.mkdir()
    assert write_site(empty, labs, [("index.html", "new")]) > 1
