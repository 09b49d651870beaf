import subprocess
import sys

import pytest

from bench import registry
from bench.errors import UsageError

HEAVY = ("numpy", "torch", "scipy", "sklearn", "skimage", "pandas")


def test_the_schemas_import_nothing_heavy():
    schemas = {
        card.config_schema.split(":")[0]
        for card in registry.load_methods().values()
        if card.config_schema
    }
    program = (
        f"import sys, importlib; [importlib.import_module(m) for m in {sorted(schemas)!r}]; "
        f"print([m for m in {HEAVY!r} if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("method", "settings", "message"),
    [
        ("ae", {"loss": "l3"}, "loss='l3': must be 'l1' or 'l2'"),
        ("ae", {"depth": 0}, "depth=0"),
        ("intensity", {"anomalies": "grey"}, "'bright' or 'dark'"),
        ("gaussian", {"templates": 0}, "templates=0"),
        ("proxyano", {"proxy": "canny"}, "'superpixel', 'edge', 'blur', 'quantized', 'lowres'"),
        ("proxyano", {"paste_largest": 0.05}, "is above paste_largest"),
        (
            "proxyano",
            {"depth": 1, "stride": 4},
            r"stride \(4\) is above 2 to the power of depth \(2\)",
        ),
        ("proxyano", {"paste_feather": 1.5}, "paste_feather=1.5"),
        ("proxyano", {"map_source": "proxy"}, "map_source"),
        ("proxyano", {"shrinkage": 1000.0}, "no weight survives"),
    ],
)
def test_wrong_values_are_refused_when_a_run_is_planned(method, settings, message):
    with pytest.raises(UsageError, match=message):
        registry.resolve_config(registry.method(method), settings)


def test_several_wrong_values_stand_on_a_line_each_in_plain_words():
    with pytest.raises(UsageError) as error:
        registry.resolve_config(registry.method("ae"), {"depth": 0, "learning_rate": 1.5})
    assert str(error.value).splitlines() == [
        "settings of method 'ae':",
        "  depth=0: must be 1 or more",
        "  learning_rate=1.5: must be 1 or less",
    ]


@pytest.mark.parametrize(
    ("name", "changed"),
    [
        ("proxyano-no-memory", {"memory": "none"}),
        ("proxyano-no-paste", {"paste_count": 0}),
        ("proxyano-no-proxy", {"proxy": "none"}),
    ],
)
def test_an_ablation_changes_one_default_of_the_full_method(name, changed):
    full, ablation = registry.method("proxyano"), registry.method(name)
    assert ablation.class_path == full.class_path
    assert ablation.version == full.version
    assert ablation.config == full.config | changed
