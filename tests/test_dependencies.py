"""What is declared in pyproject.toml: versions with known holes are left out, Pythons are true."""

from __future__ import annotations

import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.version import Version

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EXTRAS = PROJECT["optional-dependencies"]
DECLARED = {
    found.name: found.specifier
    for found in map(Requirement, [*PROJECT["dependencies"], *EXTRAS["gpu"]])
}
LOCKED = dict(
    line.split("==")
    for line in (ROOT / "requirements-dev.lock").read_text().splitlines()
    if "==" in line and not line.startswith(" ")
)

HOLES = {
    "onnxruntime": "1.23.2",  # a model reads any file of the machine as external data
    "onnxruntime-gpu": "1.23.2",
    "pillow": "11.2.1",  # CVE-2025-48379: DDS images write beyond a buffer
    "jinja2": "3.1.5",  # CVE-2025-27516: the sandbox is left through |attr
    "starlette": "0.49.0",  # CVE-2025-62727: a Range header takes quadratic time
    "filelock": "3.20.2",  # CVE-2025-68146, CVE-2026-22701: a lock follows a link
    "pyyaml": "5.3.1",  # CVE-2020-14343: full_load runs code
    "pyarrow": "14.0.0",  # CVE-2023-47248: reading Parquet runs code
    "opencv-python-headless": "4.8.0.76",  # CVE-2023-4863: WebP writes beyond a buffer
}


@pytest.mark.parametrize("name", HOLES)
def test_the_last_version_with_a_known_hole_is_not_installed(name: str) -> None:
    assert not DECLARED[name].contains(HOLES[name])
    if name in LOCKED:
        assert Version(LOCKED[name]) > Version(HOLES[name])


def test_the_lock_meets_what_is_declared() -> None:
    unmet = {
        name: LOCKED[name]
        for name, specifier in DECLARED.items()
        if name in LOCKED and not specifier.contains(LOCKED[name])
    }
    assert unmet == {}


def test_classifiers_name_the_pythons_that_are_allowed() -> None:
    allowed = SpecifierSet(PROJECT["requires-python"])
    named = {
        line.rpartition(" ")[2]
        for line in PROJECT["classifiers"]
        if line.startswith("Programming Language :: Python :: 3.")
    }
    assert all(allowed.contains(version) for version in named)
    assert f"{sys.version_info.major}.{sys.version_info.minor}" in named
