"""Which packages a record names."""

from importlib.metadata import version

from bench import registry
from bench.execution.provenance import PACKAGES, provenance


def test_a_method_of_bench_names_the_packages_that_bench_computes_with():
    found = provenance("bench run", registry.method("pca"))["packages"]
    assert set(PACKAGES) <= set(found) <= {*PACKAGES, "imagecodecs"}


def test_a_method_with_extras_names_every_imported_package():
    import jinja2  # noqa: F401 - stands for what such a method imports

    card = registry.method("pca").model_copy(update={"extras": ["anomalib"]})
    found = provenance("bench run", card)["packages"]
    assert found["Jinja2" if "Jinja2" in found else "jinja2"] == version("jinja2")
    assert found["torch"] == version("torch")
