"""``make``: installing says nothing unless it fails."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

MAKEFILE = Path(__file__).parent.parent / "Makefile"
WARNINGS = "SetuptoolsWarning: one hundred lines"


@pytest.mark.parametrize("code", [0, 1])
def test_what_the_build_says_is_shown_only_if_it_fails(tmp_path: Path, code: int) -> None:
    python = tmp_path / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(f'#!/bin/sh\necho "{WARNINGS}"\necho "{WARNINGS}" >&2\nexit {code}\n')
    python.chmod(0o755)
    for name in ("requirements-dev.lock", "pyproject.toml", ".venv/locked"):
        (tmp_path / name).touch()
    made = subprocess.run(
        ["make", "--file", MAKEFILE, "setup"],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    shown = made.stdout + made.stderr
    assert shown.count(WARNINGS) == 2 * code
    assert (made.returncode == 0) == (code == 0)
    assert (tmp_path / ".venv" / "installed").exists() == (code == 0)
