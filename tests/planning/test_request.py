from dataclasses import replace

import pytest

from bench import registry
from bench.errors import CardError, UnknownName, UsageError
from bench.planning.request import RunArguments, check_request


def check(**arguments):
    given = {"method": ["ae"], "dataset": ["phantom"], "budget": "smoke", **arguments}
    return check_request(RunArguments(**given))


def test_a_dataset_stands_for_all_its_tasks():
    names = [task.name for task in check().tasks]
    tasks = ("ms-t1", "ms-t2", "glioma-t1", "glioma-t2", "oct")
    assert names == [f"phantom/{one}" for one in tasks]


def test_a_task_may_test_on_another_dataset():
    (oct,) = check(dataset=[], task=["phantom/oct"]).tasks
    assert (oct.name, oct.dataset.name, oct.train_on.name) == (
        "phantom/oct", "phantom-oct", "phantom-oct"
    )  # fmt: skip


def test_a_task_narrows_its_dataset_and_stands_alone_elsewhere():
    assert [t.name for t in check(task=["phantom/ms-t2"]).tasks] == ["phantom/ms-t2"]
    both = check(task=["mslub/t1"]).tasks
    assert both[0].name == "mslub/t1"
    assert len(both) == 6
    assert [t.name for t in check(dataset=[], task=["mslub/t1"]).tasks] == ["mslub/t1"]


def test_a_task_learns_from_the_cards_source_or_from_the_one_asked_for():
    task = ["mslub/t1"]
    assert check(dataset=[], task=task).tasks[0].train_on.name == "ixi"
    chosen = check(dataset=[], task=task, train_on="oasis1-healthy")
    assert chosen.tasks[0].train_on.name == "oasis1-healthy"


@pytest.mark.parametrize(
    ("task", "split", "way_out"),
    [
        ("brats2021/t2", "'held-out'", "--task brats2021/t2-own"),
        ("brats-gli/t2", "'held-out'", "--task brats-gli/t2-own"),
        ("mslub/t1", "'held-out'", "data = 'mslub'"),
    ],
)
def test_a_source_that_is_tested_too_is_offered_the_split_that_works(task, split, way_out):
    with pytest.raises(UsageError) as caught:
        check(dataset=[], task=[task], train_on=task.split("/")[0])
    assert f"split {split} works" in str(caught.value)
    assert way_out in caught.value.hint
    if way_out.startswith("--task"):
        (chosen,) = check(dataset=[], task=[way_out.split()[1]], train_on=task.split("/")[0]).tasks
        assert (chosen.task.test, chosen.train_on.name) == ("held-out", task.split("/")[0])


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"method": ["proxyanno"]}, ["unknown method 'proxyanno'", "did you mean 'proxyano'"]),
        ({"dataset": ["mslubb"]}, ["unknown dataset 'mslubb'", "did you mean 'mslub'"]),
        ({"dataset": [], "task": ["mslub/t11"]}, ["unknown task 'mslub/t11'", "'mslub/t1'"]),
        ({"budget": "smokey"}, ["unknown budget 'smokey'", "did you mean 'smoke'"]),
        ({"train_on": "ixy"}, ["unknown dataset 'ixy'", "did you mean 'ixi'"]),
        ({"set": ["wdth=3"]}, ["unknown setting of method 'ae'", "'wdth'"]),
        ({"set": ["proxyano:x=3"]}, ["method in --set", "'proxyano'"]),
        ({"set": ["nonsense"]}, ["must look like key=value"]),
        ({"seeds": 0}, ["--seeds 0", "1 or more"]),
        ({"dataset": []}, ["no dataset or task"]),
        ({"method": []}, ["no method"]),
        ({"dataset": ["ixi"]}, ["'ixi' has no task", "--train-on ixi"]),
    ],
    ids=str,
)
def test_what_is_wrong_is_named_with_what_would_be_right(arguments, words):
    with pytest.raises(UsageError) as caught:
        check(**arguments)
    for word in words:
        assert word in str(caught.value)


def test_all_faults_are_reported_at_once():
    with pytest.raises(UsageError) as caught:
        check(method=["a", "b"], dataset=["c"], budget="d")
    for name in "abcd":
        assert f"'{name}'" in str(caught.value)


def test_a_source_without_the_modality_is_refused():
    with pytest.raises(UsageError, match="FLAIR"):
        check(dataset=[], task=["mslub/flair"], train_on="ixi")


def test_a_setting_equal_to_the_default_is_no_setting():
    default = check().methods[0].card.config
    key, value = next(iter(default.items()))
    text = f'{key}="{value}"' if isinstance(value, str) else f"{key}={value}".lower()
    assert check(set=[text]).methods[0].settings == {}


