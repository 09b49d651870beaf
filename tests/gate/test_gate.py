"""What the gate says of numbers that moved, went, came and stayed."""

import json
import math
import xml.etree.ElementTree as ET

import pytest
from typer.testing import CliRunner

from bench.cli import app
from bench.errors import StoreError, UsageError
from bench.gate import compare, read_baseline
from bench.gate.baseline import Baseline, BaselineRow
from bench.gate.compare import allowed_difference
from bench.report import SummaryRow
from bench.store.current import FoundFiles, mark_current
from bench.store.store import Store
from fakes.records import record, store

VALUES = (0.50, 0.52, 0.54)  # sd 0.02 over three seeds


def seeds(*values, **more):
    return [record(value=value, seed=seed, **more) for seed, value in enumerate(values)]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    store(tmp_path / "old", *seeds(*VALUES), *seeds(0.3, method="fixed", deterministic=True))
    done = check("--update", "--reason", "the first one", "--results", "old")
    assert done.exit_code == 0, done.output
    return tmp_path


def check(*arguments):
    return CliRunner().invoke(app, ["check", *map(str, arguments)])


def rows_of(done):
    return {
        (row["method"], row["protocol"], row["metric"]): row
        for row in json.loads(done.stdout)["rows"]
    }


def test_the_same_store_passes(folder):
    done = check("--results", "old")
    assert done.exit_code == 0
    assert "gate: ok; 8 numbers compared" in done.stderr
    assert "REGRESSION" not in done.stdout


def test_the_baseline_holds_the_rows_of_the_report_and_its_history(folder):
    content = json.loads((folder / "results" / "baseline.json").read_text())
    report = CliRunner().invoke(app, ["report", "--format", "json", "--results", "old"])
    assert content["rows"] == json.loads(report.stdout)
    assert content["noise"] == 0.0001
    (change,) = content["history"]
    assert (change["reason"], change["rows"], change["moved"]) == ("the first one", 12, 12)


@pytest.mark.parametrize(("shift", "verdict"), [(0.2, "higher"), (-0.2, "lower"), (0.03, "ok")])
def test_a_number_may_move_by_what_seeds_and_noise_allow(folder, shift, verdict):
    moved = [value + shift for value in VALUES]
    store(folder / "new", *seeds(*moved), *seeds(0.3, method="fixed", deterministic=True))
    done = check("--results", "new", "--json")
    assert done.exit_code == (verdict != "ok")
    row = rows_of(done)["far", "pixel-pooled@1", "ap"]
    assert row["verdict"] == verdict
    assert row["difference"] == pytest.approx(shift)
    assert row["allowed"] == pytest.approx(3 * 0.02 * math.sqrt(2 / 3) + 0.0001)


@pytest.mark.parametrize(
    ("value", "code"), [(0.30009, 0), (0.29991, 0), (0.30011, 1), (0.29989, 1)]
)
def test_a_deterministic_method_may_move_by_the_noise_alone(folder, value, code):
    store(folder / "new", *seeds(*VALUES), *seeds(value, method="fixed", deterministic=True))
    assert check("--results", "new").exit_code == code


def test_missing_failed_and_new_cells_are_named(folder):
    store(folder / "new", *seeds(None, None, None), *seeds(0.4, 0.4, 0.4, method="newcomer"))
    done = check("--results", "new", "--json")
    assert done.exit_code == 1
    rows = rows_of(done)
    assert rows["far", "image@1", "ap"]["verdict"] == "missing"
    assert "teapot" in rows["far", "image@1", "ap"]["reason"]
    assert rows["fixed", "image@1", "ap"]["reason"] == "not in the store"
    assert rows["newcomer", "image@1", "ap"]["verdict"] == "new"
    text = check("--results", "new").stdout
    assert "missing: failed: failed (method): the loss is a teapot" in text
    assert "newcomer" in text


def test_new_cells_alone_are_no_regression(folder):
    store(folder / "old", *seeds(0.4, 0.4, 0.4, method="newcomer"))
    done = check("--results", "old")
    assert done.exit_code == 0
    assert "4 new" in done.stderr


