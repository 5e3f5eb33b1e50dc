"""A report of a made-up run, open in headless Chromium; skipped where there is none."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
from browser.chrome import Tab, browser, executable

from imgvet.reports.build import build_report


def _made_up_run() -> ModuleType:
    """The module with the made-up run of tests/reports, which has no importable name."""
    path = Path(__file__).parents[1] / "reports" / "conftest.py"
    spec = importlib.util.spec_from_file_location("made_up_run", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


_RUN = _made_up_run()
planted = _RUN.planted
inputs = _RUN.inputs
full_inputs = _RUN.full_inputs


def pytest_configure(config: pytest.Config) -> None:
    """Name the marker of these tests."""
    config.addinivalue_line("markers", "browser: needs Chromium; skipped where there is none")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark every test of this folder."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.browser)


@pytest.fixture(scope="session")
def report(full_inputs, tmp_path_factory: pytest.TempPathFactory) -> Path:  # type: ignore[no-untyped-def]
    """Folder of the report."""
    folder = tmp_path_factory.mktemp("site") / "report with space & sign"
    folder.mkdir()
    build_report(full_inputs, folder)
    return folder


@pytest.fixture(scope="package")
def _tab() -> Iterator[Tab]:
    program = executable()
    if program is None:
        pytest.skip("no Chromium on this machine")
    with browser(program) as tab:
        yield tab


@pytest.fixture
def tab(_tab: Tab) -> Tab:
    """A page of usual size, light."""
    _tab.size(1280, 900)
    _tab.prefer("light")
    return _tab
