from dataclasses import replace

import pytest

from bench.cards import ImagePreparation
from bench.data.cache import fingerprint
from bench.data.cache.fingerprint import fingerprint_subjects
from bench.data.files import ImageFiles
from bench.data.phantom.brain.generate import FILES
from bench.data.prepare.version import preparation_fingerprint
from bench.errors import SplitError
from bench.execution.context import RunContext
from bench.execution.record import make_record
from bench.keys import key_of
from bench.planning import plan as planning
from bench.planning.disk import disk_bytes
from bench.planning.plan import cell_state, make_plan, make_plans, stale_cells
from bench.planning.request import RunArguments, check_request
from bench.planning.sources import training_fingerprint
from bench.store.store import Store
from fakes import tiny


@pytest.fixture
def data(tmp_path):
    tiny.make_volumes(tmp_path)
    return tmp_path


def plan(data, *methods, **options):
    asked = tiny.request(*(methods or (tiny.method("Brightness"),)), **options)
    return make_plan(asked, data_dir=data, cache=data / "cache")


def test_requests_of_one_task_look_for_its_files_once(data, monkeypatch):
    looked = []
    find = planning.find_sources

    def noted(task, budget, *rest):
        looked.append((task.name, budget.training_subjects))
        return find(task, budget, *rest)

    monkeypatch.setattr(planning, "find_sources", noted)
    fewer = tiny.BUDGET.model_copy(update={"training_subjects": 2})
    asked = [
        tiny.request(tiny.method("Brightness", level=1), tasks=("t1", "both")),
        tiny.request(tiny.method("Brightness", level=2), tasks=("both", "t1")),
        tiny.request(tiny.method("Brightness", level=1), budget=fewer),
    ]
    one, other, small = make_plans(asked, data_dir=data, cache=data / "cache")
    whole = tiny.BUDGET.training_subjects
    assert looked == [("tiny/t1", whole), ("tiny/both", whole), ("tiny/t1", 2)]
    assert one.sources[0] is other.sources[1]
    assert len(small.sources[0].train.present) == 2
    alone = [make_plan(two, data_dir=data, cache=data / "cache") for two in asked]
    keys = [[cell.key for cell in two.cells] for two in (one, other, small)]
    assert keys == [[cell.key for cell in two.cells] for two in alone]


@pytest.fixture
def looked(monkeypatch):
    """Files whose fingerprint was looked for."""
    found = []
    find = fingerprint._fingerprint

    def noted(path, cache):
        found.append(path)
        return find(path, cache)

    monkeypatch.setattr(fingerprint, "_fingerprint", noted)
    return found


def test_files_that_several_tasks_share_are_fingerprinted_once(data, looked):
    sources = plan(data, tasks=("both", "t1")).sources
    assert sorted(looked) == sorted({path for one in sources for path in one.shas})
    assert set(sources[0].shas) & set(sources[1].shas)
    alone = [plan(data, tasks=(name,)).sources[0] for name in ("both", "t1")]
    assert [one.shas for one in sources] == [one.shas for one in alone]
    assert [one.test_fingerprint for one in sources] == [one.test_fingerprint for one in alone]


def test_each_file_of_a_task_is_fingerprinted_once(data, looked):
    (source,) = plan(data, tasks=("both",)).sources
    assert sorted(looked) == sorted(source.shas)
    channels = source.task.task.channels
    again = fingerprint_subjects(source.test.present, channels, True, data / "cache")
    assert source.test_fingerprint == again
    learned = training_fingerprint(source.task, source.train, source.validation, data / "cache")
    assert source.train_fingerprint == learned


def test_generated_files_of_all_tasks_are_made_in_one_call_and_no_others(tmp_path, monkeypatch):
    calls = []

    def make(folder, subjects, *, processes, progress):
        calls.append(sorted(subjects))
        for one in subjects:
            (folder / one).mkdir()
            for name in FILES:
                (folder / one / name).write_text(f"{one} {name}")

    monkeypatch.setattr("bench.data.phantom.brain.generate.generate", make)
    tasks = ["phantom/ms-t2", "phantom/glioma-t2"]
    asked = RunArguments(method=["random"], task=tasks, budget="smoke", seeds=1)
    plan = make_plan(check_request(asked), data_dir=None, cache=tmp_path)
    counts = {"train": 8, "val": 6, "test-ms": 8, "test-glioma": 8, "test-normal": 4}
    names = [f"{group}-{n:02d}" for group, count in counts.items() for n in range(1, count + 1)]
    assert calls == [sorted(names)]
    assert [len(one.train.present) for one in plan.sources] == [8, 8]
    assert [one.train.absent for one in plan.sources] == [(), ()]


