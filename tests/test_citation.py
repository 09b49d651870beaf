"""CITATION.cff has what the format (1.2.0) demands, and says what the package says."""

import tomllib

import pytest

import bench
from conftest import ROOT, skip_or_fail


@pytest.fixture
def citation():
    try:
        import yaml
    except ImportError:
        skip_or_fail("pyyaml is not installed")
    return yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))


def test_it_has_what_the_format_demands(citation):
    assert citation["cff-version"] == "1.2.0"
    assert citation["type"] in ("software", "dataset")
    assert citation["message"]
    assert citation["title"]
    assert citation["authors"]
    for author in citation["authors"]:
        assert {"name"} <= author.keys() or {"family-names", "given-names"} <= author.keys()


def test_version_and_licence_are_those_of_the_package(citation):
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert citation["version"] == bench.__version__
    assert citation["license"] == project["license"]
