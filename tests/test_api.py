"""The library: what `import bench` offers, and the examples that show it."""

import ast
import enum
import inspect
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import bench
from bench.cards import DEFAULT_BUDGET
from bench.errors import RunError, StoreError, UnknownName, UsageError
from bench.planning.request import RunArguments
from conftest import ROOT
from fakes import tiny
from fakes.phantom import make_phantom_cache
from fakes.records import record, store

EXAMPLES = sorted((ROOT / "examples").glob("*.py"))


def test_the_public_names_are_sorted_lazy_and_there():
    assert bench.__all__ == sorted(bench.__all__)
    assert dir(bench) == bench.__all__
    for name in bench.__all__:
        assert getattr(bench, name) is not None
        # A submodule of that name would replace it as soon as anything imports it.
        assert not (ROOT / "bench" / f"{name}.py").exists()
        assert not (ROOT / "bench" / name).exists()
    with pytest.raises(AttributeError, match="no attribute 'runn'"):
        _ = bench.runn


def test_what_is_public_is_documented():
    for name in bench.__all__:
        if name != "__version__":
            assert getattr(bench, name).__doc__


def test_import_bench_is_light():
    code = "import sys; before = set(sys.modules); import bench; print(*set(sys.modules) - before)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = {name.split(".")[0] for name in done.stdout.split()}
    third_party = {"pydantic", "numpy", "torch", "pandas", "typer", "rich", "scipy"}
    assert not loaded & third_party
    assert [name for name in done.stdout.split() if name.startswith("bench.")] == ["bench._version"]


@pytest.fixture
def place(tmp_path, monkeypatch):
    """An empty working directory with the card and the files of a small data set."""
    from bench import registry

    monkeypatch.chdir(tmp_path)
    tiny.write_card(tmp_path)
    tiny.make_volumes(tmp_path / "data")
    registry.load_datasets.cache_clear()
    yield tmp_path
    registry.load_datasets.cache_clear()


def test_limits_of_a_cell_are_the_command_lines(place):
    asked = {"task": "tiny/t1", "budget": "smoke", "data_dir": "data"}
    with pytest.raises(UsageError, match="--time-limit -1 must be a number above 0"):
        bench.run("intensity", time_limit=-1, **asked)
    (record,) = bench.run("intensity", memory_limit=0.001, retry=1, **asked)
    assert (record.status, record.error_class) == ("failed", "out_of_memory")
    (record,) = bench.run("intensity", memory_limit=20, time_limit=10, **asked)
    assert record.status == "done"


def test_plan_run_load_read_apply_and_render(place):
    asked = {"task": "tiny/t1", "budget": "smoke", "data_dir": "data"}
    plan = bench.plan_run(["intensity", "random"], seeds=2, **asked)
    assert list(plan.method) == ["intensity", "random", "random"]
    assert set(plan.state) == {"missing"}
    records = bench.run(["intensity", "random"], seeds=2, jobs=2, **asked)
    assert [(one.method, one.seed, one.status) for one in records] == [
        ("intensity", 0, "done"), ("random", 0, "done"), ("random", 1, "done")
    ]  # fmt: skip
    assert set(bench.plan_run("intensity", **asked).state) == {"done"}
    assert bench.run("intensity", **asked) == records[:1]
    assert sorted(one.key for one in bench.load_records()) == sorted(one.key for one in records)

    frame = bench.load_results()
    chosen = frame[(frame.method == "random") & (frame.protocol == "pixel-pooled@1")]
    values = [one.protocols["pixel-pooled@1"].metrics["ap"] for one in records[1:]]
    assert chosen[chosen.metric == "ap"].value.item() == pytest.approx(np.mean(values))
    assert set(chosen.seeds) == {2}
    only = bench.load_results(protocol="image@1")
    assert set(only.protocol) == {"image@1"}

    subjects = list(bench.read_predictions(records[0]))
    assert [one.subject for one in subjects] == ["p1", "p2", "p3", "p4"]
    assert [one.subject for one in bench.read_predictions(records[0].key, role="validation")]
    again = bench.apply_protocol("pixel-pooled@1", records[0])
    assert again == records[0].protocols["pixel-pooled@1"]
    mine = bench.ProtocolCard(
        name="mine", version=1, title="m", description="m", level="pixel", pool="pooled", erosion=1
    )
    assert bench.apply_protocol(mine, records[0]).cases < again.cases

    report = bench.make_report()
    assert "tiny/t1" in bench.render_table(report)
    assert '"method": "random"' in bench.render_table(report, "json")
    assert "tiny" in bench.render_table(report.tables[0], "latex")
    with pytest.raises(UsageError, match="csv is made of a report's rows"):
        bench.render_table(report.tables[0], "csv")


