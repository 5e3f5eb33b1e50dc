"""What the explorer finds, shows and saves."""

from __future__ import annotations

import json
import shutil
import struct
import zlib
from pathlib import Path

import httpx
import numpy as np
import pytest

from imgvet.explorer import site
from imgvet.explorer.run import ExploredRun
from imgvet.explorer.server import Explorer
from imgvet.images.decode import decode
from imgvet.images.picture import Picture
from imgvet.reports.build import add_tables
from imgvet.sources.local import read_text_list
from imgvet.store.compact import compact, today
from imgvet.store.packs import Thumbnails
from imgvet.store.store import Store
from imgvet.summary import read_record
from imgvet.tables import read_table
from imgvet.workdir import CROPS_PART, WorkDir
from support.finished_run import finish_run
from support.pictures import jpeg, photograph, png, write_photographs


def ids_by_name(work: WorkDir) -> dict[str, int]:
    items = read_table(work.table("items"))
    return {
        Path(name).name: item for name, item in zip(items["filename"], items["id"], strict=True)
    }


def found(answer: httpx.Response) -> list[dict[str, object]]:
    """The rows of an answer."""
    assert answer.status_code == 200, answer.text
    data = answer.json()
    return [dict(zip(data["columns"], row, strict=True)) for row in data["rows"]]


def test_the_page_has_no_script_of_its_own(client: httpx.Client):
    page = client.get("/explore").text
    assert page.count("<script") == 1
    assert '<script type="module" src="/static/main.js"></script>' in page
    for name in ("main.js", "explore.css", "api.js"):
        assert client.get(f"/static/{name}").status_code == 200
    assert "--accent" in client.get("/style.css").text


def test_hostile_names_are_escaped_in_the_page(tmp_path: Path):
    folder = tmp_path / "<script>alert(1)<"
    write_photographs(folder, 1)
    work = finish_run(folder, tmp_path / "out")
    with Explorer(work.path) as explorer, httpx.Client(trust_env=False) as client:
        page = client.get(explorer.url, follow_redirects=True).text
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)" in page


def test_the_report_gets_links_to_the_explorer(client: httpx.Client):
    page = client.get("/report/index.html")
    assert "The report" in page.text
    assert '<script src="/static/in_report.js" defer></script>' in page.text
    assert client.get("/report/").text == page.text
    assert client.get("/report/data/a.js").text == "let a = 1;"


def test_tables_that_the_report_links_to_are_there(client: httpx.Client, work: WorkDir):
    (work.report / "tables").mkdir()
    add_tables(work.report, {"items": work.table("items")})
    table = client.get("/report/tables/items.parquet")
    assert table.content == work.table("items").read_bytes()


def test_a_picture_of_the_set_finds_itself_and_its_near_copy(
    client: httpx.Client, work: WorkDir, photos: Path
):
    ids = ids_by_name(work)
    near = next(item for name, item in ids.items() if name.startswith("<img"))
    rows = found(client.post("/api/search?k=3", content=(photos / "photo01.jpg").read_bytes()))
    assert [row["id"] for row in rows[:2]] == [ids["photo01.jpg"], near]
    assert rows[0]["similarity"] == 1.0
    assert 0.9 < float(str(rows[1]["similarity"])) < 1
    clicked = found(client.get(f"/api/similar/{ids['photo01.jpg']}?k=2"))
    assert clicked == rows[1:3]
    named = client.post("/api/search-path", json={"path": str(photos / "photo01.jpg"), "k": 3})
    assert found(named) == rows


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "empty_file"),
        (b"GIF89a", None),
        (b"MZ not a picture", "not_an_image"),
        (png(photograph(0))[:3000], "truncated"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "unsupported"),
    ],
)
def test_bad_pictures_are_refused_with_their_reason(client: httpx.Client, data, reason):
    answer = client.post("/api/search", content=data)
    assert answer.status_code == 422
    assert answer.json()["error"]
    assert reason is None or answer.json()["reason"] == reason


def test_a_picture_of_too_many_pixels_is_not_decoded(client: httpx.Client):
    header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)

    def chunk(kind: bytes, data: bytes) -> bytes:
        checked = kind + data
        return struct.pack(">I", len(data)) + checked + struct.pack(">I", zlib.crc32(checked))

    bomb = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 99))
    answer = client.post("/api/search", content=bomb + chunk(b"IEND", b""))
    assert answer.status_code == 422
    assert answer.json()["reason"] == "too_large"


