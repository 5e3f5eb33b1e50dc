"""One demo set for all tests of this folder: it takes seconds to make."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from imgvet.demo.make import make_demo
from imgvet.demo.truth import DemoTruth


@dataclass(frozen=True)
class Demo:
    """A demo set on disk, and its truth."""

    folder: Path
    truth: DemoTruth


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Demo:
    folder = tmp_path_factory.mktemp("demo") / "pictures"
    return Demo(folder, make_demo(folder))
