"""Tests on every Python version that the package claims: ``nox``, or ``nox -s tests-3.11``."""

import nox

# The classifiers in pyproject.toml name exactly these; a test holds that.
PYTHONS = ["3.11"]

nox.options.default_venv_backend = "venv"
nox.options.reuse_existing_virtualenvs = True


@nox.session(python=PYTHONS)
def tests(session: nox.Session) -> None:
    """Everything that `make test` runs."""
    session.install("-r", "requirements.lock")
    session.install("--no-deps", "-e", ".")
    session.run("pytest", "-n", "2", *session.posargs)
