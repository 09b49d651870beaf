"""``bench schema KIND``: what bench ships keeps to the schemas, and what it refuses does not."""

import json
import tomllib

import jsonschema
import pytest

from bench.registry import resources
from conftest import ROOT
from fakes.here import bench_here

SHIPPED = {
    "dataset": sorted((ROOT / "datasets").glob("*.toml")),
    "method": sorted((ROOT / "methods").rglob("*.toml")),
    "protocol": sorted((ROOT / "bench" / "protocols").glob("*.toml")),
    "row": sorted((ROOT / "results" / "published").glob("*.toml")),
    "suite": sorted(resources.suite_folder().glob("*.toml")),
}
WRONG = {
    "dataset": {"version": "one"},
    "method": {"version": 0.5},
    "protocol": {"level": "voxel"},
    "row": {"order": "first"},
    "suite": {"run": []},
}


@pytest.mark.parametrize("kind", SHIPPED)
def test_shipped_cards_keep_to_their_schema(tmp_path, kind):
    schema = json.loads(bench_here(tmp_path, "schema", kind).stdout)
    validator = jsonschema.Draft202012Validator(schema)
    validator.check_schema(schema)
    assert SHIPPED[kind]
    for path in SHIPPED[kind]:
        card = tomllib.loads(path.read_text(encoding="utf-8"))
        validator.validate(card)
        for fault in (WRONG[kind], {"unheard-of": 1}):
            with pytest.raises(jsonschema.ValidationError):
                validator.validate({**card, **fault})


def test_an_unknown_kind_names_those_that_exist(tmp_path):
    done = bench_here(tmp_path, "schema", "table")
    assert done.returncode == 2
    for kind in ("record", *SHIPPED):
        assert kind in done.stderr