@pytest.mark.parametrize("changed", [{"prevalence": 0.021}, {"subjects": ["p1", "p2", "p3"]}])
def test_other_test_data_are_named_even_where_the_numbers_agree(folder, changed):
    fixed = seeds(0.3, method="fixed", deterministic=True)
    store(folder / "new", *seeds(*VALUES, **changed), *fixed)
    done = check("--results", "new", "--json")
    assert done.exit_code == 1
    row = rows_of(done)["far", "image@1", "ap"]
    assert row["verdict"] == "other data"
    assert "baseline" in row["reason"]
    assert row["difference"] == 0


def test_fewer_seeds_allow_more():
    assert allowed_difference(0.02, 3, 1, 0.0) == pytest.approx(3 * 0.02 * math.sqrt(4 / 3))
    assert allowed_difference(0.02, 3, 3, 0.001) < allowed_difference(0.02, 3, 1, 0.001)
    assert allowed_difference(None, 1, 1, 0.001) == 0.001


def test_a_deviation_that_is_small_by_chance_is_not_believed():
    def row(protocol, sd):
        return BaselineRow(
            task="t/1", method="far", config={}, train_on="t", budget="smoke", seeds=3,
            protocol=protocol, metric="ap", value=0.3, sd=sd, prevalence=0.02, subjects=2,
        )  # fmt: skip

    rows = [row("a@1", 0.0001), row("b@1", 0.01), row("c@1", 0.03)]
    baseline = Baseline(rows=rows, noise=0.0)
    now = [
        SummaryRow(
            **{name: getattr(one, name) for name in ("task", "method", "config", "train_on",
               "budget", "seeds", "protocol", "metric", "prevalence", "subjects")},
            value=0.31, status="done",
        )
        for one in rows
    ]  # fmt: skip
    allowed = [one.allowed for one in compare(baseline, now)]
    spread = 3 * math.sqrt(2 / 3)
    assert allowed == pytest.approx([spread * 0.01, spread * 0.01, spread * 0.03])


def test_files_for_ci_are_written(folder):
    worse = seeds(*(value - 0.2 for value in VALUES))
    store(folder / "new", *worse, *seeds(0.4, 0.4, 0.4, method="a<b"))
    done = check("--results", "new", "--markdown", "ci/summary.md", "--junit", "ci/gate.xml")
    assert done.exit_code == 1
    summary = (folder / "ci" / "summary.md").read_text()
    assert "REGRESSION; 4 numbers compared, 4 lower, 4 missing, 4 new" in summary
    root = ET.parse(folder / "ci" / "gate.xml").getroot()
    (suite,) = root.iter("testsuite")
    assert (suite.get("tests"), suite.get("failures"), suite.get("skipped")) == ("12", "8", "4")
    failures = {
        (case.get("classname"), case.get("name")): case.find("failure").get("message")
        for case in root.iter("testcase")
        if case.find("failure") is not None
    }
    message = failures["made-up/t1.far.made-up.smoke", "pixel-pooled@1 ap"]
    assert message.startswith("lower: 0.520000 became 0.320000")


def test_update_keeps_the_history_and_the_stated_noise(folder):
    path = folder / "results" / "baseline.json"
    path.write_text(path.read_text().replace('"noise": 0.0001', '"noise": 0.25'))
    store(folder / "new", *seeds(0.7, 0.7, 0.7), *seeds(0.3, method="fixed", deterministic=True))
    assert check("--results", "new").exit_code == 0
    assert check("--update", "--reason", "a better loss", "--results", "new").exit_code == 0
    content = json.loads(path.read_text())
    assert content["noise"] == 0.25
    assert [one["reason"] for one in content["history"]] == ["the first one", "a better loss"]
    assert content["history"][1]["moved"] == 4
    assert check("--results", "new").exit_code == 0
    assert not [one for one in path.parent.iterdir() if one != path]


@pytest.mark.parametrize(
    ("records", "words"),
    [
        ([], "it holds no current records"),
        (seeds(0.5, 0.5), "far on made-up/t1: 2 of the 3 seeds"),
        ([*seeds(0.5, 0.5), *[record(value=None, seed=2)]], "1 failed cell"),
    ],
)
def test_what_gives_no_tolerance_becomes_no_baseline(folder, records, words):
    before = (folder / "results" / "baseline.json").read_bytes()
    store(folder / "new", *records)
    done = check("--update", "--results", "new")
    assert isinstance(done.exception, StoreError)
    assert words in str(done.exception)
    assert (folder / "results" / "baseline.json").read_bytes() == before


