"""Crops cut out of pictures."""

from __future__ import annotations

import math
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imgvet.crops.crop import clip, cut_clipped, cut_picture
from imgvet.images.decode import decode
from imgvet.images.geometry import Box, Corners, Region, region_of_corners
from imgvet.images.picture import Picture
from imgvet.reasons import Failure, Reason
from support.annotated import BOX, draw_rotated, draw_set
from support.pictures import Pixels, jpeg, scene

SCENE = scene(3)


def picture_of(pixels: Pixels, scale: int = 1) -> Picture:
    """A picture whose pixels were decoded at 1 / scale."""
    height, width = pixels.shape[:2]
    return Picture(pixels, width * scale, height * scale, 3, 8, "a note")


def cut(picture: Picture, region: Region) -> Picture:
    crop = cut_picture(picture, region)
    assert isinstance(crop, Picture)
    return crop


def corners_of_box(x: float, y: float, width: float, height: float) -> Corners:
    return (x, y, x + width, y, x + width, y + height, x, y + height)


def test_planted_objects_are_what_is_cut_out(tmp_path: Path) -> None:
    drawn = draw_set(tmp_path, 30, boxes_each=10)
    for name, rows in drawn.frame.groupby("filename"):
        picture = decode((tmp_path / str(name)).read_bytes())
        assert isinstance(picture, Picture)
        for row in rows.itertuples():
            x, y, width, height = (float(getattr(row, column)) for column in BOX)
            colour = drawn.colours[int(row.Index)]
            for region in (
                Region(Box(x, y, width, height)),
                region_of_corners(corners_of_box(x, y, width, height)),
            ):
                crop = cut(picture, region)
                assert crop.pixels.shape == (height, width, 3)
                assert (crop.pixels == colour).all()
            wider = cut(picture, Region(Box(x - 1, y, width + 1, height)))
            assert x == 0 or (wider.pixels[:, 0] != colour).any()
    assert len(drawn.frame) == 300


def test_an_upright_crop_is_a_copy_of_these_pixels() -> None:
    crop = cut(picture_of(SCENE), Region(Box(-20, 100, 70, 500), label="x"))
    assert np.array_equal(crop.pixels, SCENE[100:, :50])
    assert (crop.width, crop.height, crop.detail) == (50, 140, "a note")
    assert crop.pixels.flags.c_contiguous
    assert not np.shares_memory(crop.pixels, SCENE)


@settings(max_examples=60)
@given(st.integers(-40, 300), st.integers(-40, 230), st.integers(2, 200), st.integers(2, 200))
def test_whole_corners_of_an_upright_box_cut_as_the_box_does(
    x: int, y: int, width: int, height: int
) -> None:
    picture = picture_of(SCENE)
    upright = cut_picture(picture, Region(Box(x, y, width, height)))
    rotated = cut_picture(picture, region_of_corners(corners_of_box(x, y, width, height)))
    if isinstance(upright, Failure) or isinstance(rotated, Failure):
        assert isinstance(upright, Failure)
        assert isinstance(rotated, Failure)
        return
    assert (upright.width, upright.height) == (rotated.width, rotated.height)
    assert np.abs(upright.pixels.astype(int) - rotated.pixels.astype(int)).max() <= 1


@pytest.mark.parametrize("quarters", range(4))
def test_turned_by_right_angles_the_pixels_are_turned(quarters: int) -> None:
    corners = corners_of_box(40, 30, 120, 80)
    start = 2 * quarters
    region = region_of_corners((*corners[start:], *corners[:start]))  # type: ignore[arg-type]
    expected = np.rot90(SCENE[30:110, 40:160], quarters)
    found = cut(picture_of(SCENE), region).pixels
    assert found.shape == expected.shape
    assert np.abs(found.astype(int) - expected.astype(int)).max() <= 1


@pytest.mark.parametrize("degrees", [3, 17, 45, 88, 120, 200, 301])
def test_a_rotated_box_is_straightened(degrees: float) -> None:
    angle, centre = math.radians(degrees), (160, 120)
    along = np.array([math.cos(angle), math.sin(angle)]) * 50
    aside = np.array([-math.sin(angle), math.cos(angle)]) * 30
    points = [centre - along - aside, centre + along - aside]
    points += [centre + along + aside, centre - along + aside]
    corners: Corners = tuple(np.concatenate(points).tolist())
    crop = cut(picture_of(draw_rotated(SCENE, corners)), region_of_corners(corners))
    assert (crop.width, crop.height) == (100, 60)
    assert crop.pixels.shape == (60, 100, 3)
    for (row, column), colour in {
        (15, 25): (255, 0, 0), (15, 75): (0, 255, 0), (45, 75): (0, 0, 255), (45, 25): (255,) * 3,
    }.items():  # fmt: skip
        quarter = crop.pixels[row - 12 : row + 12, column - 22 : column + 22]
        assert (quarter == colour).all()


