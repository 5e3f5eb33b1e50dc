"""Filters, order and pages are those of pandas on the same tables."""

from __future__ import annotations

import json
import unicodedata
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imgvet.errors import InvalidParameterError
from imgvet.search.conditions import conditions_of
from imgvet.search.image_table import ImageTable
from imgvet.search.query import Condition, ImageSearch, Query
from imgvet.tables import ITEMS, OUTLIERS, SIMILARITY, STATS, conform, write_table
from imgvet.workdir import WorkDir

COUNT = 50
WORDS = ("cat", "Dog", "BIRD", "käfer", "ÄPFEL", ".jpg", "%", "_", "\\", "nothing")


@dataclass(frozen=True)
class Made:
    """Tables made at random, and the same as one frame."""

    search: ImageSearch
    frame: pd.DataFrame


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    random = np.random.default_rng(5)
    ids = random.permutation(COUNT * 2)[:COUNT]
    words = random.choice(WORDS, (COUNT, 2))
    items = pd.DataFrame(
        {
            "id": ids,
            "filename": [f"/data/{one} {other}.jpg" for one, other in words],
            "source": "/data",
            "status": np.where(random.random(COUNT) < 0.2, "truncated", "ok"),
            "digest": [f"{item:032x}" for item in ids],
            "label": [*random.choice(["Cat", "dog", "ÄPFEL"], COUNT - 10), *[None] * 10],
            "embedding_row": [*random.integers(0, 30, COUNT - 5), *[None] * 5],
        }
    )
    stats = pd.DataFrame({"id": random.permutation(ids)[:40]})
    stats["width"] = random.integers(1, 6, 40)
    stats["sharpness"] = np.round(random.random(40), 1)
    stats.loc[3:8, "sharpness"] = np.nan
    pairs = random.choice(ids, (20, 2))
    similarity = pd.DataFrame(
        {"from": pairs[:, 0], "to": pairs[:, 1], "similarity": random.random(20)}
    )
    outliers = pd.DataFrame({"id": ids[:5], "nearest": ids[5:10], "similarity": 0.5, "score": 4.0})
    work = WorkDir(tmp_path_factory.mktemp("made"))
    work.tables.mkdir()
    for table, frame in (
        (ITEMS, items), (STATS, stats), (SIMILARITY, similarity), (OUTLIERS, outliers),
    ):  # fmt: skip
        write_table(conform(frame, table), work.table(table.name))
    renamed = stats.rename(columns={"width": "stats.width", "sharpness": "stats.sharpness"})
    frame = items.merge(renamed, on="id", how="left")
    similarity = similarity[similarity["from"] != similarity["to"]]
    both = pd.concat([similarity, similarity.rename(columns={"from": "to", "to": "from"})])
    highest = both.groupby("from")["similarity"].max()
    frame["similarity.highest"] = frame["id"].map(highest)
    return Made(ImageSearch(ImageTable.of_run(work)), frame)


def matching(frame: pd.DataFrame, query: Query) -> list[int]:
    """The ids that match a query, by pandas."""
    keep = pd.Series(True, index=frame.index)
    for one in query.where:
        values = frame[one.column]
        if one.minimum is not None:
            keep &= values >= one.minimum
        if one.maximum is not None:
            keep &= values <= one.maximum
        if one.above is not None:
            keep &= values > one.above
        if one.below is not None:
            keep &= values < one.below
        if one.values is not None:
            keep &= values.isin(one.values)
        if one.missing is not None:
            keep &= values.isna() == one.missing
    for word in query.text.split():
        text = (frame["filename"] + "\n" + frame["label"].fillna("")).str.lower()
        keep &= text.str.contains(word.lower(), regex=False)
    found = frame[keep.astype(bool)]
    if query.sort is not None:
        found = found.sort_values(
            query.sort, ascending=not query.descending, kind="stable", na_position="last"
        )
    return found["id"].tolist()[query.offset : query.offset + query.limit]


numbers = st.one_of(st.none(), st.integers(0, 6), st.floats(0, 1).map(lambda x: round(x, 1)))
ranges = st.builds(
    Condition,
    column=st.sampled_from(["id", "stats.width", "stats.sharpness", "similarity.highest"]),
    minimum=numbers,
    maximum=numbers,
    above=numbers,
    below=numbers,
    missing=st.sampled_from([None, None, True, False]),
)
choices = st.builds(
    Condition,
    column=st.sampled_from(["label", "status", "filename"]),
    values=st.one_of(
        st.none(), st.lists(st.sampled_from(["Cat", "dog", "ok", "other"]), max_size=3).map(tuple)
    ),
    missing=st.sampled_from([None, True, False]),
)
queries = st.builds(
    Query,
    text=st.lists(st.sampled_from(WORDS), max_size=2).map(" ".join),
    where=st.lists(st.one_of(ranges, choices), max_size=2).map(tuple),
    sort=st.sampled_from([None, "id", "filename", "label", "stats.width", "stats.sharpness"]),
    descending=st.booleans(),
    offset=st.integers(0, 20),
    limit=st.integers(1, 60),
)


@settings(deadline=None)
@given(query=queries)
def test_a_page_is_that_of_pandas(made: Made, query: Query):
    page = made.search.page(query)
    assert [row[0] for row in page.rows] == matching(made.frame, query)
    whole = query.model_copy(update={"offset": 0, "limit": 1000})
    assert page.total == len(matching(made.frame, whole))
    assert made.search.ids(query).tolist() == matching(made.frame, whole)