def test_large_uploads_are_refused_whether_they_say_so_or_not(
    client: httpx.Client, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(site, "MAX_BYTES", 1000)
    assert client.post("/api/search", content=b"x" * 1001).status_code == 413
    in_parts = client.post("/api/search", content=iter([b"x" * 600, b"x" * 600]))
    assert in_parts.status_code == 413
    assert client.post("/api/search", content=b"x" * 1000).status_code == 422


@pytest.mark.parametrize("k", ["0", "-1", "1001", "x", "1e3", "9" * 30, "٣"])
def test_a_bad_number_is_refused(client: httpx.Client, work: WorkDir, k: str):
    item = ids_by_name(work)["photo01.jpg"]
    assert client.get(f"/api/similar/{item}", params={"k": k}).status_code == 400


@pytest.mark.parametrize("path", ["/nowhere.jpg", "/etc", "/dev/zero", "a\0b", "x" * 4000])
def test_a_path_that_is_no_picture_is_refused(client: httpx.Client, path: str):
    answer = client.post("/api/search-path", json={"path": path})
    assert answer.status_code in (400, 404)


def test_search_by_path_tells_nothing_of_the_content_of_other_files(
    client: httpx.Client, tmp_path: Path
):
    secret = tmp_path / "key.pem"
    secret.write_bytes(b"SECRET-KEY-1234")
    answer = client.post("/api/search-path", json={"path": str(secret)})
    assert answer.status_code == 422
    assert answer.json()["reason"] == "not_an_image"
    assert "SECR" not in answer.text
    assert b"SECR".hex(" ") not in answer.text


@pytest.mark.parametrize(
    ("content", "kind", "status"),
    [
        (b"{", "application/json", 400),
        (b"[]", "application/json", 400),
        (b"[" * 100_000, "application/json", 400),
        (b'{"name": "a", "ids": [1]}', "text/plain", 415),
        (b'{"name": "a"}', "application/json", 400),
        (b'{"name": "a", "ids": ["x"]}', "application/json", 400),
        (b'{"name": "a", "ids": [1], "query": {}}', "application/json", 400),
        (b'{"name": "../a", "ids": [1]}', "application/json", 400),
        (b'{"name": "a", "ids": [1], "path": "/tmp/a"}', "application/json", 400),
        (b'{"name": "a", "ids": [99999999999999999999999]}', "application/json", 400),
    ],
)
def test_bad_lists_are_refused(
    client: httpx.Client, work: WorkDir, content: bytes, kind: str, status: int
):
    answer = client.post("/api/lists", content=content, headers={"content-type": kind})
    assert answer.status_code == status
    assert not (work.path / "lists" / "a.txt").exists()
    assert not (work.path / "a.txt").exists()


def test_lists_are_saved_from_ids_and_from_a_query(
    client: httpx.Client, work: WorkDir, photos: Path
):
    ids = ids_by_name(work)
    chosen = [ids["photo03.jpg"], ids["photo00.jpg"], 12345]
    saved = client.post("/api/lists", json={"name": "chosen ones", "ids": chosen})
    assert saved.status_code == 201
    path = work.path / "lists" / "chosen ones.txt"
    assert saved.json() == {
        "name": "chosen ones", "path": str(path), "count": 2, "left_out": 0,
    }  # fmt: skip
    assert read_text_list(path) == (str(photos / "photo03.jpg"), str(photos / "photo00.jpg"))
    again = client.post("/api/lists", json={"name": "chosen ones", "ids": [1]})
    assert again.status_code == 400
    query = {"where": [{"column": "status", "values": ["ok"]}], "limit": 1}
    whole = client.post("/api/lists", json={"name": "chosen ones", "query": query, "replace": True})
    assert whole.json()["count"] == 8
    assert client.get("/api/lists").json() == {"lists": [{"name": "chosen ones", "count": 8}]}
    downloaded = client.get("/lists/chosen ones.txt")
    assert downloaded.text == path.read_text()
    assert downloaded.headers["content-type"] == "text/plain; charset=utf-8"
    assert "attachment" in downloaded.headers["content-disposition"]


def test_items_are_filtered_sorted_and_paged(client: httpx.Client, work: WorkDir):
    stats = read_table(work.table("stats")).sort_values(
        ["sharpness", "id"], ascending=[False, True]
    )
    query = {
        "where": [{"column": "stats.sharpness", "minimum": 0.0}],
        "sort": "stats.sharpness", "descending": True, "offset": 2, "limit": 3,
    }  # fmt: skip
    answer = client.get("/api/items", params={"query": json.dumps(query)})
    assert answer.json()["total"] == len(stats)
    assert [row["id"] for row in found(answer)] == stats["id"].tolist()[2:5]
    text = client.get("/api/items", params={"query": json.dumps({"text": "ONERROR quoted"})})
    assert len(found(text)) == 1
    assert client.get("/api/items", params={"query": "{}{"}).status_code == 400
    assert client.get("/api/items", params={"query": '{"sort": "x"}'}).status_code == 400


def test_facts_columns_and_what_is_explored(client: httpx.Client, work: WorkDir, photos: Path):
    about = client.get("/api/run").json()
    assert about["title"] == photos.name
    assert about["images"] == 9
    assert about["root"] == f"{photos}/"
    assert about["takes_pictures"] is True
    columns = {column["name"] for column in about["columns"]}
    assert {"filename", "stats.sharpness", "copies"} <= columns
    assert not {"label", "time_ms", "stats.mean_hue"} & columns, "no image has any of these"
    item = ids_by_name(work)["photo02.jpg"]
    facts = client.get(f"/api/items/{item}").json()
    assert facts["filename"] == str(photos / "photo02.jpg")
    assert facts["stats.width"] == photograph(2).shape[1]
    status = client.get("/api/columns/status").json()
    assert status["choices"] == [["ok", 8], ["not_an_image", 1]]
    assert client.get("/api/columns/nothing").status_code == 400


def test_presets_find_what_was_planted(work: WorkDir):
    run = ExploredRun(work)
    near = next(name for name in ids_by_name(work) if name.startswith("<img"))
    matching = {
        title: {Path(str(row[1])).name for row in run.search.page(query).rows}
        for title, query in run.presets.items()
    }
    assert matching["Exact copies"] == {"photo00.jpg", "copy of 0.jpg"}
    assert matching["Near duplicates"] >= {"photo01.jpg", near}
    assert matching["Invalid files"] == {"text.jpg"}
    assert len(matching["All images"]) == 9
    stats = read_table(work.table("stats"))
    assert len(matching["Dark"]) == (stats["percentile_99"] < 82).sum()


def test_pictures_are_shown(client: httpx.Client, work: WorkDir, photos: Path):
    ids = ids_by_name(work)
    item = ids["photo04.jpg"]
    original = client.get(f"/original/{item}")
    assert original.content == (photos / "photo04.jpg").read_bytes()
    assert original.headers["content-type"] == "image/jpeg"
    assert "sandbox" in original.headers["content-security-policy"]
    assert site.CHANGED_HEADER not in original.headers
    assert isinstance(decode(client.get(f"/thumbnail/{item}").content), Picture)
    assert client.get(f"/thumbnail/{ids['text.jpg']}").status_code == 404
    refused = client.get(f"/original/{ids['text.jpg']}")
    assert refused.status_code == 404
    assert "not_an_image" in refused.json()["error"]


def test_a_picture_that_was_replaced_since_the_run_is_told_to_be_another(tmp_path: Path):
    (path := tmp_path / "in.jpg").write_bytes(jpeg(photograph(1)))
    work = finish_run(path, tmp_path / "out")
    path.write_bytes(jpeg(photograph(2)))
    with Explorer(work.path) as explorer, httpx.Client(trust_env=False) as client:
        client.get(explorer.url)
        shown = client.get(f"http://127.0.0.1:{explorer.port}/original/0")
    assert shown.content == path.read_bytes()
    assert shown.headers[site.CHANGED_HEADER] == "1"
    assert shown.headers["cache-control"] == "no-store", "it may be replaced again"


def test_crops_are_explored_as_well(work: WorkDir, photos: Path):
    crops = work.path / CROPS_PART
    with Explorer(crops) as explorer, httpx.Client(trust_env=False) as client:
        base = f"http://127.0.0.1:{explorer.port}"
        client.get(explorer.url)
        answer = client.get(f"{base}/api/items?query=" + json.dumps({"sort": "crops.width"}))
        row = next(row for row in found(answer) if "photo05.jpg#xywh" in str(row["filename"]))
        original = decode(client.get(f"{base}/original/{row['id']}").content)
        assert isinstance(original, Picture)
        whole = decode((photos / "photo05.jpg").read_bytes(), full_size=True)
        assert isinstance(whole, Picture)
        assert np.array_equal(original.pixels, whole.pixels[10:70, 20:100])
        assert found(client.get(f"{base}/api/similar/{row['id']}?k=3"))


def test_a_new_run_takes_the_place_of_the_old(tmp_path: Path):
    write_photographs(tmp_path / "in", 2)
    work = finish_run(tmp_path / "in", tmp_path / "out")
    with Explorer(work.path) as explorer, httpx.Client(trust_env=False) as client:
        base = f"http://127.0.0.1:{explorer.port}"
        page = client.get(explorer.url, follow_redirects=True).text
        shown, token = (
            page.split(f'name="imgvet-{name}" content="')[1].split('"')[0]
            for name in ("run", "token")
        )
        assert client.get(f"{base}/api/run", headers={"x-imgvet-run": shown}).json()["images"] == 2
        (tmp_path / "in" / "new.jpg").write_bytes(jpeg(photograph(5)))
        finish_run(tmp_path / "in", tmp_path / "out")
        record = read_record(work).model_copy(update={"run_id": "the next"})
        work.run_json.write_text(record.model_dump_json())
        assert client.get(f"{base}/api/run").json()["images"] == 3
        stale = {"x-imgvet-run": shown, "x-imgvet-token": token}
        decision = {"ids": [0, 1], "decision": "not_a_duplicate"}
        refused = client.post(f"{base}/api/pairs", json=decision, headers=stale)
        assert (refused.status_code, work.decisions.exists()) == (409, False), "ids of another run"
        assert "load the page again" in refused.json()["error"]
        work.run_json.unlink()
        gone = client.get(f"{base}/api/run")
        assert gone.status_code == 404
        assert "No finished run" in gone.json()["error"]


def test_thumbnails_are_found_after_a_run_merged_their_packs(
    work: WorkDir, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copied = WorkDir(tmp_path / "out")
    shutil.copytree(work.path, copied.path, symlinks=True)
    explored, packs = ExploredRun(copied), Store(copied).measures
    digests = [digest for digest in packs.digests() if Thumbnails(packs).read(digest)]
    before = {digest: explored.thumbnail(digest) for digest in digests}
    assert len(packs.names()) > 1
    monkeypatch.setattr("imgvet.store.compact.SMALL_PACKS", 1)
    compact(Store(copied), today())
    assert len(packs.names()) == 1
    assert {digest: explored.thumbnail(digest) for digest in digests} == before
    packs.keep_only(())
    assert explored.thumbnail(digests[0]) is None


def test_a_search_finds_only_what_is_asked_for(client: httpx.Client, work: WorkDir):
    ids = ids_by_name(work)
    asked = {"k": 9, "query": '{"text": "copy"}'}
    found = client.get(f"/api/similar/{ids['photo04.jpg']}", params=asked).json()
    assert [Path(row[1]).name for row in found["rows"]] == ["copy of 0.jpg"]
    data = jpeg(photograph(4), quality=60)
    headers = {"content-type": "application/octet-stream"}
    found = client.post("/api/search", params=asked, content=data, headers=headers).json()
    assert [Path(row[1]).name for row in found["rows"]] == ["copy of 0.jpg"]


def test_lists_limit_what_is_found_and_are_changed(client: httpx.Client, work: WorkDir):
    ids = ids_by_name(work)
    chosen = [ids["photo02.jpg"], ids["photo05.jpg"]]
    assert client.post("/api/lists", json={"name": "to see", "ids": chosen}).status_code == 201
    page = client.get("/api/items", params={"query": '{"list": "to see"}'}).json()
    assert [row[0] for row in page["rows"]] == sorted(chosen)
    assert client.post("/api/lists/to see", json={"name": "seen"}).json() == {"name": "seen"}
    assert client.get("/api/items", params={"query": '{"list": "to see"}'}).status_code == 400
    assert client.delete("/api/lists/seen").status_code == 200
    assert client.delete("/api/lists/seen").status_code == 400
    assert client.post("/api/lists/seen", json={}).json() == {"name": "seen"}
    assert client.get("/api/items", params={"query": '{"list": "seen"}'}).json()["total"] == 2
    assert (
        client.request("DELETE", "/api/lists/seen", headers={"x-imgvet-token": ""}).status_code
        == 403
    )
    client.delete("/api/lists/seen")