def test_a_perspective_is_undone() -> None:
    corners = (60.0, 40.0, 250.0, 70.0, 270.0, 180.0, 40.0, 220.0)
    crop = cut(picture_of(draw_rotated(SCENE, corners)), region_of_corners(corners))
    height, width = crop.pixels.shape[:2]
    assert width == round((math.hypot(190, 30) + math.hypot(230, 40)) / 2)
    assert height == round((math.hypot(20, 110) + math.hypot(20, 180)) / 2)
    assert (crop.pixels[4 : height // 2 - 3, 4 : width // 2 - 3] == (255, 0, 0)).all()
    assert (crop.pixels[height // 2 + 3 : -4, width // 2 + 3 : -4] == (0, 0, 255)).all()


def test_a_rotated_box_that_reaches_out_shows_only_the_picture() -> None:
    plain = np.full((100, 200, 3), (10, 200, 30), np.uint8)
    crop = cut(picture_of(plain), region_of_corners((150, -30, 260, 40, 230, 90, 120, 20)))
    assert (crop.pixels == (10, 200, 30)).all()
    assert crop.pixels.shape == (crop.height, crop.width, 3)


@pytest.mark.parametrize("scale", [2, 4, 8])
@pytest.mark.parametrize("rotated", [False, True])
def test_pictures_decoded_at_a_reduced_scale(scale: int, rotated: bool) -> None:
    x, y, width, height = (scale * value for value in (40, 30, 100, 60))
    region = Region(Box(x, y, width, height))
    if rotated:
        region = region_of_corners(corners_of_box(x, y, width, height))
    crop = cut(picture_of(SCENE, scale), region)
    assert (crop.width, crop.height) == (width, height)
    expected = SCENE[30:90, 40:140]
    assert crop.pixels.shape == expected.shape
    assert np.abs(crop.pixels.astype(int) - expected.astype(int)).max() <= 1


def test_a_box_of_less_than_a_reduced_pixel_is_one_pixel() -> None:
    for region in (
        Region(Box(401, 303, 3, 2)),
        region_of_corners(corners_of_box(401, 303, 3, 2)),
        Region(Box(2559, 1919, 1, 1)),
    ):
        crop = cut(picture_of(SCENE, 8), region)
        assert crop.pixels.shape == (1, 1, 3)
        assert (crop.width, crop.height) == (region.box.width, region.box.height)


def test_a_large_jpeg_is_cut_where_the_object_is() -> None:
    large = cv2.resize(scene(9), (2560, 1920))
    large[800:1200, 1000:1600] = (250, 20, 20)
    picture = decode(jpeg(large))
    assert isinstance(picture, Picture)
    assert picture.pixels.shape[1] < picture.width == 2560
    for box in ((1000, 800, 600, 400), (1024, 832, 32, 32)):
        for region in (Region(Box(*box)), region_of_corners(corners_of_box(*box))):
            crop = cut(picture, region)
            assert (crop.width, crop.height) == box[2:]
            inner = crop.pixels[1:-1, 1:-1] if min(crop.pixels.shape[:2]) > 2 else crop.pixels
            assert np.abs(inner.astype(int) - (250, 20, 20)).max() < 12


def test_no_crop_is_a_reason() -> None:
    found = cut_picture(picture_of(SCENE), Region(Box(5000, 10, 10, 10)))
    assert isinstance(found, Failure)
    assert found.reason is Reason.OUTSIDE_PICTURE
    assert found.detail == "box x 5000 y 10 width 10 height 10, the picture has 320 x 240 pixels"


def test_long_pictures_can_be_warped() -> None:
    long = np.zeros((40, 40_000, 3), np.uint8)
    long[:, 39_000:39_100] = 255
    crop = cut(picture_of(long), region_of_corners((39_010, 5, 39_090, 8, 39_090, 30, 39_010, 33)))
    assert (crop.pixels == 255).all()


@settings(max_examples=100, deadline=None)
@given(st.tuples(*[st.floats(-400, 700)] * 8), st.sampled_from([1, 3]))
def test_any_corners_are_cut_or_a_reason(corners: Corners, scale: int) -> None:
    picture = picture_of(SCENE, scale)
    clipped = clip(region_of_corners(corners), picture.width, picture.height)
    if isinstance(clipped, Region):
        crop = cut_clipped(picture, clipped)
        height, width = crop.pixels.shape[:2]
        assert width == pytest.approx(crop.width / scale, abs=1)
        assert height == pytest.approx(crop.height / scale, abs=1)
        assert 0 <= clipped.box.x < clipped.box.x + clipped.box.width <= picture.width
        assert 0 <= clipped.box.y < clipped.box.y + clipped.box.height <= picture.height
