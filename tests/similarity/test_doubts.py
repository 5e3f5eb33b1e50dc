"""Different pictures that look alike, and what tells them from edits."""

from __future__ import annotations

from itertools import combinations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from benchmarks.look_alikes import LOOK_ALIKES
from imgvet.images.picture import encode_thumbnail, to_standard_size
from imgvet.similarity.alignment import align
from imgvet.similarity.doubts import details_differ, level_agreement, on_levels_of, two_sided
from imgvet.similarity.look import Look
from imgvet.similarity.relations import related
from support.pictures import Pixels, photograph, scene

Values = NDArray[np.float64]
ALL = np.ones((192, 192), np.bool_)
CURVE = np.random.default_rng(1).permutation(32).astype(np.uint8).repeat(8) * 8


def look(picture: Pixels) -> Look:
    thumbnail = encode_thumbnail(to_standard_size(np.ascontiguousarray(picture)))
    return Look(thumbnail, picture.shape[1::-1])


def faded(picture: Pixels) -> Pixels:
    return (picture * 0.8 + 25).astype(np.uint8)


@pytest.mark.parametrize("kind", LOOK_ALIKES)
def test_different_pictures_that_look_alike_are_not_proven(kind: str) -> None:
    drawn = [LOOK_ALIKES[kind](number) for number in range(5)]
    for one, other in combinations(drawn, 2):
        assert not related(look(one), look(other)).verified
        assert not related(look(one), look(faded(other))).verified


