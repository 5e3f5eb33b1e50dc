"""How one picture lies in another, against planted maps."""

from __future__ import annotations

from functools import cache

import cv2
import numpy as np
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from imgvet.images.picture import encode_thumbnail, oriented, to_standard_size
from imgvet.similarity.alignment import Alignment, align
from imgvet.similarity.look import Look
from imgvet.similarity.maps import Map, inverted, shared_area
from support.pictures import Pixels, scene

WIDTH, HEIGHT = 400, 300
SEEDS = 6
CORNERS = np.array([[0, 0], [1, 0], [0, 1], [1, 1]])


@cache
def drawn(seed: int) -> Pixels:
    return scene(seed, WIDTH, HEIGHT)


def look(picture: Pixels) -> Look:
    thumbnail = encode_thumbnail(to_standard_size(np.ascontiguousarray(picture)))
    return Look(thumbnail, picture.shape[1::-1])


def aligned(first: Pixels, second: Pixels) -> Alignment:
    found = align(look(first), look(second))
    assert found is not None
    return found


def taken(way: Map, points: np.ndarray = CORNERS) -> np.ndarray:
    return points @ way[:, :2].T + way[:, 2]


@pytest.mark.parametrize("code", range(1, 9))
def test_whole_pictures_are_found_in_every_orientation(code: int) -> None:
    found = aligned(drawn(1), oriented(drawn(1), code))
    probe = oriented(np.arange(WIDTH * HEIGHT, dtype=np.int64).reshape(HEIGHT, WIDTH, 1), code)
    row, column = np.argwhere(probe[..., 0] == 0)[0]
    place = [column / (probe.shape[1] - 1), row / (probe.shape[0] - 1)]
    assert taken(found.map)[0] == pytest.approx(place, abs=0.02)
    assert (found.first_shown, found.second_shown) == pytest.approx((1, 1), abs=0.03)
    assert found.differing <= 3


boxes = st.tuples(st.floats(0, 0.5), st.floats(0, 0.5), st.floats(0.45, 1), st.floats(0.45, 1))


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, SEEDS - 1), box=boxes)
def test_a_part_is_found_where_it_was_cut(
    seed: int, box: tuple[float, float, float, float]
) -> None:
    left, top, wide, high = box
    right, bottom = min(left + wide, 1.0), min(top + high, 1.0)
    assume(0.5 < (right - left) / (bottom - top) < 2)
    columns, rows = (round(left * WIDTH), round(right * WIDTH)), (
        round(top * HEIGHT), round(bottom * HEIGHT),
    )  # fmt: skip
    part = drawn(seed)[rows[0] : rows[1], columns[0] : columns[1]]
    found = align(look(drawn(seed)), look(part))
    assume(found is not None)  # How many are found is the next test.
    assert found is not None
    corners = taken(inverted(found.map))
    true = CORNERS * [np.diff(columns)[0], np.diff(rows)[0]] + [columns[0], rows[0]]
    assert corners == pytest.approx(true / [WIDTH, HEIGHT], abs=0.05)
    area = part.shape[0] * part.shape[1] / (WIDTH * HEIGHT)
    assert found.first_shown == pytest.approx(area, abs=0.06)
    assert found.second_shown > 0.94


@pytest.mark.parametrize("seed", range(SEEDS))
def test_edits_are_found(seed: int) -> None:
    picture = drawn(seed)
    middle = picture[75:225, 100:300]
    written = middle.copy()
    cv2.putText(written, "SAMPLE", (10, 90), cv2.FONT_HERSHEY_SIMPLEX, 1.5, (255, 255, 255), 6)
    tilted = cv2.warpAffine(picture, cv2.getRotationMatrix2D((200, 150), 5, 1), (WIDTH, HEIGHT))
    framed = cv2.copyMakeBorder(picture, 24, 24, 24, 24, cv2.BORDER_CONSTANT, value=(255,) * 3)
    collage = np.vstack([np.hstack([picture, drawn(17)]), np.hstack([drawn(18), drawn(19)])])
    shares = {
        "part": (middle, 0.25, 1), "written": (written, 0.25, 1), "framed": (framed, 1, 0.77),
        "collage": (collage, 1, 0.25), "tilted": (np.asarray(tilted), 0.95, 0.95),
        "mirrored part": (middle[:, ::-1], 0.25, 1),
    }  # fmt: skip
    for edited, first, second in shares.values():
        found = aligned(picture, edited)
        assert (found.first_shown, found.second_shown) == pytest.approx((first, second), abs=0.06)


def test_what_only_overlaps_is_found_by_the_thorough_search_alone() -> None:
    left, right = drawn(2)[:200, :260], drawn(2)[60:, 90:]
    found = aligned(left, right)
    shared = (260 - 90) * (200 - 60)
    shown = (shared / (200 * 260), shared / (240 * 310))
    assert (found.first_shown, found.second_shown) == pytest.approx(shown, abs=0.06)
    assert align(look(left), look(right), thorough=False) is None


def test_different_pictures_under_the_same_text_and_frame_are_not_proven() -> None:
    pictures = []
    for seed in range(20):
        picture = cv2.copyMakeBorder(
            drawn(seed), 30, 30, 30, 30, cv2.BORDER_CONSTANT, value=(40, 90, 160)
        )
        cv2.putText(picture, "SAMPLE", (60, 200), cv2.FONT_HERSHEY_SIMPLEX, 2.5, (255,) * 3, 8)
        pictures.append(look(np.asarray(picture, np.uint8)))
    found = [align(one, other) for one in pictures for other in pictures if one is not other]
    assert not any(found)


def test_nothing_is_proven_of_pictures_without_texture() -> None:
    plain = np.full((HEIGHT, WIDTH, 3), 90, np.uint8)
    slope = np.repeat(np.linspace(0, 255, WIDTH, dtype=np.uint8)[None, :, None], HEIGHT, 0)
    looks = [look(plain), look(plain // 2), look(np.repeat(slope, 3, 2)), look(plain[:12, :300])]
    assert not any(align(one, other) for one in looks[:2] for other in looks)


def test_other_colours_are_measured() -> None:
    darker = (drawn(3) // 2).astype(np.uint8)
    assert aligned(drawn(3), darker).recoloured > 20
    assert aligned(drawn(3), drawn(3)).recoloured < 1


maps = st.tuples(*[st.floats(-2, 2)] * 6).map(
    lambda values: np.round(np.reshape(values, (2, 3)), 6)  # det divides by the smallest floats
)


@given(way=maps)
@example(way=np.array([[-1.0, 1.0, 1e-05], [0.0, 1.0, 0.5]]))
def test_shared_area_is_that_of_the_covered_square(way: Map) -> None:
    assume(abs(np.linalg.det(way[:, :2])) > 0.05)
    steps = (np.arange(60) + 0.5) / 60
    points = np.stack(np.meshgrid(steps, steps), -1).reshape(-1, 2)
    inside = ((taken(inverted(way), points) > 0) & (taken(inverted(way), points) < 1)).all(axis=1)
    assert shared_area(way) == pytest.approx(inside.mean(), abs=0.06)
