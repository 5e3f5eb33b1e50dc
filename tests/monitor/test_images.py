"""Which images are new."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from imgvet.monitor.images import keys_of, new_items

contents = st.lists(st.sampled_from([bytes([value] * 15) + b"\0" for value in range(6)]))


@given(contents, contents, contents)
def test_new_are_the_copies_beyond_those_known(
    run: list[bytes], first: list[bytes], second: list[bytes]
) -> None:
    known = [np.sort(np.array(earlier, "S16")) for earlier in (first, second)]
    new = new_items(np.array(run, "S16"), known)
    before = Counter(first) | Counter(second)
    assert Counter(key for key, is_new in zip(run, new, strict=True) if is_new) == (
        Counter(run) - before
    )


def test_later_copies_are_the_new_ones() -> None:
    keys = np.array([b"a", b"b", b"a", b"a"], "S16")
    assert new_items(keys, [np.array([b"a"], "S16")]).tolist() == [False, True, True, True]


def test_unread_files_are_told_apart_by_name_and_size() -> None:
    items = pd.DataFrame(
        {
            "digest": ["00" * 16, "00" * 16, None, None, None],
            "filename": ["a", "b", "c", "d", "c"],
            "file_size": pd.array([1, 1, 0, 0, None], "Int64"),
        }
    )
    keys = keys_of(items)
    assert keys[0] == keys[1]
    assert len(set(keys[1:].tolist())) == 4
