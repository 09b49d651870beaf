"""BibTeX from what cards hold."""

import re
import shutil
import subprocess

from bench import registry
from bench.cards import DatasetCard
from bench.report import Cards
from bench.report.citing import to_bibtex
from conftest import skip_or_fail
from fakes.report_samples import CARDS, dataset, record

SHIPPED = Cards(
    datasets=registry.load_datasets(),
    methods=registry.load_methods(),
    protocols=registry.load_protocols(),
)
VERSIONS = {"bench": "0.1.0", "packages": {"numpy": "2.1", "pillow": "11.0"}}


def cited(text: str) -> str:
    card = dataset("mine", {}).model_copy(update={"citation": text})
    cards = Cards(datasets={"mine": DatasetCard.model_validate(card.model_dump())})
    return to_bibtex([record("ae", 0.2, task="mine/t1", train_on="mine")], cards)


def fields(text: str) -> dict[str, str]:
    return dict(re.findall(r"^  (\w+) += \{(.*)\},$", text, re.M))


def test_a_store_is_cited_with_data_methods_protocols_packages_and_bench():
    one = record("proxyano", 0.2, task="mslub/t1", provenance=VERSIONS)
    text = to_bibtex([one, record("random", task="mslub/t1")], SHIPPED)
    mslub = text.split("@misc{lesjak2018novel,")[1].split("\n}")[0]
    assert fields(mslub) == {
        "author": r"Lesjak and Galimzianova and Koren and Lukin and Pernu\v{s} and Likar and "
        r"\v{S}piclin",
        "title": "{A Novel Public MR Image Dataset of Multiple Sclerosis Patients With Lesion "
        "Segmentations Based on Multi-rater Consensus}",
        "year": "2018",
        "howpublished": "Neuroinformatics 16 (2018) 51-63",
        "doi": "10.1007/s12021-017-9348-7",
    }
    for words in (
        "% data set ixi\n",
        "@misc{zhou2021proxy,",
        "% package numpy\n@misc{harris2020array,",
        "% protocol pixel-pooled version 1\n",
        "% without a citation: method random\n",
        "% versions of all packages: numpy 2.1, pillow 11.0\n",
        "@misc{bench,",
    ):
        assert words in text
    assert text == to_bibtex([record("random", task="mslub/t1"), one], SHIPPED)


def test_a_citation_of_several_works_becomes_several_entries():
    text = cited(
        "Template: Ash, Birch: A template. NeuroImage 54 (2011) 3-7. doi:10.1/x. Lesions: Elm et "
        "al.: Lesions. Data 3 (2018). arXiv:2107.02314. "
    )
    assert text.count("@misc{") == 5  # and two protocols and bench
    ash, elm = text.split("\n\n")[:2]
    assert fields(ash)["author"] == "Ash and Birch"
    assert (fields(ash)["doi"], fields(ash)["year"]) == ("10.1/x", "2011")
    assert (fields(elm)["author"], fields(elm)["eprint"]) == ("Elm and others", "2107.02314")


def test_bibtex_is_passed_on_and_free_text_is_kept_whole():
    entry = "@article{me2020,\n  title = {Mine},\n}"
    assert entry in cited(entry)
    assert fields(cited("Ask the ward, 50 % of it"))["note"] == r"Ask the ward, 50 \% of it"
    assert "% without a citation: data set mine, method ae\n" in cited("none")


def test_bibtex_reads_what_the_shipped_cards_give(tmp_path):
    if shutil.which("bibtex") is None:
        skip_or_fail("bibtex is not installed (Debian: texlive-binaries)")
    tasks = list(registry.all_tasks())
    records = [
        record(method, task=tasks[at % len(tasks)], provenance=VERSIONS)
        for at, method in enumerate([*SHIPPED.methods] * 2)
    ]
    (tmp_path / "refs.bib").write_text(to_bibtex(records, SHIPPED), encoding="utf-8")
    (tmp_path / "x.aux").write_text("\\citation{*}\n\\bibstyle{plain}\n\\bibdata{refs}\n")
    done = subprocess.run(["bibtex", "x"], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
    assert "error message" not in done.stdout
    assert "Warning" not in done.stdout
    keys = re.findall(r"^@\w+\{(.*),$", (tmp_path / "refs.bib").read_text(), re.M)
    assert len(keys) == len(set(keys)) > 30


def test_records_without_cards_are_named():
    assert "data set mslub" in to_bibtex([record("ae")], CARDS).split("% without a citation")[1]
