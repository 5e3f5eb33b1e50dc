"""The parameter bounding_box."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imgvet.crops.cutter import DETECTORS, parse_bounding_box
from imgvet.errors import InvalidParameterError
from imgvet.images.geometry import Box

NUMBERS = st.floats(-1e6, 1e6)
SIZES = st.floats(1e-3, 1e6)


@given(
    NUMBERS, NUMBERS, SIZES, SIZES, st.permutations(range(4)), st.sampled_from(["", " "]),
    st.sampled_from([",", ", ", " "]),
)  # fmt: skip
def test_a_box_in_any_order(
    x: float, y: float, width: float, height: float, order: list[int], space: str, between: str
) -> None:
    entries = [f"row_y={y}", f"col_x={x}", f"height={height}", f"width{space}={space}{width}"]
    text = between.join(entries[place] for place in order)
    assert parse_bounding_box(text) == Box(x, y, width, height)


@pytest.mark.parametrize("detector", DETECTORS)
def test_detectors(detector: str) -> None:
    assert parse_bounding_box(f" {detector.upper()} ") == detector


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "is no box (nor a detector)"),
        ("faces", "did you mean face"),
        ("yolov5", "did you mean yolov5s"),
        ("10,20,30,40", "is no box (nor a detector)"),
        ("row_y=1,col_x=2,height=3", "width missing"),
        ("row_y=1", "col_x, height, width missing"),
        ("row_y=1,col_x=2,height=3,width=4,width=5", "width comes twice"),
        ("row_y=1,col_x=2,height=3,weight=4", "weight is unknown, did you mean height"),
        ("row_y=1,col_x=2,height=3,depth=4", "depth is unknown"),
        ("row_y=a,col_x=2,height=3,width=4", "'row_y=a' is not name=number"),
        ("row_y=nan,col_x=2,height=3,width=4", "'row_y=nan' is not name=number"),
        ("row_y=1,col_x=2,height=0,width=4", "height is not above 0"),
        ("row_y=1,col_x=2,height=3,width=-4", "width is not above 0"),
        ("row_y=1,=2,height=3,width=4", "'=2' is not name=number"),
        ("row_y=1=2,height=3,width=4", "'row_y=1=2' is not name=number"),
    ],
)
def test_what_is_wrong_is_told_in_one_line_with_the_right_form(text: str, problem: str) -> None:
    with pytest.raises(InvalidParameterError) as raised:
        parse_bounding_box(text)
    message = str(raised.value)
    assert problem in message
    assert "Write row_y=10,col_x=20,height=100,width=80" in message
    assert "\n" not in message


@given(st.text())
def test_any_text_is_a_box_a_detector_or_an_error(text: str) -> None:
    try:
        parsed = parse_bounding_box(text)
    except InvalidParameterError:
        return
    assert isinstance(parsed, Box) or parsed in DETECTORS
