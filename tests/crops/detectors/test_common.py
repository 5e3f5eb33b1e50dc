"""What detectors share: scaled pictures, and boxes clipped and in order."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from imgvet.crops.detectors.common import best_inside
from imgvet.crops.detectors.yolo import letterboxed
from imgvet.images.geometry import Box, Region

sides = st.integers(1, 300)


@given(sides, sides, st.integers(16, 200), st.integers(16, 200))
def test_a_letterboxed_picture_fits_and_its_box_comes_back(
    width: int, height: int, to_width: int, to_height: int
) -> None:
    picture = np.full((height, width, 3), 200, np.uint8)
    result, (left, top, x, y) = letterboxed(picture, to_width, to_height)
    assert result.shape == (to_height, to_width, 3)
    rows, columns = np.nonzero((result == 200).all(axis=2))
    found = np.array([[columns.min(), rows.min(), np.ptp(columns) + 1, np.ptp(rows) + 1]], float)
    assert (found[0, 0], found[0, 1]) == (left, top)
    assert np.allclose(found[0, 2:] / (x, y), (width, height))
    bars = to_width - found[0, 2], to_height - found[0, 3]
    assert min(bars) <= 1
    assert abs(found[0, 0] * 2 - bars[0]) <= 1
    assert abs(found[0, 1] * 2 - bars[1]) <= 1
    assert set(np.unique(result)) <= {114, 200}


PICTURE = np.zeros((80, 100, 3), np.uint8)
reach = st.floats(-50, 150)
length = st.floats(0, 120)


@given(reach, reach, length, length)
def test_a_clipped_box_lies_in_both(x: float, y: float, width: float, height: float) -> None:
    found = best_inside([Region(Box(x, y, width, height))], PICTURE)
    if not found:
        across, down = min(x + width, 100) - max(x, 0), min(y + height, 80) - max(y, 0)
        assert min(across, down) <= 0
        return
    part = found[0].box
    assert 0 <= part.x < 100
    assert 0 <= part.y < 80
    assert 0 < part.width <= width + 1e-9
    assert 0 < part.height <= height + 1e-9
    assert part.x + part.width <= 100 + 1e-9
    assert part.y + part.height <= 80 + 1e-9


@given(st.permutations(range(4)))
def test_the_order_does_not_depend_on_how_regions_were_found(order: list[int]) -> None:
    regions = [
        Region(Box(9, 9, 1, 1), score=0.9),
        Region(Box(5, 1, 1, 1), score=0.5),
        Region(Box(2, 3, 1, 1), score=0.5),
        Region(Box(4, 3, 1, 1), score=0.5),
    ]
    assert best_inside((regions[number] for number in order), PICTURE) == regions
