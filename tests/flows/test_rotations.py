"""Rotated and flipped duplicates are pairs and join components like any others."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from support.pictures import age, jpeg, photograph

from .conftest import Runner

ROTATIONS = {
    "right": lambda picture: np.rot90(picture, -1),
    "round": lambda picture: np.rot90(picture, 2),
    "left": np.rot90,
    "mirrored": lambda picture: picture[:, ::-1],
    "transposed": lambda picture: picture.transpose(1, 0, 2),
}


@pytest.mark.parametrize("high_accuracy", [False, True])
def test_rotated_duplicates_are_found_with_the_similarity_that_they_have_upright(
    runner: Runner, high_accuracy: bool
) -> None:
    for number, (name, rotate) in enumerate(ROTATIONS.items(), 2):
        picture = np.ascontiguousarray(rotate(photograph(number)))
        path = runner.photos / f"{name} {number}.jpg"
        path.write_bytes(jpeg(picture, quality=80))
        age(path)
    runner.run(high_accuracy=high_accuracy)
    pairs = runner.dataset.similarity()
    found = {
        frozenset((Path(left).name, Path(right).name)): similarity
        for left, right, similarity in pairs[
            ["filename_from", "filename_to", "similarity"]
        ].itertuples(index=False)
    }
    for number, name in enumerate(ROTATIONS, 2):
        pair = frozenset((f"{name} {number}.jpg", f"photo{number:02d}.jpg"))
        assert found[pair] > 0.96, name
    # The copy, the re-encoded one, the five rotated ones, and nothing else.
    assert len(found) == 2 + len(ROTATIONS)
    members, info = runner.dataset.connected_components()
    assert info["min_similarity"].min() > 0.96
    assert len(members) == 2 * (2 + len(ROTATIONS))
