"""Blocks of a real server in the place of addresses: used, and never shown or stored in clear."""

from __future__ import annotations

import asyncio
import os
from importlib.resources import files
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml
from prefect.blocks.core import Block
from prefect.blocks.notifications import CustomWebhookNotificationBlock, SlackWebhook
from prefect.blocks.system import Secret
from prefect.cli.deploy._core import resolve_variables
from prefect.client.orchestration import get_client
from prefect.filesystems import RemoteFileSystem
from prefect.settings import (
    PREFECT_API_DATABASE_CONNECTION_URL,
    PREFECT_API_URL,
    temporary_settings,
)
from prefect.variables import Variable
from pydantic import SecretStr

from imgvet.cli.main import main
from imgvet.dataset import Dataset
from imgvet.deployments.automations import apply_automations
from imgvet.deployments.datasets import deployment_of, served
from imgvet.errors import InvalidParameterError
from imgvet.flows.monitor_dataset import monitor_dataset
from imgvet.monitor.history import read_history
from imgvet.monitor.options import make_monitor_options
from imgvet.opening import open_finished
from imgvet.options import make_options
from imgvet.tasks.blocks import require_blocks, with_addresses
from support.fault_proxy import FaultProxy
from support.mail_server import MailServer
from support.receiver import Receiver
from support.s3_server import ACCESS_KEY, SECRET_KEY, Bucket

from .conftest import FinishedRun, Runner

pytest_plugins = ("support.s3_fixtures",)
pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")


VARIABLES = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_REGION")


def planted_in_database(*secrets: str) -> list[str]:
    """Which of some texts are in what the server keeps."""
    url = PREFECT_API_DATABASE_CONNECTION_URL.value()
    database = Path(str(url).partition(":///")[2])
    data = b"".join(path.read_bytes() for path in database.parent.glob(f"{database.name}*"))
    assert b"block:" in data  # as parameters name them
    return [secret for secret in secrets if secret.encode() in data]


def test_who_is_told_is_named_by_blocks(
    finished: Runner, capsys: pytest.CaptureFixture[str]
) -> None:
    with Receiver() as receiver:
        address = f"{receiver.address}/PLANTEDpath"
        SlackWebhook(url=SecretStr(address)).save("team")
        Secret(value=f"{address}?also=1 {address}?twice=1").save("who")
        CustomWebhookNotificationBlock(
            name="hook", url=f"http://127.0.0.1:{receiver.port}/{{{{place}}}}",
            secrets={"place": "PLANTEDpath"}, json_data={"title": "{{subject}}", "type": "custom"},
        ).save("hook")  # fmt: skip
        names = ("block:slack-webhook/team", "block:secret/who", "block:custom-webhook/hook")
        dataset = served(
            {"input_dir": finished.photos, "work_dir": finished.dataset.work_dir, "notify": names}
        )
        assert dataset.parameters["notify"] == list(names)
        deployment_of(dataset).apply()
        monitor_dataset(make_monitor_options({**dataset.parameters, "fail_on": "never"}))
        (title,) = set(receiver.titles())
        assert title.startswith("photos: ")
        assert len(receiver.posted) == 4
    assert planted_in_database("PLANTED") == []
    options = make_monitor_options({**dataset.parameters, "notify": names[:1]})
    (finished.photos / "text.jpg").unlink()
    state = monitor_dataset(options, return_state=True)
    assert "1 message was not delivered to block:slack-webhook/team" in str(state.message)
    assert "PLANTED" not in capsys.readouterr().err


def test_limits_that_teams_share_are_variables_of_the_server() -> None:
    Variable.set("imgvet_checks", {"max_dark_rate": 0.25}, overwrite=True)
    text = files("imgvet.deployments").joinpath("prefect.yaml").read_text()
    _, said, shared = text.partition('checks: "{{ prefect.variables.imgvet_checks }}"')
    assert "checks: *checks" in shared
    entry, *_ = yaml.safe_load(text.replace("checks: *checks", said))["deployments"]
    resolved = asyncio.run(resolve_variables(entry))
    options = monitor_dataset.validate_parameters(resolved["parameters"])["options"]
    assert options.checks.max_dark_rate == 0.25


