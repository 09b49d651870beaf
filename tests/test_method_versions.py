"""A method's source may not change under an unchanged version: its fits would not be its own."""

import json

import pytest

from method_sources import LOCK, fingerprints, sources

NOW = fingerprints()


@pytest.mark.parametrize("name", sorted(NOW))
def test_changed_sources_have_a_new_version(name):
    locked = json.loads(LOCK.read_text(encoding="utf-8"))
    assert name in locked, f"{name} is new: run `make lock-methods`"
    if NOW[name]["sources"] != locked[name]["sources"]:
        assert NOW[name]["version"] > locked[name]["version"], (
            f"the sources of {name} changed: raise its version in the card if its numbers may "
            "change, then run `make lock-methods`"
        )
        pytest.fail(f"{name} has a new version: run `make lock-methods`")
    assert NOW[name] == locked[name]


def test_shared_modules_belong_to_every_method_that_uses_them():
    names = {path.name for path in sources("methods.proxyano.detector")}
    assert {"detector.py", "training.py", "blocks.py", "memory.py"} <= names
    assert "ae.py" not in names
