"""`bench doctor`: what it says of optional parts."""

from importlib.metadata import version

from bench.cli.doctor import extras


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
        "extra gone": "no-such-package missing; pip install 'medical-anomaly-bench[gone]'",
        "extra half": f"no-such-package missing, pandas {version('pandas')}; "
        "pip install 'medical-anomaly-bench[half]'",
        "extra here": f"numpy {version('numpy')}",
    }