def test_bad_input_is_refused(folder):
    assert isinstance(check("--reason", "why").exception, UsageError)
    assert "no run store" in str(check("--results", "nowhere").exception)
    missing = check("--results", "old", "--baseline", "none.json").exception
    assert "there is no baseline at none.json" in str(missing)
    assert "--update" in missing.hint


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "cannot be read as a baseline"),
        ("[]", "is not a baseline"),
        ('{"rows": [{"task": "a/b"}]}', r"rows\.0\.method: is missing \(\d+ more faults\)"),
        ('{"schema_version": 9}', "schema version 9"),
        ('{"noise": NaN}', "noise"),
        ('{"colour": 1}', "colour: is not known"),
    ],
)
def test_a_damaged_baseline_is_refused(tmp_path, text, words):
    path = tmp_path / "baseline.json"
    path.write_text(text)
    with pytest.raises(StoreError, match=words):
        read_baseline(path)


def test_the_order_of_records_changes_nothing(folder):
    from bench.report import summarise

    baseline = read_baseline(folder / "results" / "baseline.json")
    records = [*seeds(*VALUES), *seeds(0.3, method="fixed"), *seeds(0.1, method="b")]
    found = [compare(baseline, summarise(order, {}, {})) for order in (records, records[::-1])]
    assert found[0] == found[1]


# --- what is compared ---


def files_are_now(folder, fingerprint):
    """As a run does that finds these test files."""
    files = FoundFiles("made-up/t1", "made-up", "smoke", test=fingerprint, training="l")
    mark_current(Store(folder), files)


def of_files(fingerprint, *values):
    print_of = {"test": fingerprint, "training": "l"}
    found = seeds(*values, fingerprints=print_of)
    return [one.model_copy(update={"key": f"{one.key}{fingerprint}"}) for one in found]


def test_numbers_of_older_files_are_not_compared(folder):
    store(folder / "now", *of_files("a", *VALUES), *of_files("z", 0.1, 0.1, 0.1))
    files_are_now(folder / "now", "a")
    passed = check("--results", "now", "--json")
    assert "far" not in {row["method"] for row in json.loads(passed.stdout)["rows"] if
                         row["verdict"] not in ("ok", "missing")}  # fmt: skip
    assert rows_of(passed)["far", "pixel-pooled@1", "ap"]["value"] == pytest.approx(0.52)
    files_are_now(folder / "now", "z")
    moved = rows_of(check("--results", "now", "--json"))["far", "pixel-pooled@1", "ap"]
    assert (moved["verdict"], moved["value"]) == ("lower", pytest.approx(0.1))


def test_a_store_in_which_nothing_is_current_fails_and_says_so(folder):
    store(folder / "now", *of_files("a", *VALUES))
    files_are_now(folder / "now", "b")
    done = check("--results", "now", "--json")
    row = rows_of(done)["far", "pixel-pooled@1", "ap"]
    assert (done.exit_code, row["verdict"], row["value"]) == (1, "missing", None)
    assert (
        row["reason"] == "only stale records: files, cards or versions have changed since they ran"
    )
    assert "warning: no record in this store is current" in done.stderr
    assert "gate: REGRESSION; 0 numbers compared, 8 missing" in done.stderr
    update = check("--update", "--results", "now")
    assert "it holds no current records" in str(update.exception)


@pytest.mark.parametrize("rows", ["[]", "missing"])
def test_a_gate_that_compared_nothing_fails(folder, rows):
    if rows == "[]":
        (folder / "empty.json").write_text('{"rows": []}')
        arguments = ["--baseline", "empty.json", "--results", "old"]
    else:
        store(folder / "bare")
        (folder / "empty.json").write_text('{"rows": []}')
        arguments = ["--baseline", "empty.json", "--results", "bare"]
    done = check(*arguments, "--json", "--junit", "gate.xml")
    content = json.loads(done.stdout)
    assert done.exit_code == 1
    assert (content["regression"], content["compared"]) == (True, 0)
    assert "gate: NOTHING COMPARED; 0 numbers compared" in done.stderr
    assert "nothing was compared, so nothing is known" in done.stderr
    suites = ET.parse(folder / "gate.xml").getroot()
    assert sum(int(one.get("failures")) for one in suites) == 1