def test_tasks_with_one_training_source_share_their_fit_and_not_their_cell(data):
    one, other, both = plan(data, tasks=("t1", "t1-again", "both")).cells
    assert one.fit.key == other.fit.key
    assert one.fit.key != both.fit.key
    assert (one.task, other.task) == ("tiny/t1", "tiny/t1-again")


@pytest.mark.parametrize(
    "change",
    [
        {"image_size": 64},
        {"steps": 3},
        {"batch_size": 5},
        {"threads": 2},
        {"training_subjects": 2},
    ],
    ids=str,
)
def test_every_budget_value_that_can_change_a_number_is_in_the_key(data, change):
    (before,) = plan(data).cells
    (after,) = plan(data, budget=tiny.BUDGET.model_copy(update=change)).cells
    assert before.fit.key != after.fit.key
    assert before.key != after.key


@pytest.mark.parametrize("change", [{"name": "other"}, {"seeds": 9}, {"timeout_minutes": 1.0}])
def test_what_cannot_change_a_number_is_in_no_key(data, change):
    (before,) = plan(data).cells
    (after,) = plan(data, budget=tiny.BUDGET.model_copy(update=change)).cells
    assert (before.fit.key, before.key) == (after.fit.key, after.key)


def test_more_seeds_add_cells_and_change_none(data):
    one = plan(data, seeds=1).cells
    three = plan(data, seeds=3).cells
    assert [cell.key for cell in one] == [three[0].key]
    assert len({cell.key for cell in three}) == 3


def test_a_deterministic_method_runs_one_seed(data):
    choice = tiny.method("Brightness")
    fixed = replace(choice, card=choice.card.model_copy(update={"deterministic": True}))
    assert len(plan(data, fixed, seeds=3).cells) == 1


def test_config_and_version_are_in_the_key(data):
    plain = tiny.method("Brightness", a=1)
    newer = replace(plain, card=plain.card.model_copy(update={"version": 2}))
    keys = {
        plan(data, one).cells[0].fit.key for one in (plain, tiny.method("Brightness", a=2), newer)
    }
    assert len(keys) == 3


def test_a_changed_training_file_changes_the_fit_and_a_changed_test_file_only_the_cell(data):
    (before,) = plan(data).cells
    source = data / "tiny" / "p2" / "T1.nii.gz"
    (data / "tiny" / "p1" / "T1.nii.gz").write_bytes(source.read_bytes() + b"\0")
    (after,) = plan(data).cells
    assert before.fit.key == after.fit.key
    assert before.key != after.key
    (data / "tiny" / "n1" / "T1.nii.gz").write_bytes(source.read_bytes() + b"\0\0")
    assert plan(data).cells[0].fit.key != after.fit.key


def test_where_the_files_lie_changes_nothing(data, tmp_path):
    (before,) = plan(data).cells
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (data / "tiny").rename(elsewhere / "tiny")
    asked = tiny.request(tiny.method("Brightness"))
    (after,) = make_plan(asked, data_dir=elsewhere, cache=data / "cache").cells
    assert (before.fit.key, before.key) == (after.fit.key, after.key)


def test_one_image_on_both_sides_is_refused(data):
    twin = data / "tiny" / "p1" / "T1.nii.gz"
    twin.write_bytes((data / "tiny" / "n2" / "T1.nii.gz").read_bytes())
    with pytest.raises(SplitError) as caught:
        plan(data)
    assert "n2" in str(caught.value)
    assert "p1" in str(caught.value)


def test_a_new_cell_is_missing_and_needs_disk(data):
    made = plan(data)
    assert cell_state(Store(data / "runs"), made.cells[0]) == "missing"
    assert disk_bytes(made.cells, "maps") > disk_bytes(made.cells, "scores") > 0
    assert disk_bytes(made.cells, "none") == 0


