"""From requests to records, whoever asks."""

import sys
from importlib.metadata import EntryPoint

import pytest

from bench.errors import RunError, UsageError
from bench.executors import table
from bench.executors.session import RunOptions, Session
from bench.store.store import Store
from fakes import tiny


@pytest.fixture
def data(tmp_path):
    tiny.make_volumes(tmp_path)
    return tmp_path


def session(data, **options):
    opened = Session(RunOptions(data / "runs", "test", data_dir=data, device="cpu", **options))
    opened.open()
    return opened


def test_two_requests_for_one_cell_run_it_once_and_a_second_session_runs_nothing(data, monkeypatch):
    asked = tiny.request(tiny.method("Brightness"))
    first = session(data)
    agenda = first.plan([asked, asked])
    assert (len(agenda.cells), len(agenda.wanted), agenda.done) == (1, 1, ())
    events, files = [], []
    ended = first.run(agenda, events.append, lambda *one: files.append(one))
    assert [record.status for record in ended.records] == ["done"]
    assert (ended.unrecorded, ended.unprepared) == ((), ())
    assert (events[0].kind, events[-1].kind) == ("start", "end")
    assert files[-1] == (8, 8, "preparing subjects")

    second = session(data)
    heads = []
    read_head = Store.read_head
    monkeypatch.setattr(Store, "read_head", lambda *one: heads.append(one) or read_head(*one))
    agenda = second.plan([asked])
    assert agenda.done == agenda.cells
    assert [one.key for one in agenda.heads] == [cell.key for cell in agenda.cells]
    assert len(heads) == 1
    assert second.run(agenda, events.clear).records == ended.records
    assert session(data, force=True).plan([asked]).wanted == agenda.cells


def test_a_subject_that_cannot_be_prepared_is_named_once(data):
    path = data / "tiny" / "p2" / "T1.nii.gz"
    path.write_bytes(path.read_bytes()[:2000])
    asked = tiny.request(tiny.method("Brightness"), tiny.method("Constant"))
    opened = session(data)
    ended = opened.run(opened.plan([asked]))
    assert [record.status for record in ended.records] == ["failed", "failed"]
    ((files, fault),) = ended.unprepared
    assert files.subject == "p2"
    assert "T1.nii.gz" in str(fault)


def test_only_cells_of_some_states_run(data):
    methods = [tiny.method(name) for name in ("Brightness", "Raises", "Refuses")]
    asked, more = tiny.request(*methods), tiny.request(*methods, tiny.method("Constant"))
    first = session(data)
    first.run(first.plan([asked]))

    def wanted(*states):
        agenda = session(data, only=states).plan([more])
        assert agenda.cells == agenda.wanted
        return [cell.fit.method.name for cell in agenda.wanted]

    assert wanted("failed") == ["raises"]
    assert wanted("skipped") == ["refuses"]
    assert wanted("missing") == ["constant"]
    assert wanted("missing", "failed") == ["raises", "constant"]
    one = session(data, only=("failed",))
    ended = one.run(one.plan([more]))
    assert [record.method for record in ended.records] == ["raises"]
    assert ended.unrecorded == ()


def test_a_killed_cell_is_tried_again_and_a_failing_method_is_not(data):
    (data / "once").touch()
    log = data / "log"
    asked = tiny.request(
        tiny.method("KilledOnce", once=str(data / "once")), tiny.method("Raises", log=str(log))
    )
    events = []
    opened = session(data, retry=2)
    ended = opened.run(opened.plan([asked]), events.append)
    assert [record.status for record in ended.records] == ["done", "failed"]
    kinds = [(one.kind, one.cell.fit.method.name) for one in events if one.kind != "progress"]
    assert kinds.count(("retry", "killedonce")) == 1
    assert kinds.count(("start", "killedonce")) == 2
    assert kinds.count(("end", "killedonce")) == 1
    assert kinds.count(("start", "raises")) == 1


def test_a_cell_that_is_killed_each_time_fails_in_the_end(data):
    opened = session(data, retry=1)
    events = []
    ended = opened.run(opened.plan([tiny.request(tiny.method("Killed"))]), events.append)
    assert [record.error_class for record in ended.records] == ["killed"]
    assert [one.kind for one in events if one.kind != "progress"] == [
        "start", "retry", "start", "end"
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"only": ("done",)}, "value of only: 'done'"),
        ({"retry": -1}, "retry=-1"),
        ({"time_limit_minutes": 0.0}, "--time-limit 0"),
        ({"memory_limit_gb": float("nan")}, "--memory-limit nan"),
    ],
)
def test_wrong_limits_are_refused_before_anything_runs(data, options, words):
    with pytest.raises(UsageError, match=words):
        session(data, **options)


def test_cells_that_an_executor_forgets_are_unrecorded(data, monkeypatch):
    entry = EntryPoint("silent", "fakes.executors:Silent", table.GROUP)
    monkeypatch.setattr(table, "entry_points", lambda group: [entry])
    asked = tiny.request(tiny.method("Brightness"), seeds=2)
    opened = session(data, executor="silent")
    ended = opened.run(opened.plan([asked]))
    assert ended.records == ()
    assert [cell.fit.seed for cell, _ in ended.unrecorded] == [0, 1]
    assert ended.unrecorded[0][1] == "executor 'silent' did not end it"


def test_a_forced_cell_without_a_new_record_does_not_pass_its_old_one_off(data, monkeypatch):
    asked = tiny.request(tiny.method("Brightness"))
    opened = session(data)
    assert len(opened.run(opened.plan([asked])).records) == 1
    entry = EntryPoint("silent", "fakes.executors:Silent", table.GROUP)
    monkeypatch.setattr(table, "entry_points", lambda group: [entry])
    forced = session(data, executor="silent", force=True)
    ended = forced.run(forced.plan([asked]))
    assert (len(ended.records), len(ended.unrecorded)) == (0, 1)


@pytest.mark.parametrize(("executor", "package"), [("slurm", "submitit"), ("ray", "ray")])
def test_a_missing_package_of_the_executor_is_said_before_the_store_is_made(
    data, monkeypatch, executor, package
):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(RunError, match=f"executor '{executor}' needs the package {package}$"):
        session(data, executor=executor)
    assert not (data / "runs").exists()


def test_a_device_that_is_not_there_is_refused_before_the_store_is_made(data):
    with pytest.raises(UsageError, match="'tpu' is not available"):
        Session(RunOptions(data / "runs", "test", device="tpu")).open()
    assert not (data / "runs").exists()


def test_a_record_with_damage_in_its_single_numbers_is_named_at_the_end_of_the_run(data):
    asked = tiny.request(tiny.method("Brightness"))
    first = session(data)
    (record,) = first.run(first.plan([asked])).records
    path = first.store.record_path(record.task, record.method, record.key)
    path.write_text(path.read_text().replace('"codes": "', '"codes": "?'))
    second = session(data)
    ended = second.run(second.plan([asked]))
    assert ended.records == ()
    ((_, reason),) = ended.unrecorded
    assert f"{path} cannot be read" in reason
    assert "codes" in reason


def test_records_without_subjects_have_all_their_numbers(data):
    asked = tiny.request(tiny.method("Brightness"))
    first = session(data)
    (whole,) = first.run(first.plan([asked])).records
    again = session(data)
    (light,) = again.run(again.plan([asked]), by_subject=False).records
    assert any(one.per_subject for one in whole.protocols.values())
    assert not any(one.per_subject for one in light.protocols.values())
    assert light == whole.without_subjects()
