"""Where items lie, and what they are called."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imgvet.options import SourceOptions
from imgvet.sources.kinds import split_ending
from imgvet.sources.listing import Entry, as_table, item_name, select, with_digests
from imgvet.store.files import SCHEMA, FileIndex, files_in
from imgvet.tables import to_frame

PIECES = st.sampled_from(
    ["a", "/", "!", "#", "%", "21", "23", "25", "t=1.0", ".tar", ".tar.gz", ".TGZ", ".zip", ".mp4",
     ".Mkv", ".jpg", " ", "\n", "é", "日", "\0", "\\", "..", "#t=12.25", "%21", "%2523",
     "#xywh=1,2,3,4", "&xywh=1,2,3,4"]
)  # fmt: skip
NAMES = st.lists(PIECES, min_size=1, max_size=5).map("".join) | st.text(
    st.characters(exclude_categories=["Cs"]), min_size=1
)
PLACES = st.tuples(NAMES, st.none() | NAMES, st.none() | st.integers(0, 10**10))


@settings(deadline=None)
@given(st.lists(PLACES, min_size=1, max_size=8))
def test_every_place_is_listed_once_and_read_back(
    places: list[tuple[str, str | None, int | None]],
) -> None:
    entries = [Entry(path, "in", 9, 9, member=m, time_ms=t) for path, m, t in places * 2]
    listed = select(entries, SourceOptions(input_dir=("in",)))
    assert len(listed) == len(set(places))
    order = [(item_name(e.path, e.member), -1 if e.time_ms is None else e.time_ms) for e in listed]
    assert order == sorted(order)
    files = files_in(to_frame(as_table(listed)))
    assert {(file.path, file.member, file.time_ms) for file in files} == set(places)
    known = [{**file.key._asdict(), "digest": str(file.id)} for file in files]
    with tempfile.TemporaryDirectory() as folder:
        index = FileIndex(Path(folder))
        index.add(pa.Table.from_pylist(known, SCHEMA))
        found = with_digests(as_table(listed), index.load())
    assert found["digest"].to_pylist() == [str(file.id) for file in files]


def test_frames_come_in_the_order_of_time() -> None:
    frames = [Entry("/a.mp4", "in", time_ms=1000 * second) for second in (10, 2, 0, 1)]
    listed = select([Entry("/a.mp4.jpg", "in"), *frames], SourceOptions(input_dir=("in",)))
    assert [one.time_ms for one in listed] == [0, 1000, 2000, 10000, None]
    all_times = [0, 1000, 2000, 10000]
    for subset, times in (("/a.mp4", all_times), ("/a.mp4#t=2.0", [2000]), ("/a.mp4#t=2", [2000])):
        chosen = select(listed, SourceOptions(input_dir=("in",), subset=(subset,)))
        assert [one.time_ms for one in chosen] == times


def test_what_is_called_alike_stays_apart() -> None:
    entries = [Entry("/a.tar!b.jpg", "in"), Entry("/a.tar", "in", member="b.jpg")]
    for order in (entries, entries[::-1]):
        listed = select(order, SourceOptions(input_dir=("in",)))
        assert [entry.member for entry in listed] == ["b.jpg", None]
        assert {entry.filename for entry in listed} == {"/a.tar!b.jpg"}


@pytest.mark.parametrize(
    ("place", "name"),
    [
        (("/a/b.jpg",), "/a/b.jpg"),
        (("/a!/b#1 c%20.jpg",), "/a!/b#1 c%20.jpg"),
        (("/a.tar", "b/c.jpg"), "/a.tar!b/c.jpg"),
        (("/a.tar.gz", "!"), "/a.tar.gz!!"),
        (("s3://b/a.TGZ", "c\nd.jpg"), "s3://b/a.TGZ!c\nd.jpg"),
        (("/v.mp4", None, 12000), "/v.mp4#t=12.0"),
        (("/v.mp4", None, 0), "/v.mp4#t=0.0"),
        (("/v.mp4", None, 33), "/v.mp4#t=0.033"),
        (("/a.zip", "v.mov", 1500), "/a.zip!v.mov#t=1.5"),
        (("/photo.jpg", None, None, (10, 20, 100, 80)), "/photo.jpg#xywh=10,20,100,80"),
        (("/photo.jpg", None, None, (-1.5, 0.0, 1e6, 1 / 3)),
         "/photo.jpg#xywh=-1.5,0,1000000,0.333"),
        (("/photo.jpg", None, None, (-0.0001, 2, 3, float("nan"))), "/photo.jpg#xywh=0,2,3,nan"),
        (("/film.mp4", None, 12000, (1, 2, 3, 4)), "/film.mp4#t=12.0&xywh=1,2,3,4"),
        (("/a.tar", "b.jpg", None, (1, 2, 3, 4)), "/a.tar!b.jpg#xywh=1,2,3,4"),
        (("s3://b/c d?.jpg", None, None, (1, 2, 3, 4)), "s3://b/c d?.jpg#xywh=1,2,3,4"),
        (("/photo.jpg", None, None, (5, 10, 90.5, 20, 85, 70, 0, 60)),
         "/photo.jpg#corners=5,10,90.5,20,85,70,0,60"),
        (("/old.tar!new.jpg",), "/old.tar!new.jpg"),
    ],
)  # fmt: skip
def test_names_are_what_the_documentation_says(place: tuple[object, ...], name: str) -> None:
    assert item_name(*place) == name  # type: ignore[arg-type]


def test_endings() -> None:
    assert split_ending("a.b/c.D.JPG") == ("a.b/c.D", ".jpg")
    assert split_ending("a.b/c") == ("a.b/c", "")
    assert split_ending("a/.jpg") == ("a/.jpg", "")
    assert split_ending(".jpg") == (".jpg", "")