def test_automations_send_by_the_block_itself() -> None:
    block = SlackWebhook(url=SecretStr("json://127.0.0.1:9/"))
    saved = block.save("by-automations", overwrite=True)
    apply_automations(("block:slack-webhook/by-automations",), 26)
    with get_client(sync_client=True) as client:
        (found,) = client.read_automations_by_name("imgvet alarms")
    assert [action.block_document_id for action in found.actions] == [saved]  # type: ignore[union-attr]
    with MailServer() as mails:
        address = f"mailto://127.0.0.1:{mails.port}?from=a@x.org&to=b@y.org&mode=insecure"
        apply_automations((address,), 26)
        Block.load("slack-webhook/imgvet-alarms-1").notify("dark\nbright", "photos")  # type: ignore[attr-defined]
    assert mails.received[0].get_content().splitlines() == ["dark", "bright"]
    Secret(value="x").save("no-receiver")
    with pytest.raises(InvalidParameterError, match="is of no use here"):
        apply_automations(("block:secret/no-receiver",), 26)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("block:slack-webhook/nobody", "can't be had from the server"),
        ("block:no-such-type/nobody", "can't be had from the server"),
        ("block:slack-webhook", "is the name of no block"),
        ("block:remote-file-system/files", "is of no use here"),
    ],
)
def test_a_block_that_is_none_is_refused_before_anything_is_done(
    finished: Runner, name: str, said: str
) -> None:
    RemoteFileSystem(basepath="s3://b/x").save("files", overwrite=True)
    given = {"input_dir": finished.photos, "work_dir": finished.dataset.work_dir, "notify": name}
    before = finished.dataset.record()
    state = monitor_dataset(make_monitor_options(given), return_state=True)
    with pytest.raises(InvalidParameterError, match=said):
        state.result()
    assert finished.dataset.record() == before


def test_a_block_is_loaded_where_a_loop_runs_as_in_a_notebook() -> None:
    RemoteFileSystem(basepath="s3://b/x").save("files", overwrite=True)

    async def cell() -> Dataset:
        return Dataset(work_dir="block:remote-file-system/files/out")

    assert asyncio.run(cell()).work_dir == Path("s3://b/x/out")


def test_without_a_server_there_are_no_blocks() -> None:
    with (
        temporary_settings({PREFECT_API_URL: None}),
        pytest.raises(InvalidParameterError, match="Set PREFECT_API_URL"),
    ):
        require_blocks(["json://x", "block:slack-webhook/team"])


def file_system(name: str, path: str, endpoint: str, **settings: Any) -> str:
    client = {"endpoint_url": endpoint, "region_name": "eu-central-1"}
    RemoteFileSystem(
        basepath=path, settings={"key": ACCESS_KEY, "client_kwargs": client, **settings}
    ).save(name, overwrite=True)
    return f"block:remote-file-system/{name}"


def test_data_and_work_dir_are_named_by_blocks(
    first_run: FinishedRun,
    bucket: Bucket,
    proxy: FaultProxy,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    photos = (first_run.saved / "photos").iterdir()
    bucket.put({f"set/photos/{path.name}": path.read_bytes() for path in photos})
    for name in VARIABLES:
        monkeypatch.setenv(name, "")  # and so it is as before in the end
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, os.devnull)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    block = file_system("data", f"s3://{bucket.name}/set/", proxy.url, secret=SECRET_KEY)
    given = {"input_dir": f"{block}/photos", "work_dir": f"{block}/out", "fail_on": "never"}
    dataset = served(given)
    assert dataset.parameters["work_dir"] == given["work_dir"]
    assert dataset.parameters["input_dir"] == [given["input_dir"]]
    state = monitor_dataset(make_monitor_options(dataset.parameters), return_state=True)
    assert state.is_completed()
    assert planted_in_database(SECRET_KEY) == []
    assert {os.environ[name] for name in VARIABLES} == {""}  # keys are there during a run
    for name in VARIABLES:
        monkeypatch.delenv(name)
    assert main(["baseline", f"{block}/out"]) == 0
    assert "15 images" in capsys.readouterr().out
    work = f"minio+http://{urlsplit(proxy.url).netloc}/{bucket.name}/set/out"
    assert main(["summary", work]) == 0
    for row in bucket.client.list_objects_v2(Bucket=bucket.name, Prefix="set/photos/")["Contents"]:
        bucket.delete(row["Key"])
    with Receiver() as receiver:
        lost = {**dataset.parameters, "notify": receiver.address}
        assert monitor_dataset(make_monitor_options(lost), return_state=True).is_failed()
        assert receiver.titles() == ["photos: the run failed"]
    runs = read_history(open_finished(Path(work)))
    assert [one.status for one in runs] == ["finished", "failed"]


def test_two_blocks_of_one_run_have_the_same_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.setenv(name, "")
    given = {
        "input_dir": file_system("one", "s3://one", "https://minio.example:9000", secret="x"),
        "work_dir": file_system("two", "s3://two/out", "http://minio.example", secret="x"),
    }
    with with_addresses(make_options(given)) as options:
        assert options.inputs == ("minio://minio.example:9000/one",)
        assert options.work_dir == Path("minio+http:/minio.example/two/out")
        assert os.environ["AWS_REGION"] == "eu-central-1"
    assert os.environ["AWS_REGION"] == ""
    file_system("two", "s3://two/out", "http://minio.example", secret="y")
    with (
        pytest.raises(InvalidParameterError, match="has other credentials"),
        with_addresses(make_options(given)),
    ):
        pass
