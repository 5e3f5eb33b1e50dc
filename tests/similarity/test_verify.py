"""What pairs have to do with each other, and which of them are listed."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from imgvet.measures.compute_stats import measure_files
from imgvet.options import SimilarityOptions, VideoOptions
from imgvet.reasons import Failure, Reason
from imgvet.similarity import verify
from imgvet.similarity.relations import Pair, Relation
from imgvet.similarity.verify import part_ends, path_of, verify_pairs
from imgvet.store.files import FileToRead
from imgvet.store.store import Store
from imgvet.tables import SIMILARITY, conform
from imgvet.workdir import WorkDir
from support.pictures import Pixels, jpeg, scene

FULL = scene(4, 640, 480)
EDITS: dict[Relation, Pixels] = {
    Relation.RE_ENCODED: FULL,
    Relation.RESIZED: np.asarray(cv2.resize(FULL, (320, 240), interpolation=cv2.INTER_AREA)),
    Relation.CROPPED: FULL[48:384, 64:512],
    Relation.ROTATED: np.ascontiguousarray(np.rot90(FULL)),
    Relation.RECOLOURED: (FULL // 2).astype(np.uint8),
    Relation.OVERLAID: np.asarray(
        cv2.rectangle(FULL.copy(), (100, 100), (400, 250), (255, 255, 255), -1), np.uint8
    ),
    Relation.SIMILAR_ONLY: scene(9, 640, 480),
}


class Set:
    """Pictures in a store: the original, its edits, and an exact copy of the original."""

    def __init__(self, folder: Path) -> None:
        self.store = Store(WorkDir(folder / "out"))
        data = [jpeg(FULL), *(jpeg(edit, 60) for edit in EDITS.values()), jpeg(FULL)]
        files = []
        for number, content in enumerate(data):
            path = folder / f"{number}.jpg"
            path.write_bytes(content)
            files.append(FileToRead(number, str(path), len(content), None))
        read = measure_files(files, self.store, VideoOptions(), 2)
        self.items = pd.DataFrame({"id": range(len(files)), "digest": read["digest"].to_pylist()})

    def table(self, pairs: list[tuple[int, int, float]], **options: float) -> pd.DataFrame:
        frame = pd.DataFrame(pairs, columns=["from", "to", "similarity"])
        found = verify_pairs(frame, self.items, self.store, SimilarityOptions(**options), 2)
        assert conform(found, SIMILARITY).num_rows == len(found)
        return found


@pytest.fixture
def made(tmp_path: Path) -> Set:
    return Set(tmp_path)


NEAR = [(0, number, 0.95) for number in range(1, 1 + len(EDITS))]


def test_each_edit_is_called_what_it_is(made: Set) -> None:
    found = made.table([*NEAR, (0, 8, 1.0)])
    assert found["relation"].tolist() == [*EDITS, Relation.EXACT]
    proven = found["verified"].to_numpy()
    assert (proven[:6] >= 12).all()
    assert proven[6] == 0
    assert np.isnan(proven[7])
    crop = found.set_index("relation").loc[Relation.CROPPED]
    assert (crop["from_shown"], crop["to_shown"]) == pytest.approx((0.49, 1), abs=0.03)
    assert list(crop["transform"]) == pytest.approx([1, 0, -64, 0, 1, -48], abs=8)
    exact = found.iloc[-1]
    assert (exact["from_shown"], exact["to_shown"]) == (1, 1)


def test_of_the_gray_zone_only_what_is_proven_is_listed(made: Set) -> None:
    pairs = [(0, number, 0.8) for number in range(1, 1 + len(EDITS))]
    assert made.table(pairs)["relation"].tolist() == list(EDITS)[:-1]
    assert made.table(pairs, verify_threshold=0.85).empty
    listed = made.table(pairs, threshold=0.8, verify_threshold=0.85)
    assert len(listed) == len(pairs)
    assert listed["relation"].isna().all()
    assert listed["verified"].isna().all()


def test_another_order_gives_the_way_back(made: Set) -> None:
    ahead = made.table([(0, 3, 0.95)]).iloc[0]
    items = made.items["digest"].tolist()
    items[0], items[3] = items[3], items[0]
    made.items["digest"] = items
    back = made.table([(0, 3, 0.95)]).iloc[0]
    assert (ahead["from_shown"], ahead["to_shown"]) == (back["to_shown"], back["from_shown"])
    one, other = (np.vstack([np.reshape(w, (2, 3)), [0, 0, 1]]) for w in
                  (ahead["transform"], back["transform"]))  # fmt: skip
    assert one @ other == pytest.approx(np.eye(3), abs=0.1)


def test_what_was_compared_is_not_compared_again(
    made: Set, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    first = made.table(NEAR[:3])
    compared: list[Pair] = []
    whole = verify.isolated

    def counted(function: Callable[..., object], pairs: list[Pair], shown: object) -> object:
        compared.extend(pairs)
        return whole(function, pairs, shown)

    monkeypatch.setattr(verify, "isolated", counted)
    again = made.table([*NEAR[:4], (8, 4, 0.95)])  # 8 is a copy of 0
    assert len(compared) == 1
    pd.testing.assert_frame_equal(again.head(3), first)
    assert again.iloc[3:]["relation"].nunique() == 1
    path_of(made.store.work).write_bytes(b"damaged")
    pd.testing.assert_frame_equal(made.table(NEAR[:3]), first)
    assert len(compared) == 4
    monkeypatch.setattr(verify, "VERSION", verify.VERSION + 1)
    made.table(NEAR[:3])
    assert len(compared) == 7
    assert not caplog.records


def test_pairs_whose_process_is_killed_are_compared_here(
    made: Set, monkeypatch: pytest.MonkeyPatch
) -> None:
    lost = Failure(Reason.DECODER_CRASHED, "the process that decoded it ended with SIGKILL")
    monkeypatch.setattr(verify, "isolated", lambda *_: lost)
    assert made.table(NEAR)["relation"].tolist() == list(EDITS)


def test_what_hangs_together_is_compared_together(
    made: Set, monkeypatch: pytest.MonkeyPatch
) -> None:
    parts = []
    monkeypatch.setattr(verify, "_PAIRS_AT_ONCE", 2)
    monkeypatch.setattr(
        verify, "isolated", lambda function, *known: parts.append(known) or function(*known)
    )
    made.table([(0, 1, 0.95), (2, 3, 0.95), (4, 1, 0.95), (5, 2, 0.95)])
    assert sorted(len(shown) for _, shown in parts) == [3, 3]


def test_no_pairs_are_no_rows(made: Set) -> None:
    assert made.table([]).empty


def test_a_pair_that_is_apart_stays_and_is_decided(made: Set) -> None:
    digest = made.items["digest"]
    apart = (min(digest[0], digest[2]), max(digest[0], digest[2]))
    pairs = [*NEAR, (0, 8, 1.0)]
    plain = made.table(pairs)
    assert not plain["decided"].any()
    frame = pd.DataFrame(pairs, columns=["from", "to", "similarity"])
    found = verify_pairs(frame, made.items, made.store, SimilarityOptions(), 2, (apart,))
    assert found.loc[found["decided"], ["from", "to"]].to_numpy().tolist() == [[0, 2]]
    pd.testing.assert_frame_equal(found.drop(columns="decided"), plain.drop(columns="decided"))


def test_what_compares_is_quickly_imported() -> None:
    """A process that decodes imports it before it compares the first pair."""
    code = (
        "import sys, imgvet.similarity.relations; print({'pandas', 'pyarrow'} & set(sys.modules))"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout.strip() == "set()"


@given(st.lists(st.integers(1, 700), max_size=40))
def test_no_family_is_cut_that_fits_into_a_part(sizes: list[int]) -> None:
    families = np.repeat(np.arange(len(sizes)), sizes)
    ends = part_ends(families)
    starts = [0, *ends[:-1]]
    assert ends[-1] == len(families)
    assert all(start < end <= start + 256 for start, end in zip(starts, ends, strict=True) if sizes)
    for start in starts[1:]:
        family = families[start]
        assert families[start - 1] != family or sizes[family] > 128
