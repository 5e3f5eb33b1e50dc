"""The command line in a process of its own, as a person starts it from an empty home."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path


def environment_of(home: Path) -> dict[str, str]:
    """The tests' environment with a new, empty home and no setting of Prefect's."""
    home.mkdir()
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
    return {**kept, "HOME": str(home)}


def command(*arguments: object) -> list[str]:
    """The command line of imgvet, as a list."""
    return [sys.executable, "-m", "imgvet", *(str(part) for part in arguments)]


def run(environment: dict[str, str], *arguments: object) -> subprocess.CompletedProcess[str]:
    """Run imgvet to its end, with what it printed."""
    return subprocess.run(
        command(*arguments),
        env=environment,
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )


def tree(folder: Path) -> dict[str, tuple[int, bytes | None]]:
    """Every file and folder below one, and itself: time of change and content."""
    return {
        str(path.relative_to(folder)): (
            path.stat().st_mtime_ns,
            path.read_bytes() if path.is_file() else None,
        )
        for path in (folder, *folder.rglob("*"))
    }