def test_rows_hold_the_values_of_what_was_asked(made: Made):
    query = Query(where=(Condition(column="stats.width", minimum=3),), sort="stats.sharpness")
    page = made.search.page(query)
    assert page.columns == (
        "id",
        "filename",
        "status",
        "label",
        "split",
        "stats.sharpness",
        "stats.width",
    )
    expected = made.frame.set_index("id")
    for row in page.rows:
        values = dict(zip(page.columns, row, strict=True))
        known = expected.loc[values["id"]]
        assert values["stats.width"] == known["stats.width"]
        assert values["stats.sharpness"] == known["stats.sharpness"] or pd.isna(
            known["stats.sharpness"]
        )


def test_columns_are_described(made: Made):
    labels = made.search.summary_of("label")
    counts = made.frame["label"].value_counts()
    assert dict(labels.choices) == counts.to_dict()
    assert (labels.missing, labels.distinct) == (10, len(counts))
    blur = made.search.summary_of("stats.sharpness")
    assert (blur.least, blur.greatest) == (
        made.frame["stats.sharpness"].min(), made.frame["stats.sharpness"].max(),
    )  # fmt: skip


@pytest.mark.parametrize(
    "wrong",
    [
        {"sort": "stats.sharpnessr"},
        {"where": [{"column": "secret"}]},
        {"where": [{"column": "label", "minimum": 3}]},
        {"where": [{"column": "stats.width", "values": ["3", "wide"]}]},
        {"where": [{"column": "stats.width", "without": [""]}]},
    ],
)
def test_what_does_not_fit_the_columns_is_refused(made: Made, wrong):
    with pytest.raises(InvalidParameterError):
        made.search.page(Query.parse(json.dumps(wrong)))


@pytest.mark.parametrize(
    "wrong",
    [
        b"", b"[]", b"{", b'{"limit": 0}', b'{"limit": 100000}', b'{"offset": -1}',
        b'{"drop": "table"}', b'{"where": [{"column": "id", "minimum": NaN}]}',
        b'{"where": [{"column": "id", "minimum": 1e999}]}', b'{"text": "\\ud800"}', b"\xff",
        b'{"limit": "many"}',
    ],
)  # fmt: skip
def test_what_is_no_query_is_refused(wrong):
    with pytest.raises(InvalidParameterError):
        Query.parse(wrong)


def test_texts_that_are_not_wanted_are_left_out_and_missing_ones_with_them(made: Made) -> None:
    query = Query(where=(Condition(column="label", without=("Cat", "dog")),))
    label = made.frame.set_index("id")["label"]
    kept = label[label.notna() & ~label.isin(["Cat", "dog"])].index
    assert len(kept)
    assert set(made.search.ids(query).tolist()) == set(kept)


def test_numbers_are_chosen_as_texts_are(made: Made) -> None:
    width = made.frame.set_index("id")["stats.width"]
    both = width[width.isin([2, 3])].index
    assert 0 < len(both) < len(width.dropna())
    columns = ImageTable.of_frames({}).columns
    chosen: tuple[Any, ...] = ([2, 3], {2.0, 3.0}, np.array([2, 3]), pd.Series([2, 3]), (2, 3, 2))
    wanted = [{"width": values} for values in chosen]
    for where in (*wanted, ["width=2", "width=3"]):
        query = Query(where=conditions_of(where, columns))
        assert set(made.search.ids(query).tolist()) == set(both)
    others = Query(where=(Condition(column="stats.width", without=("2", "3")),))
    assert set(made.search.ids(others).tolist()) == set(width.dropna().index.difference(both))


def test_words_are_found_however_their_accents_are_written() -> None:
    names = [unicodedata.normalize(form, "/Äpfel/한국.jpg") for form in ("NFC", "NFD")]
    frame = pd.DataFrame({"id": [0, 1], "filename": names, "source": "/", "status": "ok"})
    search = ImageSearch(ImageTable.of_frames({ITEMS.name: frame}))
    for form in ("NFC", "NFD"):
        assert len(search.ids(Query(text=unicodedata.normalize(form, "äpfel 한국")))) == 2


def test_frames_sorted_by_name_are_in_the_order_of_time() -> None:
    frame = pd.DataFrame({"id": [0, 1, 2, 3], "time_ms": [10_000, 2_000, 0, None]})
    frame["path"] = ["/b.mp4", "/b.mp4", "/b.mp4", "/a.jpg"]
    frame["filename"] = ["/b.mp4#t=10.0", "/b.mp4#t=2.0", "/b.mp4#t=0.0", "/a.jpg"]
    search = ImageSearch(ImageTable.of_frames({ITEMS.name: frame}))
    assert search.ids(Query(sort="filename")).tolist() == [3, 2, 1, 0]
    assert search.ids(Query(sort="filename", descending=True)).tolist() == [0, 1, 2, 3]


def test_in_python_no_value_stands_among_others() -> None:
    with pytest.raises(InvalidParameterError, match=r"label = \['dog', None\] is no condition"):
        conditions_of({"label": ["dog", None]}, {})


def test_in_python_a_flag_is_true_or_false() -> None:
    name = "label_issues.is_issue"
    for yes in (True, np.True_, [True]):
        assert conditions_of({name: yes}, {}) == (Condition(column=name, values=("true",)),)
