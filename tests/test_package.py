"""What holds for the package as a whole: light import, complete wheel, readable files."""

from __future__ import annotations

import os
import pty
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

import imgvet

ROOT = Path(__file__).parent.parent
HEAVY = (
    "prefect",
    "cv2",
    "faiss",
    "great_expectations",
    "pandas",
    "onnxruntime",
    "plotly",
    "boto3",
)
ROOMS = ("imgvet", "reports", "tasks", "flows", "deployments")
LINKS = ("reports", "tasks", "flows", "deployments")


def test_importing_imgvet_is_light() -> None:
    code = (
        "import sys, time; start = time.perf_counter(); import imgvet\n"
        f"heavy = [name for name in {HEAVY} if name in sys.modules]\n"
        "print(time.perf_counter() - start, *heavy)"
    )
    times = []
    for _ in range(3):
        seconds, *heavy = subprocess.check_output([sys.executable, "-c", code], text=True).split()
        assert heavy == []
        times.append(float(seconds))
    assert min(times) < 0.3


def test_names_are_completed_and_misspelt_ones_are_found_by_type_checkers() -> None:
    """Who completes asks ``dir``; without an error mypy finds the comment below unused."""
    assert {"create", "Dataset", "__version__"} <= {*dir(imgvet)}
    with pytest.raises(AttributeError, match="has no attribute 'creat'"):
        imgvet.creat  # type: ignore[attr-defined]  # noqa: B018


@pytest.mark.parametrize("room", LINKS)
def test_the_path_of_a_module_is_its_file(room: str) -> None:
    assert (ROOT / "imgvet" / room).readlink() == Path("..") / room


def modules_in(package: Path) -> set[str]:
    """The modules of a package, those behind its links among them."""
    folders = (package, *(package / room for room in LINKS))
    found = {path for folder in folders for path in folder.rglob("*.py")}
    return {path.relative_to(package).as_posix() for path in found}


def test_prefect_starts_without_its_telemetry(tmp_path: Path) -> None:
    """Its traces lie in its home; where nobody watches, or CI is set, it leaves none by itself."""
    screen, terminal = pty.openpty()
    home = {"HOME": str(tmp_path), "PATH": os.environ["PATH"]}
    asked = "prefect.settings.get_current_settings().server.analytics_enabled"
    code = [sys.executable, "-c", f"import imgvet, prefect.settings; assert not {asked}"]
    subprocess.run(code, env=home, stdout=terminal, stderr=terminal, check=True)
    os.close(terminal)
    os.close(screen)
    assert not list(tmp_path.rglob(".sdk_telemetry"))


def test_a_request_is_checked_without_prefect() -> None:
    """Prefect reads its settings when it is imported, which is only after the checks.

    SciPy's clusters, which take a tenth of a second to import, are for few runs.
    """
    late = {"prefect", "scipy.cluster"}
    modules = "imgvet.engine.run, imgvet.similarity.components"
    code = f"import sys, {modules}; print(*{late} & sys.modules.keys())"
    assert subprocess.check_output([sys.executable, "-c", code], text=True).split() == []


def test_a_built_wheel_holds_model_templates_and_examples(tmp_path: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "build",
        "--wheel",
        "--no-isolation",
        "--outdir",
        str(tmp_path),
    ]
    copy = tmp_path / "source"
    names = subprocess.check_output(["git", "ls-files"], cwd=ROOT, text=True).splitlines()
    for name in names:
        if (ROOT / name).exists():
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, copy / name, follow_symlinks=False)
    subprocess.run([*command, str(copy)], check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    zipfile.ZipFile(wheel).extractall(tmp_path / "installed")
    assert modules_in(tmp_path / "installed" / "imgvet") == modules_in(ROOT / "imgvet")
    code = (
        "from imgvet.models.model import builtin_model\n"
        "from imgvet.reports.build import ASSETS, environment\n"
        "from imgvet.cli.main import main\n"
        "print(builtin_model().path)\n"
        "for name in ('page.html', *ASSETS): environment().get_template(name)\n"
        "from importlib.resources import files\n"
        "assert files('imgvet').joinpath('templates/summary.txt').is_file()\n"
        "main(['deployments', 'init', 'examples'])\n"
        "main(['--version'])"
    )
    environment = {**os.environ, "PYTHONPATH": str(tmp_path / "installed")}
    printed = subprocess.check_output(
        [sys.executable, "-c", code], text=True, env=environment, cwd=tmp_path
    )
    assert printed.startswith(str(tmp_path / "installed"))
    assert "imgvet 0." in printed
    for name in ("datasets.toml", "prefect.yaml"):
        written = (tmp_path / "examples" / name).read_bytes()
        assert written == (ROOT / "deployments" / name).read_bytes()


@pytest.mark.parametrize("room", ROOMS)
def test_files_hold_one_idea(room: str) -> None:
    lengths = {path: len(path.read_text().splitlines()) for path in (ROOT / room).rglob("*.py")}
    assert {str(path): length for path, length in lengths.items() if length > 400} == {}


def test_no_file_names_another_machine() -> None:
    tracked = subprocess.check_output(["git", "ls-files"], cwd=ROOT, text=True).splitlines()
    texts = [
        ROOT / name for name in tracked if name.endswith((".py", ".md", ".toml", ".html", ".js"))
    ]
    home = "/" + "root/"
    assert [str(path) for path in texts if path.is_file() and home in path.read_text()] == []


def test_the_import_contracts_know_every_room_below_the_report() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
    layers, forbidden, _ = settings["contracts"]
    rows = layers["layers"]
    below = rows[rows.index("reports") + 1 :]
    rooms = {f"imgvet.{name.strip()}" for row in below for name in re.split("[|:]", row)}
    assert rooms == set(forbidden["source_modules"])


def test_the_lock_file_names_no_folder_of_a_machine() -> None:
    assert "file://" not in (ROOT / "requirements-dev.lock").read_text()
