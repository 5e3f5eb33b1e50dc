"""Checks and unit tests on other Pythons, and with the oldest dependencies that are allowed.

``nox -s tests`` runs what needs no Prefect server and no browser on each Python that is here;
``nox -s check`` what ``make check`` does; ``nox -s lowest`` the same tests with the lowest versions
that pyproject.toml allows; ``nox -s audit`` asks PyPI for known holes in the locked versions.
"""

from __future__ import annotations

import nox

PYTHONS = ("3.11", "3.12", "3.13")
UNIT = (
    "tests", "-m", "not slow and not browser",
    *(f"--ignore=tests/{room}" for room in ("flows", "deployments", "browser", "cli")),
)  # fmt: skip

nox.options.default_venv_backend = "uv|venv"
nox.options.sessions = ("tests", "check")


@nox.session(python=PYTHONS)
def tests(session: nox.Session) -> None:
    """The unit tests."""
    session.install("-e", ".[dev]")
    session.run("pytest", *(session.posargs or UNIT))


@nox.session(python=PYTHONS[0])
def check(session: nox.Session) -> None:
    """Formatting, lint, types and the direction of imports."""
    session.install("-r", "requirements-dev.lock")
    session.install("--no-deps", "-e", ".")
    for command in ("ruff format --check .", "ruff check .", "mypy", "lint-imports --no-cache"):
        session.run(*command.split())


@nox.session(python=PYTHONS[0], venv_backend="uv")
def lowest(session: nox.Session) -> None:
    """The unit tests with the lowest version of each direct dependency."""
    session.install("--resolution", "lowest-direct", "-e", ".[dev]")
    session.run("pytest", *(session.posargs or UNIT))


@nox.session(python=PYTHONS[0])
def audit(session: nox.Session) -> None:
    """Known holes in the versions of the lock, as PyPI knows them."""
    session.install("pip-audit")
    session.run("pip-audit", "--no-deps", "--disable-pip", "-r", "requirements-dev.lock")
