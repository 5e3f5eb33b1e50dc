"""Names of items inside other files."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from imgvet.sources.location import (
    Location,
    is_archive_name,
    is_frame_name,
    is_video_name,
    parse_location,
    split_ending,
)

PIECES = st.sampled_from(
    ["a", "/", "!", "#", "%", "21", "23", "25", "t=1.0", ".tar", ".tar.gz", ".TGZ", ".zip", ".mp4",
     ".Mkv", ".jpg", " ", "\n", "é", "日", "\0", "\\", "..", "#t=12.25", "%21", "%2523"]
)  # fmt: skip
NAMES = st.lists(PIECES, min_size=1, max_size=9).map("".join) | st.text(
    st.characters(exclude_categories=["Cs"]), min_size=1
)
TIMES = st.integers(0, 10**10)


@st.composite
def locations(draw: st.DrawFn) -> Location:
    member = draw(st.none() | NAMES)
    path = draw(NAMES)
    if member is not None and not is_archive_name(path):
        path += draw(st.sampled_from([".tar", ".tar.gz", ".tgz", ".ZIP"]))
    last = path if member is None else member
    return Location(path, member, draw(TIMES) if is_video_name(last) else None)


@given(locations())
def test_a_location_is_read_back_as_it_was_written(location: Location) -> None:
    text = str(location)
    assert parse_location(text) == location
    assert text.encode().decode() == text


@given(locations(), locations())
def test_two_locations_never_share_a_name(one: Location, other: Location) -> None:
    assert (str(one) == str(other)) == (one == other)


@given(NAMES)
@example("/a.tar!b.jpg")
@example("/a.mp4#t=1.0")
def test_every_text_is_read_or_refused(text: str) -> None:
    try:
        location = parse_location(text)
    except ValueError:
        assert "!" in text
        return
    assert parse_location(str(location)) == location


@pytest.mark.parametrize(
    ("location", "text"),
    [
        (Location("/a/b.jpg"), "/a/b.jpg"),
        (Location("/a!/b#1 c%20.jpg"), "/a!/b#1 c%20.jpg"),
        (Location("/a.tar", "b/c.jpg"), "/a.tar!b/c.jpg"),
        (Location("/a.tar.gz", "!"), "/a.tar.gz!!"),
        (Location("s3://b/a.TGZ", "c\nd.jpg"), "s3://b/a.TGZ!c\nd.jpg"),
        (Location("/v.mp4", time_ms=12000), "/v.mp4#t=12.0"),
        (Location("/v.mp4", time_ms=33), "/v.mp4#t=0.033"),
        (Location("/a.zip", "v.mov", 1500), "/a.zip!v.mov#t=1.5"),
        (Location("/old.tar!new.jpg"), "/old.tar%21new.jpg"),
        (Location("/old.tar%21new.jpg"), "/old.tar%2521new.jpg"),
        (Location("/film.mp4#t=1.0"), "/film.mp4%23t=1.0"),
        (Location("/film.mp4#t=1.0.jpg"), "/film.mp4#t=1.0.jpg"),
    ],
)
def test_names_are_what_the_documentation_says(location: Location, text: str) -> None:
    assert str(location) == text
    assert parse_location(text) == location


@pytest.mark.parametrize(
    "wrong",
    [
        ("/a.jpg", "b.jpg"),
        ("/a.tar", ""),
        ("", None),
        ("/a.jpg", None, 5),
        ("/a.mp4", None, -1),
        ("/a.tar", "b.jpg", 1),
        ("/\udcff.jpg",),
    ],
)
def test_what_has_no_meaning_is_refused(wrong: tuple[object, ...]) -> None:
    with pytest.raises(ValueError, match=r"."):
        Location(*wrong)  # type: ignore[arg-type]


@given(locations())
def test_only_names_of_frames_are_those_of_frames(location: Location) -> None:
    assert is_frame_name(str(location)) == (location.time_ms is not None)


def test_endings() -> None:
    assert split_ending("a.b/c.D.JPG") == ("a.b/c.D", ".jpg")
    assert split_ending("a.b/c") == ("a.b/c", "")
    assert split_ending("a/.jpg") == ("a/.jpg", "")
    assert split_ending(".jpg") == (".jpg", "")
