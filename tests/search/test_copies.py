"""Which exact copy is kept, and why: reasons that a person can follow, and no guess."""

from __future__ import annotations

import pandas as pd
import pytest

from imgvet.search.copies import CopyGroup, copy_groups

Row = tuple[str, str | None, str | None]


def judged(*rows: Row) -> CopyGroup:
    """The one group of files with their labels and splits."""
    frame = pd.DataFrame(rows, columns=["filename", "label", "split"])
    (group,) = copy_groups(frame.assign(id=range(len(rows)), digest="a"))
    return group


@pytest.mark.parametrize(
    ("kept", "rows", "reason"),
    [
        (1, [("/d/a copy of x.jpg", "cat", None), ("/d/x.jpg", "cat", None)],
         "its name is the shortest"),
        (1, [("/a/x (1).jpg", None, None), ("/b/x.jpg", None, None), ("/c/y-x.jpg", None, None)],
         "its name is the shortest"),
        (1, [("/d/b.jpg", None, "test"), ("/e/a.jpg", None, "test")], "its name sorts first"),
        (1, [("/e/a.jpg", None, None), ("/d/a.jpg", None, None)], "its path sorts first"),
        (1, [("/d/a.jpg", None, None), ("/d/longer.jpg", "cat", None)], "it alone has the label"),
        (1, [("/d/a.jpg", "cat", None), ("/d/longer.jpg", "cat", "test")],
         "it alone has the label and split"),
        (2, [("/d/a.jpg", None, None), ("/d/xx.jpg", "cat", "test"), ("/d/x.jpg", "cat", "test")],
         "its name is the shortest"),
    ],
)  # fmt: skip
def test_a_keeper_has_a_reason(kept: int, rows: list[Row], reason: str) -> None:
    group = judged(*rows)
    assert group.decided
    assert (group.ids[0], group.reason) == (kept, reason)
    assert sorted(group.ids) == list(range(len(rows)))


@pytest.mark.parametrize(
    ("rows", "reason"),
    [
        ([("/d/a.jpg", "cat", None), ("/d/b.jpg", "dog", None)], "labels differ"),
        ([("/d/a.jpg", "cat", "test"), ("/d/b.jpg", "cat", "train")], "splits differ"),
        ([("/d/b.jpg", "cat", "test"), ("/d/a.jpg", "dog", "train"), ("/d/c.jpg", None, None)],
         "labels and splits differ"),
        ([("/d/b.jpg", "cat", None), ("/d/a.jpg", None, "train")], "none has the label and split"),
        ([("/d/a.jpg", "cat", None), ("/d/a.jpg", "cat", None)], "a file is listed twice"),
    ],
)  # fmt: skip
def test_what_would_lose_something_is_left_to_a_person(rows: list[Row], reason: str) -> None:
    assert judged(*rows) == CopyGroup(tuple(range(len(rows))), decided=False, reason=reason)


def test_groups_are_those_of_equal_content_the_largest_first() -> None:
    digests = ["b", "a", None, "c", None, "a", "c", "d", "c"]
    frame = pd.DataFrame({"digest": digests, "id": range(9), "label": None, "split": None})
    groups = copy_groups(frame.assign(filename=frame["id"].map("/d/{}.jpg".format)))
    assert [group.ids for group in groups] == [(3, 6, 8), (1, 5)]
    assert copy_groups(frame.head(0).assign(filename=[])) == []
