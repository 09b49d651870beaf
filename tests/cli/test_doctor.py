"""`bench doctor`: what it says of optional parts."""

from importlib.metadata import version

from bench.cli.doctor import extras, outside_bounds
from bench.installed import command_to_install


def test_each_extra_says_what_is_there_and_what_installs_the_rest():
    found = extras(
        [
            "numpy>=2.1",
            "numpy>=2.1; extra == 'here'",
            "no-such-package>=1; extra == 'half'",
            "pandas>=2; python_version >= '3.11' and extra == 'half'",
            'no-such-package>=1; extra == "gone"',
        ]
    )
    assert found == {
        "extra gone": f"no-such-package missing; {command_to_install('gone')}",
        "extra half": f"no-such-package missing, pandas {version('pandas')}; "
        f"{command_to_install('half')}",
        "extra here": f"numpy {version('numpy')}",
    }


def test_an_extra_that_is_too_old_or_too_new_is_not_taken_for_installed():
    found = extras(["numpy<1; extra == 'old'", "pandas>=2; extra == 'old'"])
    assert found == {
        "extra old": f"numpy {version('numpy')} (but numpy<1 is needed), "
        f"pandas {version('pandas')}; {command_to_install('old')}",
    }


def test_a_package_outside_its_bounds_is_a_fault():
    needed = ["numpy>=99", "pandas>=2", "no-such-package>=1", "scipy>=99; extra == 'some'"]
    needed += ["rich>=99; python_version < '3'"]
    assert outside_bounds(needed) == [
        f"package numpy is {version('numpy')}, but numpy>=99 is needed"
    ]


def test_a_build_for_one_kind_of_machine_is_within_bounds(monkeypatch):
    monkeypatch.setattr("bench.execution.provenance.installed_version", lambda _: "2.13.0+cpu")
    assert outside_bounds(["torch>=2.13"]) == []
