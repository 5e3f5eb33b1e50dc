"""Which datasets are served, and what a file or a schedule may not say."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest

from imgvet.cli.arguments import read_config
from imgvet.deployments.datasets import served, served_in
from imgvet.errors import (
    ConfigFileError,
    ImgvetError,
    InputNotFoundError,
    InvalidParameterError,
    WorkDirInsideInputError,
    WorkDirUnusableError,
)

EXAMPLE = Path(__file__).parents[2] / "deployments" / "datasets.toml"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("demo/pictures", "cats", "dogs"):
        (tmp_path / name).mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("IMGVET_NOTIFY", raising=False)
    return tmp_path


def read(text: str) -> dict[str, Any]:
    return tomllib.loads(text)


def test_the_example_is_read_with_defaults_and_own_values(folder: Path) -> None:
    first, second = served_in(read_config(EXAMPLE), "datasets.toml")
    assert (first.name, first.cron, first.timezone) == ("demo", "0 6 * * *", "UTC")
    assert first.parameters["input_dir"] == [str(folder / "demo" / "pictures")]
    assert first.parameters["work_dir"] == str(folder / "watched" / "demo")
    assert second.parameters["work_dir"] == str(folder / "watched" / "demo-nightly")
    assert second.parameters["checks"]["max_dark_rate"] == 0.1
    assert second.parameters["run_advanced_stats"]
    assert second.name == "demo-nightly"


def test_only_what_was_given_is_a_parameter_of_the_deployment() -> None:
    dataset = served({"input_dir": "cats", "min_drift": 0.5, "cron": "0 6 * * *"})
    assert set(dataset.parameters) == {"input_dir", "work_dir", "min_drift", "fail_on"}
    assert dataset.name == "cats"


def test_what_is_served_is_named_as_from_any_current_folder(folder: Path) -> None:
    files = {"embeddings": "v.npy", "probabilities": "~/p.csv", "annotations": ["a.csv"]}
    named = served({"input_dir": "cats", "model_path": "own.onnx", **files}).parameters
    assert named["embeddings"] == str(folder / "v.npy")
    assert named["probabilities"] == str(Path("~/p.csv").expanduser())
    assert (named["annotations"], named["input_dir"]) == (
        [str(folder / "a.csv")], [str(folder / "cats")],
    )  # fmt: skip
    assert named["model_path"] == str(folder / "own.onnx")
    assert served({"input_dir": "cats", "model_path": "clip"}).parameters["model_path"] == "clip"


@pytest.mark.parametrize(
    ("values", "error", "said"),
    [
        ({"cron": "every day"}, InvalidParameterError, "cron = 'every day' is no schedule.*0 6"),
        ({"cron": "0 25 * * *"}, InvalidParameterError, "is no schedule"),
        (
            {"cron": "0 6 * * *", "timezone": "Mars/Base"},
            InvalidParameterError,
            "timezone = 'Mars/Base' is unknown",
        ),
        ({"notify": "http://x"}, InvalidParameterError, "json://host:port/path"),
        ({"input_dir": "nowhere"}, InputNotFoundError, "nowhere"),
        ({"dataset_name": "cats & dogs"}, InvalidParameterError, "no deployment.*without / %"),
        ({"work_dir": "ftp://bucket/wd"}, WorkDirUnusableError, "ftp://bucket/wd is no folder"),
        ({"work_dir": "cats/out"}, WorkDirInsideInputError, "lies inside the input"),
        ({"baseline": "last:x"}, InvalidParameterError, "first, last:N or a run id"),
    ],
)
def test_a_bad_value_is_one_line(values: dict[str, str], error: type, said: str) -> None:
    with pytest.raises(error, match=said):
        served({"input_dir": "cats", **values})


@pytest.mark.parametrize(
    ("text", "error", "said"),
    [
        ("threshold = 0.8", ConfigFileError, r"names no dataset.*\[datasets.NAME\]"),
        ("datasets = 3", ConfigFileError, "names no dataset"),
        ("[datasets]\ncats = 3", ConfigFileError, "datasets.cats is no table"),
        ('[datasets.cats]\ninput-dir="cats"\ncron="x"', InvalidParameterError, "datasets.cats.*x"),
        (
            '[datasets.a]\ninput-dir="cats"\nwork-dir="o"\n'
            '[datasets.b]\ninput-dir="dogs"\nwork-dir="./o"',
            ConfigFileError,
            "a and b share a work-dir",
        ),
        (
            '[datasets.a]\ninput-dir="cats"\ndataset-name="c"\n'
            '[datasets.b]\ninput-dir="dogs"\ndataset-name="c"',
            ConfigFileError,
            "a and b share a dataset-name",
        ),
        (
            '[datasets.cats-v1]\ninput-dir="cats"\n[datasets.Cats_v1]\ninput-dir="dogs"',
            ConfigFileError,
            "cats-v1 and Cats_v1 share a dataset-name",
        ),
        ('[datasets.cats]\ninput-dir="cats"\ncorn="x"', ImgvetError, "datasets.cats.*'corn'"),
    ],
)
def test_a_bad_file_is_one_line(text: str, error: type, said: str) -> None:
    with pytest.raises(error, match=said):
        served_in(read(text), "d.toml")


def test_a_deployment_runs_one_at_a_time_and_finds_its_flow_by_module() -> None:
    from imgvet.deployments.datasets import deployment_of

    deployment = deployment_of(served({"input_dir": "cats", "cron": "0 6 * * *"}))
    assert deployment.entrypoint == "imgvet.flows.monitor_dataset.monitor_dataset"
    assert deployment.concurrency_limit == 1
    assert str(getattr(deployment.concurrency_options, "collision_strategy", "")).endswith("NEW")
    assert deployment.tags == ["imgvet", "cats"]
    assert [entry.schedule.cron for entry in deployment.schedules or ()] == ["0 6 * * *"]


def test_the_entries_for_work_pools_are_flows_and_their_parameters() -> None:
    import yaml

    from imgvet.flows.curate_dataset import curate_dataset
    from imgvet.flows.monitor_dataset import monitor_dataset
    from imgvet.monitor.options import make_monitor_options

    written = yaml.safe_load(EXAMPLE.with_name("prefect.yaml").read_text())["deployments"]
    entries = {entry["name"]: entry for entry in written}
    pools = {name: entry["work_pool"]["name"] for name, entry in entries.items()}
    assert pools == {
        "demo": "imgvet", "pictures-docker": "imgvet-docker",
        "pictures-kubernetes": "imgvet-kubernetes", "demo-curation": "imgvet",
    }  # fmt: skip
    for entry in entries.values():
        module, _, name = entry["entrypoint"].rpartition(".")
        flow = getattr(__import__(module, fromlist=[name]), name)
        assert entry["concurrency_limit"]["limit"] == 1
        # Else Prefect asks containers for a folder of its own, which is not in the image.
        steps = [value for step in entry.get("pull", ()) for value in step.values()]
        assert steps == [{"directory": "/watched"}] * (
            "image" in entry["work_pool"].get("job_variables", {})
        )
        parameters = flow.validate_parameters(entry["parameters"])
        if flow is curate_dataset:
            assert parameters["options"].rules.near == "remove"
        else:
            assert flow is monitor_dataset
            assert make_monitor_options(entry["parameters"]["options"]).fail_on == "critical"
            served({"input_dir": "cats", **entry["schedules"][0]})
