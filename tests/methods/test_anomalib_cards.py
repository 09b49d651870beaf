"""The methods of the extra `anomalib`, as far as they are known without it."""

import json
import subprocess
import sys

import pytest

from bench import registry
from bench.data.cache.folder import cache_dir
from bench.errors import UsageError
from bench.execution.context import RunContext
from bench.execution.run import run_cell
from bench.installed import command_to_install
from bench.planning.plan import done_head, make_plan
from bench.planning.settings import MethodChoice
from bench.store.store import Store
from fakes import tiny

NAMES = "padim patchcore stfpm reverse-distillation fastflow draem efficient-ad cflow dfm ganomaly"
CARDS = {f"anomalib-{name}": registry.method(f"anomalib-{name}") for name in NAMES.split()}


def test_the_ten_are_listed_by_a_light_command():
    code = (
        "import sys; sys.argv = ['bench', 'list', 'methods', '--json']\n"
        "from bench.cli import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "assert not {'anomalib', 'timm', 'torch'} & set(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    listed = {one["name"]: one for one in json.loads(done.stdout)}
    for name in CARDS:
        assert listed[name]["extras"] == ["anomalib"]
    assert [name for name in CARDS if listed[name]["outputs"] == ["score"]] == ["anomalib-ganomaly"]


def test_checking_settings_imports_neither_torch_nor_anomalib():
    code = (
        "import sys\n"
        "from bench import registry\n"
        "card = registry.method('anomalib-padim')\n"
        "registry.resolve_config(card, {'weights': 'random'})\n"
        "assert not {'anomalib', 'timm', 'torch'} & set(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("name", "settings", "words"),
    [
        ("padim", {"features": 449}, "features (449) is above resnet18's 448"),
        ("padim", {"backbone": "vgg"}, "backbone"),
        ("padim", {"backbone": "tf_efficientnet_lite0", "features": 177}, "lite0's 176"),
        ("fastflow", {"backbone": "tf_efficientnet_lite0"}, "'resnet18' or 'wide_resnet50_2'"),
        ("stfpm", {"backbone": "tf_efficientnet_lite0"}, "resnet50"),
        ("reverse-distillation", {"backbone": "tf_efficientnet_lite0"}, "resnet50"),
        ("padim", {"weights": ""}, "weights"),
        ("fastflow", {"backbone": "resnet50"}, "backbone"),
        ("efficient-ad", {"size": "large"}, "size"),
        ("dfm", {"variance": 1.0}, "variance"),
    ],
)
def test_wrong_settings_are_refused_before_a_run(name, settings, words):
    with pytest.raises(UsageError) as refused:
        registry.resolve_config(CARDS[f"anomalib-{name}"], settings)
    assert words in str(refused.value)


def test_the_names_of_our_package_and_of_theirs_keep_apart():
    import methods.anomalib

    assert methods.anomalib.__name__ == "methods.anomalib"
    assert sys.modules.get("anomalib") is not methods.anomalib


def test_without_the_extra_a_cell_is_skipped_with_the_command_and_tried_again(
    tmp_path, monkeypatch
):
    for name in [*sys.modules]:
        if name.startswith("methods.anomalib.") and not name.endswith(".settings"):
            monkeypatch.delitem(sys.modules, name)
    there = [name for name in sys.modules if name.startswith("anomalib.")]
    for name in ["anomalib", *there]:
        monkeypatch.setitem(sys.modules, name, None)
    tiny.make_volumes(tmp_path)
    card = CARDS["anomalib-padim"]
    choice = MethodChoice(card=card, settings={}, config=registry.resolve_config(card, {}))
    asked = tiny.request(choice)
    (cell,) = make_plan(asked, data_dir=tmp_path, cache=cache_dir()).cells
    place = RunContext(
        results=tmp_path / "runs", cache=cache_dir(), device="cpu", keep="none", command="bench run"
    )
    record = run_cell(cell, place, lambda *_: None)
    assert (record.status, record.error_class) == ("skipped", None)
    assert "needs 'anomalib" in record.reason
    assert command_to_install("anomalib") in record.reason
    assert done_head(Store(tmp_path / "runs"), cell) is None