def test_the_disk_is_that_of_every_slice_of_the_grid(data):
    """Of 4 test subjects and 1 of validation, 24 slices each, 32 x 32: 4.25 bytes, or 2 bits."""
    cells = plan(data).cells
    pixels = (4 + 1) * 24 * 32 * 32
    assert disk_bytes(cells, "maps") == pixels * 4.25
    assert disk_bytes(cells, "scores") == pixels / 4
    assert disk_bytes([*cells, *cells], "maps") == 2 * pixels * 4.25


def test_the_disk_of_images_is_that_of_each_file(data):
    (cell,) = plan(data).cells
    (one, *_), image = cell.test.present, ImageFiles("x", {})
    some = replace(cell.test, present=(replace(one, image_files=(image,) * 3),))
    fit = replace(cell.fit, preparation=ImagePreparation(foreground="whole"), validation=some)
    assert disk_bytes([replace(cell, fit=fit, test=some)], "maps") == (3 + 3) * 32 * 32 * 4.25


def test_a_cell_whose_finished_namesake_has_another_key_is_stale(data):
    (cell,) = plan(data).cells
    store = Store(data / "runs")
    place = RunContext(
        results=store.root, cache=data / "cache", device="cpu", keep="none", command="test"
    )
    done = make_record(cell, place, device="cpu", status="done")
    store.write_record(done)
    assert stale_cells(store, [cell]) == set()
    store.record_path(done.task, done.method, done.key).unlink()
    store.write_record(done.model_copy(update={"key": "0" * 64}))
    assert stale_cells(store, [cell]) == {(cell.task, cell.key)}
    store.write_record(done.model_copy(update={"key": "0" * 64, "seed": 5}))
    assert stale_cells(store, [cell]) == set()


def test_yardsticks_of_a_task_have_cells_of_their_own(data):
    asked = tiny.request(tiny.method("Brightness"), tasks=("t1",))
    beside = tiny.method("Brightness", "beside")
    everywhere = beside.card.model_copy(update={"yardstick": "all"})
    nowhere = beside.card.model_copy(update={"name": "unasked", "yardstick": "images"})
    yardsticks = tuple(replace(beside, card=one) for one in (everywhere, nowhere))
    made = make_plan(replace(asked, yardsticks=yardsticks), data_dir=data, cache=data / "cache")
    assert [cell.fit.method.name for cell in made.cells] == ["brightness", "beside"]


def test_the_state_of_a_cell_is_that_of_its_own_record(data):
    first, second = plan(data, tasks=("t1", "both")).cells
    store = Store(data / "runs")
    place = RunContext(
        results=store.root, cache=data / "cache", device="cpu", keep="none", command="test"
    )
    assert [cell_state(store, one) for one in (first, second)] == ["missing", "missing"]
    store.open_for_writing()
    store.write_record(make_record(first, place, device="cpu", status="done"))
    assert [cell_state(store, one) for one in (first, second)] == ["done", "missing"]


def test_keys_are_over_these_names_and_no_others(data):
    """Another name would give every cell of every store another key."""
    (cell,) = plan(data).cells
    fit, method = cell.fit, cell.fit.method
    assert fit.key == key_of(
        {
            "training": fit.fingerprint,
            "channels": ["T1"],
            "preparation": preparation_fingerprint(fit.preparation),
            "method": "brightness",
            "method_version": method.version,
            "config": fit.config,
            "budget": tiny.BUDGET.key_values(),
            "seed": 0,
        }
    )
    tested = {"dataset": "tiny", "subjects": ["p1", "p2", "p3", "p4"], "lesion_free": False}
    assert cell.key == key_of({"fit": fit.key, "test": cell.fingerprint, "selection": tested})


def test_training_needs_no_labels_and_findings_of_all_parts_stay(data):
    for one in ("n1", "n4", "p4"):
        (data / "tiny" / one / "lesion.nii.gz").unlink()
    (source,) = plan(data).sources
    assert [len(one.present) for one in (source.train, source.validation)] == [3, 1]
    (found,) = [one.problem for one in source.findings if "left out" in one.problem]
    assert found.startswith("1 of 4 subjects lacks a file and is left out: p4; the first has ")