def lost(folder, role, subject):
    path = folder / f"{role}-{subject}.npz.zst"
    content = path.read_bytes()
    path.unlink()
    return lambda: path.write_bytes(content)


def test_lost_prediction_files_are_noticed_by_every_reader(place):
    (one,) = bench.run("intensity", task="tiny/t1", budget="smoke", data_dir="data")
    folder = Path("results/runs/_predictions") / one.key
    for role, subject in (("test", "p2"), ("validation", "n4")):
        restore = lost(folder, role, subject)
        for name in (one, one.key, one.key[:12]):
            with pytest.raises(StoreError, match=rf"1 of \d {role} subjects? is missing"):
                bench.apply_protocol("pixel-pooled@1", name)
            with pytest.raises(StoreError, match=subject):
                bench.read_predictions(name)
        restore()
    # A folder of an older bench has no index: the record knows the subjects.
    (folder / "subjects.json").unlink()
    assert bench.apply_protocol("pixel-pooled@1", one) == one.protocols["pixel-pooled@1"]
    lost(folder, "test", "p2")
    with pytest.raises(StoreError, match="p2"):
        bench.apply_protocol("pixel-pooled@1", one.key)
    with pytest.raises(StoreError, match="no cell has a key"):
        bench.apply_protocol("pixel-pooled@1", "0" * 64)


def test_a_record_that_cannot_be_written_is_an_error(place):
    (Path("results/runs/tiny/t1")).mkdir(parents=True)
    (Path("results/runs/tiny/t1/intensity")).write_text("a file, where a folder should be")
    asked = {"task": "tiny/t1", "budget": "smoke", "data_dir": "data"}
    with pytest.raises(RunError) as caught:
        bench.run(["intensity", "random"], seeds=1, **asked)
    lines = str(caught.value).splitlines()
    assert lines[0] == "1 of 2 cells has no record:"
    assert "intensity on tiny/t1, seed 0: " in lines[1]
    assert "cannot be written" in lines[1]
    assert [one.method for one in bench.load_records()] == ["random"]


class Level(enum.Enum):
    COARSE = np.float32(0.125)


@pytest.mark.parametrize(
    ("value", "becomes"),
    [(np.float32(0.125), 0.125), (np.float64(0.125), 0.125), (Level.COARSE, 0.125),
     (np.array(0.125), 0.125)],
)  # fmt: skip
def test_settings_travel_as_values(place, value, becomes):
    for name in ("learning_rate", "ae:learning_rate"):
        frame = bench.plan_run("ae", task="tiny/t1", data_dir="data", seeds=1,
                               settings={name: value})  # fmt: skip
        (config,) = frame.config
        assert config == {"learning_rate": becomes}
        assert type(config["learning_rate"]) is float


@pytest.mark.parametrize(
    "value", [None, "0.5", True, np.nan, np.inf, np.float32("nan"), [0.5], {"a": 1}, Path("x"),
              object(), 1j, np.datetime64("2020-01-01"), 10**400],
    ids=lambda value: type(value).__name__,  # the same in every worker of pytest
)  # fmt: skip
def test_a_wrong_setting_is_named(place, value):
    with pytest.raises(UsageError, match="ae:learning_rate"):
        bench.plan_run("ae", task="tiny/t1", data_dir="data", settings={"learning_rate": value})


def test_numpy_values_in_a_card_of_ones_own(place):
    from bench import registry

    card = registry.method("ae")
    mine = card.model_copy(
        update={"name": "mine", "config": {**card.config, "learning_rate": np.float32(0.125)}}
    )
    frame = bench.plan_run(mine, task="tiny/t1", data_dir="data", seeds=np.int64(1))
    assert list(frame.config) == [{}]


