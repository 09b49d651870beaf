"""Tests on every Python that the package claims, and on the oldest packages that it allows.

``nox``, or one session: ``nox -s tests-3.11``, ``nox -s oldest``.
"""

import nox

# The classifiers in pyproject.toml name exactly these; a test holds that.
PYTHONS = ["3.11", "3.12", "3.13"]
# What requirements.lock has too, so the same tests run.
EXTRAS = "cluster,diffusion,formats,images,pretrained,tensorboard"
# By name, not as the group dev: that one would raise what is under test.
TEST_TOOLS = (
    "hatchling",
    "hypothesis",
    "jsonschema",
    "mypy",
    "pytest",
    "pytest-xdist",
    "pyyaml",
    "ruff",
    "selenium",
)

nox.options.default_venv_backend = "venv"
nox.options.reuse_existing_virtualenvs = True


@nox.session(python=PYTHONS)
def tests(session: nox.Session) -> None:
    """Everything that `make test` runs."""
    session.install("-r", "requirements.lock")
    session.install("--no-deps", "-e", ".")
    session.run("pytest", "-n", "2", *session.posargs)


@nox.session(python=PYTHONS[0], reuse_venv=False)
def oldest(session: nox.Session) -> None:
    """The same tests with the lowest version of each package that pyproject.toml names.

    pip cannot choose the lowest, so uv does. Its settings (an index, a constraint on torch) are its
    own environment variables: docs/releasing.md.
    """
    session.install("uv")
    install = ("uv", "pip", "install", "--quiet")
    session.run(*install, "--resolution", "lowest-direct", "-e", f".[{EXTRAS}]")
    session.run(*install, *TEST_TOOLS)
    session.run("pytest", "-n", "2", *session.posargs)
