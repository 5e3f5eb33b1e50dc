"""Mutations and the lighter bombs, on the way of a run; benchmarks/hostile.py tries many more."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks import bombs, hostile
from benchmarks.seed_files import container_seeds, image_seeds, mutated
from imgvet.images.decode import decode
from imgvet.images.formats import Format, identify
from imgvet.images.picture import Picture

EXPECTED = {
    "50,000 x 50,000 in 100 kB.png": {"too_large"},
    "100,000 frames.gif": {"too_small"},
    "100,000 frames.webp": {"ok"},
    "100,000 pages.tif": {"too_small"},
    "60,000 x 60,000.heic": {"too_large", "corrupt"},
    "60,000 x 60,000.avif": {"too_large", "corrupt"},
    "a codestream of JPEG XL.jpg": {"unsupported"},
    "numbers of 5,000 digits.png": {"corrupt"},
    "a billion laughs.jpg": {"not_an_image"},
    "an SVG.jpg": {"unsupported"},
    "zips in zips.zip": {"nested_archive"},
    "absurd sizes.tar": {"ok", "archive_bomb", "archive_damaged"},
}


def test_seeds_are_good_and_of_every_format() -> None:
    seeds = image_seeds()
    assert {type(decode(data)) for data in seeds.values()} == {Picture}
    assert {identify(data) for data in seeds.values()} == set(Format)


def test_a_mutation_is_decided_by_its_number() -> None:
    seeds = [*image_seeds().values(), *container_seeds().values()]
    one, same, other = (
        [mutated(data, seeds, np.random.default_rng(number)) for data in seeds]
        for number in (1, 1, 2)
    )
    assert one == same
    assert sum(left != right for left, right in zip(one, other, strict=True)) > len(seeds) - 3


def test_mutations_end_in_rows() -> None:
    found = hostile.mutations(80, seed=1)
    assert found.total() >= 70  # Archives may be left empty.
    assert len({status for _, status in found}) > 4


def test_bombs_are_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bombs, "FRAMES", 5000)
    folder = tmp_path / "in"
    folder.mkdir()
    for name in EXPECTED:
        (folder / name).write_bytes(bombs.BOMBS[name]())
    bombs.write_sparse(folder / hostile.SPARSE)
    items = hostile.items_of(folder, tmp_path / "out")
    found = items.groupby(items["path"].map(lambda path: Path(path).name))["status"].agg(set)
    wrong = {
        name: statuses
        for name, statuses in found.items()
        if not statuses <= (EXPECTED | {hostile.SPARSE: {"too_large"}})[name]
    }
    assert wrong == {}
    assert set(found.index) == {*EXPECTED, hostile.SPARSE}