@pytest.mark.parametrize("kind", ["letters", "windows", "slides", "charts", "chess boards", "eyes"])
def test_their_edits_are_proven(kind: str) -> None:
    picture = LOOK_ALIKES[kind](3)
    half = cv2.resize(picture, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    edits = [half, picture // 2, faded(picture), picture[20:, 30:], picture[:, ::-1]]
    assert all(related(look(picture), look(np.asarray(edit, np.uint8))).verified for edit in edits)


def test_text_over_a_smooth_picture_is_proven() -> None:
    rows, columns = np.indices((300, 400))
    smooth = np.stack([rows * 0.5, 60 + columns * 0.4, 200 - rows * 0.3], -1).astype(np.uint8)
    smooth[200:] = scene(2, 400, 300)[200:]
    written = smooth.copy()
    cv2.putText(written, "SAMPLE", (30, 120), cv2.FONT_HERSHEY_SIMPLEX, 3.0, (255,) * 3, 10)
    assert align(look(smooth), look(written))


def invoice(number: int) -> Pixels:
    """A filled table: words and numbers have the same places in all of them."""
    random = np.random.default_rng(number)
    page = Image.new("RGB", (800, 700), "white")
    draw, font = ImageDraw.Draw(page), ImageFont.load_default(18)
    draw.text((40, 30), "ACME Supplies Ltd.", fill=(30, 60, 110), font=ImageFont.load_default(34))
    for row in range(8):
        top = 200 + 36 * row
        draw.rectangle((40, top, 760, top + 36), outline="black")
        item = "".join(random.choice(list("abdeghknoprstuw"), int(random.integers(4, 10))))
        cells = (item, str(random.integers(1, 50)), f"{random.uniform(1, 999):.2f}")
        for left, text in zip((50, 350, 600), cells, strict=True):
            draw.text((left, top + 8), text, fill="black", font=font)
    return np.asarray(page, np.uint8)


def laboratory(number: int) -> Pixels:
    """A page of one form, so full of lines that half of it at most is plain; numbers differ."""
    random = np.random.default_rng(number)
    page = Image.new("RGB", (500, 640), "white")
    draw, font = ImageDraw.Draw(page), ImageFont.load_default(14)
    for row in range(18):
        top = 70 + 30 * row
        draw.line((30, top, 470, top), fill=(160, 160, 160))
        draw.text((35, top + 6), f"Substance {row + 1}", fill="black", font=font)
        draw.text((220, top + 6), f"{random.uniform(0, 200):.1f}", fill="black", font=font)
        draw.text((330, top + 6), "mmol/l  3.5 - 5.1", fill=(90, 90, 90), font=font)
    return np.asarray(page, np.uint8)


def digit(number: int) -> Pixels:
    """An ellipse of 28 x 28 pixels, as of handwritten zeros."""
    random, picture = np.random.default_rng(number), np.zeros((112, 112, 3), np.uint8)
    size = (int(random.integers(20, 34)), int(random.integers(30, 44)))
    angle = int(random.integers(0, 30))
    cv2.ellipse(picture, (56, 56), size, angle, 0, 360, (255, 255, 255), 12, cv2.LINE_AA)
    return np.asarray(cv2.resize(picture, (28, 28), interpolation=cv2.INTER_AREA), np.uint8)


@pytest.mark.parametrize(("draw", "others"), [(invoice, 3), (laboratory, 4), (digit, 12)])
def test_other_words_and_small_pictures_need_a_closer_look(draw, others) -> None:
    drawn = [draw(number) for number in range(others)]
    looks = [look(picture) for picture in drawn]
    pairs = list(combinations(looks, 2))
    assert any(align(*pair) for pair in pairs)
    assert not any(related(*pair).verified for pair in pairs)
    assert related(looks[0], look(drawn[0] // 4 * 3)).verified


def gray(seed: int) -> Pixels:
    return np.asarray(cv2.cvtColor(scene(seed, 192, 192), cv2.COLOR_RGB2GRAY), np.uint8)


def test_levels_agree_by_any_curve_and_not_by_chance() -> None:
    assert level_agreement(gray(1), CURVE[gray(1)], ALL) > 0.95
    assert abs(level_agreement(gray(1), gray(2), ALL)) < 0.3
    page, other = np.full((192, 192), 255, np.uint8), np.full((192, 192), 255, np.uint8)
    page[::12], other[6::12] = 0, 0  # 92 % are white in both
    assert abs(level_agreement(page, other, ALL)) < 0.1
    assert level_agreement(page, page, np.zeros_like(ALL)) == 0


def test_a_picture_is_taken_to_the_levels_of_another_and_what_covers_it_stays_apart() -> None:
    """A black box has no one level in what it covers: it is moved as far as levels near black."""
    picture = gray(1)
    darker = (picture // 2 + 10).astype(np.uint8)
    covered = picture.copy()
    covered[40:90, 40:90] = 0
    taken = on_levels_of(darker, picture, ALL).astype(np.int64)
    assert np.abs(taken - darker).mean() < 2
    boxed = on_levels_of(picture, covered, ALL)[50:80, 50:80]
    assert (boxed < 16).all()
    assert (on_levels_of(picture, gray(2), ~ALL) == gray(2)).all()


def test_what_an_edit_adds_is_on_one_side() -> None:
    plain = np.full((192, 192), 200, np.uint8)
    left, right, both = plain.copy(), plain.copy(), plain.copy()
    for picture, columns in ((left, (40,)), (right, (120,)), (both, (40, 120))):
        for column in columns:
            cv2.circle(picture, (column, 90), 12, 20, 2)
    assert two_sided(left, both, ALL) == 0
    assert two_sided(both, right, ALL) == 0
    assert two_sided(left, right, ALL) == pytest.approx(0.5, abs=0.1)
    assert two_sided(left, right, ALL & (np.arange(192) < 90)) == 0
    assert two_sided(plain, plain, ALL) == 0


def test_thumbnails_are_looked_at_whole_only_where_a_patch_differs_or_most_are_slopes() -> None:
    picture, eye = photograph(4), LOOK_ALIKES["eyes"](3)
    covered = picture.copy()
    covered[100:200, 100:200] = 255
    for shown, edited, is_whole in (
        (picture, picture // 2, False), (picture, covered, True), (eye, eye // 2, True)
    ):  # fmt: skip
        one, other = look(shown), look(edited.astype(np.uint8))
        assert align(one, other)
        assert ("fine" in vars(one)) == ("fine" in vars(other)) == is_whole


def test_faint_details_tell_two_pictures_and_not_edits() -> None:
    """An edit blurs, adds noise or covers something; two pictures differ on both sides."""
    random = np.random.default_rng(1)
    one, other = (cv2.blur(random.normal(128, 30, (192, 192)), (3, 3)) for _ in range(2))
    smooth = np.indices((192, 192)).sum(0) * 0.3
    left, right = np.where(np.arange(192) < 96, one, 128), np.where(np.arange(192) < 96, 128, other)
    counted = np.ones((12, 12), np.bool_)

    def differ(first: Values, second: Values, counted: NDArray[np.bool_] = counted) -> bool:
        shown = ((each * 0.3 + smooth).clip(0, 255).astype(np.uint8) for each in (first, second))
        return details_differ(*shown, counted)

    noisy = one + random.normal(0, 60, one.shape)
    flat = np.full(one.shape, 128.0)
    assert differ(one, other)
    assert differ(left, right)
    assert not any(differ(one, edit) for edit in (one, cv2.blur(one, (3, 3)), noisy, left, flat))
    assert not differ(one, other, counted & (np.arange(12) < 0))


def test_a_box_over_a_picture_is_no_detail_of_it() -> None:
    picture = scene(1, 400, 300)
    covered = picture.copy()
    covered[100:200, 100:200] = 255
    assert align(look(picture), look(covered))
