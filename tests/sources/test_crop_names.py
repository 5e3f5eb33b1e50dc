"""Names of crops."""

from __future__ import annotations

import math

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from imgvet.images.corners import region_of_corners
from imgvet.images.region import Box, Region
from imgvet.sources.crop_names import crop_name, split_crop_name
from imgvet.sources.location import Location

PIECES = st.sampled_from(
    ["a", "/", "#", "&", "%", "23", "25", "26", "%23", "%26", "%2523", "=", ".jpg", ".mp4",
     "#t=1.0", "#xywh=1,2,3,4", "&xywh=1,2,3,4", "%23xywh=1,2,3,4", "#xywh=1,2,3",
     "#xywh=nan,-inf,1.5,01", "#corners=1,2,3,4,5,6,7,8", "&corners=1,2,3,4,5,6,7,8", "xywh=",
     "1,2,3,4", "\n", "é", ".tar!"]
)  # fmt: skip
NAMES = st.lists(PIECES, min_size=1, max_size=7).map("".join) | st.text(
    st.characters(exclude_categories=["Cs"]), min_size=1
)
# Thousandths, as far as a name holds them exactly.
NUMBERS = st.integers(-(10**9), 10**9).map(lambda number: number / 1000) | st.sampled_from(
    [0.0, math.inf, -math.inf]
)
BOXES = st.builds(Box, NUMBERS, NUMBERS, NUMBERS, NUMBERS)
CORNERS = st.tuples(*[st.integers(-(10**7), 10**7).map(lambda number: number / 1000)] * 8)
REGIONS = st.none() | st.builds(Region, BOXES) | st.builds(region_of_corners, CORNERS)


@pytest.mark.parametrize(
    ("filename", "region", "name"),
    [
        ("/photo.jpg", Region(Box(10, 20, 100, 80)), "/photo.jpg#xywh=10,20,100,80"),
        ("/photo.jpg", Region(Box(-1.5, 0.0, 1e6, 1 / 3)), "/photo.jpg#xywh=-1.5,0,1000000,0.333"),
        ("/photo.jpg", Region(Box(-0.0001, 2, 3, 4)), "/photo.jpg#xywh=0,2,3,4"),
        ("/film.mp4#t=12.0", Region(Box(1, 2, 3, 4)), "/film.mp4#t=12.0&xywh=1,2,3,4"),
        ("/a.tar!b.jpg", Region(Box(1, 2, 3, 4)), "/a.tar!b.jpg#xywh=1,2,3,4"),
        ("s3://b/c d?.jpg", Region(Box(1, 2, 3, 4)), "s3://b/c d?.jpg#xywh=1,2,3,4"),
        (
            "/photo.jpg",
            region_of_corners((5, 10, 90.5, 20, 85, 70, 0, 60)),
            "/photo.jpg#corners=5,10,90.5,20,85,70,0,60",
        ),
        ("/photo.jpg", None, "/photo.jpg"),
        ("/photo.jpg#xywh=1,2,3,4", None, "/photo.jpg%23xywh=1,2,3,4"),
        ("/photo.jpg%23xywh=1,2,3,4", None, "/photo.jpg%2523xywh=1,2,3,4"),
        ("/film.mp4#t=1.0&xywh=1,2,3,4", None, "/film.mp4#t=1.0%26xywh=1,2,3,4"),
        ("/photo.jpg#xywh=1,2,3.jpg", None, "/photo.jpg#xywh=1,2,3.jpg"),
        (
            "/photo.jpg#xywh=1,2,3,4",
            Region(Box(5, 6, 7, 8)),
            "/photo.jpg#xywh=1,2,3,4#xywh=5,6,7,8",
        ),
    ],
)
def test_names_are_what_the_documentation_says(
    filename: str, region: Region | None, name: str
) -> None:
    assert crop_name(filename, region) == name
    read, part = split_crop_name(name)
    assert read == filename
    assert crop_name(read, part) == name
    assert (part is None) == (region is None)


@given(NAMES, REGIONS)
@example("a.mp4#t=1.0#xywh=1,2,3,4", None)
@example("a.mp4#t=1.0&xywh=1,2,3,4", Region(Box(1, 2, 3, 4)))
def test_a_name_is_read_back_as_it_was_written(filename: str, region: Region | None) -> None:
    assert split_crop_name(crop_name(filename, region)) == (filename, region)


@given(NAMES, REGIONS, NAMES, REGIONS)
@example("a", Region(Box(1, 2, 3, 4)), "a#xywh=1,2,3,4", None)
@example("a.mp4#t=1.0", Region(Box(1, 2, 3, 4)), "a.mp4#t=1.0&xywh=1,2,3,4", None)
def test_two_parts_never_share_a_name(
    one: str, part: Region | None, other: str, other_part: Region | None
) -> None:
    same = (one, part) == (other, other_part)
    assert (crop_name(one, part) == crop_name(other, other_part)) == same


@given(NAMES)
def test_every_text_is_a_name_of_its_own(text: str) -> None:
    filename, region = split_crop_name(text)
    assume(filename)
    assert split_crop_name(crop_name(filename, region)) == (filename, region) or "nan" in text


@given(st.floats(), st.floats(), st.floats(), st.floats())
def test_any_numbers_can_be_written(x: float, y: float, width: float, height: float) -> None:
    name = crop_name("a.jpg", Region(Box(x, y, width, height)))
    filename, region = split_crop_name(name)
    assert filename == "a.jpg"
    assert region is not None
    for read, given_value in zip(
        (region.box.x, region.box.y, region.box.width, region.box.height),
        (x, y, width, height),
        strict=True,
    ):
        assert read == pytest.approx(given_value, abs=0.00051, nan_ok=True)
    assert crop_name(filename, region) == name


@given(NAMES)
def test_a_loose_video_and_its_frames_stay_apart(name: str) -> None:
    """A frame's crop is read as that of the frame, a file called like one as that of the file."""
    frame, file = Location(f"{name}.mp4", time_ms=1000), Location(f"{name}.mp4#t=1.0")
    region = Region(Box(1, 2, 3, 4))
    names = {
        crop_name(str(location), part) for location in (frame, file) for part in (region, None)
    }
    assert len(names) == 4
    assert {split_crop_name(written)[0] for written in names} == {str(frame), str(file)}