def test_after_a_correction_everything_gives_the_new_number(place):
    asked = {"method": "intensity", "task": "tiny/t1", "budget": "smoke", "data_dir": "data"}
    label = place / "data" / "tiny" / "p1" / "lesion.nii.gz"

    def everywhere() -> list[float]:
        """The number of a run, and what all that reads the store makes of it."""
        (ran,) = bench.run(**asked)
        frame = bench.load_results(protocol="pixel-pooled@1")
        report = json.loads(bench.render_table(bench.make_report(), "json"))
        (read,) = bench.load_records()
        return [
            ran.protocols["pixel-pooled@1"].metrics["ap"],
            frame[frame.metric == "ap"].value.item(),
            *(one["value"] for one in report
              if (one["protocol"], one["metric"]) == ("pixel-pooled@1", "ap")),
            read.protocols["pixel-pooled@1"].metrics["ap"],
        ]  # fmt: skip

    found = []
    for shift in (0, 2, 4, 0):
        lesion = np.zeros(tiny.SHAPE, np.uint8)
        lesion[10 - shift : 14 - shift, 12:16, 8:12] = 1
        tiny.write_volume(label, lesion)
        if shift == 4:
            assert set(bench.plan_run(**asked).state) == {"stale"}
            assert bench.load_records() == []  # the plan saw that the files are others
        values = everywhere()
        assert len(values) == 4
        assert len(set(values)) == 1
        found.append(values[0])
    assert found[0] == found[3]
    assert len(set(found)) == 3
    assert len(bench.load_records(stale=True)) == 3
    frame = bench.load_results(protocol="pixel-pooled@1", stale=True)
    chosen = frame[frame.metric == "ap"]
    assert sorted(chosen[chosen.status == "stale"].value) == sorted(found[1:3])
    assert "stale, 2" in bench.render_table(bench.make_report(stale=True))


def test_wrong_arguments_are_refused(place):
    with pytest.raises(UsageError, match="jobs=0"):
        bench.run("random", task="tiny/t1", jobs=0)
    with pytest.raises(UnknownName, match=r"'map'.*did you mean 'maps'"):
        bench.run("random", task="tiny/t1", keep="map")
    with pytest.raises(UsageError, match=r"seeds=1\.5 must be a whole number"):
        bench.plan_run("random", task="tiny/t1", seeds=1.5)
    with pytest.raises(UsageError, match="setting named 3 must be"):
        bench.plan_run("random", task="tiny/t1", settings={3: 1})
    with pytest.raises(UnknownName, match="did you mean 'intensity'"):
        bench.plan_run("intensty", task="tiny/t1")
    with pytest.raises(UsageError, match="no method"):
        bench.plan_run([], task="tiny/t1")
    with pytest.raises(UsageError, match="no dataset or task"):
        bench.plan_run("random")
    with pytest.raises(UsageError, match="seeds=0"):
        bench.plan_run("random", task="tiny/t1", seeds=0)
    with pytest.raises(UnknownName, match="smoke"):
        bench.plan_run("random", task="tiny/t1", budget="smok")
    with pytest.raises(StoreError, match="no run store"):
        bench.load_results("nowhere")


def test_a_store_is_read_where_the_environment_says(tmp_path, monkeypatch):
    folder = store(tmp_path / "elsewhere", record(), record(seed=1))
    monkeypatch.setenv("BENCH_RESULTS", str(folder))
    without_card = "no card here has this task"
    with pytest.warns(UserWarning, match=without_card):
        found = bench.load_results()  # the headline's protocol is missing in these records
    assert set(found[found.status == "done"].seeds) == {2}
    with pytest.warns(UserWarning, match=without_card):
        first = bench.load_records()[0]
    with pytest.raises(StoreError, match="were not kept"):
        bench.read_predictions(first)


def test_a_broken_record_is_named_and_left_out(tmp_path):
    folder = store(tmp_path / "runs", record())
    (folder / "made-up" / "t1" / "far" / "broken.json").write_text("{")
    with (
        pytest.warns(UserWarning, match="no card here has this task"),
        pytest.warns(UserWarning, match=r"broken\.json is left out"),
    ):
        records = bench.load_records(folder)
    assert len(records) == 1


@pytest.fixture(scope="session")
def phantom_cache(tmp_path_factory):
    return make_phantom_cache(tmp_path_factory)


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_runs_in_an_empty_folder(path, tmp_path, phantom_cache):
    done = subprocess.run(
        [sys.executable, str(path)],
        cwd=tmp_path,
        env={**os.environ, "BENCH_CACHE": str(phantom_cache)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout
    assert "Warning" not in done.stderr


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_examples_use_the_public_names_only(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            assert (node.module or "").split(".")[0] != "bench"
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            assert node.value.id != "bench" or node.attr in bench.__all__


def test_the_library_and_the_command_line_take_the_same_budget_where_none_is_named():
    found = {
        inspect.signature(one).parameters["budget"].default for one in (bench.run, bench.plan_run)
    }
    assert found == {DEFAULT_BUDGET} == {RunArguments(method=["ae"]).budget}
