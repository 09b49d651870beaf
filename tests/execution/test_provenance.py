"""Which packages a record names."""

from importlib.metadata import version

from bench import registry
from bench.execution import provenance as module
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


def test_a_package_that_cannot_be_read_does_not_end_the_server_of_the_workers(monkeypatch):
    def broken():
        raise UnicodeDecodeError("utf-8", b"\xff", 0, 1, "of another encoding")

    monkeypatch.setattr(module, "packages_distributions", broken)
    module._owners.cache_clear()
    module.remember()
    assert module._owners.cache_info().currsize == 0  # whoever needs it asks again


def test_what_was_looked_up_before_a_fork_is_not_looked_up_again(monkeypatch):
    module.remember()
    for name in ("packages_distributions", "version"):
        monkeypatch.setattr(module, name, None)
    found = provenance("bench run", registry.method("pca"))["packages"]
    assert found["torch"] == version("torch")