@pytest.mark.parametrize(
    ("protocols", "words"),
    [
        (["pixel-pool@1"], ["unknown protocol 'pixel-pool@1'", "'pixel-pooled@1'"]),
        (["pixel-pooled"], ["unknown protocol 'pixel-pooled'"]),
        (["image@1"], ["headline ap of pixel-pooled@2 is not computed"]),
    ],
    ids=str,
)
def test_a_cards_wrong_protocol_is_refused_before_anything_is_trained(
    monkeypatch, protocols, words
):
    card = registry.dataset("phantom")
    task = card.tasks["ms-t1"].model_copy(update={"protocols": protocols})
    changed = card.model_copy(update={"tasks": {"ms-t1": task}})
    monkeypatch.setattr(registry, "dataset", lambda name: changed)
    with pytest.raises(CardError) as caught:
        check(dataset=[], task=["phantom/ms-t1"])
    for word in words:
        assert word in str(caught.value)


def test_unknown_names_are_usage_errors():
    assert issubclass(UnknownName, UsageError)


def names(request, task=0):
    return [one.card.name for one in request.methods_for(request.tasks[task])]


def test_yardsticks_stand_beside_the_methods_asked_for():
    asked = {"dataset": [], "task": ["phantom/ms-t1", "phantom/oct"], "method": ["ae", "random"]}
    request = check(**asked, yardsticks=True)
    assert names(request) == ["ae", "random", "constant", "equalized", "position"]
    assert names(request, 1) == ["ae", "random", "area", "constant", "equalized", "statistics"]
    assert [one.card.name for one in request.methods] == ["ae", "random"]
    assert names(check(**asked)) == ["ae", "random"]


@pytest.mark.parametrize(
    ("task", "protocols", "expected"),
    [
        ("oct", ["image-top@1"], {"area", "statistics"}),
        ("oct", ["pixel-pooled@2", "image-top@1"], {"area", "statistics"}),
        ("oct", ["pixel-pooled@2"], set()),
        ("ms-t1", ["pixel-pooled@2", "image-top@1"], {"position"}),
        ("ms-t1", ["image-top@1", "pixel-pooled@2"], {"area", "position", "statistics"}),
        ("ms-t1", ["subject@1"], {"area", "position", "statistics"}),
        ("ms-t1", ["healthy@1"], set()),
    ],
)
def test_yardsticks_without_maps_stand_where_images_are_ranked(task, protocols, expected):
    """The first protocol is the headline; of single images they stand beside pixels too."""
    (chosen,) = check(dataset=[], task=[f"phantom/{task}"]).tasks
    metric = registry.protocol(protocols[0]).metrics[0]
    head = chosen.task.headline.model_copy(update={"protocol": protocols[0], "metric": metric})
    known = chosen.task.model_copy(update={"protocols": protocols, "headline": head})
    here = replace(chosen, task=known)
    cards = registry.load_methods().values()
    assert {one.name for one in cards if here.has_yardstick(one)} == {
        "random", "constant", "equalized", *expected,
    }  # fmt: skip


def test_settings_reach_a_yardstick_by_its_name_only():
    asked = {"dataset": [], "task": ["phantom/ms-t1"], "method": ["gaussian"], "yardsticks": True}
    request = check(**asked, set=["templates=4", "equalized:anomalies=dark"])
    settings = {one.card.name: one.settings for one in request.methods_for(request.tasks[0])}
    assert settings["gaussian"] == {"templates": 4}
    assert settings["equalized"] == {"anomalies": "dark"}
    assert settings["constant"] == {}


def test_a_budget_may_have_other_steps():
    longer, same = check(budget="smoke@2500").budget, check(budget="smoke@1000").budget
    plain = registry.budget("smoke")
    assert (longer.name, longer.steps) == ("smoke@2500", 2500)
    assert longer.model_dump(exclude={"name", "steps"}) == plain.model_dump(
        exclude={"name", "steps"}
    )
    assert same == plain  # its cells are those of the budget itself
    assert registry.known_budget("smoke@2500") == longer
    assert registry.budget("smoke@02500") == longer


@pytest.mark.parametrize("steps", ["", "0", "-5", "many", "1e3", "10000001", "²", "9" * 5000])
def test_other_steps_are_a_number(steps):
    with pytest.raises(UsageError, match="after the @ stands a number of steps"):
        check(budget=f"smoke@{steps}")
    assert registry.known_budget(f"smoke@{steps}") is None


def test_only_a_known_budget_has_other_steps():
    with pytest.raises(UnknownName, match="smoke"):
        check(budget="smok@400")
    assert registry.known_budget("smok@400") is None


def test_a_number_of_seeds_is_taken_as_it_is_given_and_the_budgets_where_none_is():
    assert [check(seeds=one).seeds for one in (1, 2, 7)] == [1, 2, 7]
    assert check().seeds == registry.budget("smoke").seeds


def test_where_no_split_is_apart_from_what_is_learned_from_this_is_said(monkeypatch):
    card = registry.dataset("mslub")
    everyone = {**card.splits, "held-out": card.splits[card.tasks["t1"].test]}
    changed = card.model_copy(update={"splits": everyone})
    monkeypatch.setattr(registry, "dataset", lambda name: changed)
    with pytest.raises(UsageError, match="no split of it is apart"):
        check(dataset=[], task=["mslub/t1"], train_on="mslub")
