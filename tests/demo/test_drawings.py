"""Drawn pictures are pictures, and the same each time."""

import numpy as np
import pytest

from imgvet.demo.drawings import KINDS, Kind, draw
from imgvet.demo.photographs import PHOTOGRAPHS


@pytest.mark.parametrize("kind", KINDS[::4], ids=lambda kind: kind.name)
def test_a_drawing_is_a_varied_picture_and_repeats(kind: Kind) -> None:
    image = draw(kind, kind.variants[0])
    assert image.dtype == np.uint8
    assert image.shape[2] == 3
    assert min(image.shape[:2]) >= 300
    assert image.std() > 15
    assert np.array_equal(image, draw(kind, kind.variants[0]))


def test_variants_differ() -> None:
    kind = next(kind for kind in KINDS if len(kind.variants) > 1)
    first, second = (draw(kind, variant) for variant in kind.variants[:2])
    assert first.shape != second.shape or np.abs(first.astype(int) - second).mean() > 10


def test_names_and_variants_are_unique() -> None:
    assert len({kind.name for kind in KINDS}) == len(KINDS)
    assert all(len(set(kind.variants)) == len(kind.variants) for kind in KINDS)


def test_parts_of_a_photograph_do_not_overlap() -> None:
    boxes = [(photo.source, photo.box) for photo in PHOTOGRAPHS]
    for index, (source, box) in enumerate(boxes):
        for other_source, other in boxes[index + 1 :]:
            if source == other_source:
                assert box is not None
                assert other is not None
                height = min(box[1], other[1]) - max(box[0], other[0])
                width = min(box[3], other[3]) - max(box[2], other[2])
                assert height <= 0 or width <= 0, source
